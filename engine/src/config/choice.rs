//! Settings that are one of a few words.

use super::setting::{Rejection, Setting, text};
use super::value::Value;
use crate::contract::{Guarantee, Selects};
use crate::telemetry::LogFormat;

/// A type with a few named values.
pub trait Choice: Copy + PartialEq + 'static {
    /// All of them, with their names.
    const ALL: &'static [(&'static str, Self)];

    /// The name of this one.
    fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, choice)| *choice == self).map_or("", |(word, _)| word)
    }
}

impl<T: Choice> Setting for T {
    fn wanted() -> String {
        let words: Vec<String> = T::ALL.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        match words.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, others)) => format!("{} or {last}", others.join(", ")),
            None => String::new(),
        }
    }

    fn from_value(value: &Value) -> Result<Self, Rejection> {
        let text = text(value)?;
        let found = T::ALL.iter().find(|(word, _)| *word == text);
        found.map(|(_, choice)| *choice).ok_or_else(|| Rejection::new("which is none of the choices"))
    }

    fn to_value(&self) -> Value {
        Value::Text(self.word().to_owned())
    }
}

impl Choice for Guarantee {
    const ALL: &'static [(&'static str, Self)] =
        &[("at-least-once", Self::AtLeastOnce), ("exactly-once", Self::ExactlyOnce)];
}

impl Choice for Selects {
    const ALL: &'static [(&'static str, Self)] = &[("answers", Self::Answers), ("dead-letters", Self::DeadLetters)];
}

impl Choice for LogFormat {
    const ALL: &'static [(&'static str, Self)] = &[("human", Self::Human), ("json", Self::Json)];
}
