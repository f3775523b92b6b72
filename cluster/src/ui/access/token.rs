//! The token: never shown, never kept as it is, compared in constant time.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use thiserror::Error;

/// The fewest characters of a token. Ours are random and longer.
const FEWEST: usize = 16;

/// What somebody must know to see the pages. Only its hash is kept.
#[derive(Clone)]
pub struct Token([u8; 32]);

/// A token that could be guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "the token for the pages has {length} characters: at least {FEWEST} are needed; `openssl rand -hex 32` makes one"
)]
pub struct WeakToken {
    length: usize,
}

impl Token {
    /// The token with this text.
    ///
    /// # Errors
    /// It is too short.
    pub fn new(text: &str) -> Result<Self, WeakToken> {
        let length = text.chars().count();
        if length < FEWEST { Err(WeakToken { length }) } else { Ok(Self(hash(text))) }
    }

    /// Whether this text is it. How long that takes says nothing about it.
    pub(super) fn is(&self, text: &str) -> bool {
        self.0.ct_eq(&hash(text)).into()
    }
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_never_shown() {
        let token = Token::new("0123456789abcdef").unwrap();
        assert_eq!(format!("{token:?}"), "Token(..)");
        assert!(token.is("0123456789abcdef") && !token.is("0123456789abcdeF") && !token.is(""));
    }

    #[test]
    fn what_could_be_guessed_is_refused_and_not_told() {
        let error = Token::new("hunter2").unwrap_err().to_string();
        assert!(error.contains("has 7 characters") && !error.contains("hunter2"), "{error}");
    }
}
