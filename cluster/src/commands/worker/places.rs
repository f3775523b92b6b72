//! What a worker has for jobs, as its flags say: folders, cores, memory. All that is wrong with them is told together.

use std::fs;
use std::path::{Path, PathBuf};

use super::WorkerFlags;
use crate::guard::Roots;
use crate::ids::{Cores, Memory};
use crate::job::check::{LONGEST_NAME, wrong_with_name};
use crate::job::spec::Program;
use crate::master::store::{STATE_FILES, STATE_FOLDER};

/// Our programs that no job is.
const OTHER_PROGRAMS: [&str; 5] = ["master", "worker", "submit", "web", "demo"];

/// What a worker has for jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Share {
    /// Where they may have their files.
    pub(super) roots: Roots,
    /// How many cores.
    pub(super) cores: Cores,
    /// How much memory.
    pub(super) memory: Memory,
}

/// What the machine has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Has {
    pub(super) cores: Cores,
    pub(super) memory: Option<Memory>,
}

/// What these flags say, started in `here`, with our programs in `programs`. Reads the disk.
///
/// # Errors
/// All mistakes, a sentence each.
pub(super) fn share(flags: &WorkerFlags, here: &Path, programs: &Path, has: Has) -> Result<Share, Vec<String>> {
    let mut mistakes = Vec::new();
    if let Some(why) = flags.name.as_deref().and_then(wrong_with_name) {
        mistakes.push(format!("--name has 1 to {LONGEST_NAME} characters and no control characters: {why}"));
    }
    let cores = flags.cores.map_or(has.cores, Cores);
    if !(Cores(1)..=Cores::MOST).contains(&cores) {
        mistakes.push(format!("--cores {cores} can't be: give 1 to {}", Cores::MOST));
    }
    let memory = flags.memory.or(has.memory);
    match memory {
        None => mistakes.push("this system doesn't say how much memory it has: give --memory".to_owned()),
        Some(memory) if memory > Memory::MOST => {
            mistakes.push(format!("--memory {memory} can't be: {} is the most", Memory::MOST));
        }
        Some(_) => {}
    }
    let folders: Vec<PathBuf> = match flags.roots.as_slice() {
        [] => vec![here.to_owned()],
        roots => roots.iter().map(|root| here.join(root)).collect(),
    };
    for folder in &folders {
        match fs::metadata(folder) {
            Ok(about) if about.is_dir() => {}
            Ok(_) => mistakes.push(format!("--root {} is no folder: name one", folder.display())),
            Err(error) => mistakes.push(format!("--root {} can't be used: {error}; make it first", folder.display())),
        }
    }
    let roots = Roots::new(&folders).map_err(|mistake| mistake.to_string());
    let roots = roots.and_then(|roots| match real(&roots).are_within(&really(&here.join(&flags.work))) {
        false => Ok(roots),
        true => Err(format!(
            "--work {} holds a folder of --root, and jobs may not have the worker's own files: name another one",
            flags.work.display()
        )),
    });
    match (roots, memory) {
        (Ok(roots), Some(memory)) if mistakes.is_empty() => {
            let own = own(flags, here, programs, &roots);
            Ok(Share { roots: roots.without(own), cores, memory })
        }
        (roots, _) => {
            mistakes.extend(roots.err());
            Err(mistakes)
        }
    }
}

