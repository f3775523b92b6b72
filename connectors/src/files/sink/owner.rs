//! Whose a folder is, what kind of files it holds, and where the sink began: two small objects, written once.

use std::fmt::Display;

use bytes::Bytes;
use flightline_engine::contract::{Created, Fault, JobId, Selects};
use flightline_engine::log::{Offset, Partition};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::format::Kind;
use super::name::{OWNER, start_of};
use crate::files::folder::Folder;

/// The layout that this build writes and reads.
const LAYOUT: u32 = 1;

/// What stands in `_flightline.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Owner {
    format: Box<str>,
    pub(super) job: JobId,
    layout: u32,
    selects: Selects,
}

/// What stands in a partition's `_start.json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Start {
    start: Offset,
}

impl Owner {
    pub(super) fn new(job: JobId, kind: Kind, selects: Selects) -> Self {
        Self { format: kind.ending().into(), job, layout: LAYOUT, selects }
    }

    /// The format of the folder's files.
    pub(super) fn kind(&self, folder: &Folder) -> Result<Kind, Fault> {
        if self.layout != LAYOUT {
            return Err(unfit(folder, &format!("its layout is {}, and this build knows only {LAYOUT}", self.layout)));
        }
        let cause = || unfit(folder, &format!("this build knows no format `{}`", self.format));
        Kind::named(&self.format).ok_or_else(cause)
    }

    /// Checks that files of this kind and content may go there.
    pub(super) fn check(&self, folder: &Folder, kind: Kind, selects: Selects) -> Result<(), Fault> {
        let has = self.kind(folder)?;
        if has != kind {
            let (has, wants) = (has.ending(), kind.ending());
            return Err(unfit(folder, &format!("it holds {has} files, and the sink is set to write {wants}")));
        }
        if self.selects != selects {
            let told = |selects| match selects {
                Selects::Answers => "answers",
                Selects::DeadLetters => "dead letters",
            };
            let (has, wants) = (told(self.selects), told(selects));
            return Err(unfit(folder, &format!("it holds {has}, and the sink is set to write {wants}")));
        }
        Ok(())
    }
}

/// Reads whose a folder is; `None` if nobody's.
pub(super) fn owner(folder: &Folder) -> Result<Option<Owner>, Fault> {
    folder.read(OWNER)?.map(|bytes| parse(folder, OWNER, &bytes)).transpose()
}

/// Makes a folder `owner`'s, unless it is somebody's; gives whose it is then.
pub(super) fn claim(folder: &Folder, owner: Owner) -> Result<Owner, Fault> {
    match folder.create(OWNER, json(&owner)?.into())? {
        Created::Ours => Ok(owner),
        Created::Taken => self::owner(folder)?.ok_or_else(|| vanished(folder, OWNER)),
    }
}

/// Where the sink began in a partition; `None` if it never did.
pub(super) fn start(folder: &Folder, partition: Partition) -> Result<Option<Offset>, Fault> {
    let name = start_of(partition);
    let start: Option<Start> = folder.read(&name)?.map(|bytes| parse(folder, &name, &bytes)).transpose()?;
    Ok(start.map(|start| start.start))
}

/// Lets the sink begin in a partition, unless it did already.
pub(super) fn begin(folder: &Folder, partition: Partition, start: Offset) -> Result<(), Fault> {
    folder.create(&start_of(partition), json(&Start { start })?.into()).map(drop)
}

pub(super) fn parse<T: DeserializeOwned>(folder: &Folder, name: &str, bytes: &Bytes) -> Result<T, Fault> {
    serde_json::from_slice(bytes).map_err(|error| {
        let name = folder.shown(name);
        Fault::permanent(format!(
            "`{name}` can't be understood: {error}; bring it back from a copy, or choose another folder"
        ))
    })
}

pub(super) fn json(value: &impl Serialize) -> Result<Vec<u8>, Fault> {
    let failed = |error: &dyn Display| Fault::permanent(format!("a note of a file sink can't be JSON: {error}"));
    serde_json::to_vec(value).map_err(|error| failed(&error))
}

fn unfit(folder: &Folder, cause: &str) -> Fault {
    let folder = folder.shown("");
    Fault::permanent(format!("the sink can't use the folder `{folder}`: {cause}; choose another folder"))
}

pub(super) fn vanished(folder: &Folder, name: &str) -> Fault {
    let name = folder.shown(name);
    Fault::transient(format!("`{name}` was there and is gone; check that nobody clears the folder"))
}
