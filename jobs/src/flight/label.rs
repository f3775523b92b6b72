//! What is predicted: the arrival delay in four classes.

use std::fmt;

use flightline_operators::columns::Number;
use serde::{Deserialize, Serialize};

/// The arrival delays, in minutes, at which one class ends and the next begins: closed below, open above.
pub const SPLITS: [f64; 3] = [-15.0, 0.0, 30.0];

/// A class of arrival delay: 0, the earliest, to 3, the latest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct DelayClass(u8);

/// A number that is no class of delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no class of delay: they are 0 to 3")]
pub struct NoSuchClass(pub u8);

impl DelayClass {
    /// Number of classes.
    pub const COUNT: usize = SPLITS.len() + 1;

    /// The class of an arrival delay in minutes.
    #[must_use]
    pub fn of(arrival_delay: Number) -> Self {
        Self(SPLITS.iter().map(|split| u8::from(arrival_delay.get() >= *split)).sum())
    }

    /// All classes, the earliest first.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..).map(Self).take(Self::COUNT)
    }

    /// The class as an index from 0 to 3.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// What the class says to a traveller.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            0 => "early by more than 15 min",
            1 => "early by up to 15 min",
            2 => "on time or late by under 30 min",
            _ => "late by 30 min or more",
        }
    }
}

impl TryFrom<u8> for DelayClass {
    type Error = NoSuchClass;

    fn try_from(class: u8) -> Result<Self, NoSuchClass> {
        if usize::from(class) < Self::COUNT { Ok(Self(class)) } else { Err(NoSuchClass(class)) }
    }
}

impl From<DelayClass> for u8 {
    fn from(class: DelayClass) -> Self {
        class.0
    }
}

impl fmt::Display for DelayClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_closed_below_and_open_above() {
        for (delay, class) in [
            (-10_080.0, 0),
            (-15.000_1, 0),
            (-15.0, 1),
            (-0.000_1, 1),
            (-0.0, 2),
            (0.0, 2),
            (29.999_9, 2),
            (30.0, 3),
            (10_080.0, 3),
        ] {
            assert_eq!(u8::from(DelayClass::of(Number::new(delay).unwrap())), class, "{delay} minutes");
        }
    }

    #[test]
    fn there_are_four_classes_with_names_of_their_own() {
        let names: std::collections::BTreeSet<_> = DelayClass::all().map(DelayClass::name).collect();
        assert_eq!(names.len(), 4);
        assert_eq!(DelayClass::try_from(4), Err(NoSuchClass(4)));
        assert!(serde_json::from_str::<DelayClass>("7").is_err());
    }
}
