//! Whether a new model becomes the current one: the rule that a user gives, and what follows from it.
//!
//! The decision compares integers that were summed over the same rows, so it is the same for any number of workers and
//! any order of rows. It changes nothing by itself.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use flightline_operators::evaluate::Tally;

use crate::report::PromotionReason;

/// When a new model becomes the current one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Promote {
    /// Whatever it is worth.
    #[default]
    Always,
    /// When it is better than the current model on the rows that judge it, or when there is no current model.
    IfBetter,
    /// Not by this run.
    Never,
}

impl Promote {
    /// All rules.
    pub const ALL: [Self; 3] = [Self::Always, Self::IfBetter, Self::Never];

    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::IfBetter => "if-better",
            Self::Never => "never",
        }
    }
}

impl fmt::Display for Promote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Promote {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let wrong = || format!("a model can't be promoted {name:?}: there are always, if-better and never");
        Self::ALL.into_iter().find(|rule| rule.name() == name).ok_or_else(wrong)
    }
}

/// Decides by the tallies of the new and of the current model over the same rows; `current` is `None` when there is no
/// current model. Lower log loss is better.
pub(super) fn decide(rule: Promote, new: &Tally, current: Option<&Tally>) -> PromotionReason {
    let current = match (rule, current) {
        (Promote::Always, _) => return PromotionReason::Always,
        (Promote::Never, _) => return PromotionReason::Never,
        (Promote::IfBetter, None) => return PromotionReason::NoneWasCurrent,
        (Promote::IfBetter, Some(current)) => current,
    };
    if new.rows() == 0 {
        return PromotionReason::NothingHeldOut;
    }
    match new.log_loss_micros.cmp(&current.log_loss_micros) {
        Ordering::Less => PromotionReason::Better,
        Ordering::Equal => PromotionReason::Equal,
        Ordering::Greater => PromotionReason::Worse,
    }
}

#[cfg(test)]
mod tests {
    use flightline_operators::table::Class;

    use super::*;

    fn sure(share: f64) -> Tally {
        let mut tally = Tally::empty(2);
        tally.add(Class(0), &[share, 1.0 - share]);
        tally
    }

    #[test]
    fn only_a_lower_log_loss_is_better() {
        use PromotionReason::{Better, Equal, NoneWasCurrent, NothingHeldOut, Worse};
        let of = |new: f64, current: f64| decide(Promote::IfBetter, &sure(new), Some(&sure(current)));
        assert_eq!([of(0.7, 0.6), of(0.6, 0.6), of(0.6, 0.7)], [Better, Equal, Worse]);
        assert_eq!(decide(Promote::IfBetter, &sure(0.01), None), NoneWasCurrent);
        let nothing = Tally::empty(2);
        assert_eq!(decide(Promote::IfBetter, &nothing, Some(&nothing)), NothingHeldOut);
        for reason in [Better, NoneWasCurrent] {
            assert!(reason.promotes(), "{reason:?}");
        }
        for reason in [Equal, Worse, NothingHeldOut] {
            assert!(!reason.promotes(), "{reason:?}");
        }
    }

    #[test]
    fn the_other_rules_look_at_no_figure() {
        for (new, current) in [(0.9, 0.1), (0.1, 0.9)] {
            assert!(decide(Promote::Always, &sure(new), Some(&sure(current))).promotes());
            assert!(!decide(Promote::Never, &sure(new), Some(&sure(current))).promotes());
        }
        assert!(decide(Promote::Always, &Tally::empty(2), None).promotes());
        assert!(!decide(Promote::Never, &Tally::empty(2), None).promotes());
    }

    #[test]
    fn rules_are_read_and_written_alike_and_nonsense_is_refused() {
        for rule in Promote::ALL {
            assert_eq!(rule.to_string().parse(), Ok(rule));
        }
        assert!("better".parse::<Promote>().unwrap_err().contains("if-better"));
    }
}
