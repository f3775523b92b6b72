//! The upgrade drill: a stream under steady load goes on as another number of processes and workers, by another setting that
//! answers depend on and in another format. No answer is lost, doubled or late.

use std::collections::BTreeMap;
use std::time::Duration;

use flightline_cluster::ids::{JobId, SpecNumber};
use flightline_cluster::job::state::Phase;
use flightline_engine::process::Exit;
use flightline_tests::cluster::{Cluster, EmbeddedStream};
use flightline_tests::job::{Answered, Client, World};
use flightline_tests::wait_until;
use serde_json::Value;

use super::ends_of;

/// What the issue demands: no answer comes later than this after its request was due.
const LATEST: Duration = Duration::from_secs(5);

/// What the upgraded job says otherwise.
const OTHERWISE: &str = "[answers]\nformat = 2\ndecimals = 3\n";

/// What answers depend on beside model and table: their format, and the settings in it.
type Said = (u64, String);

fn said(answer: &Value) -> Said {
    (answer["Format"].as_u64().unwrap_or(1), answer["Settings"].as_str().unwrap_or_default().to_owned())
}

/// Checks that each partition's answers are of the old binding up to some request, and of the new one from there on. Prints how
/// long they were waited for, and gives the longest time.
#[track_caller]
pub(crate) fn judge(answers: &[Answered]) -> Duration {
    let (old, new) = ((1, String::new()), (2, "answers.decimals=3".to_owned()));
    let mut partitions = BTreeMap::<u64, BTreeMap<u64, &Value>>::new();
    for Answered { answer, .. } in answers {
        let number = |field: &str| answer[field].as_u64().unwrap_or_else(|| panic!("{answer} has no {field}"));
        partitions.entry(number("Partition")).or_default().insert(number("Offset"), answer);
    }
    assert!(!partitions.is_empty());
    for (partition, answers) in &partitions {
        let bound: Vec<Said> = answers.values().map(|answer| said(answer)).collect();
        let switch = bound.iter().position(|said| *said == new);
        let at = switch.unwrap_or_else(|| panic!("partition {partition} never was answered by the new binding"));
        assert!(at > 0, "partition {partition} was answered before the upgrade");
        assert!(bound[..at].iter().all(|said| *said == old), "partition {partition}: {bound:?}");
        assert!(bound[at..].iter().all(|said| *said == new), "partition {partition}: {bound:?}");
        for answer in answers.values().skip(at) {
            let Some(shares) = answer["Probabilities"].as_array() else { continue };
            assert!(shares.iter().all(|share| share.to_string().len() <= "0.123".len()), "{answer}");
        }
    }
    let mut waited: Vec<Duration> = answers.iter().map(|answer| answer.came.saturating_sub(answer.asked)).collect();
    waited.sort();
    let silence = answers.windows(2).map(|pair| pair[1].came - pair[0].came).max().unwrap_or_default();
    let (worst, median) = (waited[waited.len() - 1], waited[waited.len() / 2]);
    println!(
        "upgrade: {} answers; the median came after {:.0} ms, the last after {:.0} ms; the longest time without one was {:.0} ms",
        answers.len(),
        median.as_secs_f64() * 1e3,
        worst.as_secs_f64() * 1e3,
        silence.as_secs_f64() * 1e3,
    );
    worst
}

/// Upgrades a stream that is asked by a client, and gives all answers.
#[track_caller]
pub(crate) fn drill(world: &World, cluster: &Cluster<'_>, id: JobId, client: Client, flags: &str) -> Vec<Answered> {
    wait_until("it answers", || client.answered(|_| true) > 1_000);
    world.folder().write("otherwise.toml", OTHERWISE);
    let line = format!("upgrade {id} {flags} --wait -- --config job.toml --config more.toml --config otherwise.toml");
    let told = cluster.submit(&line).succeed();
    assert!(told.stdout.contains("goes on to specification 2"), "{told}");
    // What the old life had bound ahead is answered as it was bound.
    wait_until("it answers by the new binding", || client.answered(|answer| said(answer).0 == 2) > 2_000);
    wait_until("it does so in each partition", || {
        (0..4).all(|at| client.answered(|answer| said(answer).0 == 2 && answer["Partition"].as_u64() == Some(at)) > 100)
    });
    client.finish()
}

#[test]
fn a_stream_is_upgraded_under_load_and_no_answer_is_lost_or_doubled_or_late() {
    let world = World::new();
    let cluster = Cluster::start(world.folder(), 2);
    let id = cluster.run("predict --supervise -- --config job.toml --config more.toml");
    cluster.wait_until_job_is(id, Phase::Running);
    let client = world.client(5, Duration::from_millis(20));
    let answers = drill(&world, &cluster, id, client, "--processes 2 --cores 2");
    let view = cluster.job(id);
    assert_eq!(ends_of(&view), ["it was upgraded"], "{view:#?}");
    assert_eq!(view.generations[0].processes.len(), 2, "{view:#?}");
    assert_eq!(view.specs.iter().map(|spec| spec.number).collect::<Vec<_>>(), [2, 1].map(SpecNumber));
    cluster.submit(&format!("stop {id} --wait")).succeed();
    cluster.stop();
    let holdings = world.holdings();
    println!("{} requests", holdings.requests());
    assert_eq!(holdings.check(), Ok(()));
    let worst = judge(&answers);
    assert!(worst <= LATEST, "an answer came {worst:?} after its request was due");
}

#[test]
fn a_stream_that_can_not_be_started_as_upgraded_goes_back_and_loses_nothing() {
    let world = World::new();
    let stream = EmbeddedStream::start(&world, 1, 1);
    world.folder().write("wrong.toml", "[answers]\nformat = 7\n");
    let line = format!("upgrade {} --wait -- --config job.toml --config wrong.toml", stream.id);
    let told = stream.cluster.submit(&line).finish();
    told.expect(Exit::Usage);
    assert!(
        told.stderr.contains("went back to what it was before") && told.stderr.contains("answers.format"),
        "{told}"
    );
    stream.wait_until_it_answers("an upgrade that could not be started");
    let view = stream.cluster.job(stream.id);
    assert_eq!(view.generations.iter().map(|life| life.spec.0).collect::<Vec<_>>(), [1, 2, 1], "{view:#?}");
    let refused = stream.cluster.submit(&format!("upgrade {} --cores 9", stream.id)).finish();
    refused.expect(Exit::Usage);
    assert!(refused.stderr.contains("goes on as it is, since there is no room"), "{refused}");
    stream.finish();
}
