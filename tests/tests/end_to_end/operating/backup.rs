//! What the guide says of copies: with them a stream that has lost all of its disk goes on, and what an older ledger does.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use flightline_connectors::files::{StoreBlobs, Stores};
use flightline_engine::contract::{Blobs, Guarantee};
use flightline_engine::ledger::{EntryBody, LedgerLog};
use flightline_engine::process::Exit;
use flightline_tests::job::{Job, Load, Shape, World, wait_for_work};
use flightline_tests::servers::Servers;
use flightline_tests::{Chance, Folder, project_root};

use super::page;
use crate::storm;

const GUIDE: &str = "docs/operating/backup.md";

/// The first indented commands of the guide after these words, as they stand there.
fn commands(after: &str) -> String {
    const INDENT: &str = "    ";
    let text = page(GUIDE);
    let (_, rest) = text.split_once(after).unwrap_or_else(|| panic!("{GUIDE} has no {after:?}"));
    let lines = rest.lines().skip_while(|line| !line.starts_with(INDENT));
    let commands: Vec<&str> = lines.map_while(|line| line.strip_prefix(INDENT)).collect();
    assert!(!commands.is_empty(), "{GUIDE} has no commands after {after:?}");
    commands.join("\n")
}

/// Runs commands of the guide in a folder.
fn run(folder: &Path, commands: &str, env: &[(&str, &str)]) {
    let mut shell = Command::new("bash");
    shell.args(["-euc", commands]).current_dir(folder).envs(env.iter().copied());
    let told = shell.output().expect("there is a shell");
    let said = format!("{}{}", String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
    println!("{commands}\n{said}");
    assert!(told.status.success(), "{commands}\n{said}");
}

fn lose(world: &World, names: &[&str]) {
    for name in names {
        fs::remove_dir_all(world.folder().join(name)).expect("it can be removed");
    }
}

/// Reads the ledger in a copy, and looks for the models and versions of the table that it names.
fn whole(world: &World, copy: &str) {
    let folder = world.folder().join(copy);
    let url = format!("file:{}", folder.display());
    let blobs: Arc<dyn Blobs> = Arc::new(StoreBlobs::open(&Stores::new().expect("stores"), &url).expect("a folder"));
    let ledger = LedgerLog::new(Arc::clone(&blobs));
    let book = ledger.load().unwrap_or_else(|fault| panic!("{copy}: {fault}"));
    let newest = ledger.newest(book.next_seq(), usize::MAX).expect("entries can be read");
    let mut bindings = 0;
    for (number, entry) in newest {
        if let EntryBody::Bind { binding, .. } | EntryBody::Cut { binding, .. } = entry.body {
            bindings += 1;
            let table = format!("tables/{:020}.json", binding.table.0);
            assert!(folder.join(&table).exists(), "{copy}: entry {number} names {table}");
            let model = folder.join("models").join(&*binding.model);
            assert!(model.exists(), "{copy}: entry {number} names {}", model.display());
        }
    }
    assert!(bindings > 0, "{copy} says nothing");
}

/// Where a world has what a job of the guide has in `flightline-state`.
const ALL: &str = "state embedded predictions models";

/// Everything is on one disk: it is copied while the job stands still for a moment, under load, and the disk is lost.
#[test]
fn a_stream_that_lost_its_disk_goes_on_with_a_copy_of_it() {
    let world = World::new();
    let shape = storm::shape(1, 2);
    let job = world.start(&shape);
    let load = world.load(job.requests(), Chance::new());
    wait_for_work(&job, &load);
    world.promote(0);
    world.change_table(3);
    wait_for_work(&job, &load);

    let pids: Vec<String> = job.pids().iter().map(ToString::to_string).collect();
    let env = [("PIDS", pids.join(" ")), ("FOLDERS", ALL.to_owned()), ("COPY", "copy".to_owned())];
    let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
    run(world.folder().path(), &commands("**On one disk.**"), &env);
    wait_for_work(&job, &load);
    world.promote(1);
    wait_for_work(&job, &load);

    job.kill(0);
    lose(&world, &["state", "embedded", "predictions", "models"]);
    run(world.folder().path(), &commands("**Bring it back** on one disk"), &env);
    let job = world.start(&shape);
    wait_for_work(&job, &load);
    assert_eq!(storm::finish(&world, job, load, "a copy of all of it"), Ok(()));
}

/// The state folder is copied while the job works, entries are collected meanwhile, and it is lost later: the ledger that comes
/// back is older than what the sinks have. The job says so, and goes on above their generation.
#[test]
fn a_stream_goes_on_with_an_older_ledger_above_the_generation_of_its_sinks() {
    let world = World::new();
    let shape = storm::shape(1, 2);
    let job = world.start(&shape);
    let load = world.load(job.requests(), Chance::new());
    let mut step = 0;
    job.wait_until("entries of the ledger are collected", || {
        world.change(step);
        step += 1;
        thread::sleep(Duration::from_millis(50));
        fs::read_dir(world.folder().join("state/checkpoint")).is_ok_and(|found| found.count() > 0)
    });
    // Whatever happens meanwhile, what was copied is a ledger, and has all that it names.
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                world.change(step);
                step += 1;
                thread::sleep(Duration::from_millis(20));
            }
        });
        let _over = Over(&over);
        for copy in 0..8 {
            let name = format!("copy-{copy}");
            copy_state(&world, &name);
            whole(&world, &name);
        }
    });
    wait_for_work(&job, &load);
    an_older_ledger_comes_back(&world, &shape, job, load);
}

