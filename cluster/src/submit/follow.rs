//! Where somebody is in the logs of a job's lives, and what follows from each answer. Pure.
//!
//! Invariants: a position belongs to one life's log, and is never asked of another's; no life is left before all that can be had
//! of it was shown; who follows a job goes on until the job is over.

use flightline_engine::ids::ProcessIndex;

use crate::ids::{Generation, JobId};
use crate::protocol::LogStream;
use crate::protocol::messages::FromUser;
use crate::view::{LifeLog, LogTold};

/// Which log somebody reads.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// Which job's.
    pub job: JobId,
    /// Which life's, and no other; of the last one, and then of those that follow, without it.
    pub generation: Option<Generation>,
    /// Which process's.
    pub process: ProcessIndex,
    /// Which of its two logs.
    pub stream: LogStream,
    /// From where, in bytes; its last lines without it.
    pub from: Option<u64>,
    /// Whether what is yet to be written is waited for.
    pub follow: bool,
    /// Whether a master or a worker that is away is waited for.
    pub patient: bool,
}

/// Somebody who reads.
#[derive(Clone, Debug)]
pub struct Reader {
    what: Reading,
    /// The life that is being read.
    at: Option<Generation>,
    from: Option<u64>,
}

/// What is done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Then {
    /// There is more at once.
    On,
    /// There may be more in a moment.
    Pause,
    /// The next life is read, after this line on standard error.
    Next(String),
    /// The worker is away; why, in a sentence.
    Away(String),
    /// All was read.
    Done,
    /// It can't be had; why, in a sentence.
    Missing(String),
}

impl Reader {
    /// Somebody who begins to read.
    #[must_use]
    pub const fn new(what: Reading) -> Self {
        Self { what, at: what.generation, from: what.from }
    }

    /// What is asked next.
    #[must_use]
    pub const fn question(&self) -> FromUser {
        let Reading { job, process, stream, .. } = self.what;
        FromUser::Log { job, generation: self.at, process, stream, from: self.from }
    }

    /// Takes an answer: the text to show, and what is done then.
    pub fn take(&mut self, answer: LifeLog) -> (String, Then) {
        let LifeLog { generation, has_ended, next, is_over, told } = answer;
        let next = next.filter(|_| self.what.follow && self.what.generation.is_none());
        let piece = match told {
            LogTold::Piece(piece) => piece,
            LogTold::Missing(why) | LogTold::Away(why) if next.is_some() => {
                let line = self.go_to(next).map(|line| format!("the rest of generation {generation}: {why}\n{line}"));
                return (String::new(), Then::Next(line.unwrap_or_default()));
            }
            // An agent makes a log when it starts the process.
            LogTold::Missing(_) if self.what.follow && !is_over && !has_ended => return (String::new(), Then::Pause),
            LogTold::Missing(why) => return (String::new(), Then::Missing(why)),
            LogTold::Away(why) => return (String::new(), Then::Away(why)),
        };
        self.at = Some(generation);
        self.from = Some(piece.next);
        // What is there already is read to its end, also by who doesn't follow.
        if piece.more && !piece.text.is_empty() {
            return (piece.text, Then::On);
        }
        let is_last = if self.what.generation.is_some() { has_ended } else { is_over };
        let then = match self.go_to(next) {
            Some(line) => Then::Next(line),
            None if !self.what.follow || is_last && !piece.more => Then::Done,
            None => Then::Pause,
        };
        (piece.text, then)
    }

