//! What this build knows of bindings: formats of answers, and settings that change answers.
//!
//! An answer-format version stands for everything in this build that can change a byte of an answer or of a dead letter
//! beside the model and the table: the fields and their order, the wording of errors, the rules by which a request is read,
//! its largest size. Whoever changes one of these adds a version, and keeps the one before working: a log may still hold
//! requests that are bound to it.

use flightline_engine::contract::Fault;
use flightline_engine::ledger::{AnswerFormat, Binding};

/// The answer formats that this build can write, ascending; new bindings get the last.
pub const ANSWER_FORMATS: [AnswerFormat; 1] = [AnswerFormat(1)];

/// The settings that this build knows.
const SETTINGS: [&str; 0] = [];

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
    match settings.keys().find(|name| !SETTINGS.contains(&&***name)) {
        Some(name) => Err(Fault::permanent(format!(
            "answers under the setting `{name}` need a build that knows it; this one does not"
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
        assert_eq!(refused, "answers of format 7 need a build that knows it; this one knows 1");
        binding.format = ANSWER_FORMATS[0];
        binding.settings.insert("currency".into(), "EUR".into());
        let refused = check_binding(&binding).unwrap_err().to_string();
        assert_eq!(refused, "answers under the setting `currency` need a build that knows it; this one does not");
    }
}
