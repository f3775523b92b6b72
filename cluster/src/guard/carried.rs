//! The files that travel with a job: their names, how large they are, and what they set.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::mistake::{Mistake, Whereabouts};
use super::{CARRIED, Errand};
use crate::job::spec::CarriedFile;

/// The most files that travel with a job.
pub const MOST_FILES: usize = 16;

/// The most bytes that they have together.
pub const MOST_BYTES: usize = 1 << 20;

/// The most characters of a name.
const LONGEST_NAME: usize = 64;

/// The name of the carried file that an argument is for, and what stands before it: `("--config=", "job.toml")`.
#[must_use]
pub fn carried_name(word: &str) -> Option<(&str, &str)> {
    word.split_once(CARRIED)
}

/// What is wrong with the files, and with the arguments that are for one.
pub(super) fn mistakes(errand: Errand<'_>) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    let mut names = BTreeSet::new();
    for file in errand.files {
        if let Some(why) = wrong_with_name(&file.name) {
            mistakes.push(Mistake::FileName { name: file.name.clone(), why });
        }
        if !names.insert(file.name.as_str()) {
            mistakes.push(Mistake::SameName(file.name.clone()));
        }
        if file.name.ends_with(".toml")
            && let Err(error) = file.text.parse::<Table>()
        {
            mistakes.push(Mistake::NotToml { name: file.name.clone(), why: error.message().to_owned() });
        }
    }
    if errand.files.len() > MOST_FILES {
        mistakes.push(Mistake::TooManyFiles(errand.files.len()));
    }
    let bytes = errand.files.iter().map(|file| file.text.len()).sum();
    if bytes > MOST_BYTES {
        mistakes.push(Mistake::TooManyBytes(bytes));
    }
    for (number, word) in errand.args.iter().enumerate().map(|(at, word)| (at + 1, word)) {
        if let Some((_, name)) = carried_name(word)
            && !names.contains(name)
        {
            let carried = match names.is_empty() {
                true => "none".to_owned(),
                false => names.iter().copied().collect::<Vec<_>>().join(", "),
            };
            mistakes.push(Mistake::NotCarried { number, name: name.to_owned(), carried });
        }
    }
    mistakes
}

fn wrong_with_name(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("it has no name")
    } else if name.chars().count() > LONGEST_NAME {
        Some("a name has at most 64 characters")
    } else if name.starts_with('.') {
        Some("a name can't begin with a dot")
    } else if name.contains(['/', '\\']) {
        Some("a name has no folder in it")
    } else if name.contains(char::is_control) {
        Some("a name has no control characters")
    } else {
        None
    }
}

/// Every text that the files set, and where. A file that is no TOML sets nothing, whatever it is called.
pub(super) fn settings(files: &[CarriedFile]) -> Vec<(Whereabouts, String)> {
    let mut found = Vec::new();
    for file in files {
        if let Ok(table) = file.text.parse::<Table>() {
            collect(&file.name, "", &Value::Table(table), &mut found);
        }
    }
    found
}

fn collect(file: &str, key: &str, value: &Value, found: &mut Vec<(Whereabouts, String)>) {
    match value {
        Value::String(text) => {
            found.push((Whereabouts::Setting { file: file.to_owned(), key: key.to_owned() }, text.clone()));
        }
        Value::Array(values) => values.iter().for_each(|value| collect(file, key, value, found)),
        Value::Table(table) => {
            for (name, value) in table {
                let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                collect(file, &key, value, found);
            }
        }
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {}
    }
}