    fn go_to(&mut self, next: Option<Generation>) -> Option<String> {
        let next = next?;
        (self.at, self.from) = (Some(next), Some(0));
        Some(format!("--- generation {next} ---"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::view::LogPiece;

    /// A job's lives, as their worker keeps their logs.
    #[derive(Debug, Default)]
    struct Lives {
        logs: BTreeMap<u64, Log>,
        is_over: bool,
    }

    #[derive(Debug, Default)]
    struct Log {
        text: String,
        has_ended: bool,
        is_lost: bool,
    }

    impl Lives {
        fn answer(&self, question: &FromUser) -> LifeLog {
            let FromUser::Log { generation, from, .. } = question else { panic!("{question:?}") };
            let Some(asked) = generation.map(|life| life.0).or(self.logs.keys().next_back().copied()) else {
                let told = LogTold::Missing("job 7 has not been started yet".to_owned());
                return LifeLog {
                    generation: Generation(1),
                    has_ended: false,
                    next: None,
                    is_over: self.is_over,
                    told,
                };
            };
            let log = &self.logs[&asked];
            let told = if log.is_lost {
                LogTold::Away("its worker is away".to_owned())
            } else {
                let end = log.text.len() as u64;
                let from = from.unwrap_or(0).min(end);
                let next = end.min(from + 5);
                let text = log.text[from as usize..next as usize].to_owned();
                LogTold::Piece(LogPiece { from, next, text, more: !log.has_ended || next < end })
            };
            let next = self.logs.keys().find(|life| **life > asked).copied().map(Generation);
            LifeLog { generation: Generation(asked), has_ended: log.has_ended, next, is_over: self.is_over, told }
        }
    }

    fn reading(generation: Option<u64>, follow: bool) -> Reader {
        Reader::new(Reading {
            job: JobId(7),
            generation: generation.map(Generation),
            process: ProcessIndex::new(0),
            stream: LogStream::Stderr,
            from: Some(0),
            follow,
            patient: follow,
        })
    }

    /// Reads until there is nothing more for now: what was shown, and what would be done next.
    fn read_on(reader: &mut Reader, lives: &Lives) -> (String, Then) {
        let mut shown = String::new();
        loop {
            let (text, then) = reader.take(lives.answer(&reader.question()));
            shown += &text;
            match then {
                Then::On => {}
                Then::Next(line) => shown += &format!("[{line}]"),
                then => return (shown, then),
            }
        }
    }

    fn life(text: &str, has_ended: bool) -> Log {
        Log { text: text.to_owned(), has_ended, is_lost: false }
    }

    /// `logs -f` asked the log of the second life for what stands behind the end of the first one's: it was silent, and then
    /// left out as many bytes as the first life had written.
    #[test]
    fn a_life_that_follows_is_shown_from_its_beginning() {
        let mut lives = Lives::default();
        let mut reader = reading(None, true);
        assert_eq!(read_on(&mut reader, &lives), (String::new(), Then::Pause), "it isn't even started");
        lives.logs.insert(1, life("first life", false));
        assert_eq!(read_on(&mut reader, &lives), ("first life".to_owned(), Then::Pause));
        lives.logs.insert(1, life("first life is killed", true));
        lives.logs.insert(2, life("second", false));
        let shown = " is killed[--- generation 2 ---]second".to_owned();
        assert_eq!(read_on(&mut reader, &lives), (shown, Then::Pause));
    }

    /// It ended well at the end of generation 2 while generation 4 ran.
    #[test]
    fn who_follows_a_job_goes_on_until_the_job_is_over() {
        let mut lives = Lives::default();
        lives.logs.insert(2, life("two", true));
        let mut reader = reading(None, true);
        assert_eq!(read_on(&mut reader, &lives), ("two".to_owned(), Then::Pause), "it backs off");
        lives.logs.insert(3, life("three", true));
        lives.logs.insert(4, life("four", false));
        let shown = "[--- generation 3 ---]three[--- generation 4 ---]four".to_owned();
        assert_eq!(read_on(&mut reader, &lives), (shown, Then::Pause));
        lives.logs.insert(4, life("four ends", true));
        lives.is_over = true;
        assert_eq!(read_on(&mut reader, &lives), (" ends".to_owned(), Then::Done));
    }

    #[test]
    fn a_life_whose_log_is_lost_is_left_for_the_next_one_and_waited_for_without_one() {
        let mut lives = Lives::default();
        lives.logs.insert(1, Log { is_lost: true, ..life("one", false) });
        let mut reader = reading(None, true);
        assert!(matches!(read_on(&mut reader, &lives), (_, Then::Away(why)) if why == "its worker is away"));
        lives.logs.insert(2, life("two", false));
        reader.at = Some(Generation(1));
        let (shown, then) = read_on(&mut reader, &lives);
        assert_eq!(shown, "[the rest of generation 1: its worker is away\n--- generation 2 ---]two");
        assert_eq!(then, Then::Pause);
        assert!(
            matches!(read_on(&mut reading(Some(1), true), &lives), (_, Then::Away(_))),
            "another one wasn't asked for"
        );
    }

    #[test]
    fn who_asks_for_one_life_or_does_not_follow_is_shown_one_life() {
        let mut lives = Lives::default();
        lives.logs.insert(1, life("one", true));
        lives.logs.insert(2, life("two", false));
        assert_eq!(read_on(&mut reading(Some(1), true), &lives), ("one".to_owned(), Then::Done));
        assert_eq!(read_on(&mut reading(Some(2), true), &lives), ("two".to_owned(), Then::Pause));
        assert_eq!(read_on(&mut reading(None, false), &lives), ("two".to_owned(), Then::Done));
        assert!(matches!(read_on(&mut reading(None, false), &Lives::default()), (_, Then::Missing(_))));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Write(usize),
        EndLife,
        BeginLife,
        Read,
    }

    proptest! {
        #[test]
        fn whatever_happens_all_of_each_life_is_shown_once_and_in_order(
            steps in prop::collection::vec(prop_oneof![
                (1..12_usize).prop_map(Step::Write), Just(Step::EndLife), Just(Step::BeginLife), Just(Step::Read),
            ], 0..60)
        ) {
            let mut lives = Lives::default();
            lives.logs.insert(1, Log::default());
            let (mut reader, mut shown) = (reading(None, true), read_on(&mut reading(None, true), &lives).0);
            // It has begun to read the first life.
            shown += &read_on(&mut reader, &lives).0;
            for step in steps {
                let mut last = lives.logs.last_entry().unwrap();
                let has_ended = last.get().has_ended;
                match step {
                    Step::Write(bytes) if !has_ended => last.get_mut().text += &"0123456789abc"[..bytes],
                    Step::EndLife => last.get_mut().has_ended = true,
                    Step::BeginLife if has_ended => {
                        let number = last.key() + 1;
                        lives.logs.insert(number, Log::default());
                    }
                    Step::Read => shown += &read_on(&mut reader, &lives).0,
                    _ => {}
                }
            }
            lives.logs.last_entry().unwrap().get_mut().has_ended = true;
            lives.is_over = true;
            let (rest, then) = read_on(&mut reader, &lives);
            shown += &rest;
            prop_assert_eq!(then, Then::Done);
            let all: Vec<String> = lives.logs.iter().map(|(number, log)| {
                let line = if *number == 1 { String::new() } else { format!("[--- generation {number} ---]") };
                line + &log.text
            }).collect();
            prop_assert_eq!(shown, all.concat());
        }
    }
}
