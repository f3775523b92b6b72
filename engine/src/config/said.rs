//! What a layer says, for whoever must judge it before a program reads it: the same parser, and no schema.
//!
//! Invariant: every value that a program can take from a layer is among what is said here, under the same key. Lists are looked
//! into as well, although no key takes one.

use toml::de::{DeTable, DeValue};

/// A value of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The key, with dots between its parts, whether they were written as tables, as one name in quotes, or as a path.
    pub key: String,
    /// The value, without quotes and escapes.
    pub text: String,
}

/// What a table says below a key.
pub(super) fn of_table(key: &str, table: &DeTable<'_>, said: &mut Vec<Said>) {
    for (name, value) in table {
        let name = name.get_ref();
        let key = if key.is_empty() { name.to_string() } else { format!("{key}.{name}") };
        of_value(&key, value.get_ref(), said);
    }
}

/// What the value of a key says.
pub(super) fn of_value(key: &str, value: &DeValue<'_>, said: &mut Vec<Said>) {
    let text = match value {
        DeValue::Table(table) => return of_table(key, table, said),
        DeValue::Array(values) => return values.iter().for_each(|value| of_value(key, value.get_ref(), said)),
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => number.as_str().to_owned(),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(truth) => truth.to_string(),
        DeValue::Datetime(moment) => moment.to_string(),
    };
    said.push(Said { key: key.to_owned(), text });
}
