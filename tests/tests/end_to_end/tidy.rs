//! What every source file of ours keeps to: short, introduced, finished, safe, and at home on every machine.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use flightline_tests::project_root;

/// Lines that a Rust file may have; most have below 300.
const MOST_LINES: usize = 500;

/// What may not stand in Rust. In two parts each, so that this file does not find itself.
const UNWANTED: [(&str, &str); 4] = [("todo", "!("), ("unimplemented", "!("), ("dbg", "!("), ("FIX", "ME")];

/// The same, but for the one crate that may say it.
const UNSAFE: [(&str, &str); 5] =
    [("unsafe", " {"), ("unsafe", " fn"), ("unsafe", " impl"), ("unsafe", " extern"), ("#[un", "safe(")];

/// The crate that is not safe, and that nothing uses unless asked to: see ARCHITECTURE.md.
const UNSOUND: &str = "abomonated";

/// How paths begin that exist on one machine only.
const MACHINE_PATHS: [(&str, &str); 4] = [("/wo", "rk/"), ("/ro", "ot/"), ("/ho", "me/"), ("/Us", "ers/")];

#[test]
fn rust_files_are_short_introduced_finished_and_safe() {
    let files = sources(&["rs"]);
    assert!(files.len() > 50, "only {} Rust files were found", files.len());
    let wrong: Vec<String> = files.iter().flat_map(|(path, text)| faults_of_rust(path, text)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_file_names_a_place_on_one_machine() {
    let files = sources(&["rs", "toml", "md", "sh", "py", "yml", "yaml", "html", "css", "txt", "run", "test", ""]);
    let wrong: Vec<String> = files.iter().flat_map(|(path, text)| machine_paths(path, text)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_crate_keeps_to_the_lints_of_the_workspace() {
    let manifests: Vec<_> = sources(&["toml"]).into_iter().filter(|(path, _)| path.ends_with("Cargo.toml")).collect();
    let of_crates = manifests.iter().filter(|(path, text)| text.contains("[package]") && !path.starts_with(UNSOUND));
    for (path, text) in of_crates {
        assert!(text.contains("[lints]\nworkspace = true"), "{} lacks `[lints] workspace = true`", path.display());
    }
}

#[test]
fn the_unsound_crate_keeps_to_all_lints_but_one() {
    let lints = |path: &str, table: &str| -> BTreeSet<String> {
        let text = fs::read_to_string(project_root().join(path)).expect("a manifest can be read");
        let (_, after) = text.split_once(table).expect("a manifest has this table");
        let lines = after.lines().skip(1).take_while(|line| !line.starts_with('['));
        lines.filter(|line| line.contains(" = ")).map(str::to_owned).collect()
    };
    let crates = format!("{UNSOUND}/Cargo.toml");
    for tool in ["rust", "clippy"] {
        let ours = lints("Cargo.toml", &format!("[workspace.lints.{tool}]"));
        let mut theirs = lints(&crates, &format!("[lints.{tool}]"));
        if theirs.remove("unsafe_code = \"allow\"") {
            theirs.insert("unsafe_code = \"forbid\"".to_owned());
        }
        assert!(ours.len() > 3 && ours == theirs, "{crates} and Cargo.toml differ in lints of {tool}: {theirs:?}");
    }
}

#[test]
fn faults_are_found() {
    let path = Path::new("a.rs");
    assert!(faults_of_rust(path, "//! A module.\n\nfn f() {}\n").is_empty());
    let long = format!("//! Long.\n{}", "fn f() {}\n".repeat(MOST_LINES));
    assert_eq!(faults_of_rust(path, &long).len(), 1);
    assert_eq!(faults_of_rust(path, "fn f() {}\n").len(), 1, "no introduction");
    for (first, second) in UNWANTED.into_iter().chain(UNSAFE) {
        let found = faults_of_rust(path, &format!("//! A module.\n{first}{second}\n"));
        assert!(found.len() == 1 && found[0].starts_with("a.rs:2"), "{found:?}");
    }
    let (first, second) = UNSAFE[0];
    assert!(faults_of_rust(&Path::new(UNSOUND).join("src/lib.rs"), &format!("//! A.\n{first}{second}\n")).is_empty());
    let program = Path::new("jobs/src/bin/a.rs");
    assert_eq!(faults_of_rust(program, "//! A program.\n#[test]\nfn f() {}\n").len(), 1);
    for (first, second) in MACHINE_PATHS {
        assert_eq!(machine_paths(path, &format!("in {first}{second}me\n")).len(), 1);
    }
    assert!(machine_paths(path, "see https://example.org/work\n").is_empty());
}

fn faults_of_rust(path: &Path, text: &str) -> Vec<String> {
    // The tests of the module beside it, which says what it is for.
    let is_unit_tests = path.file_name().is_some_and(|name| name == "tests.rs");
    let shown = path.display();
    let mut faults = Vec::new();
    let lines = text.lines().count();
    if lines > MOST_LINES {
        faults.push(format!("{shown}: {lines} lines, but {MOST_LINES} are the most"));
    }
    if !text.starts_with("//!") && !is_unit_tests {
        faults.push(format!("{shown}: it doesn't begin with `//!` and what it is for"));
    }
    let of_unsafe = if path.starts_with(UNSOUND) { &[][..] } else { &UNSAFE };
    for (first, second) in UNWANTED.iter().chain(of_unsafe) {
        let unwanted = format!("{first}{second}");
        faults.extend(places(text, &unwanted).map(|line| format!("{shown}:{line}: {unwanted}")));
    }
    if is_program(path) {
        let tests = places(text, "test]").map(|line| format!("{shown}:{line}: ./test runs no tests of programs"));
        faults.extend(tests);
    }
    faults
}

/// Whether a file is of a program: those are thin, and what they call is tested.
fn is_program(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "bin") || path.ends_with("src/main.rs")
}

fn machine_paths(path: &Path, text: &str) -> Vec<String> {
    let found = |(first, second): (&str, &str)| {
        let start = format!("{first}{second}");
        places(text, &start).map(|line| format!("{}:{line}: {start}", path.display())).collect::<Vec<_>>()
    };
    MACHINE_PATHS.into_iter().flat_map(found).collect()
}

/// Numbers of the lines that contain `part`.
fn places(text: &str, part: &str) -> impl Iterator<Item = usize> {
    (1..).zip(text.lines()).filter(move |(_, line)| line.contains(part)).map(|(number, _)| number)
}

/// The files with these endings, with their text; what is built, downloaded or hidden left out.
fn sources(endings: &[&str]) -> Vec<(PathBuf, String)> {
    let root = project_root();
    let mut folders = vec![root.to_owned()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the project can be listed") {
            let path = entry.expect("the project can be listed").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let left_out = name.starts_with('.') && name != ".ci";
            if path.is_dir() {
                if !left_out && !["target", "models", "predictions", "node_modules"].contains(&name.as_ref()) {
                    folders.push(path);
                }
            } else if endings.contains(&path.extension().unwrap_or_default().to_string_lossy().as_ref()) {
                // What is no text has no lines to look at.
                if let Ok(text) = fs::read_to_string(&path) {
                    found.push((path.strip_prefix(root).expect("it is below").to_owned(), text));
                }
            }
        }
    }
    found.sort();
    found
}
