//! The suite is sharp: a sink that breaks one rule is caught, and by that rule.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use super::*;
use crate::contract::{
    Answers, Fault, FlushReason, Guarantee, Item, JobId, OpenSink, Placement, Selects, SinkBatch, SinkName, SinkSurvey,
    Standing,
};
use crate::ledger::Generation;
use crate::log::{Offset, Offsets, Partition, Reached};

/// What is wrong with a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    Nothing,
    SurveyClaims,
    AdoptResets,
    AdoptsForAnybody,
    TellsOfAllPartitions,
    ForgetsTheWitness,
    ProgressBeforeData,
    LosesWhatItHasTaken,
    TakesTwice,
    DoesNotFence,
    RunsAhead,
    ForgetsProgressWhenKilled,
    IgnoresEmptyStretches,
    ClosingLeavesSome,
    AlwaysWantsAFlush,
    NeverWantsAFlush,
    LastOneWins,
    FirstOneStandsWhateverItIs,
    TwoPerKey,
    ChangesBytes,
}

#[derive(Debug, Default)]
struct State {
    owner: Option<JobId>,
    progress: BTreeMap<Partition, Reached>,
    fence: u64,
    lines: Vec<Stored>,
    /// Lines of the flaw that writes progress first.
    late: Vec<Stored>,
}

/// A small sink of its own, plain or keyed, with at most one flaw.
#[derive(Clone, Debug)]
struct Flawed {
    name: SinkName,
    flaw: Flaw,
    keyed: bool,
    buffers: bool,
    state: Arc<Mutex<State>>,
}

