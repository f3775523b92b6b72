//! The engine's suite, against every format, on a store in memory and on a disk.

use flightline_engine::conformance::sink::{SinkHarness, Stored, Trouble, check};

use super::*;
use crate::files::faulty::Fate;

struct Harness(World);

impl SinkHarness for Harness {
    fn fresh(&mut self) {
        self.0.empty();
    }

    fn sink(&mut self) -> Box<dyn Sink> {
        Box::new(self.0.sink())
    }

    fn contents(&mut self) -> Vec<Stored> {
        let reader = self.0.reader();
        let partitions = reader.partitions().unwrap();
        let lines = partitions.into_iter().flat_map(|partition| reader.lines(partition, everything()).unwrap());
        lines.map(|line| Stored::read(&line.unwrap().1).unwrap()).collect()
    }

    fn pass_time(&mut self, by: Duration) -> bool {
        self.0.clock.advance(by);
        true
    }

    fn trouble(&mut self, trouble: Trouble) -> bool {
        self.0.store.plan([match trouble {
            Trouble::BeforeEffect => Fate::FailsBefore,
            Trouble::AfterEffect => Fate::FailsAfter,
        }]);
        true
    }
}

#[test]
fn every_format_passes_the_engines_suite() {
    for format in formats() {
        // Full at once, now and then, and never.
        for roll_bytes in [1, 500, 1 << 20] {
            let told = format!("{format:?} {roll_bytes}");
            assert_eq!(check(&mut Harness(World::new(format.clone(), roll_bytes))), Ok(()), "{told}");
        }
    }
}

#[test]
fn the_suite_passes_on_a_disk_too() {
    struct Disk(tempfile::TempDir, Stores);

    impl SinkHarness for Disk {
        fn fresh(&mut self) {
            self.0 = tempfile::tempdir().unwrap();
        }

        fn sink(&mut self) -> Box<dyn Sink> {
            let url = self.0.path().join("answers").display().to_string();
            let options = FileSinkOptions::new(SinkName("a".into()), Selects::Answers, url, FileFormat::JsonLines);
            Box::new(FileSink::new(&self.1, FileSinkOptions { roll_bytes: 400, ..options }).unwrap())
        }

        fn contents(&mut self) -> Vec<Stored> {
            let url = self.0.path().join("answers").display().to_string();
            let reader = FileReader::new(&self.1, &url).unwrap();
            let lines = reader.partitions().unwrap().into_iter().flat_map(|p| reader.lines(p, everything()).unwrap());
            lines.map(|line| Stored::read(&line.unwrap().1).unwrap()).collect()
        }

        fn rounds(&self) -> u64 {
            3
        }
    }

    assert_eq!(check(&mut Disk(tempfile::tempdir().unwrap(), Stores::new().unwrap())), Ok(()));
}
