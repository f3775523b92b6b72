//! What a Dockerfile says, stage by stage, and what of the tree its builder is sent (`.dockerignore`).
//!
//! It knows the instructions that ours have, and refuses others.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use glob::{MatchOptions, Pattern};

/// An instruction: a word and what follows it, on one line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Instruction {
    /// `RUN`, `COPY` and so on.
    pub word: String,
    /// All that follows.
    pub rest: String,
}

/// From one `FROM` to the next.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The image that it begins with.
    pub from: String,
    /// What is done then.
    pub instructions: Vec<Instruction>,
}

/// A Dockerfile.
#[derive(Clone, Debug)]
pub struct Dockerfile {
    /// What may be given from outside, and what is taken otherwise.
    pub arguments: BTreeMap<String, String>,
    /// In their order; the last one is the image.
    pub stages: Vec<Stage>,
}

/// A `COPY`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Copy {
    /// The stage that it is from; the tree if it is from none.
    pub from: Option<String>,
    /// What is copied.
    pub sources: Vec<String>,
    /// Where to.
    pub target: String,
}

impl Dockerfile {
    /// Reads a file.
    ///
    /// # Panics
    /// If it can't be read, or has an instruction that isn't known here.
    #[must_use]
    #[track_caller]
    pub fn read(path: &Path) -> Self {
        Self::parse(&read(path))
    }

    fn parse(text: &str) -> Self {
        let is_comment = |line: &&str| line.trim_start().starts_with('#');
        let text = text.lines().filter(|line| !is_comment(line)).collect::<Vec<_>>().join("\n").replace("\\\n", " ");
        let mut file = Self { arguments: BTreeMap::new(), stages: Vec::new() };
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (word, rest) = line.split_once(' ').unwrap_or_else(|| panic!("{line:?} is no instruction"));
            let rest = rest.split_whitespace().collect::<Vec<_>>().join(" ");
            match (word, file.stages.last_mut()) {
                ("ARG", None) => {
                    let (name, value) = rest.split_once('=').unwrap_or_else(|| panic!("{rest} has no default"));
                    file.arguments.insert(name.to_owned(), value.to_owned());
                }
                ("FROM", _) => {
                    let from = rest.split(' ').next().unwrap_or_default().to_owned();
                    file.stages.push(Stage { from, instructions: Vec::new() });
                }
                ("RUN" | "COPY" | "USER" | "WORKDIR" | "ENV" | "CMD" | "LABEL" | "STOPSIGNAL" | "ARG", Some(stage)) => {
                    stage.instructions.push(Instruction { word: word.to_owned(), rest });
                }
                (other, _) => panic!("{other} isn't known here, or not in this place"),
            }
        }
        file
    }

    /// The stage that is the image.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn image(&self) -> &Stage {
        self.stages.last().expect("a Dockerfile has a stage")
    }

    /// The programs that the first stage makes: those of its loop.
    ///
    /// # Panics
    /// If it has no such loop.
    #[must_use]
    pub fn programs(&self) -> Vec<String> {
        let runs = self.stages[0].runs();
        let list = runs.iter().find_map(|run| run.split_once("for program in ")?.1.split_once(';'));
        let (list, _) = list.expect("the first stage goes through its programs, `for program in ...; do`");
        list.split(' ').map(str::to_owned).collect()
    }
}

impl Stage {
    /// What stands behind each instruction of a kind.
    #[must_use]
    pub fn all(&self, word: &str) -> Vec<&str> {
        self.instructions.iter().filter(|one| one.word == word).map(|one| one.rest.as_str()).collect()
    }

    /// The command lines that are run, without what is mounted for them.
    #[must_use]
    pub fn runs(&self) -> Vec<String> {
        self.all("RUN").into_iter().map(run).collect()
    }

    /// What is copied.
    #[must_use]
    pub fn copies(&self) -> Vec<Copy> {
        self.all("COPY").into_iter().map(copy).collect()
    }

