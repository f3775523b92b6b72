//! Names of topics and collections: they become names of files, so they must never be paths.

use super::EmbeddedError;

/// The longest name, in bytes: file systems end at 255, and an ending is added.
const LONGEST: usize = 200;

/// The name, if it can stand for a file on every system.
pub(super) fn checked(kind: &'static str, name: &str) -> Result<Box<str>, EmbeddedError> {
    let usable = name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.len() <= LONGEST
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if usable { Ok(name.into()) } else { Err(EmbeddedError::BadName { kind, name: name.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_the_seed_are_names() {
        for name in ["flight-delay-ml-request", "agile_data_science.flight_delay_ml_response", "a", "0"] {
            assert_eq!(&*checked("topic", name).unwrap(), name);
        }
    }

    #[test]
    fn a_path_or_a_hidden_file_is_no_name() {
        let long = "a".repeat(LONGEST + 1);
        for name in ["", ".", "..", ".hidden", "-x", "a/b", "a\\b", "../a", "a b", "ä", "a\0", &long] {
            let error = checked("topic", name).unwrap_err();
            assert!(error.to_string().contains("can't name a topic"), "{error}");
        }
    }
}
