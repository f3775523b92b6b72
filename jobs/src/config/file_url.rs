//! URLs of files and folders, on this computer or on a store that this build can use.

use std::fmt;
use std::path::{self, Path, PathBuf};
use std::str::FromStr;

use flightline_connectors::files::sink::with_folder;
use flightline_engine::config::{Rejection, Setting, Value};

/// Stores that are not this computer: scheme, cargo feature, whether that is built in, whether a host must be named.
const STORES: [(&str, &str, bool, bool); 5] = [
    ("hdfs", "hdfs", cfg!(feature = "hdfs"), false),
    ("viewfs", "hdfs", cfg!(feature = "hdfs"), true),
    ("s3", "s3", cfg!(feature = "s3"), true),
    ("s3a", "s3", cfg!(feature = "s3"), true),
    ("gs", "gs", cfg!(feature = "gs"), true),
];

/// Where a file or folder is: `file:PATH`, or a URL of a store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileUrl {
    written: Box<str>,
    location: Box<str>,
    is_local: bool,
}

impl FileUrl {
    /// What the connectors of files take: a plain path on this computer, else the URL.
    #[must_use]
    pub fn location(&self) -> &str {
        &self.location
    }

    /// The path, if it is on this computer.
    #[must_use]
    pub fn local(&self) -> Option<&Path> {
        self.is_local.then(|| Path::new(&*self.location))
    }

    /// The folder of answers that a URL names; one of HDFS that names none has its own.
    ///
    /// # Errors
    /// It is no URL of a folder.
    pub(super) fn of_answers(url: &str) -> Result<Self, Rejection> {
        let whole: Self = with_folder(url).parse()?;
        Ok(Self { written: url.into(), ..whole })
    }

    /// Whether URLs of this scheme are for this type, whether this build can use them or not.
    pub(super) fn has_scheme(scheme: &str) -> bool {
        scheme == "file" || STORES.iter().any(|(store, ..)| *store == scheme)
    }

    /// All schemes.
    pub(super) fn schemes() -> impl Iterator<Item = &'static str> {
        std::iter::once("file").chain(STORES.iter().map(|(scheme, ..)| *scheme))
    }

    /// The place as a path that can be compared with others: absolute, and with the store in front.
    pub(super) fn territory(&self) -> PathBuf {
        match self.local() {
            Some(path) => local_territory(path),
            None => self.location.split('/').filter(|part| !part.is_empty()).collect(),
        }
    }
}

/// A path of this computer as [`FileUrl::territory`] has it.
pub(super) fn local_territory(path: &Path) -> PathBuf {
    // Without a working folder a relative path still compares with its like.
    path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

impl FromStr for FileUrl {
    type Err = Rejection;

    fn from_str(url: &str) -> Result<Self, Rejection> {
        let Some((scheme, rest)) = url.split_once(':').filter(|(scheme, _)| Self::has_scheme(scheme)) else {
            return Err(Rejection::with_remedy("which is no URL of a file or folder", format!("write file:{url}")));
        };
        if let Some(sign) = rest.chars().find(|sign| "*?[".contains(*sign)) {
            let wrong = format!("which has {sign:?} in it, and a pattern can't be used here");
            return Err(Rejection::with_remedy(wrong, "name one file or folder"));
        }
        if scheme == "file" {
            let location = local_path(rest)?;
            return Ok(Self { written: url.into(), location: location.into(), is_local: true });
        }
        for (store, feature, is_built_in, needs_host) in STORES {
            if store == scheme {
                let known = is_built_in.then_some(()).ok_or_else(|| not_built_in(scheme, feature));
                return known.and_then(|()| remote(url, rest, needs_host));
            }
        }
        Err(Rejection::new("which is of no known scheme"))
    }
}

fn not_built_in(scheme: &str, feature: &str) -> Rejection {
    let wrong = format!("and this build has no {scheme}: connector");
    Rejection::with_remedy(wrong, format!("build with `--features {feature}`, or write file:PATH"))
}

fn remote(url: &str, rest: &str, needs_host: bool) -> Result<FileUrl, Rejection> {
    let bad = |wrong: &str| Err(Rejection::with_remedy(wrong, "write SCHEME://HOST-OR-BUCKET/PATH"));
    let Some(rest) = rest.strip_prefix("//") else { return bad("which lacks `//` after the scheme") };
    match rest.split_once('/').unwrap_or((rest, "")) {
        ("", _) if needs_host => bad("which lacks the host or bucket"),
        (_, path) if path.trim_matches('/').is_empty() => bad("which lacks the path"),
        (_, path) if path.split('/').any(|part| part == "..") => bad("which has `..` in it"),
        _ => Ok(FileUrl { written: url.into(), location: url.trim_end_matches('/').into(), is_local: false }),
    }
}

/// The plain path that follows `file:`.
fn local_path(rest: &str) -> Result<String, Rejection> {
    let path = match rest.strip_prefix("//") {
        Some(rest) => rest.strip_prefix("localhost").unwrap_or(rest),
        None => rest,
    };
    if rest.starts_with("//") && !path.starts_with('/') {
        let remedy = format!("write file:{path} for a path that starts in the working directory, or file:///PATH");
        return Err(Rejection::with_remedy("which has no path after its host", remedy));
    }
    let decoded = percent_decoded(path).ok_or_else(|| {
        Rejection::with_remedy("which has a malformed %-escape", "write %25 for a percent sign in a name")
    })?;
    match decoded.trim_end_matches('/') {
        "" => Err(Rejection::with_remedy("which lacks the path", "write file:PATH")),
        // With such a name the connectors of files would see a URL.
        path if path.contains("://") => Err(Rejection::with_remedy("which has `://` in its path", "write file:PATH")),
        path => Ok(path.to_owned()),
    }
}

/// `None` for an escape that is none, or that hides what may not be in a path.
fn percent_decoded(path: &str) -> Option<String> {
    let mut parts = path.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let digits = part.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).ok().filter(|path| !path.chars().any(|sign| sign.is_control() || "*?[".contains(sign)))
}

