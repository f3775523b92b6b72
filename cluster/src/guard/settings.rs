//! What a job sets, read as its programs read it: by the parser of their configuration, from arguments and carried files.
//!
//! Invariant: whatever a program takes from a setting is among what is found here. Arguments that only look like a setting are
//! read as one, too: to look at too much costs nothing.

use flightline_engine::config::{Layer, Mistakes, Said};

use super::mistake::{Mistake, Whereabouts};
use super::{CARRIED, Errand};

/// The flag before a setting.
const SET: &str = "--set";

/// The flag before a file of settings.
const CONFIG: &str = "--config";

/// A value, and where it stands.
pub(super) struct Found {
    /// Which argument or key.
    pub(super) whereabouts: Whereabouts,
    /// Which key and text.
    pub(super) said: Said,
}

/// Everything that the job sets. Whatever can't be read sets nothing, and no program starts with it.
pub(super) fn all(errand: Errand<'_>) -> Vec<Found> {
    let mut found = Vec::new();
    for argument in arguments(errand.args) {
        for setting in argument.settings() {
            let said = Layer::flag(setting).said().unwrap_or_default();
            found.extend(said.into_iter().map(|said| Found { whereabouts: argument.whereabouts(&said), said }));
        }
    }
    for file in errand.files {
        let said = Layer::text(&file.name, &*file.text).said().unwrap_or_default();
        found.extend(said.into_iter().map(|said| {
            let whereabouts = Whereabouts::Setting { file: file.name.clone(), key: said.key.clone() };
            Found { whereabouts, said }
        }));
    }
    found
}

/// What is wrong with the flags themselves.
pub(super) fn mistakes(args: &[String]) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for argument in arguments(args) {
        if let (true, Err(why)) = (argument.is(SET), Layer::flag(argument.value()).said()) {
            mistakes.push(Mistake::NoSetting { number: argument.number, why: first_of(&why) });
        }
        // A file that is there already could have been written by another job, and nobody has looked into it.
        if argument.is(CONFIG) && !argument.value().starts_with(CARRIED) {
            mistakes.push(Mistake::ConfigThere { number: argument.number, path: argument.value().to_owned() });
        }
    }
    mistakes
}

/// The first mistake of a layer: what is wrong, in one line.
pub(super) fn first_of(mistakes: &Mistakes) -> String {
    mistakes.0.first().map(|mistake| mistake.wrong.clone()).unwrap_or_default()
}

/// An argument, and the flag that it belongs to if that stands before it.
struct Argument<'a> {
    number: usize,
    flag: Option<&'a str>,
    word: &'a str,
}

fn arguments(args: &[String]) -> impl Iterator<Item = Argument<'_>> {
    let before = std::iter::once(None).chain(args.iter().map(|word| Some(word.as_str())));
    let numbered = args.iter().enumerate().zip(before);
    numbered.map(|((at, word), before)| match word.split_once('=') {
        Some((flag @ (SET | CONFIG), _)) => Argument { number: at + 1, flag: Some(flag), word },
        _ => Argument { number: at + 1, flag: before.filter(|flag| [SET, CONFIG].contains(flag)), word },
    })
}

impl<'a> Argument<'a> {
    fn is(&self, flag: &str) -> bool {
        self.flag == Some(flag)
    }

    /// What the flag is given.
    fn value(&self) -> &'a str {
        let attached = self.flag.and_then(|flag| self.word.strip_prefix(flag)?.strip_prefix('='));
        attached.unwrap_or(self.word)
    }

    /// Everything in it that could be a setting.
    fn settings(&self) -> impl Iterator<Item = &'a str> {
        let value = self.value();
        let behind = value.split_once('=').filter(|_| value.starts_with('-')).map(|(_, behind)| behind);
        std::iter::once(value).chain(behind)
    }

    fn whereabouts(&self, said: &Said) -> Whereabouts {
        match self.is(SET) {
            true => Whereabouts::Flag { number: self.number, key: said.key.clone() },
            false => Whereabouts::Argument(self.number),
        }
    }
}
