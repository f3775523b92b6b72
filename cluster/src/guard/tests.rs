//! What may run and what may not; the paths against an oracle that walks them step by step.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use proptest::prelude::*;

use super::{Errand, Mistake, Refusal, RootMistake, Roots, check, check_resolved};
use crate::job::spec::CarriedFile;

fn roots() -> Roots {
    Roots::new(["/srv/jobs", "/data"]).unwrap()
}

fn words(args: &[&str]) -> Vec<String> {
    args.iter().map(|&word| word.to_owned()).collect()
}

fn file(name: &str, text: &str) -> CarriedFile {
    CarriedFile { name: name.to_owned(), text: text.to_owned() }
}

fn with_args(args: &[&str]) -> Result<(), Refusal> {
    check(Errand { args: &words(args), files: &[] }, &roots())
}

fn with_files(files: &[CarriedFile]) -> Result<(), Refusal> {
    check(Errand { args: &[], files }, &roots())
}

#[test]
fn what_stays_below_the_roots_may_run() {
    for word in [
        "--input",
        "/data/2015/*.csv",
        "--input=file:///data/a%20b.csv",
        "models/../models",
        "hdfs://name:8020/../../etc",
        "--set=mongodb.url=mongodb://db:27017/?replicaSet=rs",
        "b1:9092,b2:9092",
        "/srv/jobs",
        "2015-01-01",
        "-3",
        "a..b/...",
        "",
        "100%",
        "embedded:topic/requests",
        "gs://bucket/models",
        "--models=s3://bucket/models",
        "--set=model.registry=hdfs://name:8020/models",
    ] {
        assert_eq!(with_args(&[word]), Ok(()), "{word}");
    }
}

#[test]
fn what_leaves_the_roots_may_not() {
    for word in [
        "/etc/passwd",
        "--input=/etc/passwd",
        "--set=a.b=/etc/passwd",
        "/data/../etc/passwd",
        "/database",
        "..",
        "models/../../other",
        "file:/etc/passwd",
        "FILE:///etc/passwd",
        "file:../x",
        "file://localhost/data/x",
        "file:////etc/passwd",
        "file:///data/%2e%2e/etc",
        "%2Fetc%2Fpasswd",
        "-i/etc/passwd",
        "-vi../x",
        "-vifile:/etc",
        "a,/etc/passwd",
        "mongodb://db/?tlsCAFile=/etc/ca.pem",
        "embedded:topic/../../x",
        "~",
        "--input=~/x",
        "a\0b",
    ] {
        let refusal = with_args(&["fine", word]).expect_err(word);
        assert!(refusal.to_string().contains("argument 2"), "{word}: {refusal}");
        assert_eq!(refusal.0.len(), 1, "{word}: {refusal}");
    }
}

