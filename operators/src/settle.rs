//! Numbers the copies of equal rows, wherever they were read.
//!
//! ```text
//! rows -> [TagRows] -- tags, to the tag's owner --> [FindShared] -- tags of several workers, to those --> [ClaimCopies]
//!            |                                                                                                |
//!            +-> [RowKeys] <-- where numbers begin, to the claimant -- [SettleCopies] <-- claims, to the identity's owner
//! ```
//!
//! Each worker numbers its own copies of an identity from 0. Only identities that several workers *may* have are spoken of:
//! a worker first says which 32-bit tags its rows have, and hears which of them others have, too. For those it claims how
//! many copies of each identity it has, and the identity's owner tells every claimant but the first where its numbers
//! begin. Workers come in index order, though any order would do: equal rows can't be told apart, so the *set* of
//! (identity, copy number) pairs is the same for any split of rows.

mod tags;

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::{Enter, Leave};
use timely::progress::Timestamp;

use self::tags::{Tag, TaggedRows};
use crate::columns::StableHasher;
use crate::flow::{VecStream, fold_at_end, join_at_end, to_worker};
use crate::identity::{RowIdentity, RowKey};

/// Tags in one message.
const TAGS_AT_ONCE: usize = 1 << 16;

/// Tags of one worker's rows, ascending and each once: those that it has, or as an answer, those that others have, too.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct TagsOf {
    worker: u32,
    owner: u64,
    tags: Vec<u32>,
}

/// How many rows of one identity a worker has; as an answer, where its copy numbers begin.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Claim {
    identity: RowIdentity,
    worker: u32,
    copies: u32,
}

/// Gives each worker the [`RowKey`] of each of its rows, in row order.
///
/// `rows` carries one list of identities per worker.
pub fn settle_keys<'scope, T: Timestamp>(
    rows: VecStream<'scope, T, Arc<Vec<RowIdentity>>>,
) -> VecStream<'scope, T, Rc<Vec<RowKey>>> {
    let scope = rows.scope();
    scope.region_named("SettleKeys", |inner| settle_in(rows.enter(inner)).leave(scope))
}

fn settle_in<'scope, T: Timestamp>(
    rows: VecStream<'scope, T, Arc<Vec<RowIdentity>>>,
) -> VecStream<'scope, T, Rc<Vec<RowKey>>> {
    let scope = rows.scope();
    let (worker, peers) = (scope.index() as u32, scope.peers());
    let tagged = fold_at_end(rows, Pipeline, "TagRows", Vec::new(), Vec::push, |lists| {
        lists.into_iter().map(|identities| Rc::new(TaggedRows::of(identities))).collect()
    });
    let said = fold_at_end(tagged.clone(), Pipeline, "SayTags", Vec::new(), Vec::push, move |lists| {
        // A lone worker has all copies already: nothing to ask.
        if peers == 1 { Vec::new() } else { lists.iter().flat_map(|list| tags_of(list, worker, peers)).collect() }
    });
    let by_owner = to_worker(|said: &TagsOf| said.owner);
    let shared = fold_at_end(said, by_owner, "FindShared", Vec::new(), Vec::push, |said| shared_tags(&said));
    let by_worker = to_worker(|said: &TagsOf| u64::from(said.worker));
    let claims = join_at_end(tagged.clone(), Pipeline, shared, by_worker, "ClaimCopies", move |lists, shared| {
        let shared = ascending(shared.into_iter().flat_map(|said| said.tags).map(Tag));
        lists.iter().flat_map(|list| claims_of(list, &shared, worker)).collect()
    });
    let by_identity = to_worker(|claim: &Claim| claim.identity.0 as u64);
    let bases = fold_at_end(claims, by_identity, "SettleCopies", Vec::new(), Vec::push, assign_bases);
    let by_claimant = to_worker(|claim: &Claim| u64::from(claim.worker));
    join_at_end(tagged, Pipeline, bases, by_claimant, "RowKeys", |lists, bases| {
        lists.iter().map(|list| Rc::new(keys_of(list, &bases))).collect()
    })
}

/// A worker's tags in messages to their owners; every owner hears of each worker at most what it has.
fn tags_of(rows: &TaggedRows, worker: u32, peers: usize) -> Vec<TagsOf> {
    let mut said: Vec<TagsOf> = Vec::new();
    for tag in rows.tags() {
        let owner = tag.owner(peers);
        match said.last_mut() {
            Some(last) if last.owner == owner && last.tags.len() < TAGS_AT_ONCE => last.tags.push(tag.0),
            _ => {
                let mut tags = Vec::with_capacity(TAGS_AT_ONCE.min(rows.len()));
                tags.push(tag.0);
                said.push(TagsOf { worker, owner, tags });
            }
        }
    }
    said
}

/// The owner's answer: what of the tags that it has heard was said by several workers, to each of them.
fn shared_tags(said: &[TagsOf]) -> Vec<TagsOf> {
    let mut all: Vec<u32> = said.iter().flat_map(|said| &said.tags).copied().collect();
    // Ascending runs: what a stable merge sort is fastest at.
    all.sort();
    let several: Vec<u32> = all.chunk_by(|a, b| a == b).filter(|equal| equal.len() > 1).map(|equal| equal[0]).collect();
    let answer = |said: &TagsOf| {
        let tags = said.tags.iter().copied().filter(|tag| several.binary_search(tag).is_ok()).collect();
        TagsOf { tags, ..*said }
    };
    said.iter().map(answer).filter(|answer| !answer.tags.is_empty()).collect()
}

