//! `dead-letters replay`: adds the original bytes to the request log again, and waits for the new answers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Write;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use flightline_connectors::client::{CollectionClient, Position, TopicClient};
use flightline_engine::log::{Offset, OffsetRange, Partition};
use flightline_engine::progress::Progress;
use serde_json::{Value, json};

use super::ReplayFlags;
use super::choose::{Candidates, Skip, Wanted, place};
use super::read::Letters;
use crate::access::Access;
use crate::commands::terminal::{clean, clip, counted, say, say_json};
use crate::config::StreamConfig;
use crate::dead_letter::DeadLetter;
use crate::failure::{Failure, FailureKind};
use crate::replaying::compare::is_final;
use crate::replaying::find::{read_all, read_range};
use crate::request;

/// Records that are added at once, at most.
const RECORDS: usize = 1000;

/// Bytes that are added at once, at most; a larger record goes alone.
const BYTES: usize = 8 << 20;

/// The first pause between two looks for answers; it doubles up to the last one.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LAST_PAUSE: Duration = Duration::from_millis(500);

/// Columns of a reason.
const REASON: usize = 100;

/// What became of a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    Skipped(Skip),
    /// It would have been asked again.
    Chosen,
    /// It was asked again, there.
    Asked(Position),
    /// And has its answer.
    Mended(Position),
    /// And became a dead letter again, for this reason.
    Again(Position, Box<str>),
}

pub(super) fn run(flags: &ReplayFlags, output: &mut dyn Write) -> Result<(), Failure> {
    let loaded = flags.config.load()?;
    if flags.config.dumped(&loaded)? {
        return Ok(());
    }
    let (config, wanted) = (&loaded.config, wanted(flags)?);
    let access = Access::open(config)?;
    eprintln!("dead-letters: reading {access}");
    let (requests, answers) = (access.requests(), answers(config, &access)?);
    let letters = Letters::open(config, &access)?;
    let chosen = choose(&letters, &wanted, &*requests, &*answers, flags.even_without_uuid)?;
    let mut fates: Vec<(DeadLetter, Fate)> =
        chosen.into_iter().map(|(letter, skip)| (letter, skip.map_or(Fate::Chosen, Fate::Skipped))).collect();
    let waits = access.is_running() && !flags.wait.is_zero();
    if !flags.dry_run {
        ask(&*requests, &mut fates)?;
        if waits {
            wait(&mut fates, &letters, &*answers, flags.wait)?;
        }
    }
    show(&fates, flags.json, output)?;
    if !flags.json {
        say(output, &summary(&fates, access.is_running(), flags.wait.is_zero()))?;
    }
    verdict(&fates, waits)
}

fn wanted(flags: &ReplayFlags) -> Result<Wanted, Failure> {
    Ok(match (flags.partition.zip(flags.offset), &flags.uuid, &flags.reason, flags.all) {
        (Some((partition, offset)), ..) => {
            Wanted::At(Position { partition: Partition(partition), offset: Offset(offset) })
        }
        (_, Some(id), ..) => Wanted::Of(id.clone()),
        (_, _, Some(reason), _) => Wanted::Because(reason.clone()),
        (_, _, _, true) => Wanted::All,
        _ => {
            return Err(Failure::new(
                FailureKind::Usage,
                "say which letters: --partition with --offset, --uuid, --reason or --all (see --help)",
            ));
        }
    })
}

fn answers(config: &StreamConfig, access: &Access) -> Result<Arc<dyn CollectionClient>, Failure> {
    let name = config.answers_collection().ok_or_else(|| {
        Failure::new(
            FailureKind::Usage,
            "no sink keeps answers in a collection, so nobody can tell which requests have theirs by now: enable one \
             ([sinks.collection] of config/default.toml)",
        )
    })?;
    access.collection(name)
}