impl Flawed {
    fn new(flaw: Flaw, keyed: bool, buffers: bool) -> Self {
        Self { name: SinkName("flawed".into()), flaw, keyed, buffers, state: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl Sink for Flawed {
    fn name(&self) -> &SinkName {
        &self.name
    }

    fn placement(&self) -> Placement {
        Placement::WithPartition
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::ExactlyOnce
    }

    fn selects(&self) -> Selects {
        Selects::Answers
    }

    fn survey(&self, partitions: &[Partition]) -> Result<SinkSurvey, Fault> {
        let mut state = self.lock();
        if self.flaw == Flaw::SurveyClaims {
            state.owner.get_or_insert_with(|| JobId("surveyor".into()));
        }
        if self.flaw == Flaw::ForgetsProgressWhenKilled && state.lines.len() > 20 {
            for reached in state.progress.values_mut() {
                reached.next = Offset(reached.next.0.saturating_sub(1));
            }
        }
        let mut progress = state.progress.clone();
        progress.retain(|partition, _| self.flaw == Flaw::TellsOfAllPartitions || partitions.contains(partition));
        Ok(SinkSurvey { owner: state.owner.clone(), progress })
    }

    fn adopt(&self, job: &JobId, starts: &Offsets) -> Result<(), Fault> {
        let mut state = self.lock();
        let owner = state.owner.get_or_insert_with(|| job.clone());
        if owner != job && self.flaw != Flaw::AdoptsForAnybody {
            return Err(Fault::permanent(format!("it belongs to {owner}, not to {job}")));
        }
        for (&partition, &start) in starts {
            let reached = state.progress.entry(partition).or_insert(Reached::start(start));
            if self.flaw == Flaw::AdoptResets {
                *reached = Reached::start(start);
            }
        }
        Ok(())
    }

    fn open(&self, generation: Generation, partitions: &[Partition]) -> Result<Box<dyn OpenSink>, Fault> {
        let mut state = self.lock();
        state.fence = state.fence.max(generation.0);
        let durable = state.progress.iter().filter(|(p, _)| partitions.contains(p)).map(|(p, r)| (*p, *r)).collect();
        Ok(Box::new(FlawedWriter { sink: self.clone(), generation, durable, waiting: Vec::new() }))
    }
}

struct FlawedWriter {
    sink: Flawed,
    generation: Generation,
    durable: BTreeMap<Partition, Reached>,
    waiting: Vec<Answers>,
}

impl FlawedWriter {
    fn commit(&mut self, answers: &Answers) -> Result<(), Fault> {
        let flaw = self.sink.flaw;
        let mut state = self.sink.lock();
        if state.fence > self.generation.0 && flaw != Flaw::DoesNotFence {
            return Err(crate::contract::Superseded { later: Generation(state.fence) }.into());
        }
        let durable = self.durable.entry(answers.partition).or_default();
        let fresh = |item: &&Item| item.offset >= durable.next || flaw == Flaw::TakesTwice;
        let lines = answers.items.iter().filter(fresh).cloned();
        let mut lines: Vec<_> = lines.map(|item| Stored { partition: answers.partition, item }).collect();
        let late = std::mem::take(&mut state.late);
        match flaw {
            Flaw::ProgressBeforeData => state.late.append(&mut lines),
            Flaw::LosesWhatItHasTaken => drop(lines.pop_if(|line| line.item.offset.0.is_multiple_of(7))),
            Flaw::ChangesBytes => {
                for line in &mut lines {
                    line.item.body = [&line.item.body[..], b" "].concat().into();
                }
            }
            _ => {}
        }
        for line in late.into_iter().chain(lines) {
            self.sink.put(&mut state, line);
        }
        if answers.items.is_empty() && flaw == Flaw::IgnoresEmptyStretches {
            return Ok(());
        }
        let mut reached = answers.reached;
        match flaw {
            Flaw::ForgetsTheWitness => reached.witness = None,
            Flaw::RunsAhead => reached.next = reached.next.next(),
            _ => {}
        }
        durable.advance(reached);
        state.progress.entry(answers.partition).or_default().advance(reached);
        Ok(())
    }
}

impl Flawed {
    fn put(&self, state: &mut State, line: Stored) {
        let rival = state.lines.iter_mut().find(|stands| stands.item.key == line.item.key);
        match rival {
            Some(stands) if self.keyed && self.flaw != Flaw::TwoPerKey => {
                let better = match self.flaw {
                    Flaw::LastOneWins => true,
                    Flaw::FirstOneStandsWhateverItIs => false,
                    _ => stands.item.standing == Standing::Provisional && line.item.standing == Standing::Final,
                };
                if better {
                    *stands = line;
                }
            }
            _ => state.lines.push(line),
        }
    }
}

impl OpenSink for FlawedWriter {
    fn durable(&self) -> BTreeMap<Partition, Reached> {
        self.durable.clone()
    }

    fn write(&mut self, batch: &SinkBatch) -> Result<(), Fault> {
        for answers in batch.answers.values() {
            if self.sink.buffers {
                self.waiting.push(answers.clone());
            } else {
                self.commit(answers)?;
            }
        }
        Ok(())
    }

    fn flush(&mut self, why: FlushReason) -> Result<(), Fault> {
        let mut waiting = std::mem::take(&mut self.waiting);
        if why == FlushReason::Closing && self.sink.flaw == Flaw::ClosingLeavesSome {
            waiting.pop();
        }
        waiting.iter().try_for_each(|answers| self.commit(answers))
    }

    fn flush_in(&self) -> Option<Duration> {
        let buffers = match self.sink.flaw {
            Flaw::AlwaysWantsAFlush => true,
            Flaw::NeverWantsAFlush => false,
            _ => !self.waiting.is_empty(),
        };
        buffers.then_some(Duration::from_secs(1))
    }
}

impl SinkHarness for Flawed {
    fn fresh(&mut self) {
        *self = Self::new(self.flaw, self.keyed, self.buffers);
    }

    fn sink(&mut self) -> Box<dyn Sink> {
        Box::new(self.clone())
    }

    fn contents(&mut self) -> Vec<Stored> {
        self.lock().lines.clone()
    }

    fn keyed(&self) -> bool {
        self.keyed
    }

    fn rounds(&self) -> u64 {
        40
    }
}

#[test]
fn without_a_flaw_it_passes() {
    for (keyed, buffers) in [(false, false), (true, false), (false, true), (true, true)] {
        check(&mut Flawed::new(Flaw::Nothing, keyed, buffers)).unwrap();
    }
}

#[test]
fn each_flaw_is_caught_by_its_rule() {
    let plain = [
        (Flaw::SurveyClaims, "survey only looks"),
        (Flaw::AdoptResets, "adopt, done again, keeps"),
        (Flaw::AdoptsForAnybody, "adopt refuses another job's"),
        (Flaw::TellsOfAllPartitions, "survey tells of the partitions that it is asked for"),
        (Flaw::ForgetsTheWitness, "progress keeps the witness"),
        (Flaw::ProgressBeforeData, "progress is never ahead of the data"),
        (Flaw::LosesWhatItHasTaken, "progress is never ahead of the data"),
        (Flaw::TakesTwice, "a line is there at most once"),
        (Flaw::DoesNotFence, "a line is there at most once"),
        (Flaw::RunsAhead, "durable progress is not beyond what was written"),
        (Flaw::ForgetsProgressWhenKilled, "durable progress never goes back"),
        (Flaw::IgnoresEmptyStretches, "after flush(Closing) all is durable"),
        (Flaw::AlwaysWantsAFlush, "flush_in tells a time exactly while"),
        (Flaw::ChangesBytes, "a destination holds only lines that were written"),
    ];
    for (flaw, rule) in plain {
        caught(Flawed::new(flaw, false, false), rule);
    }
    for (flaw, rule) in [
        (Flaw::ClosingLeavesSome, "after flush(Closing) all is durable"),
        (Flaw::NeverWantsAFlush, "flush_in tells a time exactly while"),
        (Flaw::TakesTwice, "a line is there at most once"),
    ] {
        caught(Flawed::new(flaw, false, true), rule);
    }
    for (flaw, rule) in [
        (Flaw::LastOneWins, "the first final line stands"),
        (Flaw::FirstOneStandsWhateverItIs, "a final line takes a provisional one's place"),
        (Flaw::TwoPerKey, "a collection holds one line per key"),
        (Flaw::ProgressBeforeData, "progress is never ahead of the data"),
    ] {
        caught(Flawed::new(flaw, true, false), rule);
    }
}

fn caught(mut flawed: Flawed, rule: &str) {
    let violation = check(&mut flawed).expect_err(&format!("{:?} passes", flawed.flaw));
    assert!(violation.rule.starts_with(rule), "{:?} is caught by {violation}", flawed.flaw);
    if let Err(again) = check_seed(&mut flawed, violation.seed) {
        assert_eq!(check_seed(&mut flawed, violation.seed), Err(again), "the same seed, the same game");
    }
}
