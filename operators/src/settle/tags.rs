//! The rows of one worker in the order of a tag: 32 bits of their identities.
//!
//! A sorted list of (tag, row), 8 bytes a row, stands in for a map from identity to row. Rows of equal identity have equal
//! tags, so only among rows of one tag must identities be looked at; and only a tag that several workers have can hide an
//! identity that several workers have. How many tags are shared by chance decides how long this takes, and nothing else.

use std::sync::Arc;

use crate::identity::{CopyNumber, RowIdentity, RowKey};

/// 32 bits of an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tag(pub(super) u32);

impl Tag {
    /// The bits are not those by which identities are shared out to workers.
    pub(super) const fn of(identity: RowIdentity) -> Self {
        Self((identity.0 >> 96) as u32)
    }

    /// The worker that hears who has this tag: ascending tags have ascending owners.
    pub(super) fn owner(self, peers: usize) -> u64 {
        ((u128::from(self.0) * peers as u128) >> 32) as u64
    }
}

/// A tag in the high half, the number of a row in the low half.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct TaggedRow(u64);

impl TaggedRow {
    const fn tag(self) -> Tag {
        Tag((self.0 >> 32) as u32)
    }

    const fn row(self) -> usize {
        self.0 as u32 as usize
    }
}

/// The identities of one worker's rows, and the rows by their tags.
#[derive(Debug)]
pub(super) struct TaggedRows {
    identities: Arc<Vec<RowIdentity>>,
    by_tag: Vec<TaggedRow>,
}

impl TaggedRows {
    /// Sorts the rows by their tags.
    ///
    /// # Panics
    /// With more than 2^32 rows on one worker: a forest is grown with 32 bits for a row, too.
    pub(super) fn of(identities: Arc<Vec<RowIdentity>>) -> Self {
        assert!(u32::try_from(identities.len()).is_ok(), "a worker has fewer than 2^32 rows; use more workers");
        let tagged = |(identity, row): (&RowIdentity, u64)| TaggedRow(u64::from(Tag::of(*identity).0) << 32 | row);
        let mut by_tag: Vec<TaggedRow> = identities.iter().zip(0..).map(tagged).collect();
        by_tag.sort_unstable();
        Self { identities, by_tag }
    }

    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.identities.len()
    }

    /// The tags, ascending, each once.
    pub(super) fn tags(&self) -> impl Iterator<Item = Tag> {
        self.by_tag.chunk_by(|a, b| a.tag() == b.tag()).map(|rows| rows[0].tag())
    }

    /// Gives every identity that has one of `tags` (ascending, each once) to `f`, with the number of its rows.
    pub(super) fn identities_of(&self, tags: &[Tag], mut f: impl FnMut(RowIdentity, u32)) {
        let mut rest = self.by_tag.as_slice();
        for tag in tags {
            let from = rest.partition_point(|row| row.tag() < *tag);
            let rows = rest[from..].partition_point(|row| row.tag() == *tag);
            self.runs(&rest[from..from + rows], |identity, rows| f(identity, rows.len() as u32));
            rest = &rest[from + rows..];
        }
    }

    /// The key of each row, in row order. The copies of an identity are numbered from `base` of it on, which is 0 for all
    /// that have none of `tags` (ascending, each once).
    pub(super) fn keys(&self, tags: &[Tag], base: impl Fn(RowIdentity) -> u32) -> Vec<RowKey> {
        let mut keys: Vec<RowKey> = self.identities.iter().map(|identity| identity.key(CopyNumber(0))).collect();
        let mut tags = tags.iter().peekable();
        for rows in self.by_tag.chunk_by(|a, b| a.tag() == b.tag()) {
            while tags.next_if(|tag| **tag < rows[0].tag()).is_some() {}
            let may_have_base = tags.peek() == Some(&&rows[0].tag());
            if rows.len() == 1 && !may_have_base {
                continue;
            }
            self.runs(rows, |identity, rows| {
                let base = if may_have_base { base(identity) } else { 0 };
                for ((_, row), copy) in rows.iter().zip(base..) {
                    keys[*row] = identity.key(CopyNumber(copy));
                }
            });
        }
        keys
    }

    /// Gives each identity of some rows to `f`, with its rows.
    fn runs(&self, rows: &[TaggedRow], mut f: impl FnMut(RowIdentity, &[(RowIdentity, usize)])) {
        let mut rows: Vec<(RowIdentity, usize)> =
            rows.iter().map(|row| (self.identities[row.row()], row.row())).collect();
        rows.sort_unstable();
        rows.chunk_by(|a, b| a.0 == b.0).for_each(|rows| f(rows[0].0, rows));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_share_all_tags_in_order() {
        for peers in [1, 2, 3, 7, 1000] {
            let owners: Vec<u64> = (0..=1000).map(|part| Tag((u32::MAX / 1000) * part).owner(peers)).collect();
            assert!(owners.is_sorted());
            assert_eq!((owners[0], Tag(u32::MAX).owner(peers)), (0, peers as u64 - 1));
        }
    }
}
