//! What must hold after every step, and at the end.

use std::collections::{BTreeMap, BTreeSet};

use super::world::{LENGTH, Store, World, key, partitions, standing};
use crate::contract::Standing;
use crate::log::{Offset, Partition};

/// What went wrong in a game.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Violation {
    /// Two different answers were written for one position.
    TwoBindings(Partition, Offset),
    /// An answer is in a store more than once.
    Doubled(Store),
    /// An answer is not in a store at the end.
    Lost(Store),
    /// A final answer was written over by another one.
    FinalAnswerChanged(Box<str>),
    /// At the end an answer stands that should have given way, or one of another request.
    WrongAnswerStands(Box<str>),
    /// A life found nothing that binds an offset which it had read before.
    Unbound(Partition, Offset),
    /// A life gave up with a permanent fault.
    Refused(String),
    /// The last life never came to the end.
    NeverFinished,
}

/// What must hold at any time.
pub(super) fn always(world: &World) -> Result<(), Violation> {
    let topic: BTreeSet<_> = topic_positions(world).collect();
    if topic.len() < world.topic.len() {
        return Err(Violation::Doubled(Store::Topic));
    }
    let filed: BTreeSet<_> = filed_positions(world).collect();
    if filed.len() < world.files.values().map(Vec::len).sum() {
        return Err(Violation::Doubled(Store::Files));
    }
    Ok(())
}

/// What must hold when the last life has come to the end of the log.
pub(super) fn at_the_end(world: &World) -> Result<(), Violation> {
    always(world)?;
    let every: BTreeSet<_> = partitions().flat_map(|p| (0..LENGTH).map(move |o| (p, Offset(o)))).collect();
    if topic_positions(world).collect::<BTreeSet<_>>() != every {
        return Err(Violation::Lost(Store::Topic));
    }
    if filed_positions(world).collect::<BTreeSet<_>>() != every {
        return Err(Violation::Lost(Store::Files));
    }
    let mut positions: BTreeMap<Box<str>, Vec<(Partition, Offset)>> = BTreeMap::new();
    for (partition, offset) in every {
        positions.entry(key(partition, offset)).or_default().push((partition, offset));
    }
    if !positions.keys().eq(world.collection.keys()) {
        return Err(Violation::Lost(Store::Collection));
    }
    for (key, stored) in &world.collection {
        let of_it = &positions[key];
        let could_be_final = of_it.iter().any(|(partition, offset)| standing(*partition, *offset) == Standing::Final);
        let is_final = stored.item.standing == Standing::Final;
        if !of_it.contains(&(stored.partition, stored.item.offset)) || (could_be_final && !is_final) {
            return Err(Violation::WrongAnswerStands(key.clone()));
        }
    }
    Ok(())
}

fn topic_positions(world: &World) -> impl Iterator<Item = (Partition, Offset)> {
    world.topic.iter().map(|stored| (stored.partition, stored.item.offset))
}

fn filed_positions(world: &World) -> impl Iterator<Item = (Partition, Offset)> {
    world.files.iter().flat_map(|((partition, _), items)| items.iter().map(|item| (*partition, item.offset)))
}
