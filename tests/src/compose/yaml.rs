//! The values of a Compose file: merges are resolved, and variables are put in.
//!
//! None of the variables is set: what is said is what somebody gets who has set none.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// The values of a file, merged and with variables put in, without what is only referred to (`x-...`).
///
/// # Panics
/// If it can't be read.
#[must_use]
#[track_caller]
pub fn raw(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let merged = serde_norway::from_str(&text).and_then(merged);
    let merged = merged.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let value = serde_json::to_value(merged).expect("keys are texts");
    let Value::Object(mut keys) = interpolated(value) else { panic!("{} is no mapping", path.display()) };
    keys.retain(|key, _| !key.starts_with("x-"));
    Value::Object(keys)
}

/// Resolves `<<`, also where what is merged has merged something itself: each pass resolves one level.
fn merged(mut value: serde_norway::Value) -> Result<serde_norway::Value, serde_norway::Error> {
    loop {
        let before = value.clone();
        value.apply_merge()?;
        if value == before {
            return Ok(value);
        }
    }
}

fn interpolated(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(put_in(&text)),
        Value::Array(values) => values.into_iter().map(interpolated).collect(),
        Value::Object(keys) => keys.into_iter().map(|(key, value)| (key, interpolated(value))).collect(),
        other => other,
    }
}

/// Puts the defaults of variables in, none of which is set: `${NAME:-default}`. `$$` is a `$`.
fn put_in(text: &str) -> String {
    let Some((before, rest)) = text.split_once('$') else { return text.to_owned() };
    if let Some(rest) = rest.strip_prefix('$') {
        return format!("{before}${}", put_in(rest));
    }
    let variable = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
    let (variable, rest) = variable.unwrap_or_else(|| panic!("{text:?} has a $ that Compose would take for its own"));
    let (name, default) = variable.split_once(":-").unwrap_or_else(|| panic!("{variable} has no default"));
    assert!(name.starts_with("FLIGHTLINE_"), "{name} is no variable of ours");
    format!("{before}{default}{}", put_in(rest))
}
