//! Reading one section of a configuration, key by key.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use super::in_force::Line;
use super::mistake::Place;
use super::nearest::nearest;
use super::report::{Report, Reported};
use super::setting::{Rejection, Setting};
use super::tree::{Branch, Leaf, Node};
use super::value::Value;

/// What came of each section of several, by name.
pub type Each<T> = Vec<(String, Result<T, Reported>)>;

/// A section that is being read. What was not asked for when its reading ends is reported as unknown.
pub struct Section<'r, 't> {
    report: &'r mut Report<'t>,
    branch: &'t Branch,
    /// Where missing keys are looked up.
    fallback: Option<&'t Branch>,
    /// With dots; empty for the root.
    path: String,
    /// Where it begins; the root has no such place.
    place: Option<Place>,
    known: BTreeSet<String>,
}

impl<'t> Section<'_, 't> {
    pub(super) fn root<T>(
        report: &mut Report<'t>,
        read: impl FnOnce(&mut Section<'_, 't>) -> Result<T, Reported>,
    ) -> Result<T, Reported> {
        let branch = report.merged;
        let root = Section { report, branch, fallback: None, path: String::new(), place: None, known: BTreeSet::new() };
        root.run(read)
    }

    fn run<T>(mut self, read: impl FnOnce(&mut Self) -> Result<T, Reported>) -> Result<T, Reported> {
        let value = read(&mut self);
        self.refuse_unknown_keys();
        value
    }

    /// Reads a section in this one.
    ///
    /// # Errors
    /// It is no section, or what `read` gives.
    pub fn section<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&mut Section<'_, 't>) -> Result<T, Reported>,
    ) -> Result<T, Reported> {
        self.known.insert(key.to_owned());
        let path = self.path_of(key);
        let branch: &'t Branch = self.branch;
        let Some(entry) = branch.entries.get(key) else {
            let place = self.somewhere();
            let wrong = format!("the section `[{path}]` is missing");
            return Err(self.report.mistake_of_the_whole(place, path.clone(), wrong, format!("write `[{path}]`")));
        };
        match &entry.node {
            Node::Branch(branch) => {
                let place = Some(entry.place.clone());
                let report = &mut *self.report;
                Section { report, branch, fallback: None, path, place, known: BTreeSet::new() }.run(read)
            }
            Node::Leaf(leaf) => {
                let wrong = format!("`{path}` is {}, which is {}", leaf.shown, leaf.value.kind());
                let remedy = format!("make it a section, `[{path}]`, with its keys below");
                Err(self.report.mistake(leaf.place.clone(), path, wrong, remedy))
            }
        }
    }

    /// Reads each section in the section `key`, whatever its name, sorted by name.
    ///
    /// # Errors
    /// `key` is no section. Each in it has its own result.
    pub fn sections<T>(
        &mut self,
        key: &str,
        mut read: impl FnMut(&str, &mut Section<'_, 't>) -> Result<T, Reported>,
    ) -> Result<Each<T>, Reported> {
        self.section(key, |all| {
            let names: Vec<String> = all.branch.entries.keys().cloned().collect();
            let one = |name: String| {
                let value = all.section(&name, |one| read(&name, one));
                (name, value)
            };
            Ok(names.into_iter().map(one).collect())
        })
    }

    /// Reads a section with keys of any name, such as the settings of a library: all of its values by their names. A section
    /// in it is a part of names with dots: `a.b = 1` and `"a.b" = 1` are the same.
    ///
    /// # Errors
    /// `key` is no section, or a value in it is refused.
    pub fn values<T: Setting>(&mut self, key: &str) -> Result<BTreeMap<String, T>, Reported> {
        let mut values = BTreeMap::new();
        self.section(key, |all| all.values_below("", &mut values))?;
        Ok(values)
    }

    fn values_below<T: Setting>(&mut self, prefix: &str, values: &mut BTreeMap<String, T>) -> Result<(), Reported> {
        let branch: &'t Branch = self.branch;
        let mut outcome = Ok(());
        for (key, entry) in &branch.entries {
            let name = format!("{prefix}{key}");
            let read = match entry.node {
                Node::Branch(_) => self.section(key, |below| below.values_below(&format!("{name}."), values)),
                Node::Leaf(_) => self.read_own(key).map(|value| _ = values.insert(name, value)),
            };
            outcome = outcome.and(read);
        }
        outcome
    }

    /// From here on, a key that is missing is taken from the section at `path` of the defaults.
    pub fn fall_back_to(&mut self, path: &str) {
        self.fallback = match self.report.shipped.find(path).map(|entry| &entry.node) {
            Some(Node::Branch(branch)) => Some(branch),
            _ => None,
        };
    }

    /// The text of a key, if it is there and is a text; the key must still be read.
    #[must_use]
    pub fn peek(&self, key: &str) -> Option<&'t str> {
        match &self.branch.entries.get(key)?.node {
            Node::Leaf(Leaf { value: Value::Text(text), .. }) => Some(text),
            _ => None,
        }
    }

    /// Reads a value.
    ///
    /// # Errors
    /// It is missing or refused.
    pub fn read<T: Setting>(&mut self, key: &str) -> Result<T, Reported> {
        self.checked(key, self.fallback, T::wanted(), |_| Ok(()))
    }

    /// Reads a value that must stand here: it is not looked up elsewhere.
    ///
    /// # Errors
    /// It is missing or refused.
    pub fn read_own<T: Setting>(&mut self, key: &str) -> Result<T, Reported> {
        self.checked(key, None, T::wanted(), |_| Ok(()))
    }

    /// Reads a value that must lie in a range.
    ///
    /// # Errors
    /// It is missing, refused, or out of range.
    pub fn read_within<T: Setting + PartialOrd>(&mut self, key: &str, range: RangeInclusive<T>) -> Result<T, Reported> {
        let (low, high) = (range.start().to_value(), range.end().to_value());
        let wanted = format!("{}, from {low} to {high}", T::wanted());
        self.checked(key, self.fallback, wanted, |value| match value {
            _ if value < range.start() => Err(Rejection::new("which is too small")),
            _ if value > range.end() => Err(Rejection::new("which is too large")),
            _ => Ok(()),
        })
    }

    /// Knows a key that has no meaning here: it is a mistake to set it, unless the defaults do.
    pub fn refuse(&mut self, key: &str, why: &str) {
        self.known.insert(key.to_owned());
        let Some(entry) = self.branch.entries.get(key) else { return };
        if !entry.place.is_default() {
            let path = self.path_of(key);
            let wrong = format!("`{path}` means nothing here: {why}");
            let _: Reported = self.report.mistake(entry.place.clone(), path, wrong, "take it out".to_owned());
        }
    }

    /// Reports that the section itself is wrong: `wrong` is a whole sentence.
    pub fn reject(&mut self, wrong: impl Into<String>, remedy: impl Into<String>) -> Reported {
        let place = self.somewhere();
        self.report.mistake(place, self.path.clone(), wrong.into(), remedy.into())
    }

    /// Reports that values don't go together, at the last that was set of them. `paths` count from the root, and `wrong`
    /// is a whole sentence. Where a layer is no TOML this is left out: what it lost may have been the cure.
    pub fn contradiction(&mut self, paths: &[&str], wrong: impl Into<String>, remedy: impl Into<String>) -> Reported {
        let merged = self.report.merged;
        let place_of = |path: &&str| {
            merged.find(path).map(|entry| match &entry.node {
                Node::Leaf(leaf) => &leaf.place,
                Node::Branch(_) => &entry.place,
            })
        };
        let place = paths.iter().filter_map(place_of).max_by_key(|place| place.order()).cloned();
        let place = place.unwrap_or_else(|| self.somewhere());
        let key = paths.first().map(ToString::to_string).unwrap_or_default();
        self.report.mistake_of_the_whole(place, key, wrong.into(), remedy.into())
    }

    fn checked<T: Setting>(
        &mut self,
        key: &str,
        fallback: Option<&'t Branch>,
        wanted: String,
        check: impl FnOnce(&T) -> Result<(), Rejection>,
    ) -> Result<T, Reported> {
        self.known.insert(key.to_owned());
        let path = self.path_of(key);
        let branch: &'t Branch = self.branch;
        let found = branch.entries.get(key).or_else(|| fallback?.entries.get(key));
        let leaf = match found.map(|entry| (&entry.node, &entry.place)) {
            Some((Node::Leaf(leaf), _)) => leaf,
            Some((Node::Branch(_), place)) => {
                let wrong = format!("`{path}` is a section");
                return Err(self.report.mistake(place.clone(), path, wrong, format!("write {wanted}")));
            }
            None => {
                let wrong = format!("`{path}` is missing");
                let place = self.somewhere();
                return Err(self.report.mistake_of_the_whole(place, path, wrong, format!("write {wanted}")));
            }
        };
        match T::from_value(&leaf.value).and_then(|value| check(&value).map(|()| value)) {
            Ok(value) => {
                self.note(key, value.to_value(), leaf.place.clone());
                Ok(value)
            }
            Err(Rejection { wrong, remedy }) => {
                let shown = if T::IS_SHOWN { &leaf.shown } else { "not shown here" };
                let wrong = format!("`{path}` is {shown}, {wrong}");
                let remedy = remedy.unwrap_or_else(|| format!("write {wanted}"));
                Err(self.report.mistake(leaf.place.clone(), path, wrong, remedy))
            }
        }
    }

    fn refuse_unknown_keys(&mut self) {
        let branch = self.branch;
        for (key, entry) in branch.entries.iter().filter(|(key, _)| !self.known.contains(*key)) {
            let path = self.path_of(key);
            let remedy = self.meant(key);
            let wrong = format!("`{path}` is no key");
            let _: Reported = self.report.mistake(entry.place.clone(), path, wrong, remedy);
        }
    }

    /// What somebody who wrote this unknown key may have wanted.
    fn meant(&self, key: &str) -> String {
        let close = nearest(key, self.known.iter().map(String::as_str)).map(|known| self.path_of(known));
        // A key that is known elsewhere was most likely written below the wrong header.
        let elsewhere = || self.report.shipped.path_of(key);
        match close.or_else(elsewhere) {
            Some(path) => format!("did you mean `{path}`?"),
            None => {
                let known: Vec<&str> = self.known.iter().map(String::as_str).collect();
                format!("known here are {}", known.join(", "))
            }
        }
    }

    fn note(&mut self, key: &str, value: Value, place: Place) {
        let section = self.path.clone();
        self.report.in_force(Line { section, key: quoted(key), value, place });
    }

    fn path_of(&self, key: &str) -> String {
        let key = quoted(key);
        if self.path.is_empty() { key } else { format!("{}.{key}", self.path) }
    }

    /// Where to point to for something that isn't there.
    fn somewhere(&self) -> Place {
        self.place.clone().unwrap_or_else(|| Place { rank: 0, name: "the whole of it".into(), spot: None })
    }
}

/// A key as it must be written. A quoted one may hold anything, and messages are of one line.
fn quoted(key: &str) -> String {
    let plain = |sign: char| sign.is_ascii_alphanumeric() || "-_".contains(sign);
    if !key.is_empty() && key.chars().all(plain) { key.to_owned() } else { format!("{key:?}") }
}
