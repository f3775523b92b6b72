//! The main game: lives of a job that write, flush, meet trouble, are killed and go on, until all of the log is written.

use std::collections::BTreeSet;

use super::expected::Expected;
use super::script::Script;
use super::writer::Writer;
use super::{SinkHarness, Trouble};
use crate::conformance::dice::Dice;
use crate::conformance::report::{Judge, Violation};
use crate::contract::{Fault, FlushReason, JobId, Placement, Sink, SinkBatch};
use crate::ledger::Generation;
use crate::log::{Offset, Offsets, Partition, Reached};

const OPENS: &str = "open gives a writer whose durable progress is what survey says, for the partitions asked for";
const WRITES: &str = "write takes the next stretches, also the same ones again";
const FLUSHES: &str = "flush works at any time";
const NEVER_BACK: &str = "durable progress never goes back, also not over a kill";
const NOT_AHEAD: &str = "durable progress is not beyond what was written";
const WITNESS: &str = "progress keeps the witness that came with it";
const FLUSH_IN: &str = "flush_in tells a time exactly while something is buffered";
const DUE: &str = "a flush that is due makes something durable";
const CLOSING: &str = "after flush(Closing) all is durable, and nothing asks to be flushed";
const LAST: &str = "after the last clean end survey tells of all progress";
/// The last life plays on to the end of the log.
const LIVES: u32 = 8;

/// How a life goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Lives,
    Killed,
}

struct Game<'h> {
    harness: &'h mut dyn SinkHarness,
    judge: Judge,
    dice: Dice,
    script: Script,
    expected: Expected,
    /// The most that was ever seen durable.
    floor: Offsets,
    /// Where stretches ended that were offered.
    ends: BTreeSet<(Partition, Offset)>,
    generation: Generation,
    troubled: bool,
}

/// Plays one game.
pub(super) fn play(harness: &mut dyn SinkHarness, seed: u64) -> Result<(), Violation> {
    let judge = Judge::new(seed);
    let mut dice = Dice::new(seed);
    harness.fresh();
    let partitions = 1 + u32::try_from(dice.below(3)).unwrap_or(0);
    let script = Script::write(harness, &mut dice, partitions, 40);
    let guarantee = harness.sink().guarantee();
    harness.restart();
    let expected = Expected::new(judge, harness.keyed(), guarantee, &script);
    let mut game = Game {
        harness,
        judge,
        dice,
        floor: script.starts.clone(),
        script,
        expected,
        ends: BTreeSet::new(),
        generation: Generation(1),
        troubled: false,
    };
    for life in 1..=LIVES {
        game.life(life == LIVES)?;
        game.harness.restart();
        game.generation.0 += game.dice.below(2);
    }
    game.last_look()
}

