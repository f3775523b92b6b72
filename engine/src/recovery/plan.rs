//! Where each sink begins, and whether its destination is what the ledger says.
//!
//! A sink is registered in the ledger, with where it begins, before its first record, and before the job binds anything at
//! all: so a job that never bound an offset is new, and all its sinks begin with the log. From then on a destination that
//! holds no progress has lost it, and isn't begun with again.

use std::collections::BTreeMap;

use super::{StartError, StartErrors};
use crate::contract::{JobId, SinkName, SinkSurvey};
use crate::ledger::Book;
use crate::log::{Offset, OffsetRange, Offsets, Partition, Reached};

/// What the configuration says of a sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkPolicy {
    /// Its name.
    pub name: SinkName,
    /// Whether the job waits for it; otherwise it may lag behind.
    pub required: bool,
    /// Whether it begins with the log if it is added to a running job; otherwise at the present.
    pub backfill: bool,
}

/// What a start does with its sinks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StartPlan {
    /// The sinks that are new to the ledger, and where they begin: one entry each, before the first record.
    pub register: Vec<(SinkName, Offsets)>,
    /// Where each sink begins, for its destination's adoption.
    pub starts: BTreeMap<SinkName, Offsets>,
}

/// Decides where each sink begins, by the ledger with this life's claim. `bounds` is what the log holds of each partition; `surveys` what the destinations say,
/// without those that could not be asked. A sink that the ledger knows and nobody configures any more is left alone.
///
/// # Errors
/// All that must be mended first: a destination of another job, one that has vanished in whole or in part, a required or new
/// one that could not be asked, a required one that the ledger was collected beyond, a partition of which nothing is known.
pub fn plan_start(
    book: &Book,
    policies: &[SinkPolicy],
    bounds: &BTreeMap<Partition, OffsetRange>,
    surveys: &BTreeMap<SinkName, SinkSurvey>,
) -> Result<StartPlan, StartErrors> {
    let unknown = (0..book.partitions()).map(Partition).filter(|partition| !bounds.contains_key(partition));
    let mut errors: Vec<_> = unknown.map(|partition| StartError::BoundsUnknown { partition }).collect();
    if policies.is_empty() {
        errors.push(StartError::NoSinks);
    }
    let mut plan = StartPlan::default();
    for policy in policies {
        let survey = surveys.get(&policy.name);
        let owner = survey.and_then(|survey| survey.owner.clone());
        if let Some((owner, job)) = owner.zip(book.id()).filter(|(owner, job)| owner != job) {
            errors.push(StartError::AnotherJob { sink: policy.name.clone(), owner, job });
            continue;
        }
        let starts = match (book.registered().get(&policy.name), survey) {
            (Some(registered), survey) => {
                errors.extend(registered_errors(book, policy, registered, survey));
                let come = starts_in_new_partitions(book, registered, bounds, survey);
                if !come.is_empty() {
                    plan.register.push((policy.name.clone(), come.clone()));
                }
                registered.clone().into_iter().chain(come).collect()
            }
            (None, Some(survey)) => {
                let starts = new_starts(book, policy, bounds, survey);
                plan.register.push((policy.name.clone(), starts.clone()));
                starts
            }
            (None, None) => {
                errors.push(StartError::Unasked { sink: policy.name.clone() });
                continue;
            }
        };
        plan.starts.insert(policy.name.clone(), starts);
    }
    if errors.is_empty() { Ok(plan) } else { Err(StartErrors(errors)) }
}

/// What is wrong with a destination that should be this job's.
fn registered_errors(
    book: &Book,
    policy: &SinkPolicy,
    registered: &Offsets,
    survey: Option<&SinkSurvey>,
) -> Vec<StartError> {
    let sink = policy.name.clone();
    let Some(survey) = survey else {
        let must_be_asked = policy.required || registered.len() < book.partitions() as usize;
        return if must_be_asked { vec![StartError::Unasked { sink }] } else { Vec::new() };
    };
    let mut errors = left_errors(&sink, registered, survey);
    if errors.is_empty() && policy.required {
        let below = |(partition, reached): (&Partition, &Reached)| {
            let (next, kept) = (reached.next, book.kept_from(*partition));
            (next < kept).then(|| StartError::BelowLedger { sink: sink.clone(), partition: *partition, next, kept })
        };
        errors.extend(survey.progress.iter().filter_map(below));
    }
    errors
}

/// What of a destination has vanished.
fn left_errors(sink: &SinkName, starts: &Offsets, survey: &SinkSurvey) -> Vec<StartError> {
    if survey.owner.is_none() {
        return vec![StartError::Vanished { sink: sink.clone() }];
    }
    let vanished = starts.iter().filter(|(partition, _)| !survey.progress.contains_key(partition));
    let error = |(partition, start): (&Partition, &Offset)| StartError::ProgressVanished {
        sink: sink.clone(),
        partition: *partition,
        start: *start,
    };
    vanished.map(error).collect()
}

