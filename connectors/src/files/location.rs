//! What a path, a glob or a URL means: which store, which part of it is fixed, and which part is a pattern.
//!
//! Nothing is listed here; [`super::listing`] does that. A local path that exists under its literal name is that
//! file, even when its name looks like a pattern. Names that start with `.` or `_` are hidden: a pattern matches
//! them only if it starts with the same sign.

use std::fmt;
use std::path::{Component, Path as LocalPath};
use std::sync::Arc;

use glob::{MatchOptions, Pattern};
use object_store::path::Path;

use super::error::FileError;
use super::stores::LOCAL;

/// Where one file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// Scheme and authority, such as `s3://bucket`.
    pub(crate) root: Arc<str>,
    /// The key within the store.
    pub(crate) path: Path,
    /// The file as the user would type it, for messages.
    pub(crate) name: Arc<str>,
}

impl Location {
    /// The absolute URL, which identifies the file. It is not percent-encoded: made to be compared and read.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}/{}", self.root, self.path)
    }

    /// The file as the user would type it.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }
}

impl fmt::Display for Location {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.name)
    }
}

/// One step of a pattern, from a folder to what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// This very name.
    Literal(String),
    /// All names that match.
    Glob(Pattern),
    /// Any number of folders, none included (`**`).
    AnyFolders,
}

/// An input as typed, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    /// As typed, for messages.
    pub(crate) typed: String,
    /// Scheme and authority.
    pub(crate) root: Arc<str>,
    /// The part before the first pattern.
    pub(crate) base: Path,
    /// The same part as typed.
    pub(crate) shown_base: String,
    /// What follows: empty for a plain file or folder.
    pub(crate) steps: Vec<Step>,
}

impl Source {
    /// Takes apart what the user typed. Relative local paths start in the current folder.
    ///
    /// # Errors
    /// [`FileError`] for an empty name, a malformed URL or pattern, or a path through `..` that does not exist.
    pub(crate) fn parse(typed: &str) -> Result<Self, FileError> {
        if typed.is_empty() {
            return Err(bad(typed, "it is empty"));
        }
        match typed.split_once(':') {
            Some(("file", path)) => Self::file_url(typed, path),
            Some((scheme, rest)) if rest.starts_with("//") && is_scheme(scheme) => {
                Self::remote(typed, scheme, rest.trim_start_matches("//"))
            }
            _ => Self::local(typed, typed),
        }
    }

    /// The name to show for the file at `path`, which lies below the base.
    pub(crate) fn shown(&self, path: &Path) -> Arc<str> {
        let below = path.as_ref().strip_prefix(self.base.as_ref()).unwrap_or(path.as_ref()).trim_start_matches('/');
        let base = self.shown_base.trim_end_matches('/');
        match (below, base) {
            ("", _) => self.shown_base.as_str().into(),
            (_, "") if self.shown_base.is_empty() => below.into(),
            _ => format!("{base}/{below}").into(),
        }
    }

    /// Says where a relative path starts, for the message that it was not found.
    pub(crate) fn hint(&self) -> String {
        if &*self.root != LOCAL || self.typed.starts_with('/') || self.typed.starts_with("file:") {
            return String::new();
        }
        std::env::current_dir().map_or_else(|_| String::new(), |here| format!(" (it starts in {})", here.display()))
    }

    fn file_url(typed: &str, path: &str) -> Result<Self, FileError> {
        let path = match path.strip_prefix("//") {
            Some(rest) => rest.strip_prefix("localhost").unwrap_or(rest),
            None => path,
        };
        if !path.starts_with('/') {
            return Err(bad(
                typed,
                "a file URL is `file:///` and an absolute path; type a relative one without `file:`",
            ));
        }
        let decoded = percent_decode(path).ok_or_else(|| bad(typed, "it has a malformed %-escape"))?;
        Self::local(typed, &decoded)
    }

    fn remote(typed: &str, scheme: &str, rest: &str) -> Result<Self, FileError> {
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        if authority.is_empty() && scheme != "hdfs" {
            return Err(bad(typed, &format!("it lacks the bucket or host after `{scheme}://`")));
        }
        let root = format!("{scheme}://{authority}");
        let (fixed, steps) = split_pattern(typed, path)?;
        let base = Path::parse(fixed.join("/")).map_err(|error| bad(typed, &error.to_string()))?;
        let shown_base = format!("{root}/{}", fixed.join("/"));
        Ok(Self { typed: typed.to_owned(), root: root.into(), base, shown_base, steps })
    }

    fn local(typed: &str, path: &str) -> Result<Self, FileError> {
        let (fixed, steps) = if LocalPath::new(path).symlink_metadata().is_ok() {
            (path.split('/').filter(|part| !part.is_empty()).collect(), Vec::new())
        } else {
            split_pattern(typed, path)?
        };
        let absolute = if path.starts_with('/') { "/" } else { "" };
        let shown_base = if steps.is_empty() { path.to_owned() } else { format!("{absolute}{}", fixed.join("/")) };
        let here = if shown_base.is_empty() { "." } else { shown_base.as_str() };
        let base = local_key(typed, LocalPath::new(here))?;
        Ok(Self { typed: typed.to_owned(), root: LOCAL.into(), base, shown_base, steps })
    }
}

/// True when `name` matches, hidden names only if the pattern asks for them.
pub(crate) fn matches(pattern: &Pattern, name: &str) -> bool {
    const OPTIONS: MatchOptions =
        MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };
    // The options alone would let `*.*` match `.x`, by a star for nothing.
    let is_asked_for = ['.', '_'].iter().all(|sign| !name.starts_with(*sign) || pattern.as_str().starts_with(*sign));
    is_asked_for && !is_being_copied(name) && pattern.matches_with(name, OPTIONS)
}