/// The same with progress in Kafka and MongoDB.
#[test]
fn a_stream_on_servers_goes_on_with_an_older_ledger() {
    let world = World::on(Servers::shared(), Guarantee::ExactlyOnce);
    let state = format!("[job]\nstate = \"file:{}\"\n", world.folder().join("state").display());
    let world = world.and(&state);
    let shape = storm::shape(1, 2);
    let job = world.start(&shape);
    let load = world.load(job.requests(), Chance::new());
    wait_for_work(&job, &load);
    an_older_ledger_comes_back(&world, &shape, job, load);
}

/// Found by a review: on a full disk half of a file was copied, and the copy was said to be one.
#[test]
fn a_copy_that_does_not_fit_on_its_disk_is_none() {
    let folder = Folder::new();
    for (name, text) in
        [("state/ledger/1.json", "an entry"), ("models/a/model.json", "a model"), ("models/current", "a")]
    {
        folder.write(name, text);
    }
    // As `cp` on a disk that is full: it leaves a part, and fails.
    let cp = folder.write("bin/cp", "#!/bin/sh\nfor to; do :; done\necho no room >&2\n/bin/cp \"$@\"\nfind \"$to\" -type f -exec truncate -s 1 {} +\nexit 1\n");
    fs::set_permissions(&cp, fs::Permissions::from_mode(0o755)).expect("it is ours");
    let path = format!("{}:{}", folder.join("bin").display(), std::env::var("PATH").expect("there is a PATH"));
    let script = project_root().join("deploy/backup.sh");
    let mut copy = Command::new("bash");
    copy.arg(script).args(["state", "models", "copy"]).current_dir(folder.path()).env("PATH", path);
    let told = copy.output().expect("there is a shell");
    let said = String::from_utf8_lossy(&told.stderr);
    assert_eq!(told.status.code(), Some(4), "{said}");
    assert!(said.contains("can't copy") && said.contains("no room") && said.contains("this copy is none"), "{said}");
}

/// Says that something is over, also when it ends by a panic.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn copy_state(world: &World, copy: &str) {
    let script = project_root().join("deploy/backup.sh");
    let copying = commands("**With servers.**").replace("deploy/backup.sh", &script.display().to_string());
    run(world.folder().path(), &copying, &[("STATE", "state"), ("MODELS", "models"), ("COPY", copy)]);
}

fn an_older_ledger_comes_back(world: &World, shape: &Shape, job: Job, load: Load) {
    copy_state(world, "copy");
    // Two later lives, which the copy doesn't know; its sinks do. One would have the number that is due.
    job.kill(0);
    for _ in 0..2 {
        let job = world.start(shape);
        wait_for_work(&job, &load);
        job.kill(0);
    }
    lose(world, &["state", "models"]);
    let env = [("STATE", "state"), ("MODELS", "models"), ("COPY", "copy")];
    run(world.folder().path(), &commands("**Bring it back** from an object store or a copy"), &env);

    let ended = world.start(shape).wait_for_death();
    ended[0].expect(Exit::Superseded).says(&["generation 3 of this job is at work"]);
    let job = world.start(&shape.clone().generation(4));
    wait_for_work(&job, &load);
    assert_eq!(storm::finish(world, job, load, "an older ledger"), Ok(()));
}