/// Asks the job what the choice depends on, and chooses.
fn choose(
    letters: &Letters,
    wanted: &Wanted,
    requests: &dyn TopicClient,
    answers: &dyn CollectionClient,
    even_without_uuid: bool,
) -> Result<Vec<(DeadLetter, Option<Skip>)>, Failure> {
    let mut candidates = Candidates::default();
    letters.all(|letter| candidates.take(letter, wanted))?;
    candidates.settle();
    let mut answered = BTreeSet::new();
    for key in candidates.keys() {
        if answers.get(&key)?.is_some_and(|answer| is_final(&answer)) {
            answered.insert(key);
        }
    }
    let mut bounds = BTreeMap::new();
    for partition in (0..requests.partitions()?).map(Partition) {
        bounds.insert(partition, requests.bounds(partition)?);
    }
    let mut again: HashMap<Bytes, Position> = HashMap::new();
    let ranges = candidates.to_search(&bounds);
    if !ranges.is_empty() {
        let progress = Progress::to_stderr();
        read_all(&ranges, requests, &progress, |partition, record| {
            if candidates.is_again(partition, record.offset, &record.payload) {
                again.insert(record.payload, Position { partition, offset: record.offset });
            }
        })?;
        progress.finish();
    }
    Ok(candidates.choose(&answered, &again, even_without_uuid))
}

/// Adds the chosen ones to the log, in their order.
fn ask(requests: &dyn TopicClient, fates: &mut [(DeadLetter, Fate)]) -> Result<(), Failure> {
    let mut chosen: Vec<&mut (DeadLetter, Fate)> = fates.iter_mut().filter(|(_, fate)| *fate == Fate::Chosen).collect();
    let mut done = 0_u64;
    let mut rest = chosen.as_mut_slice();
    while let Some(partition) = rest.first().map(|one| one.0.partition) {
        let (part, others) = rest.split_at_mut(together(rest.iter().map(|one| &one.0)));
        let records: Vec<Bytes> = part.iter().map(|one| one.0.bytes.clone()).collect();
        let appended = requests.append_to(partition, records.clone()).map_err(|error| {
            let after = if done > 0 { format!(", after {}", counted(done, "request")) } else { String::new() };
            let advice = if error.is_uncertain() {
                "; do it again: what was added is noticed then, and not added twice"
            } else {
                ""
            };
            Failure::new(FailureKind::Storage, format!("can't ask again{after}: {error}{advice}"))
        })?;
        for (one, offset) in part.iter_mut().zip(places(requests, partition, appended, &records)?) {
            one.1 = Fate::Asked(Position { partition, offset });
            done += 1;
        }
        rest = others;
    }
    Ok(())
}

/// Where records stand that were added: in a topic that others write at the same time, theirs may be among them.
fn places(
    requests: &dyn TopicClient,
    partition: Partition,
    appended: OffsetRange,
    records: &[Bytes],
) -> Result<Vec<Offset>, Failure> {
    if appended.to.0.saturating_sub(appended.from.0) == records.len() as u64 {
        return Ok((appended.from.0..appended.to.0).map(Offset).collect());
    }
    requests.settle()?;
    let (mut found, mut wanted) = (Vec::with_capacity(records.len()), records.iter().peekable());
    read_range(partition, appended, requests, |record| {
        if wanted.next_if(|wanted| ***wanted == record.payload).is_some() {
            found.push(record.offset);
        }
    })?;
    Ok(found)
}

/// How many of the first letters go into one call: of one partition, and not too many.
fn together<'a>(letters: impl Iterator<Item = &'a DeadLetter>) -> usize {
    let (mut count, mut bytes, mut of) = (0, 0, None);
    for letter in letters {
        bytes += letter.bytes.len();
        let fits = *of.get_or_insert(letter.partition) == letter.partition && count < RECORDS && bytes <= BYTES;
        if count > 0 && !fits {
            break;
        }
        count += 1;
    }
    count
}

