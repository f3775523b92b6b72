//! Every way to write a setting: what the guard sees is what the programs see.

use std::collections::BTreeMap;

use flightline_engine::config::{Layer, Rejection, Setting, Value, load};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::{Errand, Mistake, Roots, check};
use crate::job::spec::CarriedFile;

/// A value as programs take it, whatever it is.
#[derive(Clone, Debug, PartialEq)]
struct Taken(String);

impl Setting for Taken {
    fn wanted() -> String {
        "anything".to_owned()
    }

    fn from_value(value: &Value) -> Result<Self, Rejection> {
        match value {
            Value::Text(text) => Ok(Self(text.clone())),
            other => Ok(Self(other.to_string())),
        }
    }

    fn to_value(&self) -> Value {
        Value::Text(self.0.clone())
    }
}

/// What programs read below `kafka` and `job`, as their configuration is read.
fn as_programs_read(layer: &Layer) -> BTreeMap<String, String> {
    let defaults = Layer::defaults("[kafka]\n[job]\n");
    let (found, _) = load(&defaults, std::slice::from_ref(layer), |root| {
        let (kafka, job) = (root.values::<Taken>("kafka"), root.values::<Taken>("job"));
        let named = |section: &'static str, values: BTreeMap<String, Taken>| {
            values.into_iter().map(move |(key, value)| (format!("{section}.{key}"), value.0))
        };
        Ok(named("kafka", kafka?).chain(named("job", job?)).collect())
    })
    .unwrap();
    found
}

/// Draws how each sign and each key is written.
struct Pen(std::iter::Cycle<std::vec::IntoIter<u8>>);

impl Pen {
    fn choose(&mut self, of: u8) -> u8 {
        self.0.next().map_or(0, |drawn| drawn % of)
    }

    /// The inside of a basic string.
    fn escaped(&mut self, text: &str) -> String {
        let mut written = String::new();
        for sign in text.chars() {
            match self.choose(4) {
                0 => written.push_str(&format!("\\u{:04x}", u32::from(sign))),
                1 => written.push_str(&format!("\\U{:08X}", u32::from(sign))),
                _ if "\"\\".contains(sign) => written.push_str(&format!("\\{sign}")),
                _ => written.push(sign),
            }
        }
        written
    }

    fn text(&mut self, text: &str) -> String {
        match self.choose(5) {
            0 => format!("'{text}'"),
            1 => format!("'''\n{text}'''"),
            2 => format!("\"\"\"\n{}\"\"\"", self.escaped(text)),
            3 => format!("\"\"\"\\\n   {}\\\n  \"\"\"", self.escaped(text)),
            _ => format!("\"{}\"", self.escaped(text)),
        }
    }

    fn key(&mut self, key: &str) -> String {
        let is_bare = key.chars().all(|sign| sign.is_ascii_alphanumeric() || "-_.".contains(sign));
        match self.choose(3) {
            0 => format!("'{key}'"),
            1 if is_bare => key.to_owned(),
            _ => format!("\"{}\"", self.escaped(key)),
        }
    }

    /// A value for these keys: inline tables, dotted keys, and perhaps a list around the text.
    fn value(&mut self, keys: &[&str], text: &str) -> String {
        match keys {
            [] if self.choose(6) == 0 => {
                format!("[ 'harmless', {} ]", self.text(text))
            }
            [] => self.text(text),
            [one, other, rest @ ..] if self.choose(2) == 0 => {
                format!("{{ {} . {} = {} }}", self.key(one), self.key(other), self.value(rest, text))
            }
            [one, rest @ ..] => format!("{{{}={}}}", self.key(one), self.value(rest, text)),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]

    /// `"\u0066ile:\u002f…"` got past a guard that compared letters, and out of the roots.
    #[test]
    fn whatever_a_setting_is_written_like_the_guard_sees_what_programs_see(
        (keys, is_code) in select(vec![
            (vec!["kafka", "properties", "plugin.library.paths"], true),
            (vec!["kafka", "properties", "plugin", "library", "paths"], true),
            (vec!["kafka", "properties", "ssl.providers"], true),
            (vec!["kafka", "properties", "sasl", "kerberos.kinit.cmd"], true),
            (vec!["kafka", "properties", "ssl.ca.location"], false),
            (vec!["job", "state"], false),
        ]),
        (text, is_outside) in select(vec![
            ("/etc/x", true), ("file:///outside/a", true), ("file:/data/../a", true), ("../x", true), ("~/x", true),
            ("/data/x", false), ("file:///srv/jobs/a", false), ("models/x", false), ("plain", false), ("", false),
        ]),
        at in 1_usize..4,
        drawn in vec(any::<u8>(), 64),
        way in 0_u8..4,
    ) {
        let mut pen = Pen(drawn.into_iter().cycle());
        let (before, behind) = keys.split_at(at.min(keys.len()));
        let (args, files, layer) = match way {
            // A flag in two words or in one; its path has no quotes, so all that needs some is in the value.
            0 | 1 => {
                let bare = before.join(".");
                let value = match behind.is_empty() && pen.choose(2) == 0 && !text.is_empty() {
                    true => text.to_owned(),
                    false => pen.value(behind, text),
                };
                let setting = format!("{bare} = {value}");
                let layer = Layer::flag(&setting);
                let args = if way == 0 { vec!["--set".to_owned(), setting] } else { vec![format!("--set={setting}")] };
                (args, Vec::new(), layer)
            }
            _ => {
                let path: Vec<String> = before.iter().map(|key| pen.key(key)).collect();
                let body = match (way, behind) {
                    (2, [first, rest @ ..]) => {
                        format!("[ {} ]\n{} = {}\n", path.join(" . "), pen.key(first), pen.value(rest, text))
                    }
                    _ => format!("{} = {}\n", path.join("."), pen.value(behind, text)),
                };
                let layer = Layer::text("my", body.as_str());
                (Vec::new(), vec![CarriedFile { name: "my".to_owned(), text: body }], layer)
            }
        };
        let shown = format!("{args:?} {:?}", files.iter().map(|file| &file.text).collect::<Vec<_>>());

        let said: Vec<(String, String)> = layer.said().unwrap().into_iter().map(|said| (said.key, said.text)).collect();
        for (key, value) in as_programs_read(&layer) {
            prop_assert!(value == "a list" || said.contains(&(key.clone(), value.clone())), "{}: {}={}", shown, key, value);
        }
        let roots = Roots::new(["/srv/jobs", "/data"]).unwrap();
        let mistakes = check(Errand { args: &args, files: &files }, &roots).map_or_else(|refusal| refusal.0, |()| Vec::new());
        let told = |is_it: fn(&Mistake) -> bool| mistakes.iter().any(is_it);
        prop_assert_eq!(told(|mistake| matches!(mistake, Mistake::ForeignCode { .. })), is_code, "{}", &shown);
        let is_told = told(|mistake| matches!(mistake, Mistake::Outside { .. } | Mistake::Home { .. }));
        prop_assert_eq!(is_told, is_outside, "{}", &shown);
    }
}
