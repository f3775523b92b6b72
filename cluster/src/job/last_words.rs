//! What a program said of its failure, out of the last lines of its log. Pure.
//!
//! Our programs end with `error: ` and a sentence; several mistakes stand below it, a line each, moved in. The command line's
//! mistakes are told likewise, with advice after an empty line. A panic is one sentence of ours, or, before that is
//! arranged, two lines of Rust's.

/// Of several mistakes so many are told.
const MOST_MISTAKES: usize = 8;

/// No more characters are told.
const LONGEST: usize = 1_500;

/// How a failure's sentence begins.
pub(crate) const ERROR: &str = "error: ";

/// How our sentence about a panic begins.
const BUG: &str = "internal error (bug)";

/// How Rust's own begins, after the thread's name, and what it adds.
const PANICKED: &str = "panicked at ";
const ADVICE: &str = "note: run with `RUST_BACKTRACE";

/// The sentence about the failure; without one, whatever was said last.
#[must_use]
pub(super) fn failure(lines: &[String]) -> Option<String> {
    // What was said before the last one did not end the program.
    let last = |is_it: &dyn Fn(&str) -> bool| lines.iter().rposition(|line| is_it(line));
    let said = if let Some(at) = last(&|line| line.starts_with(ERROR)) {
        whole(&lines[at], &lines[at + 1..])
    } else if let Some(at) = last(&|line| line.starts_with(BUG)) {
        lines[at].clone()
    } else if let Some(at) = last(&|line| line.starts_with("thread '") && line.contains(PANICKED)) {
        let text = lines.get(at + 1).filter(|text| !text.starts_with(ADVICE));
        [Some(&lines[at]), text].into_iter().flatten().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
    } else {
        lines.iter().rfind(|line| !line.trim().is_empty())?.clone()
    };
    Some(cut(said.trim()))
}

/// A sentence with the mistakes that stand below it.
fn whole(sentence: &str, below: &[String]) -> String {
    let sentence = sentence.strip_prefix(ERROR).unwrap_or(sentence).trim();
    let mistakes: Vec<&str> = below
        .iter()
        .take_while(|line| line.starts_with("  "))
        .map(|line| line.trim())
        .filter(|line| !line.is_empty())
        .collect();
    let mut told = mistakes[..mistakes.len().min(MOST_MISTAKES)].join("; ");
    if mistakes.len() > MOST_MISTAKES {
        told.push_str("; and more, which its log shows");
    }
    if told.is_empty() { sentence.to_owned() } else { format!("{sentence} {told}") }
}

fn cut(text: &str) -> String {
    let mut shown: String = text.chars().take(LONGEST).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(log: &str) -> Option<String> {
        failure(&log.lines().map(str::to_owned).collect::<Vec<_>>())
    }

    /// `train --nonsense` had failed with "For more information, try '--help'.".
    #[test]
    fn a_mistake_on_the_command_line_is_told_without_the_advice() {
        let log = "error: unexpected argument '--nonsense' found\n\n  tip: to pass it as a value, use '-- --nonsense'\n\n\
                   Usage: train [OPTIONS]\n\nFor more information, try '--help'.\n";
        assert_eq!(told(log).unwrap(), "unexpected argument '--nonsense' found");
        let log =
            "error: the following required arguments were not provided:\n  --from <A>\n  --to <B>\n\nUsage: import\n";
        assert_eq!(told(log).unwrap(), "the following required arguments were not provided: --from <A>; --to <B>");
    }

    #[test]
    fn all_mistakes_of_a_configuration_are_told_up_to_a_bound() {
        let log = "12:00 INFO it begins\nerror: 2 mistakes in the configuration:\n  job.toml:1:1: a is unknown; remove it\n  \
                   --set b: no number; write 1\n12:00 INFO it goes";
        let says =
            "2 mistakes in the configuration: job.toml:1:1: a is unknown; remove it; --set b: no number; write 1";
        assert_eq!(told(log).unwrap(), says);
        let many: String = (0..30).map(|at| format!("\n  mistake {at}")).collect();
        let told_of_many = told(&format!("error: 30 mistakes in the configuration:{many}")).unwrap();
        assert!(told_of_many.contains("mistake 7; and more, which its log shows"), "{told_of_many}");
        assert!(!told_of_many.contains("mistake 8"), "{told_of_many}");
    }

    #[test]
    fn bad_data_is_told_by_its_sentence_and_not_by_what_is_logged_after_it() {
        let log = "WARN a row is bad\nerror: rows.csv: 3 of 4 rows are bad\nINFO the pages are closed\n";
        assert_eq!(told(log).unwrap(), "rows.csv: 3 of 4 rows are bad");
    }

    #[test]
    fn a_panic_is_told_by_its_text() {
        let ours = "internal error (bug) in timely:work-0 at f.rs:3: index out of bounds\nINFO the pages are closed\n";
        assert_eq!(told(ours).unwrap(), "internal error (bug) in timely:work-0 at f.rs:3: index out of bounds");
        let rusts = "thread 'main' (7) panicked at src/main.rs:2:5:\nno way\nnote: run with `RUST_BACKTRACE=1` environment \
                     variable to display a backtrace\n";
        assert_eq!(told(rusts).unwrap(), "thread 'main' (7) panicked at src/main.rs:2:5: no way");
    }

    #[test]
    fn without_a_sentence_the_last_line_is_told_and_never_too_much() {
        assert_eq!(told("one\nlost process 1: it ended\n \n").unwrap(), "lost process 1: it ended");
        assert_eq!(told(" \n"), None);
        assert_eq!(told(&"x".repeat(5_000)).unwrap().chars().count(), LONGEST + 1);
    }
}
