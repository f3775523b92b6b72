//! What is refused, and what is said then.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use flightline_cluster::job::state::Phase;
use flightline_cluster::view::WorkerState;
use flightline_engine::process::Exit;
use flightline_tests::cluster::{Cluster, STATE};
use flightline_tests::{DEADLINE, Folder};

#[test]
fn jobs_that_are_not_ours_or_reach_too_far_are_refused() {
    let folder = Folder::new();
    let cluster = Cluster::start(&folder, 1);
    folder.write("far.toml", "[embedded]\nfolder = \"/var/lib/else\"\n");
    folder.write("near.toml", "[embedded]\nfolder = \"embedded\"\n");
    folder.write("code.toml", "[kafka.client]\n\"plugin.library.paths\" = \"/x.so\"\n");
    for (words, says) in [
        ("/bin/sh -- -c id", "unrecognized subcommand '/bin/sh'"),
        ("../train -- --help", "unrecognized subcommand '../train'"),
        (
            "train -- --input /etc/passwd",
            "argument 2 names \"/etc/passwd\", which is not below a folder that jobs may use",
        ),
        ("train -- --input ../rows.jsonl", "argument 2 names \"../rows.jsonl\", which is not below a folder"),
        ("train -- --input=file:///etc/passwd", "which is not below a folder that jobs may use"),
        ("train -- --input ~/rows.jsonl", "jobs have no home directory"),
        ("predict -- --set embedded.folder=/var/lib/else", "\"/var/lib/else\", which is not below a folder"),
        ("predict -- --config far.toml", "embedded.folder in the carried file far.toml names \"/var/lib/else\""),
        ("predict -- --config code.toml", "which would run foreign code"),
        ("predict -- --config no.toml", "--config no.toml can't be read"),
        ("train -- -w 4", "argument 1 is -w, which the agent gives itself: worker threads are the cores"),
        ("train -- -n2 -p0", "argument 2 is -p, which the agent gives itself"),
        ("train -- --generation 7", "argument 1 is --generation, which the agent gives itself: the master counts them"),
        ("train -- --secret-file x --insecure", "argument 3 is --insecure, which the agent gives itself"),
        ("train --cores 0 -- --input x", "0 cores for each process can't be had: ask for 1 to 4096"),
        ("train --processes 0 -- --input x", "0 processes can't be had"),
        ("train --every 1us -- --input x", "a job can't be run again every 1us: 10s is the least"),
        ("train --every 584542046090years -- --input x", "a job can't be run again every"),
        ("model --processes 2 -- list", "model runs in one process on one core"),
    ] {
        let ended = cluster.submit(words).finish();
        ended.expect(Exit::Usage).silent();
        assert!(ended.stderr.contains(says), "it doesn't say {says:?}\n{ended}");
    }
    assert_eq!(cluster.list(), [], "nothing of that became a job");
    cluster.stop();
}