/// Looks for answers and for new dead letters, until all are settled or the time is over.
fn wait(
    fates: &mut [(DeadLetter, Fate)],
    letters: &Letters,
    answers: &dyn CollectionClient,
    patience: Duration,
) -> Result<(), Failure> {
    let (begun, mut pause) = (Instant::now(), FIRST_PAUSE);
    loop {
        look(fates, letters, answers)?;
        let open = fates.iter().any(|(_, fate)| matches!(fate, Fate::Asked(_)));
        let left = patience.saturating_sub(begun.elapsed());
        if !open || left.is_zero() {
            return Ok(());
        }
        thread::sleep(pause.min(left));
        pause = (pause * 2).min(LAST_PAUSE);
    }
}

fn look(fates: &mut [(DeadLetter, Fate)], letters: &Letters, answers: &dyn CollectionClient) -> Result<(), Failure> {
    let mut ranges: BTreeMap<Partition, OffsetRange> = BTreeMap::new();
    for (letter, fate) in fates.iter_mut() {
        let Fate::Asked(at) = *fate else { continue };
        let answer = letter.id.as_ref().map(|id| answers.get(&request::key(id))).transpose()?.flatten();
        if answer.is_some_and(|answer| is_final(&answer)) {
            *fate = Fate::Mended(at);
            continue;
        }
        let range = ranges.entry(at.partition).or_insert(OffsetRange::new(at.offset, at.offset.next()));
        *range = OffsetRange::new(range.from.min(at.offset), range.to.max(at.offset.next()));
    }
    let mut reasons: BTreeMap<Position, Box<str>> = BTreeMap::new();
    for (partition, range) in ranges {
        letters.of(partition, range, |letter| _ = reasons.insert(place(&letter), letter.reason))?;
    }
    for (_, fate) in fates.iter_mut() {
        if let Fate::Asked(at) = *fate
            && let Some(reason) = reasons.remove(&at)
        {
            *fate = Fate::Again(at, reason);
        }
    }
    Ok(())
}

fn show(fates: &[(DeadLetter, Fate)], json: bool, output: &mut dyn Write) -> Result<(), Failure> {
    for (letter, fate) in fates {
        if json {
            say_json(output, &object(letter, fate))?;
        } else {
            say(output, &line(letter, fate))?;
        }
    }
    Ok(())
}

fn object(letter: &DeadLetter, fate: &Fate) -> Value {
    let (word, at, reason) = match fate {
        Fate::Skipped(skip) => ("skipped", None, Some(skip.sentence())),
        Fate::Chosen => ("chosen", None, None),
        Fate::Asked(at) => ("asked", Some(at), None),
        Fate::Mended(at) => ("mended", Some(at), None),
        Fate::Again(at, reason) => ("dead again", Some(at), Some(reason.to_string())),
    };
    json!({
        "partition": letter.partition,
        "offset": letter.offset,
        "uuid": letter.id,
        "fate": word,
        "asked_at": at.map(|at| at.offset),
        "reason": reason,
    })
}

fn line(letter: &DeadLetter, fate: &Fate) -> String {
    let id = letter.id.as_ref().map_or_else(|| "without a UUID".to_owned(), |id| clean(id.as_str()));
    let told = match fate {
        Fate::Skipped(skip) => format!("left out: {}", skip.sentence()),
        Fate::Chosen => "would be asked again".to_owned(),
        Fate::Asked(at) => format!("asked again at offset {}", at.offset),
        Fate::Mended(at) => format!("asked again at offset {}: OK now", at.offset),
        Fate::Again(at, reason) => {
            format!("asked again at offset {}: a dead letter again: {}", at.offset, clip(&clean(reason), REASON))
        }
    };
    format!("{}/{}  {id}  {told}\n", letter.partition, letter.offset)
}

fn count(fates: &[(DeadLetter, Fate)], is: impl Fn(&Fate) -> bool) -> u64 {
    fates.iter().filter(|(_, fate)| is(fate)).count() as u64
}

