//! What layers say: a tree of values, each with the place where it was written.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::Place;
use super::value::Value;

/// Messages show this much of a value.
const LONGEST_SHOWN: usize = 80;

/// A table.
#[derive(Clone, Debug, Default)]
pub(super) struct Branch {
    pub(super) entries: BTreeMap<String, Entry>,
}

/// A key and what it holds.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Of the key.
    pub(super) place: Place,
    pub(super) node: Node,
}

/// A table or a value.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Branch(Branch),
    Leaf(Leaf),
}

/// A value.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    pub(super) value: Value,
    /// As it was written, short enough for a message.
    pub(super) shown: String,
    /// Of the value.
    pub(super) place: Place,
}

impl Branch {
    /// One key, as a path with dots.
    pub(super) fn with(path: &str, node: Node, place: &Place) -> Self {
        let (first, node) = match path.split_once('.') {
            Some((first, rest)) => (first, Node::Branch(Self::with(rest, node, place))),
            None => (path, node),
        };
        Self { entries: BTreeMap::from([(first.to_owned(), Entry { place: place.clone(), node })]) }
    }

    /// A parsed table; `text` is what its spans count in.
    pub(super) fn from_toml(table: &DeTable<'_>, text: &str, place: &dyn Fn(usize) -> Place) -> Self {
        let entries = table.iter().map(|(key, value)| {
            let node = Node::from_toml(value.get_ref(), value.span(), text, place);
            (key.get_ref().to_string(), Entry { place: place(key.span().start), node })
        });
        Self { entries: entries.collect() }
    }

    /// Puts `upper` over this: tables are merged, everything else is replaced.
    pub(super) fn overlay(&mut self, upper: Self) {
        for (key, entry) in upper.entries {
            match (self.entries.get_mut(&key), entry) {
                (
                    Some(Entry { place, node: Node::Branch(lower) }),
                    Entry { place: above, node: Node::Branch(upper) },
                ) => {
                    lower.overlay(upper);
                    *place = above;
                }
                (_, entry) => {
                    self.entries.insert(key, entry);
                }
            }
        }
    }

    /// What stands at a path with dots, which may also be in a key itself, as in `"linger.ms" = 5`.
    pub(super) fn find(&self, path: &str) -> Option<&Entry> {
        if let Some(entry) = self.entries.get(path) {
            return Some(entry);
        }
        let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
        let entry = self.entries.get(first)?;
        match (rest, &entry.node) {
            (None, _) => Some(entry),
            (Some(rest), Node::Branch(branch)) => branch.find(rest),
            (Some(_), Node::Leaf(_)) => None,
        }
    }

    /// A path whose last part is `key`, if some value has one.
    pub(super) fn path_of(&self, key: &str) -> Option<String> {
        self.entries.iter().find_map(|(name, entry)| match &entry.node {
            Node::Leaf(_) => (name == key).then(|| name.clone()),
            Node::Branch(branch) => branch.path_of(key).map(|path| format!("{name}.{path}")),
        })
    }
}

impl Node {
    fn from_toml(value: &DeValue<'_>, span: Range<usize>, text: &str, place: &dyn Fn(usize) -> Place) -> Self {
        if let DeValue::Table(table) = value {
            return Self::Branch(Branch::from_toml(table, text, place));
        }
        let place = place(span.start);
        let shown = shown(text.get(span).unwrap_or_default());
        Self::Leaf(Leaf { value: Value::from_toml(value), shown, place })
    }
}

/// The value of a flag: TOML; or, as `None`, the text as it was written.
pub(super) fn flag_toml(written: &str) -> Result<Option<Spanned<DeValue<'_>>>, String> {
    match DeValue::parse(written) {
        Ok(value) => Ok(Some(value)),
        Err(error) if written.starts_with(['"', '\'', '[', '{']) => Err(error.message().to_owned()),
        Err(_) => Ok(None),
    }
}

/// The same as a node.
pub(super) fn flag_value(written: &str, place: &Place) -> Result<Node, String> {
    Ok(match flag_toml(written)? {
        Some(value) => Node::from_toml(value.get_ref(), value.span(), written, &|_| place.clone()),
        None => {
            let shown = shown(&format!("{written:?}"));
            Node::Leaf(Leaf { value: Value::Text(written.to_owned()), shown, place: place.clone() })
        }
    })
}

/// A value for a message: on one line, not too long, and without a password.
fn shown(written: &str) -> String {
    let line: String = written.chars().map(|sign| if sign.is_control() { ' ' } else { sign }).collect();
    let line = without_password(&line);
    match line.char_indices().nth(LONGEST_SHOWN) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

/// `scheme://user:password@host` without the password.
fn without_password(written: &str) -> String {
    let Some((scheme, rest)) = written.split_once("://") else { return written.to_owned() };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.rsplit_once('@').and_then(|(login, host)| Some((login.split_once(':')?.0, host))) {
        Some((user, host)) => format!("{scheme}://{user}:***@{host}{}", &rest[authority.len()..]),
        None => written.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_show_no_password() {
        for (written, expected) in [
            ("\"mongodb://ann:pa:ss@db:27017/x\"", "\"mongodb://ann:***@db:27017/x\""),
            ("\"mongodb://ann:s@c@db/x@y\"", "\"mongodb://ann:***@db/x@y\""),
            ("\"hdfs://ann@nn:8020/x\"", "\"hdfs://ann@nn:8020/x\""),
            ("\"file:a:b@c\"", "\"file:a:b@c\""),
        ] {
            assert_eq!(shown(written), expected);
        }
    }

    #[test]
    fn messages_show_the_beginning_of_a_long_value_on_one_line() {
        let line = shown(&"ä\n".repeat(100));
        assert_eq!(line, format!("{}...", "ä ".repeat(40)));
    }
}