/// The guard compared letters and the programs read TOML: the first of these made a worker load the library, the others left
/// the roots.
#[test]
fn quotes_and_escapes_hide_nothing_from_the_guard() {
    let folder = Folder::new();
    let cluster = Cluster::start(&folder, 1);
    for (setting, says) in [
        (
            r#"kafka.properties={"plugin\u002elibrary.paths"="\u002ftmp/evil/x.so"}"#,
            "sets kafka.properties.plugin.library.paths, which would run foreign code",
        ),
        (r#"job.state="file:///outside/a""#, "argument 2 (job.state) names \"file:///outside/a\""),
        (r#"job.state="\u0066ile:\u002f//outside/a""#, "argument 2 (job.state) names \"file:///outside/a\""),
    ] {
        let ended = cluster.submit("predict -- --set").args([setting]).finish();
        ended.expect(Exit::Usage).silent();
        assert!(ended.stderr.contains(says), "it doesn't say {says:?}\n{ended}");
    }
    assert_eq!(cluster.list(), [], "nothing of that became a job");
    // The programs themselves refuse it, too.
    let run = folder.run("predict").args(["--set", "kafka.properties.ssl.providers=x", "--dump-config"]).finish();
    run.expect(Exit::Usage).says(&["`kafka.properties.ssl.providers` would make the process load or run foreign code"]);
    cluster.stop();
}

/// As everything is by default, what the master and the workers have for themselves lies below the jobs' root. A job replaced
/// the master's token by its output.
#[test]
fn what_is_the_clusters_own_is_no_jobs() {
    let folder = Folder::new();
    let cluster = Cluster::start(&folder, 1);
    std::os::unix::fs::symlink(STATE, folder.join("link")).unwrap();
    let token = folder.read(format!("{STATE}/token"));
    for words in [
        "distances -- --input flights.parquet --output flightline-cluster/token --replace",
        "predict -- --set kafka.properties.sasl.password=\"file:flightline-cluster/cluster.secret\"",
        "train -- --input flightline-*/master.redb",
        "train -- --input worker-0/token",
        "extract -- --output . --replace",
    ] {
        let ended = cluster.submit(words).finish();
        ended.expect(Exit::Usage).says(&["which is or holds the cluster's own"]).silent();
    }
    assert_eq!(cluster.list(), [], "nothing of that became a job");
    // Only the agent can see a link.
    let job = cluster.run("distances -- --input flights.parquet --output link/token --replace");
    let view = cluster.wait_until_job_is(job, Phase::Failed);
    let state = &view.generations[0].processes[0].state;
    assert!(state.contains("link/token") && state.contains("the cluster's own"), "{view:#?}");
    assert_eq!(folder.read(format!("{STATE}/token")), token);
    cluster.stop();
}

#[test]
fn a_worker_that_has_nothing_to_offer_is_refused_with_all_that_is_wrong() {
    let folder = Folder::new();
    let cluster = Cluster::start(&folder, 0);
    let words = "--work me --rpc-port 0 --ui 127.0.0.1:0 --root no-such-folder --cores 4294967295";
    let ended = cluster.agent_line("me", words).finish();
    ended.expect(Exit::Usage).says(&["no-such-folder can't be used", "--cores 4294967295 can't be: give 1 to 4096"]);
    folder.write("worker.env", "FLIGHTLINE_MASTR=head:7077\nFLIGHTLINE_WORKER_CORE=1\n");
    let ended = folder.run("worker").words("--allow-root --env-file worker.env").finish();
    ended.expect(Exit::Usage);
    for variable in ["FLIGHTLINE_MASTR;", "FLIGHTLINE_WORKER_CORE;"] {
        assert!(ended.stderr.contains(&format!("there is no variable {variable}")), "{ended}");
    }
    assert_eq!(cluster.status().workers.len(), 0);
    cluster.stop();
}

/// Whoever opens a pipe waits until somebody writes to it, and nobody did.
#[test]
fn a_secret_in_a_pipe_is_refused_and_not_waited_for() {
    let folder = Folder::new();
    assert!(Command::new("mkfifo").args(["-m", "600"]).arg(folder.join("pipe")).status().unwrap().success());
    for (program, words) in
        [("submit", "--token-file pipe list"), ("distances", "--input x --output y -n 2 -p 0 --secret-file pipe")]
    {
        folder.run(program).words(words).finish().expect(Exit::Usage).says(&["pipe is no file"]);
    }
    let master = folder.run("master").words("--rpc 127.0.0.1:0 --ui 127.0.0.1:0 --token-file pipe").finish();
    master.expect(Exit::Storage).says(&["pipe is no file"]);
}

/// The agent looks again, and follows links, which the master can't see.
#[test]
fn a_link_out_of_the_roots_is_refused_by_the_agent() {
    let folder = Folder::new();
    std::os::unix::fs::symlink("/etc", folder.join("link")).unwrap();
    let cluster = Cluster::start(&folder, 1);
    let job = cluster.run("train -- --input link/passwd --models models");
    let view = cluster.wait_until_job_is(job, Phase::Failed);
    let state = &view.generations[0].processes[0].state;
    assert!(state.contains("could not be started") && state.contains("link/passwd"), "{view:#?}");
    assert_eq!(view.generations.len(), 1, "it is not tried again: {view:#?}");
    cluster.stop();
}

#[test]
fn who_has_another_token_is_told_nothing() {
    let folder = Folder::new();
    let cluster = Cluster::start(&folder, 1);
    let token = folder.read(format!("{STATE}/token"));
    let other = cluster.submit("list").env("FLIGHTLINE_TOKEN", &"x".repeat(43)).finish();
    other.expect(Exit::Usage).says(&["doesn't let us in", "the same secret or token"]).silent();
    // The right one in the variable.
    cluster.submit("list").env("FLIGHTLINE_TOKEN", token.trim()).succeed();

    // An empty one is none: the file counts.
    cluster.submit("list").env("FLIGHTLINE_TOKEN", "").succeed();

    let file = folder.write("my-token", &token);
    let with_file = || cluster.submit("list --token-file my-token").finish();
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    with_file().expect(Exit::Usage).says(&["my-token", "can be read by others (mode 644)", "chmod 600"]).silent();
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    with_file().ok();
    let none = cluster.submit("list --token-file no-such-file").finish();
    none.expect(Exit::Usage).says(&["no-such-file"]).silent();
    for name in ["token", "cluster.secret"] {
        let mode = fs::metadata(folder.join(STATE).join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    cluster.stop();
}

/// Of the port of the pages the whole login page was shown as the reason, and `http://` was put before `http://`.
#[test]
fn another_port_than_that_of_calls_is_told_in_a_sentence() {
    let folder = Folder::new();
    let cluster = Cluster::start(&folder, 0);
    let list = |master: &str| folder.run("submit").args(["--master", master, "list"]).finish();
    let pages = list(&cluster.page());
    pages.expect(Exit::Usage).says(&[&cluster.page(), "takes no calls of ours", "port 7077"]).silent();
    assert_eq!(pages.stderr.lines().count(), 1, "{pages}");
    list(&format!("http://{}", cluster.address())).ok();
    let none = list("head");
    none.expect(Exit::Usage).silent();
    assert!(none.stderr.contains("write HOST:PORT"), "{none}");
    let worker = folder.run("worker").args(["--allow-root", "--master", "https://head:7077"]).finish();
    worker.expect(Exit::Usage).silent();
    assert!(worker.stderr.contains("write HOST:PORT"), "{worker}");
    cluster.stop();
}

#[test]
fn a_worker_with_another_secret_never_gets_in() {
    let folder = Folder::new();
    let cluster = Cluster::start(&folder, 1);
    let file = folder.write("other.secret", folder.read(format!("{STATE}/token")));
    let worker =
        || cluster.agent_line("stranger", "--work stranger --rpc-port 0 --ui 127.0.0.1:0 --secret-file other.secret");
    let open = worker().finish();
    open.expect(Exit::Usage).says(&["other.secret", "can be read by others"]);
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    let mut stranger = worker().start();
    let said = stranger.wait_for_line("that it is not let in", |line| line.contains("doesn't let us in"));
    assert!(said.contains("the same secret"), "{said}");
    assert_eq!(cluster.status().workers.len(), 1);
    stranger.kill();
    cluster.stop();
}

#[test]
fn a_second_agent_with_the_name_of_one_at_work_is_not_let_in_nor_one_in_its_folder() {
    let folder = Folder::new();
    let cluster = Cluster::start(&folder, 1);
    let second = cluster.agent_line("worker-0", "--work other --rpc-port 0 --ui 127.0.0.1:0").finish();
    second.expect(Exit::ClusterStart).says(&["another agent has registered as worker worker-0", "(--name)"]);
    let third = cluster.agent_line("third", "--work worker-0 --rpc-port 0 --ui 127.0.0.1:0").finish();
    third.expect(Exit::Storage).says(&["another agent works in", "worker-0"]);
    cluster.wait_until_worker_is(0, WorkerState::Alive);
    cluster.stop();
}

#[test]
fn a_second_master_on_the_same_state_is_refused() {
    let folder = Folder::new();
    let cluster = Cluster::start(&folder, 0);
    let second = cluster.master_line("127.0.0.1:0", "127.0.0.1:0", STATE).finish();
    second.expect(Exit::Storage).says(&["is another master's, which runs", "--state"]);
    let other = cluster.master_line(&cluster.address(), "127.0.0.1:0", "other").finish();
    other.expect(Exit::ClusterStart).says(&[&cluster.address()]);
    cluster.stop();
}

#[test]
fn a_worker_that_would_run_jobs_as_root_says_so() {
    let folder = Folder::new();
    let cluster = Cluster::start(&folder, 0);
    let line = folder
        .run("worker")
        .args(["--master", &cluster.address()])
        .words("--rpc-port 0 --ui 127.0.0.1:0 --name me --work me");
    let mut running = line.start();
    if rustix::process::geteuid().is_root() {
        let ended = running.end_within(DEADLINE);
        ended.expect(Exit::Usage).says(&["a worker's jobs would run as root", "--allow-root"]);
    } else {
        running.wait_for_line("that it is registered", |line| line.contains("registered with the master"));
    }
    cluster.stop();
}
