//! The cases that need no chance: an empty destination, adopting it, and another job's.

use super::SinkHarness;
use crate::conformance::dice::Dice;
use crate::conformance::report::{Judge, Violation};
use crate::contract::FlushReason;
use crate::contract::{JobId, SinkBatch, SinkSurvey};
use crate::ledger::Generation;
use crate::log::{Offset, Offsets, Partition};

use super::script::Script;

const LOOKS: &str = "survey only looks, and an empty destination has neither owner nor progress";
const ADOPTS: &str = "adopt makes the destination the job's, with progress where the job begins";
const AGAIN: &str = "adopt, done again, keeps the progress that is there";
const ANOTHERS: &str = "adopt refuses another job's destination for good, names both, and changes nothing";
const ASKED: &str = "survey tells of the partitions that it is asked for, and of no others";

pub(super) fn check(harness: &mut dyn SinkHarness) -> Result<(), Violation> {
    let judge = Judge::new(0);
    an_empty_destination(harness, judge)?;
    adopting(harness, judge)?;
    another_job(harness, judge)
}

fn job(name: &str) -> JobId {
    JobId(name.into())
}

fn starts(pairs: &[(u32, u64)]) -> Offsets {
    pairs.iter().map(|&(partition, offset)| (Partition(partition), Offset(offset))).collect()
}

fn progress(survey: &SinkSurvey) -> Offsets {
    survey.progress.iter().map(|(&partition, reached)| (partition, reached.next)).collect()
}

fn an_empty_destination(harness: &mut dyn SinkHarness, judge: Judge) -> Result<(), Violation> {
    harness.fresh();
    let sink = harness.sink();
    for _ in 0..2 {
        let survey = judge.works(LOOKS, sink.survey(&[Partition(0), Partition(1)]))?;
        judge.ensure(LOOKS, survey == SinkSurvey::default(), || format!("{survey:?}"))?;
    }
    let contents = harness.contents();
    judge.ensure(LOOKS, contents.is_empty(), || format!("{} lines in it", contents.len()))
}

fn adopting(harness: &mut dyn SinkHarness, judge: Judge) -> Result<(), Violation> {
    harness.fresh();
    let ours = job("conformance-a");
    let both = [Partition(0), Partition(1)];
    let script = Script::write(harness, &mut Dice::new(7), 1, 10);
    let begin = script.starts.get(&Partition(0)).copied().unwrap_or_default();
    let sink = harness.sink();
    judge.works(ADOPTS, sink.adopt(&ours, &script.starts))?;
    let survey = judge.works(ADOPTS, sink.survey(&both))?;
    let adopted = survey.owner.as_ref() == Some(&ours) && progress(&survey) == script.starts;
    judge.ensure(ADOPTS, adopted, || format!("{survey:?} after adopting at {:?}", script.starts))?;

    judge.works(AGAIN, sink.adopt(&ours, &starts(&[(0, begin.0 + 5), (1, 3)])))?;
    let survey = judge.works(AGAIN, sink.survey(&both))?;
    let kept = starts(&[(0, begin.0), (1, 3)]);
    judge.ensure(AGAIN, progress(&survey) == kept, || format!("{survey:?} where {kept:?} should be"))?;

    let mut writer = judge.works(AGAIN, sink.open(Generation(1), &[Partition(0)]))?;
    let answers = script.stretch(&mut Dice::new(7), Partition(0), begin, u64::MAX);
    let batch = SinkBatch { answers: answers.into_iter().map(|answers| (answers.partition, answers)).collect() };
    judge.works(AGAIN, writer.write(&batch))?;
    judge.works(AGAIN, writer.flush(FlushReason::Closing))?;
    let durable = writer.durable();
    drop((writer, sink));
    harness.restart();
    let sink = harness.sink();
    judge.works(AGAIN, sink.adopt(&ours, &kept))?;
    let survey = judge.works(AGAIN, sink.survey(&[Partition(0)]))?;
    let (kept, was) = (survey.progress.get(&Partition(0)), durable.get(&Partition(0)));
    judge.ensure(AGAIN, kept == was, || format!("{kept:?} where {was:?} was durable"))?;
    let survey = judge.works(ASKED, sink.survey(&[Partition(1)]))?;
    judge.ensure(ASKED, progress(&survey) == starts(&[(1, 3)]), || format!("{survey:?} when asked for 1"))
}

fn another_job(harness: &mut dyn SinkHarness, judge: Judge) -> Result<(), Violation> {
    harness.fresh();
    let sink = harness.sink();
    judge.works(ADOPTS, sink.adopt(&job("conformance-a"), &starts(&[(0, 2)])))?;
    drop(sink);
    harness.restart();
    let sink = harness.sink();
    let sentence = judge.refused(ANOTHERS, sink.adopt(&job("conformance-b"), &starts(&[(0, 0), (1, 0)])))?;
    let names_both = sentence.contains("conformance-a") && sentence.contains("conformance-b");
    judge.ensure(ANOTHERS, names_both, || format!("the sentence {sentence:?}"))?;
    let survey = judge.works(ANOTHERS, sink.survey(&[Partition(0), Partition(1)]))?;
    let unchanged = survey.owner == Some(job("conformance-a")) && progress(&survey) == starts(&[(0, 2)]);
    judge.ensure(ANOTHERS, unchanged, || format!("{survey:?} afterwards"))
}
