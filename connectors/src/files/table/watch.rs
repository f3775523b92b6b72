//! What a watched file looks like, and when it must be read again. Pure: looks and times are told to it.

use std::fs::Metadata;
use std::time::{Duration, SystemTime};

use object_store::ObjectMeta;

/// The coarsest step in which a file system tells times (FAT's), and so how long a new look may hide a later change.
pub(super) const SETTLING: Duration = Duration::from_secs(2);

/// All that can be told of a file without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stamp {
    /// A file on the disk.
    Local {
        size: u64,
        modified: Option<SystemTime>,
        /// A number of an inode is given again; a file that is made anew has another time.
        created: Option<SystemTime>,
        /// Device, inode, and the time of the last change of the inode, which nobody can set back.
        identity: [i64; 4],
    },
    /// An object in a store that replaces objects as a whole.
    Object(ObjectMeta),
    /// A file in HDFS, which may be written anew in its place: then it is empty until it is closed, or longer than a block.
    Hdfs(ObjectMeta),
}

impl Stamp {
    pub(super) fn local(metadata: &Metadata) -> Self {
        Self::Local {
            size: metadata.len(),
            modified: metadata.modified().ok(),
            created: metadata.created().ok(),
            identity: identity(metadata),
        }
    }

    /// Whether it may be the same file as another one, written anew in its place.
    pub(super) fn is_in_place_of(&self, other: &Self) -> bool {
        let file = |stamp: &Self| match stamp {
            Self::Local { identity: [device, inode, ..], created, .. } => Some((*device, *inode, *created)),
            Self::Object(_) | Self::Hdfs(_) => None,
        };
        file(self).is_some_and(|this| file(other) == Some(this))
    }

    /// Whether it may be open, and show nothing of what is in it.
    pub(super) fn may_be_open(&self) -> bool {
        matches!(self, Self::Hdfs(about) if about.size == 0)
    }
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> [i64; 4] {
    use std::os::unix::fs::MetadataExt;
    [metadata.dev().cast_signed(), metadata.ino().cast_signed(), metadata.ctime(), metadata.ctime_nsec()]
}

#[cfg(not(unix))]
const fn identity(_metadata: &Metadata) -> [i64; 4] {
    [0; 4]
}

/// What was read last.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// How the file looked, and when it was first seen so.
    seen: Option<(Stamp, Duration)>,
    /// Whether it was read so late that it can't have changed since without looking different.
    settled: bool,
}

impl Watch {
    /// The file was read: it looked like this at `seen_at`, before its bytes were read, and still did afterwards. True if
    /// nothing but a new look can change it any more.
    pub(super) fn read(&mut self, stamp: Stamp, seen_at: Duration) -> bool {
        match &self.seen {
            Some((seen, since)) if *seen == stamp => self.settled |= seen_at >= *since + SETTLING,
            _ => {
                self.seen = Some((stamp, seen_at));
                self.settled = false;
            }
        }
        self.settled
    }

    /// Nothing of what was read counts any more.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Whether a file that looks like this must be read.
    pub(super) fn alarm(&self, stamp: &Stamp, now: Duration) -> bool {
        match &self.seen {
            Some((seen, since)) => seen != stamp || (!self.settled && now >= *since + SETTLING),
            None => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stamp(number: i64) -> Stamp {
        Stamp::Local { size: 1, modified: None, created: None, identity: [number; 4] }
    }

    proptest! {
        /// A file whose looks are as coarse as they may be: whatever is done to it, and whenever it is looked at, a watcher
        /// who reads on each alarm has its last content two seconds after the last change.
        #[test]
        fn no_change_is_missed(steps in proptest::collection::vec((0_u64..1500, any::<bool>()), 1..60)) {
            let mut watch = Watch::default();
            let (mut now, mut content, mut written, mut read) = (Duration::ZERO, 0, Duration::ZERO, None);
            let coarse = |time: Duration| stamp((time.as_secs() / 2).cast_signed());
            for (wait, change) in steps.into_iter().chain([(2000, false), (0, false)]) {
                now += Duration::from_millis(wait);
                if change {
                    content += 1;
                    written = now;
                } else if watch.alarm(&coarse(written), now) {
                    watch.read(coarse(written), now);
                    read = Some(content);
                }
            }
            prop_assert_eq!(read, Some(content));
            prop_assert!(watch.settled || now < written + 2 * SETTLING);
        }
    }

    #[test]
    fn a_file_that_stays_gives_one_alarm_more_and_then_none() {
        let mut watch = Watch::default();
        assert!(watch.alarm(&stamp(1), Duration::ZERO));
        assert!(!watch.read(stamp(1), Duration::ZERO));
        assert!(!watch.alarm(&stamp(1), Duration::from_millis(1999)));
        assert!(watch.alarm(&stamp(1), SETTLING));
        assert!(watch.read(stamp(1), SETTLING));
        assert!(!watch.alarm(&stamp(1), Duration::from_secs(99)));
        assert!(watch.alarm(&stamp(2), Duration::from_secs(99)));
        watch.forget();
        assert!(watch.alarm(&stamp(1), Duration::from_secs(99)));
    }
}