/// True for names that folders and `**` leave out: what tools put beside data (`_SUCCESS`, `.crc`, temporaries).
pub(crate) fn is_hidden(name: &str) -> bool {
    name.starts_with(['.', '_']) || is_being_copied(name)
}

/// True for what Hadoop's tools call a file that they are still copying.
fn is_being_copied(name: &str) -> bool {
    name.ends_with("._COPYING_")
}

/// The key of a local path. `..` is resolved by the file system, for it may lead through a link.
fn local_key(typed: &str, path: &LocalPath) -> Result<Path, FileError> {
    let climbs = path.components().any(|part| part == Component::ParentDir);
    let absolute = if climbs { path.canonicalize() } else { std::path::absolute(path) };
    let absolute = match absolute {
        Ok(absolute) => absolute,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(FileError::NotFound { name: typed.to_owned(), hint: String::new() });
        }
        Err(error) => return Err(bad(typed, &error.to_string())),
    };
    Path::from_absolute_path(absolute).map_err(|error| bad(typed, &error.to_string()))
}

/// Splits a path before its first part with a pattern in it.
fn split_pattern<'a>(typed: &str, path: &'a str) -> Result<(Vec<&'a str>, Vec<Step>), FileError> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let first = parts.iter().position(|part| part.contains(['*', '?', '['])).unwrap_or(parts.len());
    let (fixed, pattern) = parts.split_at(first);
    let steps = pattern.iter().map(|part| step(typed, part)).collect::<Result<_, _>>()?;
    Ok((fixed.to_vec(), steps))
}

fn step(typed: &str, part: &str) -> Result<Step, FileError> {
    let invalid = |cause: String| FileError::BadPattern { pattern: typed.to_owned(), cause };
    match part {
        "**" => Ok(Step::AnyFolders),
        ".." => Err(invalid("`..` can't follow a pattern".to_owned())),
        _ if !part.contains(['*', '?', '[']) => Ok(Step::Literal(part.to_owned())),
        _ => Pattern::new(part).map(Step::Glob).map_err(|error| invalid(error.msg.to_owned())),
    }
}

fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.chars().all(|sign| sign.is_ascii_alphanumeric() || "+-.".contains(sign))
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first == b'%' {
            let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &rest[2..];
        } else {
            bytes.push(first);
        }
    }
    String::from_utf8(bytes).ok()
}

fn bad(name: &str, cause: &str) -> FileError {
    FileError::BadLocation { name: name.to_owned(), cause: cause.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_path_starts_in_the_current_folder() {
        let source = Source::parse("data/./x.csv").unwrap();
        let here = std::env::current_dir().unwrap();
        assert_eq!(source.base, Path::from_absolute_path(here.join("data/x.csv")).unwrap());
        assert_eq!(&*source.shown(&source.base), "data/./x.csv");
        assert!(source.steps.is_empty());
    }

    #[test]
    fn a_pattern_splits_the_path_and_keeps_the_typed_names() {
        let source = Source::parse("/data/20*/**/part-?.csv").unwrap();
        assert_eq!(source.base.as_ref(), "data");
        assert_eq!(source.steps.len(), 3);
        assert_eq!(source.steps[1], Step::AnyFolders);
        assert_eq!(&*source.shown(&Path::from("data/2015/part-1.csv")), "/data/2015/part-1.csv");

        let source = Source::parse("*.csv").unwrap();
        let file = Path::parse(format!("{}/a.csv", source.base)).unwrap();
        assert_eq!(&*source.shown(&file), "a.csv");
    }

    #[test]
    fn urls_name_their_store() {
        let source = Source::parse("s3://bucket/a b/?.csv").unwrap();
        assert_eq!((&*source.root, source.base.as_ref()), ("s3://bucket", "a b"));
        assert_eq!(&*source.shown(&Path::from("a b/1.csv")), "s3://bucket/a b/1.csv");
        let source = Source::parse("hdfs://nn:8020/user/flights").unwrap();
        assert_eq!((&*source.root, source.base.as_ref()), ("hdfs://nn:8020", "user/flights"));
        let source = Source::parse("file:///tmp/a%20b.csv").unwrap();
        assert_eq!((&*source.root, source.base.as_ref()), ("file://", "tmp/a b.csv"));
        assert_eq!(Source::parse("file:/tmp/a.csv").unwrap().base.as_ref(), "tmp/a.csv");
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        for typed in ["", "s3:///key", "file:relative.csv", "file:///a%2", "a[.csv", "*/../x.csv"] {
            let error = Source::parse(typed).unwrap_err();
            assert!(error.to_string().contains(&format!("`{typed}`")) && error.is_input(), "{error}");
        }
    }

    #[test]
    fn hidden_names_match_only_when_asked_for() {
        let any = Pattern::new("*").unwrap();
        assert!(matches(&any, "a.csv"));
        assert!(!matches(&any, "_SUCCESS"));
        assert!(!matches(&any, ".x.crc"));
        let dotted = Pattern::new("*.*").unwrap();
        assert!(!matches(&dotted, ".a.csv.tmp.1") && matches(&dotted, "a.csv"), "it matched what a killed writer left");
        assert!(!matches(&any, "a.csv._COPYING_") && is_hidden("a.csv._COPYING_"));
        assert!(matches(&Pattern::new("_*").unwrap(), "_SUCCESS"));
        assert!(matches(&Pattern::new(".x*").unwrap(), ".x.crc"));
    }

    #[test]
    fn a_file_whose_name_looks_like_a_pattern_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a[1].csv");
        std::fs::write(&path, "x\n").unwrap();
        let source = Source::parse(path.to_str().unwrap()).unwrap();
        assert!(source.steps.is_empty());
    }
}
