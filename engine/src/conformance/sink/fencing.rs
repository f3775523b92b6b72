//! The second game: an old process was paused, a new generation runs, and the old one wakes up in between.

use super::SinkHarness;
use super::expected::Expected;
use super::script::Script;
use super::writer::Writer;
use crate::conformance::dice::Dice;
use crate::conformance::report::{Judge, Violation};
use crate::contract::{Fault, FlushReason, JobId, Sink, SinkBatch};
use crate::ledger::Generation;
use crate::log::Offsets;

const NEW_WORKS: &str = "the newest generation's writer works, whatever an older one does beside it";
const OLD_IS_REFUSED: &str = "an older writer is refused as superseded by a later generation, or does no harm";
const COMPLETE: &str = "the newest generation's writer makes all durable";
const OLD: Generation = Generation(3);
const NEW: Generation = Generation(5);

struct Fencing<'h> {
    harness: &'h mut dyn SinkHarness,
    judge: Judge,
    dice: Dice,
    script: Script,
    expected: Expected,
    /// What the new writer was seen to call durable.
    durable: Offsets,
}

/// Plays one game.
pub(super) fn play(harness: &mut dyn SinkHarness, seed: u64) -> Result<(), Violation> {
    let judge = Judge::new(seed);
    let mut dice = Dice::new(!seed);
    harness.fresh();
    let script = Script::write(harness, &mut dice, 2, 30);
    let (old_sink, new_sink) = (harness.sink(), harness.sink());
    let expected = Expected::new(judge, harness.keyed(), old_sink.guarantee(), &script);
    judge.works(NEW_WORKS, old_sink.adopt(&JobId("conformance".into()), &script.starts))?;
    Fencing { harness, judge, dice, script, expected, durable: Offsets::new() }.play(&*old_sink, &*new_sink)
}

impl Fencing<'_> {
    fn play(&mut self, old_sink: &dyn Sink, new_sink: &dyn Sink) -> Result<(), Violation> {
        let mut older = Some(self.open(old_sink, OLD)?);
        for _ in 0..self.dice.below(5) {
            self.older_moves(old_sink, &mut older)?;
        }
        let mut newer = self.open(new_sink, NEW)?;
        self.look(&newer)?;
        while !newer.at_the_end(&self.script) {
            if self.dice.one_in(2) {
                self.older_moves(old_sink, &mut older)?;
            } else {
                self.newer_moves(&mut newer)?;
            }
            self.look(&newer)?;
        }
        self.judge.works(NEW_WORKS, newer.open.flush(FlushReason::Closing))?;
        let left = newer.buffers(&self.script);
        self.judge.ensure(COMPLETE, left != Some(true), || format!("{:?} durable", newer.open.durable()))?;
        self.look(&newer)?;
        while older.as_ref().is_some_and(|older| !older.at_the_end(&self.script)) {
            self.older_moves(old_sink, &mut older)?;
        }
        self.older_closes(old_sink, &mut older)?;
        self.look(&newer)
    }

    fn open(&self, sink: &dyn Sink, generation: Generation) -> Result<Writer, Violation> {
        let partitions = self.script.partitions();
        Ok(Writer::new(self.judge.works(NEW_WORKS, sink.open(generation, &partitions))?, partitions))
    }

    /// The newer writer takes a batch, and now and then is flushed.
    fn newer_moves(&mut self, newer: &mut Writer) -> Result<(), Violation> {
        let Some(batch) = newer.batch(&mut self.dice, &self.script) else { return Ok(()) };
        self.offer(&batch);
        self.judge.works(NEW_WORKS, newer.open.write(&batch))?;
        newer.took(&batch);
        if self.dice.one_in(4) {
            self.judge.works(NEW_WORKS, newer.open.flush(FlushReason::Due))?;
        }
        Ok(())
    }

    /// The older writer takes a batch, and now and then its process ends and starts again. Gone once it was refused.
    fn older_moves(&mut self, sink: &dyn Sink, older: &mut Option<Writer>) -> Result<(), Violation> {
        let Some(writer) = older else { return Ok(()) };
        let Some(batch) = writer.batch(&mut self.dice, &self.script) else { return Ok(()) };
        self.offer(&batch);
        if !self.may_go_on(writer.open.write(&batch))? {
            *older = None;
            return Ok(());
        }
        writer.took(&batch);
        if self.dice.one_in(3) { self.older_closes(sink, older) } else { Ok(()) }
    }

    /// The older writer ends cleanly, and its generation tries once more.
    fn older_closes(&mut self, sink: &dyn Sink, older: &mut Option<Writer>) -> Result<(), Violation> {
        let Some(mut writer) = older.take() else { return Ok(()) };
        if !self.may_go_on(writer.open.flush(FlushReason::Closing))? {
            return Ok(());
        }
        let partitions = writer.partitions;
        match sink.open(OLD, &partitions) {
            Ok(open) => *older = Some(Writer::new(open, partitions)),
            Err(fault) => {
                self.may_go_on(Err(fault))?;
            }
        }
        Ok(())
    }

    fn offer(&mut self, batch: &SinkBatch) {
        for answers in batch.answers.values() {
            self.expected.offer(answers.partition, answers.reached.next);
        }
    }

    /// Whether an older writer was not refused. What it did is judged by what a reader finds.
    fn may_go_on(&self, result: Result<(), Fault>) -> Result<bool, Violation> {
        match result {
            Ok(()) => Ok(true),
            Err(Fault::Superseded(superseded)) if superseded.later > OLD => Ok(false),
            Err(fault) => Err(self.judge.broken(OLD_IS_REFUSED, format!("{fault:?} of generation {OLD}"))),
        }
    }

    /// All that the newer writer ever called durable is there, and everything once.
    fn look(&mut self, newer: &Writer) -> Result<(), Violation> {
        for (partition, next) in newer.durable() {
            let durable = self.durable.entry(partition).or_default();
            *durable = next.max(*durable);
        }
        let found = self.harness.contents();
        self.expected.check(&self.script, &self.durable, found)
    }
}
