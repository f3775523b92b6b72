//! The command line: what can be asked for, and what is refused before anything is written.

use clap::CommandFactory;

use super::*;
use crate::failure::FailureKind;

fn generate(words: &str) -> Result<(), Failure> {
    run(&GenerateFlags::try_parse_from(words.split_whitespace()).unwrap())
}

#[test]
fn the_examples_are_commands() {
    GenerateFlags::command().debug_assert();
    let examples = EXAMPLES.lines().filter(|line| line.trim_start().starts_with("generate "));
    let mut seen = 0;
    for example in examples {
        let words = example.split_whitespace().map(|word| word.trim_matches('\''));
        GenerateFlags::try_parse_from(words).unwrap();
        seen += 1;
    }
    assert_eq!(seen, 5);
}

#[test]
fn what_makes_no_sense_is_refused() {
    for words in ["--rows 0 --output a.parquet", "--rows 5", "--output a.parquet", "--rows 5 --output a.parquet -j 0"] {
        let words = format!("generate flights {words}");
        assert!(GenerateFlags::try_parse_from(words.split_whitespace()).is_err(), "{words}");
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    for (output, says) in [
        (at("rows"), "can't tell the format"),
        (at("rows.csv"), "can't tell the format"),
        (format!("{} --format json-lines", at("rows.parquet")), "the name of another format"),
    ] {
        let failure = generate(&format!("generate flights --rows 5 --output {output}")).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Usage, "{failure}");
        assert!(failure.message.contains(says), "{failure}");
    }
    let missing =
        generate(&format!("generate flights --rows 5 --output {} --from nowhere.csv", at("a.jsonl"))).unwrap_err();
    assert_eq!(missing.kind, FailureKind::BadInput, "{missing}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "something was left");
}

#[test]
fn distances_are_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("distances.jsonl");
    let words = format!("generate distances --output {}", output.display());
    generate(&words).unwrap();
    assert_eq!(std::fs::read_to_string(&output).unwrap().lines().count(), 4_600);
    assert_eq!(generate(&words).unwrap_err().kind, FailureKind::Storage);
    generate(&format!("{words} --replace")).unwrap();
}