fn summary(fates: &[(DeadLetter, Fate)], running: bool, unwaited: bool) -> String {
    if fates.is_empty() {
        return "no dead letter is so\n".to_owned();
    }
    let [skipped, chosen, open, mended, again] = [
        count(fates, |fate| matches!(fate, Fate::Skipped(_))),
        count(fates, |fate| *fate == Fate::Chosen),
        count(fates, |fate| matches!(fate, Fate::Asked(_))),
        count(fates, |fate| matches!(fate, Fate::Mended(_))),
        count(fates, |fate| matches!(fate, Fate::Again(..))),
    ];
    if chosen > 0 {
        return format!("{} would be asked again, {skipped} left out; nothing was done\n", counted(chosen, "request"));
    }
    let asked = open + mended + again;
    let mut text = format!("{} asked again, {skipped} left out", counted(asked, "request"));
    if asked > 0 {
        text.push_str(&match (running, unwaited) {
            (false, _) => "; they are answered when the job runs, which it does not now".to_owned(),
            (true, true) => String::new(),
            (true, false) => format!(": {mended} mended, {again} dead again, {open} not settled yet"),
        });
    }
    text + "\n"
}

/// Who waited for answers wants to know whether they came.
fn verdict(fates: &[(DeadLetter, Fate)], waited: bool) -> Result<(), Failure> {
    let open = count(fates, |fate| matches!(fate, Fate::Asked(_)));
    let again = count(fates, |fate| matches!(fate, Fate::Again(..)));
    if !waited || open + again == 0 {
        return Ok(());
    }
    Err(Failure::new(
        FailureKind::BadInput,
        format!(
            "{} still have no answer: {again} became dead letters again, {open} were not settled in time",
            counted(open + again, "request")
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(partition: u32, offset: u64, bytes: usize) -> DeadLetter {
        DeadLetter {
            partition: Partition(partition),
            offset: Offset(offset),
            reason: "x".into(),
            id: None,
            bytes: vec![b' '; bytes].into(),
        }
    }

    #[test]
    fn one_call_takes_letters_of_one_partition_and_not_too_many() {
        let sizes = |letters: &[(u32, usize)]| {
            let letters: Vec<DeadLetter> =
                letters.iter().map(|(partition, bytes)| letter(*partition, 0, *bytes)).collect();
            together(letters.iter())
        };
        assert_eq!(sizes(&[]), 0);
        assert_eq!(sizes(&[(0, 1), (0, 1), (1, 1)]), 2);
        assert_eq!(sizes(&[(0, BYTES + 1), (0, 1)]), 1);
        assert_eq!(sizes(&[(0, BYTES), (0, 1)]), 1);
        assert_eq!(sizes(&vec![(0, 1); RECORDS + 1]), RECORDS);
    }

    #[test]
    fn what_became_of_them_is_added_up() {
        let at = Position { partition: Partition(0), offset: Offset(9) };
        let fates = |fates: &[Fate]| -> Vec<_> { fates.iter().map(|fate| (letter(0, 1, 1), fate.clone())).collect() };
        assert_eq!(summary(&[], true, false), "no dead letter is so\n");
        let dry = fates(&[Fate::Chosen, Fate::Skipped(Skip::Answered)]);
        assert_eq!(summary(&dry, true, false), "1 request would be asked again, 1 left out; nothing was done\n");
        let done = fates(&[Fate::Mended(at), Fate::Again(at, "x".into()), Fate::Asked(at)]);
        assert_eq!(
            summary(&done, true, false),
            "3 requests asked again, 0 left out: 1 mended, 1 dead again, 1 not settled yet\n"
        );
        let failure = verdict(&done, true).unwrap_err();
        assert_eq!(failure.kind, FailureKind::BadInput);
        assert!(failure.message.starts_with("2 requests still have no answer"), "{failure}");
        assert_eq!(verdict(&done, false), Ok(()));
        assert_eq!(verdict(&fates(&[Fate::Mended(at), Fate::Skipped(Skip::NoUuid)]), true), Ok(()));
    }
}
