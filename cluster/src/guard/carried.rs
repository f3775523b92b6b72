//! The files that travel with a job: their names, and how large they are.

use std::collections::BTreeSet;

use flightline_engine::config::Layer;

use super::mistake::Mistake;
use super::settings::first_of;
use super::{CARRIED, Errand};

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
            && let Err(why) = Layer::text(&file.name, &*file.text).said()
        {
            mistakes.push(Mistake::NotToml { name: file.name.clone(), why: first_of(&why) });
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