impl Game<'_> {
    fn life(&mut self, last: bool) -> Result<(), Violation> {
        let sink = self.harness.sink();
        let mut writers = self.open(&*sink)?;
        self.look(&writers)?;
        let mut moves = 2 + self.dice.below(10);
        while moves > 0 || last && !writers.iter().all(|writer| writer.at_the_end(&self.script)) {
            moves = moves.saturating_sub(1);
            let chosen = usize::try_from(self.dice.below(writers.len() as u64)).unwrap_or(0);
            let Some(writer) = writers.get_mut(chosen) else { break };
            let fate = self.step(writer)?;
            if fate == Fate::Killed && !last {
                return Ok(());
            }
            self.look(&writers)?;
        }
        if last || self.dice.one_in(3) {
            for writer in &mut writers {
                self.close(writer)?;
            }
            self.look(&writers)?;
        }
        Ok(())
    }

    /// Adopts, and opens a writer for all partitions, or two that share them.
    fn open(&mut self, sink: &dyn Sink) -> Result<Vec<Writer>, Violation> {
        let (job, starts) = (JobId("conformance".into()), self.script.starts.clone());
        self.patiently(OPENS, || sink.adopt(&job, &starts))?;
        let all = self.script.partitions();
        let survey = self.patiently(OPENS, || sink.survey(&all))?;
        let shares = match sink.placement() {
            Placement::WithPartition => all.iter().copied().partition(|_| self.dice.one_in(2)),
            Placement::OnLead => (all, Vec::new()),
        };
        let mut writers = Vec::new();
        for share in [shares.0, shares.1].into_iter().filter(|share| !share.is_empty()) {
            let generation = self.generation;
            let open = self.patiently(OPENS, || sink.open(generation, &share))?;
            let told = share.iter().map(|p| (*p, survey.progress.get(p).copied())).collect::<Vec<_>>();
            let durable = open.durable().into_iter().map(|(p, reached)| (p, Some(reached))).collect::<Vec<_>>();
            self.judge.ensure(OPENS, told == durable, || format!("{durable:?} where survey says {told:?}"))?;
            writers.push(Writer::new(open, share));
        }
        Ok(writers)
    }

    fn step(&mut self, writer: &mut Writer) -> Result<Fate, Violation> {
        match self.dice.below(10) {
            0 => self.flush(writer, FlushReason::Due),
            1 => self.wait_and_flush(writer),
            2 if !self.troubled => {
                let when = if self.dice.one_in(2) { Trouble::BeforeEffect } else { Trouble::AfterEffect };
                self.troubled = self.harness.trouble(when);
                Ok(Fate::Lives)
            }
            _ => self.write(writer),
        }
    }

    fn write(&mut self, writer: &mut Writer) -> Result<Fate, Violation> {
        let Some(batch) = writer.batch(&mut self.dice, &self.script) else { return Ok(Fate::Lives) };
        for answers in batch.answers.values() {
            self.expected.offer(answers.partition, answers.reached.next);
            self.ends.insert((answers.partition, answers.reached.next));
        }
        let times = if self.dice.one_in(4) { 2 } else { 1 };
        for _ in 0..times {
            if self.write_until_taken(writer, &batch)? == Fate::Killed {
                return Ok(Fate::Killed);
            }
        }
        writer.took(&batch);
        Ok(Fate::Lives)
    }

    fn write_until_taken(&mut self, writer: &mut Writer, batch: &SinkBatch) -> Result<Fate, Violation> {
        while let Err(fault) = writer.open.write(batch) {
            if self.kills(WRITES, fault)? {
                return Ok(Fate::Killed);
            }
            self.look_at_progress(writer)?;
            self.look_at_contents()?;
        }
        Ok(Fate::Lives)
    }

    fn flush(&mut self, writer: &mut Writer, why: FlushReason) -> Result<Fate, Violation> {
        while let Err(fault) = writer.open.flush(why) {
            if self.kills(FLUSHES, fault)? {
                return Ok(Fate::Killed);
            }
        }
        Ok(Fate::Lives)
    }

    /// A fault is a violation unless it was ordered. After an ordered one some lives end.
    fn kills(&mut self, rule: &'static str, fault: Fault) -> Result<bool, Violation> {
        if !(self.troubled && matches!(fault, Fault::Transient(_))) {
            return Err(self.judge.broken(rule, format!("{fault:?}")));
        }
        self.troubled = false;
        Ok(self.dice.one_in(3))
    }

    /// A call that is made again after ordered trouble.
    fn patiently<T>(&mut self, rule: &'static str, mut call: impl FnMut() -> Result<T, Fault>) -> Result<T, Violation> {
        loop {
            match call() {
                Ok(done) => return Ok(done),
                Err(fault) => self.kills(rule, fault)?,
            };
        }
    }

    fn wait_and_flush(&mut self, writer: &mut Writer) -> Result<Fate, Violation> {
        let Some(wait) = writer.open.flush_in() else { return Ok(Fate::Lives) };
        if !self.harness.pass_time(wait) {
            return Ok(Fate::Lives);
        }
        let before = writer.open.durable();
        let fate = self.flush(writer, FlushReason::Due)?;
        if fate == Fate::Lives {
            let moved = writer.open.durable() != before;
            self.judge.ensure(DUE, moved, || format!("still {before:?} after {wait:?}"))?;
        }
        Ok(fate)
    }

    fn close(&mut self, writer: &mut Writer) -> Result<(), Violation> {
        // Whatever trouble was ordered comes now, and a clean end goes on through it.
        while let Err(fault) = writer.open.flush(FlushReason::Closing) {
            self.kills(FLUSHES, fault)?;
        }
        let buffers = writer.buffers(&self.script);
        let closed = buffers == Some(false) && writer.open.flush_in().is_none();
        self.judge.ensure(CLOSING, closed, || {
            format!("{:?} durable, flush_in {:?}", writer.open.durable(), writer.open.flush_in())
        })
    }

    fn look(&mut self, writers: &[Writer]) -> Result<(), Violation> {
        for writer in writers {
            self.look_at_progress(writer)?;
            let (wants, buffers) = (writer.open.flush_in(), writer.buffers(&self.script));
            let honest = buffers.is_none_or(|buffers| buffers == wants.is_some());
            self.judge
                .ensure(FLUSH_IN, honest, || format!("flush_in {wants:?}, {:?} durable", writer.open.durable()))?;
        }
        self.look_at_contents()
    }

    fn look_at_contents(&mut self) -> Result<(), Violation> {
        let found = self.harness.contents();
        self.expected.check(&self.script, &self.floor, found)
    }

    fn look_at_progress(&mut self, writer: &Writer) -> Result<(), Violation> {
        let durable = writer.open.durable();
        let theirs = durable.keys().copied().collect::<Vec<_>>();
        self.judge.ensure(OPENS, theirs == writer.partitions, || format!("{theirs:?} for {:?}", writer.partitions))?;
        for (partition, reached) in durable {
            let floor = self.floor.entry(partition).or_default();
            let back = reached.next < *floor;
            let before = *floor;
            *floor = reached.next.max(before);
            self.judge.ensure(NEVER_BACK, !back, || format!("{partition}: {reached:?} after {before}"))?;
            let offered = self.expected.offered.get(&partition).copied().unwrap_or_default();
            self.judge.ensure(NOT_AHEAD, reached.next <= offered, || format!("{partition}: {reached:?}, {offered}"))?;
            self.look_at_witness(partition, reached)?;
        }
        Ok(())
    }

    fn look_at_witness(&self, partition: Partition, reached: Reached) -> Result<(), Violation> {
        let right = self.script.witness_below(partition, reached.next);
        // Within a stretch a sink can't know the record that came last.
        let may_lack = !self.ends.contains(&(partition, reached.next));
        let good = reached.witness == right || reached.witness.is_none() && may_lack;
        self.judge.ensure(WITNESS, good, || format!("{partition}: {reached:?} where {right:?} came last"))
    }

    fn last_look(&mut self) -> Result<(), Violation> {
        let sink = self.harness.sink();
        let all = self.script.partitions();
        let survey = self.patiently(LAST, || sink.survey(&all))?;
        let told: Offsets = survey.progress.into_iter().map(|(partition, reached)| (partition, reached.next)).collect();
        self.judge.ensure(LAST, told == self.floor, || format!("{told:?} where {:?} was durable", self.floor))?;
        self.look_at_contents()
    }
}
