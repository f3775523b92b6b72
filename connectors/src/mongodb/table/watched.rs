//! What is known of a collection that a change stream tells of. Pure: what happens goes in, whether to read again comes out.
//!
//! Invariant: while it is calm, the rows that were last read are those of the collection, or an event of the open stream is on
//! its way. A stream is opened before the collection is read, and begins no later than that; so what changes from then on
//! is told by it. When a stream ends, whatever the reason (the collection was dropped or renamed, the server forgot where
//! the stream stood, nobody can be reached), what happened since is not known: a new one is opened, all is read, and what
//! differs is found by comparing. Nothing is ever resumed on trust.

/// What a stream says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// Something in the collection changed.
    Changed,
    /// Nothing did, for a while. The driver remembers the place, so that a stream in which nothing happens does not fall out
    /// of what the server keeps.
    Idle,
    /// It tells nothing more.
    Ended,
}

/// One of the streams that were opened, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StreamNumber(u64);

/// What is known.
#[derive(Debug, Default)]
pub(super) struct Watched {
    opened: u64,
    /// Whether the last one that was opened still tells.
    is_open: bool,
    /// Whether something changed since a read began, or nothing was read yet.
    is_stale: bool,
    /// Whether anything was read as a table since the last stream was opened.
    was_read: bool,
}

impl Watched {
    /// Whether a stream is to be opened before anything is read.
    pub(super) const fn must_open(&self) -> bool {
        !self.is_open
    }

    /// A stream was opened.
    pub(super) fn opened(&mut self) -> StreamNumber {
        self.opened += 1;
        (self.is_open, self.was_read) = (true, false);
        StreamNumber(self.opened)
    }

    /// A stream says something. What comes late from an earlier one is passed over.
    pub(super) fn told(&mut self, stream: StreamNumber, event: Event) {
        if stream.0 != self.opened {
            return;
        }
        match event {
            Event::Changed => self.is_stale = true,
            Event::Idle => {}
            Event::Ended => self.is_open = false,
        }
    }

    /// All is about to be read.
    pub(super) fn reads(&mut self) {
        (self.is_stale, self.was_read) = (false, true);
    }

    /// What was read can't be used, or could not be read.
    pub(super) fn failed(&mut self) {
        self.was_read = false;
    }

    /// Whether the rows may differ from what was read.
    pub(super) const fn is_alarmed(&self) -> bool {
        self.is_stale || !self.is_open || !self.was_read
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    /// What can happen between a collection, its server and us.
    #[derive(Clone, Copy, Debug)]
    enum Happening {
        /// The collection changes; an open stream will tell of it.
        Change,
        /// It changes by being dropped: an open stream will tell of that, and then end.
        Drop,
        /// The stream is lost with all that it had not told yet, and its end is told at some time.
        Lose,
        /// The oldest thing that a stream has to say comes.
        Deliver,
        /// A quiet while.
        Quiet,
        /// We read, if we are alarmed.
        Read,
        /// We read, and can't.
        FailToRead,
    }

    fn happenings() -> impl Strategy<Value = Vec<Happening>> {
        use Happening::{Change, Deliver, Drop, FailToRead, Lose, Quiet, Read};
        let happening = prop_oneof![
            4 => Just(Change), 1 => Just(Drop), 1 => Just(Lose), 6 => Just(Deliver), 1 => Just(Quiet), 4 => Just(Read),
            1 => Just(FailToRead),
        ];
        prop::collection::vec(happening, 0..60)
    }

    /// A collection that is a number, and a stream on its way.
    #[derive(Default)]
    struct World {
        watched: Watched,
        value: u64,
        read: Option<u64>,
        /// The stream that the server feeds.
        live: Option<StreamNumber>,
        on_its_way: VecDeque<(StreamNumber, Event)>,
    }

    impl World {
        fn open(&mut self) {
            if self.watched.must_open() {
                self.live = Some(self.watched.opened());
            }
        }

        fn change(&mut self) {
            self.value += 1;
            self.on_its_way.extend(self.live.map(|live| (live, Event::Changed)));
        }

        fn happen(&mut self, happening: Happening) {
            match happening {
                Happening::Change => self.change(),
                Happening::Drop => {
                    self.change();
                    self.on_its_way.extend(self.live.take().map(|live| (live, Event::Ended)));
                }
                Happening::Lose => {
                    let Some(live) = self.live.take() else { return };
                    self.on_its_way.retain(|(stream, _)| *stream != live);
                    self.on_its_way.push_back((live, Event::Ended));
                }
                Happening::Deliver => {
                    if let Some((stream, event)) = self.on_its_way.pop_front() {
                        self.watched.told(stream, event);
                    }
                }
                Happening::Quiet => {
                    if let Some(live) = self.live {
                        self.watched.told(live, Event::Idle);
                    }
                }
                Happening::Read if self.watched.is_alarmed() => {
                    self.open();
                    self.watched.reads();
                    self.read = Some(self.value);
                }
                Happening::FailToRead if self.watched.is_alarmed() => {
                    self.open();
                    self.watched.reads();
                    self.watched.failed();
                }
                Happening::Read | Happening::FailToRead => {}
            }
        }

        /// The invariant.
        fn check(&self) {
            let calm = !self.watched.is_alarmed();
            assert!(!calm || self.read == Some(self.value) || !self.on_its_way.is_empty(), "a change is missed");
        }
    }

    proptest! {
        #[test]
        fn no_change_is_missed_whatever_happens(happenings in happenings()) {
            let mut world = World::default();
            for happening in happenings {
                world.happen(happening);
                world.check();
            }
            // When all is told and read, the rows are those of the collection.
            while !world.on_its_way.is_empty() {
                world.happen(Happening::Deliver);
            }
            world.happen(Happening::Read);
            while !world.on_its_way.is_empty() {
                world.happen(Happening::Deliver);
            }
            prop_assert_eq!(world.read, Some(world.value));
        }
    }

    #[test]
    fn it_is_calm_only_while_an_open_stream_has_nothing_to_tell() {
        let mut watched = Watched::default();
        assert!(watched.is_alarmed() && watched.must_open());
        let first = watched.opened();
        assert!(watched.is_alarmed(), "nothing was read yet");
        watched.reads();
        watched.told(first, Event::Idle);
        assert!(!watched.is_alarmed());
        watched.told(first, Event::Changed);
        assert!(watched.is_alarmed() && !watched.must_open());
        watched.reads();
        watched.told(first, Event::Ended);
        assert!(watched.is_alarmed() && watched.must_open());
        let second = watched.opened();
        watched.reads();
        watched.told(first, Event::Changed);
        watched.told(first, Event::Ended);
        assert!(!watched.is_alarmed(), "an earlier stream has no say");
        watched.told(second, Event::Changed);
        assert!(watched.is_alarmed());
    }
}
