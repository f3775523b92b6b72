//! A layer of a configuration: the defaults, a file, or one `--set KEY=VALUE`.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use toml::de::DeTable;

use super::mistake::{Mistake, Mistakes, Place};
use super::said::{self, Said};
use super::syntax;
use super::tree::{self, Branch};

/// Names and flags are shown in messages and in the comments of a dump: one line, and not too long.
const LONGEST_NAME: usize = 200;

/// One layer.
#[derive(Clone, Debug)]
pub struct Layer {
    name: Arc<str>,
    content: Content,
}

#[derive(Clone, Debug)]
enum Content {
    /// TOML.
    Text(String),
    /// A key's path, and its value: TOML, or a text without quotes.
    Flag { path: String, value: String },
    /// Why there is none, and what to do.
    Missing { wrong: String, remedy: String },
}

impl Layer {
    /// The text of the defaults: it must hold every key.
    #[must_use]
    pub fn defaults(text: impl Into<String>) -> Self {
        Self::text("config/default.toml (built in)", text)
    }

    /// TOML with a name for messages.
    #[must_use]
    pub fn text(name: &str, text: impl Into<String>) -> Self {
        Self { name: one_line(name), content: Content::Text(text.into()) }
    }

    /// A file. That it can't be read is a mistake among the others.
    #[must_use]
    pub fn file(path: &Path) -> Self {
        let name = path.display().to_string();
        let content = match fs::read(path).map(String::from_utf8) {
            Ok(Ok(text)) => Content::Text(text),
            Ok(Err(error)) => Content::Missing {
                wrong: format!("it is no text (a byte at offset {} is not UTF-8)", error.utf8_error().valid_up_to()),
                remedy: "name a TOML file".to_owned(),
            },
            Err(error) => Content::Missing {
                wrong: format!("the file can't be read: {error}"),
                remedy: "check the path and its permissions".to_owned(),
            },
        };
        Self { name: one_line(&name), content }
    }

    /// A flag's `KEY=VALUE`: the key with dots between its parts, the value as in TOML; a text may do without quotes.
    #[must_use]
    pub fn flag(setting: &str) -> Self {
        let bare = |part: &str| {
            !part.is_empty() && part.chars().all(|sign| sign.is_ascii_alphanumeric() || "-_".contains(sign))
        };
        match setting.split_once('=').map(|(path, value)| (path.trim(), value.trim())) {
            Some((path, value)) if path.len() <= LONGEST_NAME && path.split('.').all(bare) => {
                let content = Content::Flag { path: path.to_owned(), value: value.to_owned() };
                Self { name: one_line(&format!("--set {path}")), content }
            }
            _ => {
                let content = Content::Missing {
                    wrong: "it is no KEY=VALUE".to_owned(),
                    remedy: "write such as `--set table.poll=2s`".to_owned(),
                };
                // What stands after a `=` may be a secret.
                let shown = setting.split('=').next().unwrap_or_default();
                Self { name: one_line(&format!("--set {shown}")), content }
            }
        }
    }

    /// What it says, value by value, for whoever must judge it before a program reads it.
    ///
    /// # Errors
    /// It isn't as layers are written. Then no program takes anything from it, nor starts with it.
    pub fn said(&self) -> Result<Vec<Said>, Mistakes> {
        let mut found = Vec::new();
        match &self.content {
            Content::Text(text) => {
                if let Ok(table) = DeTable::parse(text) {
                    said::of_table("", table.get_ref(), &mut found);
                    return Ok(found);
                }
            }
            Content::Flag { path, value } => {
                match tree::flag_toml(value) {
                    Ok(Some(toml)) => said::of_value(path, toml.get_ref(), &mut found),
                    Ok(None) => found.push(Said { key: path.clone(), text: value.clone() }),
                    Err(_) => return Err(Mistakes(self.parse(0).1)),
                }
                return Ok(found);
            }
            Content::Missing { .. } => {}
        }
        Err(Mistakes(self.parse(0).1))
    }

    /// What it says, and what is wrong with how it says that.
    pub(super) fn parse(&self, rank: usize) -> (Branch, Vec<Mistake>) {
        let whole = Place { rank, name: Arc::clone(&self.name), spot: None };
        match &self.content {
            Content::Text(text) => syntax::parse(text, &whole),
            Content::Flag { path, value } => flag(path, value, &whole),
            Content::Missing { wrong, remedy } => {
                let (wrong, remedy) = (wrong.clone(), remedy.clone());
                (Branch::default(), vec![Mistake { place: whole, key: String::new(), wrong, remedy }])
            }
        }
    }
}

fn flag(path: &str, value: &str, place: &Place) -> (Branch, Vec<Mistake>) {
    match tree::flag_value(value, place) {
        Ok(node) => (Branch::with(path, node, place), Vec::new()),
        Err(cause) => {
            let wrong = format!("the value of `{path}` is no TOML: {cause}");
            let remedy = "close what was opened; a plain text needs no quotes here".to_owned();
            (Branch::default(), vec![Mistake { place: place.clone(), key: path.to_owned(), wrong, remedy }])
        }
    }
}

fn one_line(name: &str) -> Arc<str> {
    name.chars().take(LONGEST_NAME).map(|sign| if sign.is_control() { '?' } else { sign }).collect::<String>().into()
}
