//! From what the user typed to a sorted list of files with their formats, sizes and row counts.
//!
//! A pattern is followed folder by folder, so that `/data/*.csv` never lists more than `/data`. A folder stands for
//! the data files right in it. Whatever a glob matches must have a known format, since to skip it would lose rows in
//! silence; a folder may hold other things, too, and what is left out of it is logged.

use std::collections::BTreeMap;
use std::sync::Arc;

use object_store::path::Path;
use object_store::{ListResult, ObjectMeta, ObjectStore, ObjectStoreExt};

use super::decompress::inspect_zip;
use super::error::FileError;
use super::format::{Compression, Format, InputFormat, is_data_name, known};
use super::location::{Location, Source, Step, is_hidden, matches};
use super::object_reader::{Access, Identity, ObjectReader};
use super::parquet_rows::row_groups;
use super::stores::{LOCAL, Stores};

/// A file of the input.
#[derive(Debug, Clone)]
pub struct InputFile {
    /// Where it is.
    pub location: Location,
    /// Its length in bytes, as stored.
    pub size: u64,
    /// How its rows are laid out and compressed.
    pub format: InputFormat,
    /// Its number of rows, if the file itself says so (Parquet).
    pub rows: Option<u64>,
    /// The number of rows of each row group (Parquet), else empty.
    pub row_groups: Vec<u64>,
    /// Bytes of its text, if the file itself says so (zip).
    pub(crate) text_size: Option<u64>,
    /// Its entity tag, where the store has such.
    pub(crate) tag: Option<String>,
}

impl InputFile {
    pub(crate) fn identity(&self) -> Identity {
        Identity { location: self.location.clone(), size: self.size, tag: self.tag.clone() }
    }
}

/// Finds the files that paths, globs, folders and URLs stand for, sorted by URL and each once, and looks into those
/// that describe themselves. `format` comes before what the names say.
///
/// Files of no bytes are kept; they hold no rows. No patterns give no files.
///
/// # Errors
/// [`FileError`] for a name that does not exist or says no known format, a pattern without a match, a Parquet file
/// without a footer, an archive without data, or a store that fails.
pub fn resolve(stores: &Stores, patterns: &[String], format: Option<InputFormat>) -> Result<Vec<InputFile>, FileError> {
    let mut files = BTreeMap::new();
    for pattern in patterns {
        let source = Source::parse(pattern)?;
        let store = stores.open(&source.root, pattern)?;
        let mut walk = Walk { stores, store, source: &source, any_name: format.is_some(), found: Vec::new() };
        walk.run()?;
        for object in walk.found {
            let location = Location {
                root: Arc::clone(&source.root),
                name: source.shown(&object.location),
                path: object.location,
            };
            let identity = Identity { location, size: object.size, tag: object.e_tag };
            files.entry(identity.location.url()).or_insert(identity);
        }
    }
    files.into_values().map(|identity| describe(stores, identity, format)).collect()
}

/// A digest of the files' names (without folders), sizes, formats and row counts.
///
/// Processes that make their own plans must have seen the same files, or rows are lost or read twice; they compare
/// this. The order counts, the folder does not: hosts may keep their copies in different places.
#[must_use]
pub fn fingerprint(files: &[InputFile]) -> u64 {
    let mut text = String::new();
    for file in files {
        let name = file.location.path.filename().unwrap_or_default();
        let groups = &file.row_groups;
        text.push_str(&format!("{name}\n{} {} {groups:?}\n", file.size, file.format));
    }
    xxhash_rust::xxh3::xxh3_64(text.as_bytes())
}

fn describe(stores: &Stores, identity: Identity, asked: Option<InputFormat>) -> Result<InputFile, FileError> {
    let name = Arc::clone(&identity.location.name);
    let told = InputFormat::of_file(&name, asked)?;
    let is_zip = told.is_none_or(|format| format.compression == Compression::Zip);
    let (mut row_groups_found, mut text_size) = (Vec::new(), None);
    let format = match told {
        // Nothing to look into, and nothing to read: any format does.
        _ if is_zip && identity.size == 0 => {
            told.unwrap_or(InputFormat { format: Format::Csv, compression: Compression::Zip })
        }
        _ if is_zip => {
            let reader = ObjectReader::open(stores, &identity, Access::Sequential)?;
            let (format, size) = inspect_zip(&name, told.map(|told| told.format), reader)?;
            text_size = Some(size);
            InputFormat { format, compression: Compression::Zip }
        }
        Some(format) => format,
        None => InputFormat { format: Format::Csv, compression: Compression::Zip },
    };
    if format.format == Format::Parquet && identity.size > 0 {
        row_groups_found = row_groups(stores, &identity)?;
    }
    Ok(InputFile {
        rows: (format.format == Format::Parquet).then(|| row_groups_found.iter().sum()),
        row_groups: row_groups_found,
        location: identity.location,
        size: identity.size,
        tag: identity.tag,
        format,
        text_size,
    })
}