    /// The packages of Debian that it installs.
    #[must_use]
    pub fn packages(&self) -> Vec<String> {
        self.runs().iter().filter_map(|run| packages(run)).flatten().collect()
    }
}

/// The command line of a `RUN`.
#[must_use]
pub(super) fn run(rest: &str) -> String {
    rest.split(' ').skip_while(|word| word.starts_with("--")).collect::<Vec<_>>().join(" ")
}

/// What a command line installs, if it installs packages.
#[must_use]
pub(super) fn packages(run: &str) -> Option<Vec<String>> {
    let (_, words) = run.split_once("apt-get install ")?;
    Some(
        words
            .split(' ')
            .take_while(|word| *word != "&&")
            .filter(|word| !word.starts_with('-'))
            .map(str::to_owned)
            .collect(),
    )
}

/// What a `COPY` says.
///
/// # Panics
/// If it has no target.
#[must_use]
pub(super) fn copy(rest: &str) -> Copy {
    let (flags, mut paths): (Vec<&str>, Vec<&str>) = rest.split(' ').partition(|word| word.starts_with("--"));
    let target = paths.pop().expect("COPY has a target").to_owned();
    let from = flags.iter().find_map(|flag| flag.strip_prefix("--from=")).map(str::to_owned);
    Copy { from, sources: paths.into_iter().map(str::to_owned).collect(), target }
}

/// What the builder is not sent.
#[derive(Debug)]
pub struct Ignored(Vec<(bool, Pattern)>);

impl Ignored {
    /// Reads a file.
    ///
    /// # Panics
    /// If it can't be read.
    #[must_use]
    #[track_caller]
    pub fn read(path: &Path) -> Self {
        Self::parse(&read(path))
    }

    fn parse(text: &str) -> Self {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let rule = |line: &str| {
            let (keeps, pattern) = line.strip_prefix('!').map_or((false, line), |pattern| (true, pattern));
            (keeps, Pattern::new(pattern).unwrap_or_else(|error| panic!("{line:?}: {error}")))
        };
        Self(lines.map(rule).collect())
    }

    /// Whether a file isn't sent, by its path in the tree: the last rule that matches it or a folder above it decides.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        let options = MatchOptions { require_literal_separator: true, ..MatchOptions::new() };
        let above = || Path::new(path).ancestors().filter(|path| !path.as_os_str().is_empty());
        let mut has = false;
        for (keeps, pattern) in &self.0 {
            if above().any(|path| pattern.matches_path_with(path, options)) {
                has = !keeps;
            }
        }
        has
    }
}

#[track_caller]
fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("can't read {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dockerfile_is_taken_apart() {
        let file = Dockerfile::parse(
            "# syntax=x\nARG A=1\nFROM one AS build\nRUN --mount=type=cache,target=/x \\\n    # why\n    make && \\\n    for program in \
             a b; do \\\n  x; done\nFROM two\nRUN apt-get update && apt-get install -y p \\\n  q && true\nCOPY --from=build /x/ /y/\n",
        );
        assert_eq!((file.arguments["A"].as_str(), file.programs()), ("1", vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(
            (file.image().from.as_str(), file.image().packages()),
            ("two", vec!["p".to_owned(), "q".to_owned()])
        );
        let [copied] = &file.image().copies()[..] else { panic!("one is copied") };
        assert_eq!((copied.from.as_deref(), copied.target.as_str()), (Some("build"), "/y/"));
    }

    #[test]
    fn the_last_rule_decides_what_is_sent() {
        let ignored = Ignored::parse("# all\n**\n!src/**\n!one.toml\n**/target\n**/*.tmp\n");
        for (path, is_ignored) in [
            ("src/a/b.rs", false),
            ("one.toml", false),
            ("two.toml", true),
            ("other/src/b.rs", true),
            ("src/target/b.rs", true),
            ("src/a.tmp", true),
        ] {
            assert_eq!(ignored.has(path), is_ignored, "{path}");
        }
    }
}
