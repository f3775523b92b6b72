//! Where models are kept: a folder of this computer, named by its plain path, or one in a store, named by its URL.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use flightline_connectors::files::OutputFolder;
use flightline_engine::config::{Rejection, Setting, Value};

use super::file_url::{FileUrl, local_territory};

/// A folder of models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelsPlace {
    /// On this computer.
    Folder(PathBuf),
    /// In a store.
    Store(FileUrl),
}

impl ModelsPlace {
    /// The place as a path that can be compared with others: absolute, and with the store in front.
    pub(super) fn territory(&self) -> PathBuf {
        match self {
            Self::Folder(folder) => local_territory(folder),
            Self::Store(url) => url.territory(),
        }
    }

    /// Reads what stands in a flag.
    ///
    /// # Errors
    /// What is wrong with it, and what to write.
    pub fn of_flag(text: &str) -> Result<Self, String> {
        text.parse().map_err(|Rejection { wrong, remedy }| match remedy {
            Some(remedy) => format!("{text:?}, {wrong}: {remedy}"),
            None => format!("{text:?}, {wrong}"),
        })
    }
}

impl FromStr for ModelsPlace {
    type Err = Rejection;

    fn from_str(text: &str) -> Result<Self, Rejection> {
        if OutputFolder::is_meant_by(text) {
            return text.parse().map(Self::Store);
        }
        match text.split_once(':') {
            Some(("file", plain)) => {
                let plain = plain.strip_prefix("//").unwrap_or(plain);
                Err(Rejection::with_remedy(
                    "which is the URL of a local folder",
                    format!("write the path alone, \"{plain}\""),
                ))
            }
            Some((scheme, rest)) if rest.starts_with("//") || scheme == "embedded" => {
                Err(Rejection::with_remedy("which is no URL of a store", Self::wanted()))
            }
            _ => Ok(Self::Folder(text.into())),
        }
    }
}

impl fmt::Display for ModelsPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => folder.display().fmt(f),
            Self::Store(url) => url.fmt(f),
        }
    }
}

impl Setting for ModelsPlace {
    fn wanted() -> String {
        "the path of a folder, such as \"models\", or a URL of hdfs:, s3: or gs:".to_owned()
    }

    fn from_value(value: &Value) -> Result<Self, Rejection> {
        String::from_value(value)?.parse()
    }

    fn to_value(&self) -> Value {
        Value::Text(self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_plain_path_or_a_url_of_a_store() {
        for path in ["models", "/srv/models", "../a b", "a:b"] {
            assert_eq!(ModelsPlace::of_flag(path), Ok(ModelsPlace::Folder(path.into())), "{path}");
        }
        for (wrong, told) in [
            ("file:/srv/models", "write the path alone, \"/srv/models\""),
            ("ftp://host/models", "hdfs:, s3: or gs:"),
            ("embedded:models", "no URL of a store"),
        ] {
            let error = ModelsPlace::of_flag(wrong).unwrap_err();
            assert!(error.contains(told) && error.contains(wrong), "{error}");
        }
    }

    #[test]
    #[cfg(feature = "s3")]
    fn a_url_is_looked_at_as_those_of_state_and_answers_are() {
        let place: ModelsPlace = "s3://bucket/models/".parse().unwrap();
        assert_eq!(place.to_string(), "s3://bucket/models/");
        assert!(place.territory().starts_with("s3:/bucket"));
        assert!(ModelsPlace::of_flag("s3://bucket").unwrap_err().contains("lacks the path"));
    }

    #[test]
    #[cfg(not(any(feature = "hdfs", feature = "s3", feature = "gs")))]
    fn a_store_that_is_not_built_in_is_named_with_its_feature() {
        let error = ModelsPlace::of_flag("gs://bucket/models").unwrap_err();
        assert!(error.contains("--features gs"), "{error}");
    }
}