/// Follows one pattern through a store.
struct Walk<'a> {
    stores: &'a Stores,
    store: Arc<dyn ObjectStore>,
    source: &'a Source,
    /// True if a format was asked for, so that a folder's files need not say theirs.
    any_name: bool,
    found: Vec<ObjectMeta>,
}

impl Walk<'_> {
    fn run(&mut self) -> Result<(), FileError> {
        let source = self.source;
        if !source.steps.is_empty() {
            self.follow(&source.base, &source.steps)?;
            let pattern = || source.typed.clone();
            return if self.found.is_empty() { Err(FileError::NoMatch { pattern: pattern() }) } else { Ok(()) };
        }
        if self.file(&source.base)? {
            return Ok(());
        }
        let listing = self.list(&source.base)?;
        if listing.objects.is_empty() && listing.common_prefixes.is_empty() && !self.is_local_folder() {
            return Err(FileError::NotFound { name: source.typed.clone(), hint: source.hint() });
        }
        self.folder(listing);
        if self.found.is_empty() {
            return Err(FileError::EmptyFolder { folder: source.typed.clone(), known: known() });
        }
        Ok(())
    }

    fn follow(&mut self, prefix: &Path, steps: &[Step]) -> Result<(), FileError> {
        let Some((step, rest)) = steps.split_first() else {
            if !self.file(prefix)? {
                let listing = self.list(prefix)?;
                self.folder(listing);
            }
            return Ok(());
        };
        match step {
            Step::Literal(name) => self.follow(&below(prefix, name)?, rest),
            Step::Glob(pattern) => {
                let is_match = |path: &Path| path.filename().is_some_and(|name| matches(pattern, name));
                let listing = self.list(prefix)?;
                for folder in listing.common_prefixes.iter().filter(|folder| is_match(folder)) {
                    self.follow(folder, rest)?;
                }
                if rest.is_empty() {
                    self.found.extend(listing.objects.into_iter().filter(|object| is_match(&object.location)));
                }
                Ok(())
            }
            Step::AnyFolders => {
                let listing = self.list(prefix)?;
                for folder in &listing.common_prefixes {
                    if self.may_enter(folder) {
                        self.follow(folder, steps)?;
                    }
                }
                if rest.is_empty() {
                    self.folder(listing);
                    return Ok(());
                }
                self.follow(prefix, rest)
            }
        }
    }

    /// Takes `path` if it is a file.
    fn file(&mut self, path: &Path) -> Result<bool, FileError> {
        if path.is_root() {
            return Ok(false);
        }
        match self.stores.wait(self.store.head(path)) {
            Ok(object) => {
                self.found.push(object);
                Ok(true)
            }
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(FileError::from_store("open", &self.source.shown(path), &error)),
        }
    }

    /// Takes the data files of a folder.
    fn folder(&mut self, listing: ListResult) {
        for object in listing.objects {
            let name = object.location.filename().unwrap_or_default();
            if is_hidden(name) {
                continue;
            }
            if self.any_name || is_data_name(name) {
                self.found.push(object);
            } else {
                tracing::info!(file = %self.source.shown(&object.location), "left out: its ending is no data format");
            }
        }
    }

    fn list(&self, prefix: &Path) -> Result<ListResult, FileError> {
        let prefix = (!prefix.is_root()).then_some(prefix);
        let listing = self.stores.wait(self.store.list_with_delimiter(prefix));
        listing.map_err(|error| {
            let name = prefix.map_or_else(|| self.source.typed.as_str().into(), |prefix| self.source.shown(prefix));
            FileError::from_store("list", &name, &error)
        })
    }

    /// `**` goes into visible folders, but not through local links, which may lead back up.
    fn may_enter(&self, folder: &Path) -> bool {
        let is_link = || std::path::Path::new("/").join(folder.as_ref()).is_symlink();
        let is_left_out = folder.filename().is_some_and(is_hidden) || (&*self.source.root == LOCAL && is_link());
        !is_left_out
    }

    /// Only the local file system has folders with nothing in them.
    fn is_local_folder(&self) -> bool {
        &*self.source.root == LOCAL && std::path::Path::new("/").join(self.source.base.as_ref()).is_dir()
    }
}