/// What is the cluster's own: secrets, the state of a master that is on this machine, the worker's folder and settings, our
/// programs. Of a folder that holds a root it is only the files.
fn own(flags: &WorkerFlags, here: &Path, programs: &Path, roots: &Roots) -> Vec<PathBuf> {
    let mut own = vec![here.join(&flags.work), here.join(&flags.secret_file)];
    let files = [&flags.token_file, &flags.env_file, &flags.pages.tls_key];
    own.extend(files.into_iter().flatten().map(|file| here.join(file)));
    let secret = here.join(&flags.secret_file);
    let state = secret.parent().map(Path::to_owned);
    let names = Program::ALL.map(Program::name).into_iter().chain(OTHER_PROGRAMS);
    let folders = [
        (state, STATE_FILES.to_vec()),
        (Some(here.join(STATE_FOLDER)), STATE_FILES.to_vec()),
        (Some(programs.to_owned()), names.collect()),
    ];
    let roots = real(roots);
    for (folder, files) in folders {
        let Some(folder) = folder else { continue };
        if roots.are_within(&really(&folder)) {
            own.extend(files.into_iter().map(|name| folder.join(name)));
        } else {
            own.push(folder);
        }
    }
    own.sort();
    own.dedup();
    own
}

fn real(roots: &Roots) -> Roots {
    Roots::new(roots.iter().map(really)).unwrap_or_else(|_| roots.clone())
}

/// The path without links, if it is there.
fn really(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    const HAS: Has = Has { cores: Cores(2), memory: Some(Memory(1 << 30)) };

    fn told(line: &[&str], here: &Path) -> Result<Share, Vec<String>> {
        share(&WorkerFlags::parse_from([&["worker"], line].concat()), here, &here.join("bin"), HAS)
    }

    fn shown(share: &Share, here: &Path) -> Vec<String> {
        share.roots.own().map(|own| own.strip_prefix(here).unwrap().display().to_string()).collect()
    }

    #[test]
    fn without_flags_everything_but_the_clusters_own_is_for_jobs() {
        let disk = tempfile::tempdir().unwrap();
        let here = disk.path().canonicalize().unwrap();
        let share = told(&["--env-file", "worker.env", "--token-file", "my.token"], &here).unwrap();
        assert_eq!((share.cores, share.memory), (Cores(2), Memory(1 << 30)));
        assert_eq!(
            shown(&share, &here),
            [
                "bin",
                "flightline-cluster",
                "flightline-cluster/cluster.secret",
                "flightline-worker",
                "my.token",
                "worker.env"
            ]
        );
    }

    /// With programs, secret and jobs in one folder, jobs have the folder and not those.
    #[test]
    fn a_folder_that_holds_a_root_is_kept_file_by_file() {
        let disk = tempfile::tempdir().unwrap();
        let here = disk.path().canonicalize().unwrap();
        let flags = WorkerFlags::parse_from(["worker", "--secret-file", "cluster.secret"]);
        let share = share(&flags, &here, &here, HAS).unwrap();
        let own = shown(&share, &here);
        for name in ["cluster.secret", "token", "master.redb", "train", "worker", "flightline-cluster"] {
            assert!(own.iter().any(|own| own == name), "{name} in {own:?}");
        }
        assert!(!own.iter().any(String::is_empty), "not the root itself: {own:?}");
    }

    /// `--root /nonexistent` was registered, and `--cores 4294967295` on two workers was more than the master could add.
    #[test]
    fn all_that_is_wrong_is_told_together() {
        let disk = tempfile::tempdir().unwrap();
        fs::write(disk.path().join("file"), "").unwrap();
        let line = "--cores 4294967295 --memory 9999T --root none --root file --name";
        let line: Vec<&str> = line.split(' ').chain(["a\nb"]).collect();
        let mistakes = told(&line, disk.path()).unwrap_err();
        let says = [
            "--name has 1 to 100 characters",
            "--cores 4294967295 can't be: give 1 to 4096",
            "is the most",
            "none can't be used",
            "file is no folder",
        ];
        assert_eq!(mistakes.len(), says.len(), "{mistakes:?}");
        for (mistake, part) in mistakes.iter().zip(says) {
            assert!(mistake.contains(part), "{part:?} is not in {mistake:?}");
        }
        assert!(told(&["--cores", "0"], disk.path()).unwrap_err()[0].contains("--cores 0 can't be"));
        assert!(told(&["--work", "."], disk.path()).unwrap_err()[0].contains("holds a folder of --root"));
    }
}
