//! The token as the pages know it: by its hash, compared in constant time.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::secret::Token;

/// What somebody must know to see the pages.
pub(super) struct Known([u8; 32]);

impl Known {
    pub(super) fn new(token: &Token) -> Self {
        Self(hash(token.reveal()))
    }

    /// Whether this text is the token. How long that takes says nothing about it.
    pub(super) fn is(&self, text: &str) -> bool {
        self.0.ct_eq(&hash(text)).into()
    }
}

fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_is_it() {
        let known = Known::new(&Token::new("0123456789abcdef"));
        assert!(known.is("0123456789abcdef"));
        for wrong in ["", "0123456789abcdeF", "0123456789abcde", "0123456789abcdef0"] {
            assert!(!known.is(wrong), "{wrong}");
        }
    }
}