fn below(prefix: &Path, name: &str) -> Result<Path, FileError> {
    Path::parse(format!("{prefix}/{name}"))
        .map_err(|error| FileError::BadLocation { name: name.to_owned(), cause: error.to_string() })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::files::tests::{fixture, resolve_one};

    fn tree(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "{}\n").unwrap();
        }
        folder
    }

    /// What a pattern below the folder finds, relative to it.
    fn find(folder: &tempfile::TempDir, pattern: &str) -> Result<Vec<String>, FileError> {
        let root = format!("{}/", folder.path().display());
        let files = resolve(&Stores::new()?, &[format!("{root}{pattern}")], None)?;
        Ok(files.iter().map(|file| file.location.name().strip_prefix(&root).unwrap().to_owned()).collect())
    }

    const TREE: [&str; 9] = [
        "a.jsonl",
        "b.csv.gz",
        "notes.txt",
        "_SUCCESS",
        ".a.jsonl.crc",
        "2015/c.jsonl",
        "2015/x/d.jsonl",
        "2016/c.jsonl",
        "_tmp/e.jsonl",
    ];

    #[test]
    fn patterns_find_what_they_say() {
        let folder = tree(&TREE);
        for (pattern, expected) in [
            ("a.jsonl", vec!["a.jsonl"]),
            ("", vec!["a.jsonl", "b.csv.gz"]),
            ("2015", vec!["2015/c.jsonl"]),
            ("?.jsonl", vec!["a.jsonl"]),
            ("[ab].*", vec!["a.jsonl", "b.csv.gz"]),
            ("201?/*.jsonl", vec!["2015/c.jsonl", "2016/c.jsonl"]),
            ("201[!5]/c.jsonl", vec!["2016/c.jsonl"]),
            ("*/c.jsonl", vec!["2015/c.jsonl", "2016/c.jsonl"]),
            ("201*", vec!["2015/c.jsonl", "2016/c.jsonl"]),
            ("**/*.jsonl", vec!["2015/c.jsonl", "2015/x/d.jsonl", "2016/c.jsonl", "a.jsonl"]),
            ("2015/**", vec!["2015/c.jsonl", "2015/x/d.jsonl"]),
            ("**/x/*", vec!["2015/x/d.jsonl"]),
            ("_tmp/*", vec!["_tmp/e.jsonl"]),
        ] {
            assert_eq!(find(&folder, pattern).unwrap(), expected, "{pattern}");
        }
    }

    #[test]
    fn a_link_that_leads_back_up_is_not_followed() {
        let folder = tree(&["a/b.jsonl"]);
        std::os::unix::fs::symlink(folder.path(), folder.path().join("a/up")).unwrap();
        assert_eq!(find(&folder, "**/*.jsonl").unwrap(), ["a/b.jsonl"]);
    }

    #[test]
    fn files_that_several_patterns_name_are_read_once_and_sorted() {
        let folder = tree(&TREE);
        let at = |name: &str| format!("{}/{name}", folder.path().display());
        let patterns =
            [at("2016/c.jsonl"), at("**/c.jsonl"), at("2015/../a.jsonl"), format!("file://{}", at("a.jsonl"))];
        let files = resolve(&Stores::new().unwrap(), &patterns, None).unwrap();
        let urls: Vec<String> = files.iter().map(|file| file.location.url()).collect();
        let real = folder.path().canonicalize().unwrap();
        let expected =
            ["2015/c.jsonl", "2016/c.jsonl", "a.jsonl"].map(|name| format!("file://{}/{name}", real.display()));
        assert_eq!(urls, expected);
    }

    #[test]
    fn what_is_not_there_is_named_as_typed() {
        let stores = Stores::new().unwrap();
        for typed in ["no/such/../file.csv", "no-such.csv", "no-such-*.csv", "no-such/"] {
            let error = resolve(&stores, &[typed.to_owned()], None).unwrap_err();
            assert!(error.to_string().contains(&format!("`{typed}`")) && error.is_input(), "{error}");
        }
        let folder = tree(&["only/notes.txt"]);
        assert!(matches!(find(&folder, "only").unwrap_err(), FileError::EmptyFolder { .. }));
        assert!(matches!(find(&folder, "").unwrap_err(), FileError::EmptyFolder { .. }));
        assert!(matches!(find(&folder, "only/*").unwrap_err(), FileError::UnknownFormat { .. }));
    }

    #[test]
    fn a_format_that_is_asked_for_reads_any_name() {
        let folder = tree(&["notes.txt"]);
        let format = Some("jsonl".parse().unwrap());
        let files = resolve(&Stores::new().unwrap(), &[folder.path().display().to_string()], format).unwrap();
        assert_eq!(files[0].format.to_string(), "jsonl");
    }

    #[test]
    fn empty_files_of_all_formats_hold_no_rows() {
        for name in ["a.jsonl", "a.csv.gz", "a.parquet", "a.zip", "a.csv.zip"] {
            let (_folder, path) = fixture(name, b"");
            let file = resolve_one(&path).unwrap();
            assert_eq!((file.size, file.rows.unwrap_or(0)), (0, 0), "{name}");
        }
    }

    #[test]
    fn the_fingerprint_sees_content_and_not_place() {
        let (_here, first) = fixture("a.jsonl", b"{}\n");
        let (_there, second) = fixture("a.jsonl", b"[]\n");
        let (_larger, third) = fixture("a.jsonl", b"{}\n{}\n");
        let print = |path| fingerprint(&[resolve_one(path).unwrap()]);
        assert_eq!(print(&first), print(&second));
        assert_ne!(print(&first), print(&third));
    }
}
