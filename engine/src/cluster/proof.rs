//! How a process proves that it knows the secret: a tag (HMAC-SHA-256) over all that was said on the connection so far.
//!
//! Both sides have put a fresh random number into what was said, so a tag is good on one connection only; and each step has
//! a label of its own, so that what one side says is never what the other has to.

use std::fmt;
use std::io;

use hmac::Mac;

use super::secret::MeshSecret;

/// The bytes of a tag.
pub(super) const TAG_LENGTH: usize = 32;

/// The bytes of a nonce.
pub(super) const NONCE_LENGTH: usize = 32;

/// Which step a tag belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// From who listens, to a call.
    Challenge,
    /// From who calls, to the challenge.
    Proof,
    /// From who listens, to the proof.
    Verdict,
}

impl Step {
    /// None is the beginning of another one.
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Challenge => b"flightline mesh 2, listener's challenge\0",
            Self::Proof => b"flightline mesh 2, caller's proof\0",
            Self::Verdict => b"flightline mesh 2, listener's verdict\0",
        }
    }

    /// The tag of this step after all that was said, this step's own bytes before the tag included.
    pub(super) fn tag(self, secret: &MeshSecret, said: &[u8]) -> [u8; TAG_LENGTH] {
        secret.mac().chain_update(self.label()).chain_update(said).finalize().into_bytes().into()
    }

    /// Whether that is the tag, in a time that tells nothing about it.
    pub(super) fn is_tag(self, secret: &MeshSecret, said: &[u8], tag: &[u8]) -> bool {
        secret.mac().chain_update(self.label()).chain_update(said).verify_slice(tag).is_ok()
    }
}

/// A random number that nobody has used before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Nonce(pub(super) [u8; NONCE_LENGTH]);

/// Where nonces come from.
pub(super) trait Nonces: fmt::Debug + Send + Sync {
    /// A new one.
    fn fresh(&self) -> io::Result<Nonce>;
}

/// The operating system's random numbers.
#[derive(Debug)]
pub(super) struct SystemNonces;

impl Nonces for SystemNonces {
    fn fresh(&self) -> io::Result<Nonce> {
        let mut bytes = [0; NONCE_LENGTH];
        getrandom::fill(&mut bytes)?;
        Ok(Nonce(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_good_for_its_step_its_bytes_and_its_secret_only() {
        let secret = MeshSecret::from_bytes(b"a secret of ours");
        let tag = Step::Challenge.tag(&secret, b"said");
        assert!(Step::Challenge.is_tag(&secret, b"said", &tag));
        assert!(!Step::Proof.is_tag(&secret, b"said", &tag));
        assert!(!Step::Verdict.is_tag(&secret, b"said", &tag));
        assert!(!Step::Challenge.is_tag(&secret, b"sais", &tag));
        assert!(!Step::Challenge.is_tag(&secret, b"said", &tag[..31]));
        assert!(!Step::Challenge.is_tag(&MeshSecret::from_bytes(b"another secret.."), b"said", &tag));
    }

    #[test]
    fn the_systems_nonces_are_new_each_time() {
        assert_ne!(SystemNonces.fresh().unwrap(), SystemNonces.fresh().unwrap());
    }
}