fn claims_of(rows: &TaggedRows, shared: &[Tag], worker: u32) -> Vec<Claim> {
    let mut claims = Vec::new();
    rows.identities_of(shared, |identity, copies| claims.push(Claim { identity, worker, copies }));
    claims
}

/// The owner's answer to all claims on its identities: a base for each worker that does not begin at 0.
fn assign_bases(mut claims: Vec<Claim>) -> Vec<Claim> {
    claims.sort_unstable_by_key(|claim| (claim.identity, claim.worker));
    let mut answers = Vec::new();
    for equal in claims.chunk_by(|a, b| a.identity == b.identity) {
        let mut base = 0;
        for claim in equal {
            if base > 0 {
                answers.push(Claim { copies: base, ..*claim });
            }
            base += claim.copies;
        }
    }
    answers
}

fn keys_of(rows: &TaggedRows, bases: &[Claim]) -> Vec<RowKey> {
    let tags = ascending(bases.iter().map(|claim| Tag::of(claim.identity)));
    let bases: HashMap<RowIdentity, u32, StableHasher> =
        bases.iter().map(|claim| (claim.identity, claim.copies)).collect();
    rows.keys(&tags, |identity| bases.get(&identity).copied().unwrap_or(0))
}

fn ascending(tags: impl Iterator<Item = Tag>) -> Vec<Tag> {
    let mut tags: Vec<Tag> = tags.collect();
    tags.sort_unstable();
    tags.dedup();
    tags
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::identity::CopyNumber;

    /// The naive way, as if all rows were on one worker.
    fn keys_by_counting(rows: &[RowIdentity]) -> Vec<RowKey> {
        let mut copies: HashMap<RowIdentity, u32> = HashMap::new();
        let mut key = |identity: &RowIdentity| {
            let copy = copies.entry(*identity).or_default();
            *copy += 1;
            identity.key(CopyNumber(*copy - 1))
        };
        rows.iter().map(&mut key).collect()
    }

    /// The whole exchange without a dataflow.
    fn settle(workers: &[Vec<RowIdentity>]) -> (Vec<Vec<RowKey>>, usize) {
        let lists: Vec<TaggedRows> = workers.iter().map(|rows| TaggedRows::of(Arc::new(rows.clone()))).collect();
        let said = lists.iter().zip(0..).flat_map(|(list, worker)| tags_of(list, worker, workers.len()));
        let mut by_owner: HashMap<u64, Vec<TagsOf>> = HashMap::new();
        said.for_each(|said| by_owner.entry(said.owner).or_default().push(said));
        let shared: Vec<TagsOf> = by_owner.values().flat_map(|said| shared_tags(said)).collect();
        let claims: Vec<Claim> = (0..)
            .zip(&lists)
            .flat_map(|(worker, list)| {
                let mine = shared.iter().filter(|said| said.worker == worker).flat_map(|said| &said.tags);
                claims_of(list, &ascending(mine.copied().map(Tag)), worker)
            })
            .collect();
        let claimed = claims.len();
        let bases = assign_bases(claims);
        let keys = (0..).zip(&lists).map(|(worker, list)| {
            let mine: Vec<Claim> = bases.iter().filter(|claim| claim.worker == worker).copied().collect();
            keys_of(list, &mine)
        });
        (keys.collect(), claimed)
    }

    proptest! {
        #[test]
        fn any_split_of_the_rows_gives_the_same_keys(
            rows in prop::collection::vec((0_u32..4, 0_u128..5, 0_usize..4), 0..200), peers in 1_usize..5,
        ) {
            // Few tags with several identities each, at both ends of the range and between.
            let identity = |tag: u32, rest: u128| RowIdentity(u128::from([0, 7, 1 << 31, u32::MAX][tag as usize]) << 96 | rest);
            let mut workers = vec![Vec::new(); peers];
            for (tag, rest, worker) in &rows {
                workers[worker % peers].push(identity(*tag, *rest));
            }
            let (split, _) = settle(&workers);
            for (rows, keys) in workers.iter().zip(&split) {
                prop_assert_eq!(rows.len(), keys.len());
                for (row, key) in rows.iter().zip(keys) {
                    prop_assert!((0..200).any(|copy| row.key(CopyNumber(copy)) == *key), "a key of another row");
                }
            }
            let all: Vec<RowIdentity> = workers.iter().flatten().copied().collect();
            let (mut split, mut whole) = (split.concat(), keys_by_counting(&all));
            split.sort_unstable();
            whole.sort_unstable();
            prop_assert_eq!(&split, &whole);
            whole.dedup();
            prop_assert_eq!(whole.len(), rows.len(), "every copy has its own key");
        }
    }

    #[test]
    fn identities_of_one_worker_alone_are_not_spoken_of() {
        let rows = |from: u128| (from..from + 1000).map(|tag| RowIdentity(tag << 96)).collect::<Vec<_>>();
        assert_eq!(settle(&[rows(0), rows(1000)]).1, 0);
        assert_eq!(settle(&[rows(0), rows(999)]).1, 2, "one identity, claimed by both");
    }
}
