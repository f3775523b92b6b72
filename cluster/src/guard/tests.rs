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