#[test]
fn all_mistakes_are_told_together_and_say_what_to_do() {
    let args = words(&["-w4", "--input=/etc/x", "--config", "{carried}/absent.toml", "--insecure"]);
    let files = [file("job.toml", "[a]\nb = ['x', '/etc/y']\n[[c]]\nd = { e = '~/z' }")];
    let said = check(Errand { args: &args, files: &files }, &roots()).unwrap_err().to_string();
    for part in [
        "argument 1 is -w, which the agent gives itself: worker threads are the cores",
        "argument 2 names \"/etc/x\", which is not below a folder that jobs may use (/srv/jobs, /data)",
        "argument 4 is for the carried file \"absent.toml\", but the job carries job.toml",
        "argument 5 is --insecure",
        "a.b in the carried file job.toml names \"/etc/y\"",
        "c.d.e in the carried file job.toml names \"~/z\"",
    ] {
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
}

#[test]
fn carried_files_stay_in_their_folder_and_are_few_and_small() {
    let name_of_64 = "n".repeat(64);
    assert_eq!(with_files(&[file("job.toml", ""), file("ca.pem", "-----BEGIN"), file(&name_of_64, "")]), Ok(()));
    for name in ["", ".", "..", ".hidden", "a/b", "/a", "..\\a", "a\nb", "a\0", &"n".repeat(65)] {
        assert!(matches!(&with_files(&[file(name, "")]).unwrap_err().0[..], [Mistake::FileName { .. }]), "{name:?}");
    }
    assert_eq!(with_files(&[file("a", ""), file("a", "")]).unwrap_err().0, [Mistake::SameName("a".to_owned())]);
    let many: Vec<_> = (0..17).map(|number| file(&number.to_string(), "")).collect();
    assert_eq!(with_files(&many[..16]), Ok(()));
    assert_eq!(with_files(&many).unwrap_err().0, [Mistake::TooManyFiles(17)]);
    let half = "#".repeat(super::MOST_BYTES / 2);
    assert_eq!(with_files(&[file("a", &half), file("b", &half)]), Ok(()));
    let refusal = with_files(&[file("a", &half), file("b", &format!("{half}#"))]).unwrap_err();
    assert_eq!(refusal.0, [Mistake::TooManyBytes(super::MOST_BYTES + 1)]);
}

#[test]
fn an_argument_is_for_a_file_that_is_carried() {
    let files = [file("job.toml", "")];
    for word in ["{carried}/job.toml", "--config={carried}/job.toml"] {
        assert_eq!(check(Errand { args: &words(&[word]), files: &files }, &roots()), Ok(()), "{word}");
    }
    for word in ["{carried}/", "{carried}/../secret", "{carried}/job.toml/..", "{carried}/job.toml,{carried}/job.toml"]
    {
        let refusal = check(Errand { args: &words(&[word]), files: &files }, &roots()).unwrap_err();
        assert!(refusal.0.iter().any(|mistake| matches!(mistake, Mistake::NotCarried { .. })), "{word}: {refusal}");
    }
}

#[test]
fn what_a_file_sets_is_looked_at_whatever_it_is_called() {
    assert!(with_files(&[file("settings", "a = '/etc/x'")]).is_err());
    assert_eq!(with_files(&[file("notes", "a = '/etc/x' but no TOML")]), Ok(()));
    assert!(matches!(&with_files(&[file("job.toml", "a =")]).unwrap_err().0[..], [Mistake::NotToml { .. }]));
}

/// `credentials` of a configuration take away `file:` alone, and would open `//etc/passwd`, which is absolute; read as a URL
/// it looked like a relative path on a host called `etc`.
#[test]
fn a_file_url_with_a_host_is_refused_because_programs_read_it_in_different_ways() {
    assert!(with_args(&["file://etc/passwd"]).is_err());
    assert!(with_files(&[file("job.toml", "[mongodb]\ncredentials = 'file://etc/passwd'")]).is_err());
}

/// librdkafka opens the libraries that this setting names, and a relative path is enough for that.
#[test]
fn no_setting_brings_foreign_code() {
    for text in ["[kafka.settings.plugin.library]\npaths = 'x.so'", "[kafka.settings]\n'plugin.library.paths' = 'x.so'"]
    {
        assert!(
            matches!(&with_files(&[file("job.toml", text)]).unwrap_err().0[..], [Mistake::ForeignCode { .. }]),
            "{text}"
        );
    }
    assert!(with_args(&["--set=kafka.settings.sasl.kerberos.kinit.cmd=sh"]).is_err());
}

/// Each of these was accepted, and the first one loaded the library: the guard compared letters, the programs read TOML.
#[test]
fn quotes_and_escapes_hide_nothing() {
    for (setting, says) in [
        (
            r#"kafka.properties={"plugin\u002elibrary.paths"="\u002ftmp/evil/x.so"}"#,
            "sets kafka.properties.plugin.library.paths, which would run foreign code",
        ),
        (r#"job.state="file:///outside/a""#, r#" (job.state) names "file:///outside/a""#),
        (r#"job.state="\u0066ile:\u002f/\u002foutside/a""#, r#" (job.state) names "file:///outside/a""#),
        ("job.state='''\n/outside'''", r#" (job.state) names "/outside""#),
        ("job={state=\"~/x\"}", r#" (job.state) names "~/x""#),
        (r#"job.state="\u0000""#, "has a zero byte"),
        (r#"job.state="fi\tle:///outside/a""#, "names \"file:///outside/a\""),
        ("job.state=\"open", "argument 2 is no setting: the value of `job.state` is no TOML"),
        ("job", "argument 2 is no setting: it is no KEY=VALUE"),
    ] {
        for args in [["--set", setting], ["x", &format!("--set={setting}")]] {
            let refusal = with_args(&args).expect_err(setting).to_string();
            assert!(refusal.contains(says), "{setting}: {refusal}");
        }
    }
    for setting in [r#"job.state="file:///data/\u0061""#, "table.poll=2s", "sinks.files.enabled=false", "a={b=1}"] {
        assert_eq!(with_args(&["--set", setting]), Ok(()), "{setting}");
    }
}

/// The programs take numbers that no `toml::Table` holds; a file with one was none to the guard, whatever else it set.
#[test]
fn a_carried_file_is_read_by_the_programs_own_parser() {
    let text = "[kafka.properties]\nx = 99999999999999999999\nplugin.library.paths = 'x.so'";
    for name in ["notes", "job.toml"] {
        let refusal = with_files(&[file(name, text)]).unwrap_err();
        assert!(matches!(&refusal.0[..], [Mistake::ForeignCode { .. }]), "{name}: {refusal}");
    }
}

/// One job could write a configuration below a root, and the next one use it, which nobody had looked at.
#[test]
fn a_configuration_travels_with_its_job() {
    for args in [&["--config", "data/my.toml"][..], &["--config=/data/my.toml"]] {
        let refusal = with_args(args).unwrap_err();
        assert!(matches!(&refusal.0[..], [Mistake::ConfigThere { .. }]), "{refusal}");
    }
}

/// With the defaults the cluster's own files lie below the root, and a job replaced the master's token by its output.
#[test]
fn what_is_the_clusters_own_is_nobodys_even_below_a_root() {
    let roots =
        roots().without(["/srv/jobs/flightline-cluster", "/srv/jobs/worker.env", "/data/bin/../flightline-worker"]);
    let asked = |word: &str| check(Errand { args: &words(&["--set", "a=b", word]), files: &[] }, &roots);
    for word in [
        "flightline-cluster/token",
        "--output=./flightline-cluster",
        "flightline-cluster/../flightline-cluster/new",
        "kafka.properties.sasl.password=\"file:flightline-clus\\u0074er/cluster.secret\"",
        "--secret=file:flightline-cluster/cluster.secret",
        "worker.env",
        "/data/flightline-worker/job-1/generation-1/process-0/secret",
        // Who may replace a folder, or read all that is in it, has what lies in it as well.
        ".",
        "/data",
        "file:///data/",
        // A pattern that could stand for it.
        "flightline-*/token",
        "*/t?ken",
        "/srv/jobs/*",
        "**/cluster.secret",
        "[f]lightline-cluster/cluster.secret",
        "worker.en?",
    ] {
        let refusal = asked(word).expect_err(word).to_string();
        assert!(refusal.contains("argument 3") && refusal.contains("the cluster's own"), "{word}: {refusal}");
    }
    for word in
        ["", "data/*.parquet", "flightline-state", "flightline-cluster2", "*.jsonl", "/data/2015/**", "models", "-x"]
    {
        assert_eq!(asked(word), Ok(()), "{word}");
    }
}

#[test]
fn what_is_the_clusters_own_is_found_behind_links_and_wherever_a_master_keeps_its_state() {
    let disk = tempfile::tempdir().unwrap();
    let root = disk.path().join("root");
    for folder in ["own", "elsewhere/state", "folder", "another-worker/job-1"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    fs::write(root.join("elsewhere/state/master.redb"), "").unwrap();
    fs::write(root.join("another-worker/agent.lock"), "").unwrap();
    symlink("own", root.join("link")).unwrap();
    symlink("own/token", root.join("folder/token")).unwrap();
    symlink(root.join("own"), disk.path().join("outside")).unwrap();
    // The folder is named by a link, too.
    let roots = Roots::new([&root]).unwrap().without([disk.path().join("outside")]);
    let asked = |word: &str| check_resolved(Errand { args: &words(&[word]), files: &[] }, &roots);
    for word in [
        "own",
        "own/token",
        "link/new",
        "folder/../link",
        "elsewhere/state/token",
        "elsewhere/state",
        "another-worker/job-1/secret",
        "*wn/token",
    ] {
        let refusal = asked(word).expect_err(word).to_string();
        assert!(refusal.contains("the cluster's own"), "{word}: {refusal}");
    }
    for word in ["folder", "elsewhere", "folder/new", "elsewhere/other"] {
        assert_eq!(asked(word), Ok(()), "{word}");
    }
    // A master whose state is the root itself: only its files.
    fs::write(root.join("master.redb"), "").unwrap();
    assert_eq!(asked("folder"), Ok(()));
    for word in ["token", "master.redb", "cluster.secret"] {
        assert!(asked(word).is_err(), "{word}");
    }
}

#[test]
fn roots_are_absolute_and_at_least_one() {
    assert_eq!(Roots::new(["/a", "b"]), Err(RootMistake::Relative("b".into())));
    assert_eq!(Roots::new(Vec::<String>::new()), Err(RootMistake::None));
    assert_eq!(Roots::new(["/a/./b/../c/"]).unwrap().to_string(), "/a/c");
    assert!(Roots::new(["/"]).unwrap().hold(Path::new("/anything")));
}

#[test]
fn links_that_lead_out_of_the_roots_are_seen() {
    let disk = tempfile::tempdir().unwrap();
    let (root, outside) = (disk.path().join("root"), disk.path().join("outside"));
    fs::create_dir_all(root.join("folder")).unwrap();
    fs::create_dir_all(outside.join("deep")).unwrap();
    symlink(&outside, root.join("out")).unwrap();
    symlink(outside.join("deep"), root.join("deep")).unwrap();
    symlink("folder", root.join("within")).unwrap();
    symlink(outside.join("not-yet"), root.join("dangling")).unwrap();
    let roots = Roots::new([&root]).unwrap();
    let asked = |word: &str| check_resolved(Errand { args: &words(&[word]), files: &[] }, &roots);
    let at = |name: &str| root.join(name).display().to_string();

    for word in ["folder/new", "within/new", "new/er", "folder/../within", "--input=within", &at("within"), &at("new")]
    {
        assert_eq!(asked(word), Ok(()), "{word}");
    }
    // To the system `deep/..` is the folder that `deep` leads out to, although it reads as the root.
    for word in ["out", "out/new", "--input=out/new", "deep/../x", "dangling", &at("out/new"), "folder/../out"] {
        assert!(asked(word).is_err(), "{word}");
    }
    let files = [file("job.toml", "a = 'out/x'")];
    assert!(check_resolved(Errand { args: &[], files: &files }, &roots).is_err());
}

#[test]
fn a_root_that_is_a_link_itself_holds_what_is_behind_it() {
    let disk = tempfile::tempdir().unwrap();
    fs::create_dir(disk.path().join("real")).unwrap();
    symlink("real", disk.path().join("root")).unwrap();
    let roots = Roots::new([disk.path().join("root")]).unwrap();
    let args = [disk.path().join("root/x").display().to_string()];
    assert_eq!(check_resolved(Errand { args: &args, files: &[] }, &roots), Ok(()));
}

/// Where one stands after having walked a path, step by step; the names on the way from `/`.
fn walk(start: &[&str], path: &str) -> Vec<String> {
    let mut standing: Vec<String> = match path.starts_with('/') {
        true => Vec::new(),
        false => start.iter().map(|&name| name.to_owned()).collect(),
    };
    for step in path.split('/') {
        match step {
            "" | "." => {}
            ".." => drop(standing.pop()),
            name => standing.push(name.to_owned()),
        }
    }
    standing
}

proptest! {
    #[test]
    fn a_path_is_held_if_a_walk_along_it_ends_below_a_root(
        path in proptest::collection::vec(proptest::sample::select(vec!["", ".", "..", "srv", "jobs", "data", "x", "..."]), 0..9)
            .prop_map(|steps| steps.join("/")),
        prefix in proptest::sample::select(vec!["", "/", "--input=", "--set=a=", "file:", "file://", "-i"]),
    ) {
        let end = walk(&["srv", "jobs"], &path);
        let is_below = end.starts_with(&["srv".to_owned(), "jobs".to_owned()]) || end.starts_with(&["data".to_owned()]);
        prop_assert_eq!(roots().hold(Path::new(&path)), is_below, "{}", path);
        // Whatever stands before it, a place that isn't below a root never passes.
        let word = format!("{prefix}{path}");
        if !is_below && (prefix != "/" || path.starts_with('/')) {
            prop_assert!(with_args(&[&word]).is_err(), "{}", word);
        }
    }
}
