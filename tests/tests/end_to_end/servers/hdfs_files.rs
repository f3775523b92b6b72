//! What a job has written to HDFS, as Hadoop's own command line sees it.

use flightline_engine::contract::Guarantee;
use flightline_jobs::config::{SinkName, SinkTarget};
use flightline_tests::job::{PARTITIONS, Shape, World, request};
use flightline_tests::rows::bundled;
use flightline_tests::servers::{Servers, shared_hdfs};
use serde_json::Value;

/// Requests of each of several turns: after each of them files are ended.
const OF_A_TURN: usize = 200;
const TURNS: usize = 3;
/// What the names of our own notes begin with: readers leave them out.
const HIDDEN: char = '_';

#[test]
fn files_are_whole_and_readable_by_the_tools_of_hadoop() {
    // As the seed's NiFi called them.
    let world = World::on(Servers::shared(), Guarantee::AtLeastOnce).and("[sinks.files]\nformat = \"txt\"\n");
    let lines: Vec<String> =
        bundled().iter().cycle().zip(0..).map(|(row, n)| request(row, n)).take(OF_A_TURN * TURNS).collect();
    let job = world.start(&Shape::of(1, 2));
    job.wait_until_running();
    for some in lines.chunks(OF_A_TURN) {
        // To all partitions, since each has its own files.
        some.chunks(OF_A_TURN / PARTITIONS as usize).enumerate().for_each(|(partition, some)| {
            job.ask(u32::try_from(partition).unwrap(), some.iter().cloned());
        });
        job.wait_until_done();
    }
    job.stop();

    let config = world.loaded();
    let SinkTarget::Files(files) = &config.sinks[&SinkName("files".into())].target else {
        panic!("the files are files")
    };
    let folder = files.folder.location().to_owned();
    let listed = shared_hdfs(&["dfs", "-ls", "-R", &folder]);
    let files: Vec<(u64, &str)> = listed.lines().filter_map(file).collect();
    let answers = || files.iter().filter(|(_, name)| !name.starts_with(HIDDEN));
    assert!(answers().count() >= TURNS * PARTITIONS as usize, "{listed}");
    for (size, name) in &files {
        assert!(*size > 0, "{name} is empty\n{listed}");
        assert!(!name.starts_with('.') && !name.contains("tmp") && !name.contains("COPYING"), "{name}\n{listed}");
    }
    assert!(answers().all(|(_, name)| name.ends_with(".txt")), "{listed}");

    let read = shared_hdfs(&["dfs", "-cat", &format!("{folder}/log_partition=*/*.txt")]);
    assert!(read.ends_with('\n'), "the last line is cut off");
    let mut read: Vec<Value> = read.lines().map(|line| serde_json::from_str(line).expect("a line is whole")).collect();
    let holdings = world.holdings();
    assert_eq!(holdings.check(), Ok(()));
    let answer = |line: &[u8]| serde_json::from_slice(line).expect("an answer is JSON");
    let mut answers: Vec<Value> = holdings.answers().iter().map(|(_, line)| answer(line)).collect();
    let position = |line: &Value| (line["Partition"].as_u64(), line["Offset"].as_u64());
    read.sort_by_key(position);
    answers.sort_by_key(position);
    assert!(read == answers, "Hadoop reads {} lines, and there are {} answers", read.len(), answers.len());
    assert_eq!(read.len(), lines.len());
}

/// Size and name of a file in a listing; `None` for a folder.
fn file(line: &str) -> Option<(u64, &str)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [mode, _, _, _, size, .., path] = words.as_slice() else { return None };
    let name = path.rsplit('/').next()?;
    mode.starts_with('-').then_some((size.parse().ok()?, name))
}
