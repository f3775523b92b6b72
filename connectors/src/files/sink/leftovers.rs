//! Clearing away what killed writers left under their stores' staging names, as soon as it can be no living writer's.
//!
//! Spark and pandas would read some of these as data. See [`staging`](crate::files::staging) for why a staging name may go
//! when the name that it is for is there. It may go, too, when it is for a note that says less than what is durable: notes
//! are deleted, so its own may never be there again.

use flightline_engine::log::{Offset, Partition};

use super::chain::Listing;
use super::name::folder_of;
use super::notes;
use crate::files::folder::Folder;
use crate::files::staging::{clear, final_name, staged};

/// Staging names in a partition's folder whose own file is not there yet.
#[derive(Debug, Default)]
pub(super) struct Leftovers(Vec<String>);

impl Leftovers {
    /// Clears away what can be, when all below `reached` is durable and the last file begins at `base`; remembers the rest.
    pub(super) fn sweep(
        folder: &Folder,
        partition: Partition,
        listing: &Listing,
        base: Offset,
        reached: Offset,
    ) -> Self {
        let mut waiting = Vec::new();
        for name in staged(folder, &folder_of(partition), &listing.names) {
            let target = final_name(&name).unwrap_or_default();
            let is_there = listing.names.binary_search_by(|name| name.as_str().cmp(target)).is_ok();
            if is_there || notes::says_less(target, base, reached) {
                clear(folder, &path_of(partition, &name));
            } else {
                waiting.push(name);
            }
        }
        Self(waiting)
    }

    /// A file is there now: clears away what was meant to become it.
    pub(super) fn settle(&mut self, folder: &Folder, partition: Partition, file: &str) {
        let is_for = |name: &str| final_name(name).is_some_and(|target| target == file);
        self.0.retain(|name| {
            if is_for(name) {
                clear(folder, &path_of(partition, name));
            }
            !is_for(name)
        });
    }
}

fn path_of(partition: Partition, name: &str) -> String {
    format!("{}/{name}", folder_of(partition))
}
