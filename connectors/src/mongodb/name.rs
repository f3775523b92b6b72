//! Names of collections as users write them: `DATABASE.COLLECTION`.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The longest name of a database, in bytes.
const LONGEST_DATABASE: usize = 63;
/// The longest name of a collection with its database, in bytes.
const LONGEST: usize = 235;

/// A collection of a database.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MongoName {
    database: Box<str>,
    collection: Box<str>,
}

/// What is no name of a collection.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "`{name}` names no collection of MongoDB: {cause}; write DATABASE.COLLECTION, such as agile_data_science.flights"
)]
pub struct MongoNameError {
    name: String,
    cause: &'static str,
}

impl MongoName {
    /// The database.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The collection in it.
    #[must_use]
    pub fn collection(&self) -> &str {
        &self.collection
    }
}

impl FromStr for MongoName {
    type Err = MongoNameError;

    fn from_str(name: &str) -> Result<Self, MongoNameError> {
        let wrong = |cause| MongoNameError { name: name.to_owned(), cause };
        let (database, collection) = name.split_once('.').ok_or_else(|| wrong("it has no `.`"))?;
        if database.is_empty() || collection.is_empty() {
            return Err(wrong("one of its parts is empty"));
        }
        if database.len() > LONGEST_DATABASE || name.len() > LONGEST {
            return Err(wrong("it is too long"));
        }
        if database.contains(|sign: char| "/\\\"*<>:|?".contains(sign) || sign.is_whitespace())
            || name.contains(['$', '\0'])
        {
            return Err(wrong("it has a character that names can't have"));
        }
        if collection.starts_with("system.") {
            return Err(wrong("collections below `system.` are the server's"));
        }
        Ok(Self { database: database.into(), collection: collection.into() })
    }
}

impl fmt::Display for MongoName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.database, self.collection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_ends_at_the_first_dot() {
        let name: MongoName = "agile_data_science.flight.delay".parse().unwrap();
        assert_eq!((name.database(), name.collection()), ("agile_data_science", "flight.delay"));
        assert_eq!(name.to_string(), "agile_data_science.flight.delay");
    }

    #[test]
    fn what_a_server_would_refuse_is_refused_here() {
        let long = format!("{}.c", "d".repeat(64));
        for name in ["", "flights", ".c", "d.", "d b.c", "d/b.c", "d.c$x", "d.c\0", "d.system.users", &long] {
            let error = name.parse::<MongoName>().unwrap_err().to_string();
            assert!(error.contains("DATABASE.COLLECTION"), "{error}");
        }
    }
}
