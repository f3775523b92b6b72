//! How much a growing forest may take: what a stated budget of memory sets.
//!
//! The limits are the same on each worker, and reach no result but one: a forest that would be too large is not grown.

/// What growing may take on a worker, and what the forest may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrowLimits {
    /// Bytes that the bags and histograms of the trees that grow at once may take on a worker, about; one tree grows in any
    /// case. It reaches no result.
    pub bytes_at_once: u64,
    /// The most bytes of all trees together ([`Node::bytes`](crate::forest::Node::bytes)). A forest of more is given up: no
    /// worker gets any.
    pub most_bytes: u64,
}

impl GrowLimits {
    /// What trees take that grow at once, where nobody says otherwise: 32 MiB.
    pub const BYTES_AT_ONCE: u64 = 32 << 20;
}

impl Default for GrowLimits {
    fn default() -> Self {
        Self { bytes_at_once: Self::BYTES_AT_ONCE, most_bytes: u64::MAX }
    }
}