impl fmt::Display for FileUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl Setting for FileUrl {
    fn wanted() -> String {
        "file:PATH, or the URL of a store".to_owned()
    }

    fn from_value(value: &Value) -> Result<Self, Rejection> {
        String::from_value(value)?.parse()
    }

    fn to_value(&self) -> Value {
        Value::Text(self.written.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> String {
        url.parse::<FileUrl>().unwrap_err().to_string()
    }

    #[test]
    fn a_file_url_may_be_relative() {
        for (url, location) in [
            ("file:state/job/", "state/job"),
            ("file:/var/state", "/var/state"),
            ("file:///var/a%20b", "/var/a b"),
            ("file://localhost/var/state", "/var/state"),
            ("file:../x", "../x"),
            ("file:50%25", "50%"),
        ] {
            let parsed: FileUrl = url.parse().unwrap();
            assert_eq!((parsed.location(), parsed.to_string().as_str()), (location, url));
            assert_eq!(parsed.local(), Some(Path::new(location)));
        }
    }

    #[test]
    fn what_is_no_place_of_a_file_is_refused_with_a_way_out() {
        for (url, told) in [
            ("state", "write file:state"),
            ("file:", "lacks the path"),
            ("file:///", "lacks the path"),
            ("file://state/job", "write file:state/job"),
            ("file:a%2", "malformed %-escape"),
            ("file:a%00", "malformed %-escape"),
            ("file:a%ff", "malformed %-escape"),
            ("file:a%é", "malformed %-escape"),
            ("file:*.jsonl", "pattern"),
            ("file:s3://x", "://"),
        ] {
            assert!(refused(url).contains(told), "{url}: {}", refused(url));
        }
    }

    #[test]
    #[cfg(not(any(feature = "hdfs", feature = "s3", feature = "gs")))]
    fn a_missing_feature_is_named() {
        for (url, feature) in [("hdfs://nn:8020/x", "hdfs"), ("s3a://bucket/x", "s3"), ("gs://bucket/x", "gs")] {
            let scheme = url.split(':').next().unwrap();
            assert!(refused(url).contains(&format!("this build has no {scheme}: connector")), "{}", refused(url));
            assert!(refused(url).contains(&format!("--features {feature}")), "{}", refused(url));
        }
    }

    #[test]
    fn stores_need_a_host_and_a_path() {
        assert_eq!(remote("s3://b/x/", "//b/x/", true).unwrap().location(), "s3://b/x");
        assert_eq!(remote("hdfs:///x", "///x", false).unwrap().location(), "hdfs:///x");
        for (rest, needs_host) in [("b/x", true), ("///x", true), ("//b", true), ("//b//", true), ("//b/../x", false)] {
            assert!(remote("url", rest, needs_host).is_err(), "{rest}");
        }
    }

    #[test]
    #[cfg(feature = "hdfs")]
    fn answers_in_hdfs_have_a_folder_of_their_own() {
        for url in ["hdfs://nn:8020", "hdfs://nn:8020/", "hdfs://nn:8020//"] {
            let parsed = FileUrl::of_answers(url).unwrap();
            assert_eq!(parsed.location(), "hdfs://nn:8020/user/flight_predictions");
            assert_eq!(parsed.to_string(), url);
        }
        assert_eq!(FileUrl::of_answers("hdfs://nn/mine").unwrap().location(), "hdfs://nn/mine");
        assert!(refused("hdfs://nn:8020").contains("lacks the path"), "of anything but answers");
    }

    #[test]
    fn territories_tell_what_lies_in_what() {
        let of = |url: &str| url.parse::<FileUrl>().unwrap().territory();
        assert!(of("file:a/b").starts_with(of("file:./a")));
        assert!(!of("file:ab").starts_with(of("file:a")));
        let here = std::env::current_dir().unwrap();
        assert_eq!(of("file:a"), of(&format!("file://{}/a/", here.display())));
    }
}
