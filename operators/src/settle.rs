//! Numbers the copies of equal rows, wherever they were read.
//!
//! Each worker numbers its own copies of an identity from 0; the identity's owner hears how many each worker has and
//! tells every worker but the first where its numbers begin. Workers come in index order, though any order would do:
//! equal rows can't be told apart, so the *set* of (identity, copy number) pairs is the same for any split of rows.

use std::collections::HashMap;
use std::rc::Rc;

use serde::{Deserialize, Serialize};
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::{Enter, Leave};
use timely::progress::Timestamp;

use crate::columns::StableHasher;
use crate::flow::{VecStream, fold_at_end, join_at_end, to_worker};
use crate::identity::{CopyNumber, RowIdentity, RowKey};

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
    rows: VecStream<'scope, T, Rc<Vec<RowIdentity>>>,
) -> VecStream<'scope, T, Rc<Vec<RowKey>>> {
    let scope = rows.scope();
    scope.region_named("SettleKeys", |inner| settle_in(rows.enter(inner)).leave(scope))
}

fn settle_in<'scope, T: Timestamp>(
    rows: VecStream<'scope, T, Rc<Vec<RowIdentity>>>,
) -> VecStream<'scope, T, Rc<Vec<RowKey>>> {
    let scope = rows.scope();
    let (worker, peers) = (scope.index() as u32, scope.peers());
    let claims = fold_at_end(rows.clone(), Pipeline, "CountCopies", Vec::new(), Vec::push, move |lists| {
        // A lone worker has all copies already: nothing to ask.
        if peers == 1 { Vec::new() } else { lists.iter().flat_map(|list| claims_of(list, worker)).collect() }
    });
    let by_identity = to_worker(|claim: &Claim| claim.identity.0 as u64);
    let bases = fold_at_end(claims, by_identity, "SettleCopies", Vec::new(), Vec::push, assign_bases);
    let by_claimant = to_worker(|claim: &Claim| u64::from(claim.worker));
    join_at_end(rows, Pipeline, bases, by_claimant, "RowKeys", |lists, bases| {
        let bases: HashMap<RowIdentity, u32, StableHasher> =
            bases.into_iter().map(|claim| (claim.identity, claim.copies)).collect();
        lists.into_iter().map(|list| Rc::new(keys_of(&list, &bases))).collect()
    })
}

fn claims_of(identities: &[RowIdentity], worker: u32) -> Vec<Claim> {
    let mut sorted = identities.to_vec();
    sorted.sort_unstable();
    sorted
        .chunk_by(|a, b| a == b)
        .map(|equal| Claim { identity: equal[0], worker, copies: equal.len() as u32 })
        .collect()
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

fn keys_of(identities: &[RowIdentity], bases: &HashMap<RowIdentity, u32, StableHasher>) -> Vec<RowKey> {
    let mut next: HashMap<RowIdentity, u32, StableHasher> =
        HashMap::with_capacity_and_hasher(identities.len(), StableHasher::default());
    let number = |identity: &RowIdentity| {
        let copy = next.entry(*identity).or_insert_with(|| bases.get(identity).copied().unwrap_or(0));
        let key = identity.key(CopyNumber(*copy));
        *copy += 1;
        key
    };
    identities.iter().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The oracle: all rows on one worker.
        #[test]
        fn any_split_of_the_rows_gives_the_same_keys(
            rows in prop::collection::vec((0_u128..20, 0_u32..4), 0..200),
        ) {
            let mut workers = vec![Vec::new(); 4];
            for (identity, worker) in &rows {
                workers[*worker as usize].push(RowIdentity(*identity));
            }
            let claims = workers.iter().zip(0..).flat_map(|(rows, worker)| claims_of(rows, worker)).collect();
            let answers = assign_bases(claims);
            let mut split: Vec<RowKey> = workers.iter().zip(0_u32..).flat_map(|(rows, worker)| {
                let mine = answers.iter().filter(|claim| claim.worker == worker);
                keys_of(rows, &mine.map(|claim| (claim.identity, claim.copies)).collect())
            }).collect();
            let all: Vec<RowIdentity> = rows.iter().map(|(identity, _)| RowIdentity(*identity)).collect();
            let mut whole = keys_of(&all, &HashMap::default());
            split.sort_unstable();
            whole.sort_unstable();
            prop_assert_eq!(&split, &whole);
            whole.dedup();
            prop_assert_eq!(whole.len(), rows.len(), "every copy has its own key");
        }
    }
}
