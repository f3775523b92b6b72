//! What this build knows of bindings: formats of answers, and settings that change answers.
//!
//! An answer-format version stands for everything in this build that can change a byte of an answer or of a dead letter
//! beside the model and the table: the fields and their order, the wording of errors, the rules by which a request is read,
//! its largest size. Whoever changes one of these adds a version, and keeps the one before working: a log may still hold
//! requests that are bound to it.

use flightline_engine::contract::Fault;
use flightline_engine::ledger::{AnswerFormat, Binding};

use crate::response::{Decimals, Style};

/// The answer formats that this build can write, ascending. Which one new bindings get is configured: readers of answers may
/// have to be made ready for another one first.
pub const ANSWER_FORMATS: [AnswerFormat; 2] = [AnswerFormat(1), AnswerFormat(2)];

/// From this one on, an answer names its format and its settings.
const NAMED: AnswerFormat = AnswerFormat(2);

/// The settings that this build knows.
const SETTINGS: [&str; 1] = [Decimals::SETTING];

/// How answers by this binding are written.
#[must_use]
pub fn style(binding: &Binding) -> Style {
    let decimals = Decimals::of(&binding.settings);
    if binding.format < NAMED {
        return Style { decimals, named: None };
    }
    let settings = binding.settings.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(",");
    Style { decimals, named: Some((binding.format, settings.into())) }
}

/// Whether this build can answer by a binding, as far as format and settings go.
///
/// # Errors
/// A permanent fault that names what this build doesn't know.
pub fn check_binding(binding: &Binding) -> Result<(), Fault> {
    let Binding { format, settings, .. } = binding;
    if !ANSWER_FORMATS.contains(format) {
        let known = ANSWER_FORMATS.map(|format| format.to_string()).join(", ");
        return Err(Fault::permanent(format!(
            "answers of format {format} need a build that knows it; this one knows {known}"
        )));
    }
    if let Some(name) = settings.keys().find(|name| !SETTINGS.contains(&&***name)) {
        return Err(Fault::permanent(format!(
            "answers under the setting `{name}` need a build that knows it; this one does not"
        )));
    }
    match settings.get(Decimals::SETTING).filter(|value| Decimals::parse(value).is_none()) {
        Some(value) => Err(Fault::permanent(format!(
            "answers under the setting `{}={value}` need a build that knows it; this one does not",
            Decimals::SETTING
        ))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use flightline_engine::ledger::TableVersion;

    use super::*;

    #[test]
    fn what_this_build_does_not_know_is_refused_by_name() {
        let mut binding =
            Binding { model: "m".into(), table: TableVersion(1), format: ANSWER_FORMATS[0], settings: [].into() };
        assert_eq!(check_binding(&binding), Ok(()));
        binding.format = AnswerFormat(7);
        let refused = check_binding(&binding).unwrap_err().to_string();
        assert_eq!(refused, "answers of format 7 need a build that knows it; this one knows 1, 2");
        binding.format = ANSWER_FORMATS[0];
        binding.settings.insert("answers.decimals".into(), "3".into());
        assert_eq!(check_binding(&binding), Ok(()));
        binding.settings.insert("answers.decimals".into(), "many".into());
        let refused = check_binding(&binding).unwrap_err().to_string();
        assert_eq!(
            refused,
            "answers under the setting `answers.decimals=many` need a build that knows it; this one does not"
        );
        binding.settings.insert("currency".into(), "EUR".into());
        let refused = check_binding(&binding).unwrap_err().to_string();
        assert_eq!(refused, "answers under the setting `currency` need a build that knows it; this one does not");
    }
}