/// Checks that a destination which a job has adopted, with these starts, is still as it was left.
///
/// # Errors
/// It is another job's, or has vanished in whole or in part.
pub fn check_left(sink: &SinkName, job: &JobId, starts: &Offsets, survey: &SinkSurvey) -> Result<(), StartErrors> {
    let another = survey.owner.as_ref().filter(|owner| *owner != job);
    let errors = match another.cloned() {
        Some(owner) => vec![StartError::AnotherJob { sink: sink.clone(), owner, job: job.clone() }],
        None => left_errors(sink, starts, survey),
    };
    if errors.is_empty() { Ok(()) } else { Err(StartErrors(errors)) }
}

/// Where a sink that the ledger knows begins in partitions which the log has got since: with their first record, since nobody
/// can have answered it.
fn starts_in_new_partitions(
    book: &Book,
    registered: &Offsets,
    bounds: &BTreeMap<Partition, OffsetRange>,
    survey: Option<&SinkSurvey>,
) -> Offsets {
    let come = bounds.iter().filter(|(partition, _)| !registered.contains_key(partition));
    let start = |(partition, range): (&Partition, &OffsetRange)| {
        // It was adopted by a life that ended before it wrote that down.
        let adopted = survey.and_then(|survey| survey.progress.get(partition));
        (*partition, adopted.map_or(range.from.max(book.kept_from(*partition)), |reached| reached.next))
    };
    come.map(start).collect()
}

