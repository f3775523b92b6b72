//! Clearing away what killed writers left under their stores' staging names, as soon as it can be no living writer's.
//!
//! Spark and pandas would read some of these as data. See [`staging`](crate::files::staging) for why a staging name may go
//! when the name that it is for is there. What can't be cleared is logged and stays.

use std::fs;
use std::io;

use flightline_engine::contract::Fault;
use flightline_engine::log::Partition;

use super::chain::Listing;
use super::name::folder_of;
use crate::files::folder::Folder;
use crate::files::staging::final_name;

/// Staging names in a partition's folder whose own file is not there yet.
#[derive(Debug, Default)]
pub(super) struct Leftovers(Vec<String>);

impl Leftovers {
    /// Clears away what can be, and remembers the rest.
    pub(super) fn sweep(folder: &Folder, partition: Partition, listing: &Listing) -> Self {
        let mut waiting = Vec::new();
        for name in staged(folder, partition, listing) {
            let target = final_name(&name).unwrap_or_default();
            if listing.names.binary_search_by(|name| name.as_str().cmp(target)).is_ok() {
                clear(folder, partition, &name);
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
                clear(folder, partition, name);
            }
            !is_for(name)
        });
    }
}

/// The local store hides its staging names, so the disk is asked.
fn staged(folder: &Folder, partition: Partition, listing: &Listing) -> Vec<String> {
    let of_disk = folder.on_disk(&folder_of(partition)).map(|path| {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
    });
    let mut names = of_disk.unwrap_or_else(|| listing.names.clone());
    names.retain(|name| final_name(name).is_some());
    names
}

fn clear(folder: &Folder, partition: Partition, name: &str) {
    let name = format!("{}/{name}", folder_of(partition));
    let cleared = match folder.on_disk(&name) {
        Some(path) => match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Fault::transient(error.to_string())),
            _ => Ok(()),
        },
        None => folder.delete(&name),
    };
    let name = folder.shown(&name);
    match cleared {
        Ok(()) => tracing::info!(%name, "cleared away what a killed writer left"),
        Err(error) => tracing::warn!(%name, %error, "can't clear away what a killed writer left"),
    }
}