/// Where a sink begins that the ledger doesn't know.
fn new_starts(
    book: &Book,
    policy: &SinkPolicy,
    bounds: &BTreeMap<Partition, OffsetRange>,
    survey: &SinkSurvey,
) -> Offsets {
    let with_the_log = policy.backfill || book.newest_binding().is_none();
    let start = |(partition, range): (&Partition, &OffsetRange)| {
        // It was adopted by a life that ended before it wrote that down.
        let adopted = survey.owner.as_ref().and_then(|_| survey.progress.get(partition));
        let start = match adopted {
            Some(reached) => reached.next,
            // What the ledger has forgotten can't be answered any more.
            None if with_the_log => range.from.max(book.kept_from(*partition)),
            None => range.to,
        };
        (*partition, start)
    };
    bounds.iter().map(start).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ids::JobName;
    use crate::ledger::{AnswerFormat, Binding, Entry, EntryBody, Generation, TableVersion};

    const JOB: &str = "job#0000000000000000";

    fn name(name: &str) -> SinkName {
        SinkName(name.into())
    }

    fn policy(name: &str, required: bool, backfill: bool) -> SinkPolicy {
        SinkPolicy { name: SinkName(name.into()), required, backfill }
    }

    fn offsets(a: u64, b: u64) -> Offsets {
        [(Partition(0), Offset(a)), (Partition(1), Offset(b))].into()
    }

    /// The log holds [10, 100) of partition 0 and [20, 200) of partition 1.
    fn bounds() -> BTreeMap<Partition, OffsetRange> {
        let range = |from, to| OffsetRange::new(Offset(from), Offset(to));
        [(Partition(0), range(10, 100)), (Partition(1), range(20, 200))].into()
    }

    fn book(registered: &[(&str, Offsets)], running: bool) -> Book {
        let mut bodies = vec![EntryBody::Open { job: JobName("job".into()), partitions: 2, nonce: 0 }];
        for (name, starts) in registered {
            bodies.push(EntryBody::Register { sink: SinkName((*name).into()), starts: starts.clone() });
        }
        if running {
            let binding = Binding {
                model: "m".into(),
                table: TableVersion(1),
                format: AnswerFormat(1),
                settings: BTreeMap::new(),
            };
            let ranges = [(Partition(0), OffsetRange::new(Offset(0), Offset(1000)))].into();
            bodies.push(EntryBody::Bind { binding, ranges });
        }
        let mut book = Book::default();
        for body in bodies {
            book.apply(book.next_seq(), &Entry { generation: Generation(1), body }).unwrap();
        }
        book
    }

    fn survey(owner: Option<&str>, progress: &[(u32, u64)]) -> SinkSurvey {
        let reached = |(partition, next): &(u32, u64)| (Partition(*partition), Reached::start(Offset(*next)));
        SinkSurvey { owner: owner.map(|owner| JobId(owner.into())), progress: progress.iter().map(reached).collect() }
    }

    fn errors(result: Result<StartPlan, StartErrors>) -> Vec<StartError> {
        result.unwrap_err().0
    }

    #[test]
    fn where_a_sink_begins() {
        let (nobodys, adopted) = (survey(None, &[]), survey(Some(JOB), &[(0, 33), (1, 44)]));
        let half_adopted = survey(Some(JOB), &[(1, 44)]);
        for (running, backfill, survey, starts) in [
            (false, false, &nobodys, offsets(10, 20)),
            (false, true, &nobodys, offsets(10, 20)),
            (true, false, &nobodys, offsets(100, 200)),
            (true, true, &nobodys, offsets(10, 20)),
            (true, false, &adopted, offsets(33, 44)),
            (false, false, &adopted, offsets(33, 44)),
            (true, false, &half_adopted, offsets(100, 44)),
        ] {
            let surveys = [(name("new"), survey.clone())].into();
            let plan = plan_start(&book(&[], running), &[policy("new", true, backfill)], &bounds(), &surveys).unwrap();
            assert_eq!(plan.register, [(name("new"), starts.clone())]);
            assert_eq!(plan.starts, [(name("new"), starts)].into());
        }
    }

    #[test]
    fn a_start_that_was_cut_short_leaves_a_new_job_new() {
        let book = book(&[("first", offsets(10, 20))], false);
        let surveys = [(name("first"), survey(Some(JOB), &[(0, 10), (1, 20)])), (name("second"), survey(None, &[]))];
        let policies = [policy("first", true, false), policy("second", true, false)];
        let plan = plan_start(&book, &policies, &bounds(), &surveys.into()).unwrap();
        assert_eq!(plan.register, [(name("second"), offsets(10, 20))]);
        assert_eq!(plan.starts.len(), 2);
    }

    #[test]
    fn a_registered_sink_goes_on_and_one_that_is_not_configured_is_left_alone() {
        let book = book(&[("old", offsets(3, 4)), ("gone", offsets(1, 1))], true);
        let surveys = [(name("old"), survey(Some(JOB), &[(0, 50), (1, 60)]))].into();
        let plan = plan_start(&book, &[policy("old", true, true)], &bounds(), &surveys).unwrap();
        assert_eq!(plan, StartPlan { register: Vec::new(), starts: [(name("old"), offsets(3, 4))].into() });
    }

    /// A partition that was added to the request log while the job ran.
    #[test]
    fn a_sink_that_is_known_begins_with_the_first_record_of_a_new_partition() {
        let mut book = book(&[("old", offsets(3, 4))], true);
        let claim = EntryBody::Claim { nonce: 1, partitions: Some(3) };
        book.apply(book.next_seq(), &Entry { generation: Generation(2), body: claim }).unwrap();
        let mut bounds = bounds();
        bounds.insert(Partition(2), OffsetRange::new(Offset(0), Offset(7)));
        let start = |progress: &[(u32, u64)]| {
            let surveys = [(name("old"), survey(Some(JOB), progress))].into();
            plan_start(&book, &[policy("old", true, false)], &bounds, &surveys)
        };
        let come = |at| [(name("old"), [(Partition(2), Offset(at))].into())];
        let plan = start(&[(0, 50), (1, 60)]).unwrap();
        assert_eq!(plan.register, come(0));
        assert_eq!(plan.starts[&name("old")].len(), 3);
        assert_eq!(start(&[(0, 50), (1, 60), (2, 5)]).unwrap().register, come(5), "adopted, and not written down");
        assert_eq!(errors(start(&[(0, 50)])).len(), 1, "what was there before may not be missing");
        let away = plan_start(&book, &[policy("old", false, false)], &bounds, &BTreeMap::new());
        assert_eq!(errors(away), [StartError::Unasked { sink: name("old") }], "it must get the new partition first");
        for (sink, starts) in plan.register {
            let body = EntryBody::Register { sink, starts };
            book.apply(book.next_seq(), &Entry { generation: Generation(2), body }).unwrap();
        }
        let surveys = [(name("old"), survey(Some(JOB), &[(0, 50), (1, 60), (2, 5)]))].into();
        assert_eq!(plan_start(&book, &[policy("old", true, false)], &bounds, &surveys).unwrap().register, []);
    }

    #[test]
    fn all_that_has_vanished_or_is_not_ours_is_said_at_once() {
        let book = book(&[("a", offsets(1, 2)), ("b", offsets(1, 2)), ("c", offsets(1, 2))], true);
        let policies = ["a", "b", "c", "d", "e"].map(|name| policy(name, true, false));
        let surveys = [
            (name("a"), survey(None, &[(0, 50), (1, 50)])),
            (name("b"), survey(Some(JOB), &[(1, 50)])),
            (name("c"), survey(Some("theirs"), &[(0, 1), (1, 2)])),
            (name("d"), survey(Some("theirs"), &[])),
        ];
        let found = errors(plan_start(&book, &policies, &bounds(), &surveys.into()));
        let theirs = |sink| StartError::AnotherJob { sink, owner: JobId("theirs".into()), job: JobId(JOB.into()) };
        assert_eq!(
            found,
            [
                StartError::Vanished { sink: name("a") },
                StartError::ProgressVanished { sink: name("b"), partition: Partition(0), start: Offset(1) },
                theirs(name("c")),
                theirs(name("d")),
                StartError::Unasked { sink: name("e") },
            ]
        );
    }

    /// A user removed the state folder and kept the answers: the new job took the old one's progress for its own, and dropped
    /// as many answers without a word.
    #[test]
    fn a_destination_of_another_ledger_of_the_same_name_is_not_ours() {
        let theirs = "job#0000000000000001";
        let surveys = [(name("files"), survey(Some(theirs), &[(0, 1000), (1, 1000)]))].into();
        let found = errors(plan_start(&book(&[], false), &[policy("files", false, false)], &bounds(), &surveys));
        let another =
            StartError::AnotherJob { sink: name("files"), owner: JobId(theirs.into()), job: JobId(JOB.into()) };
        assert!(another.to_string().contains("bring back the state folder"), "{another}");
        assert_eq!(found, [another]);
    }

    #[test]
    fn a_destination_that_comes_back_must_be_as_it_was_left() {
        let (files, job) = (name("files"), JobId(JOB.into()));
        let left = |survey: &SinkSurvey| check_left(&files, &job, &offsets(1, 2), survey).map_err(|errors| errors.0);
        assert_eq!(left(&survey(Some(JOB), &[(0, 5), (1, 2)])), Ok(()));
        assert_eq!(left(&survey(None, &[])), Err(vec![StartError::Vanished { sink: files.clone() }]));
        let half = StartError::ProgressVanished { sink: files.clone(), partition: Partition(1), start: Offset(2) };
        assert_eq!(left(&survey(Some(JOB), &[(0, 5)])), Err(vec![half]));
        assert!(matches!(left(&survey(Some("other#1"), &[])).unwrap_err()[..], [StartError::AnotherJob { .. }]));
    }

    #[test]
    fn only_a_sink_that_may_lag_and_is_known_need_not_answer() {
        let book = book(&[("known", offsets(1, 2))], true);
        let start = |policy| plan_start(&book, &[policy], &bounds(), &BTreeMap::new());
        assert_eq!(start(policy("known", false, false)).unwrap().starts, [(name("known"), offsets(1, 2))].into());
        assert_eq!(errors(start(policy("known", true, false))), [StartError::Unasked { sink: name("known") }]);
        assert_eq!(errors(start(policy("new", false, false))), [StartError::Unasked { sink: name("new") }]);
    }

    #[test]
    fn a_start_without_sinks_or_bounds_is_refused() {
        let found = errors(plan_start(&book(&[], false), &[], &BTreeMap::new(), &BTreeMap::new()));
        let unknown = |partition| StartError::BoundsUnknown { partition: Partition(partition) };
        assert_eq!(found, [unknown(0), unknown(1), StartError::NoSinks]);
    }

    proptest! {
        /// Registering and adopting what was planned makes the next start plan nothing new, wherever the log is by then.
        #[test]
        fn a_plan_that_was_carried_out_is_carried_out(
            new in prop::collection::btree_map("[a-d]", any::<(bool, bool)>(), 1..4),
            running: bool,
            grown in 0..100_u64,
        ) {
            let policies: Vec<_> = new.iter().map(|(name, (required, backfill))| policy(name, *required, *backfill)).collect();
            let surveys = new.keys().map(|sink| (name(sink), survey(None, &[]))).collect();
            let mut book = book(&[], running);
            let plan = plan_start(&book, &policies, &bounds(), &surveys).unwrap();
            for (sink, starts) in &plan.register {
                let body = EntryBody::Register { sink: sink.clone(), starts: starts.clone() };
                book.apply(book.next_seq(), &Entry { generation: Generation(1), body }).unwrap();
            }
            let adopted = plan.starts.iter().map(|(sink, starts)| {
                let progress = starts.iter().map(|(partition, start)| (*partition, Reached::start(*start))).collect();
                (sink.clone(), SinkSurvey { owner: Some(JobId(JOB.into())), progress })
            }).collect();
            let mut later = bounds();
            later.values_mut().for_each(|range| range.to.0 += grown);
            let again = plan_start(&book, &policies, &later, &adopted).unwrap();
            prop_assert_eq!(again.register, []);
            prop_assert_eq!(again.starts, plan.starts);
        }
    }
}
