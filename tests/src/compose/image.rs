//! Images, made without a builder: folders with what stands in them, and what a container of them begins with.
//!
//! Ours is made by what its Dockerfile says. Programs are those of the packages of Debian that it would have and no others, taken
//! from this machine; libraries are this machine's, all of them. Which packages they need is another test's question.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::container::{Mount, Plan, User};
use super::debian;
use super::dockerfile::{Dockerfile, Ignored, Instruction, copy, packages, run};
use crate::binaries::binary;
use crate::{DEADLINE, Folder, project_root};

/// What every program finds on its path, unless it is told otherwise.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Folders of this machine with libraries, and what they read.
const LIBRARIES: [&str; 4] = ["/usr/lib", "/usr/lib64", "/usr/share", "/etc/ssl"];

/// An image.
#[derive(Clone, Debug)]
pub struct Image {
    /// What stands in it.
    pub root: PathBuf,
    /// What it sees of this machine.
    pub mounts: Vec<Mount>,
    /// Who its containers run as.
    pub user: User,
    /// Where they start.
    pub folder: String,
    /// Their environment.
    pub environment: BTreeMap<String, String>,
    /// What stands before each command.
    pub entrypoint: Vec<String>,
    /// The command, without another one.
    pub command: Vec<String>,
}

impl Image {
    /// What Debian has, with these packages.
    ///
    /// # Panics
    /// If one of them isn't installed here.
    #[must_use]
    #[track_caller]
    pub fn debian(root: PathBuf, packages: &[String]) -> Self {
        for folder in ["usr/bin", "usr/sbin", "usr/local/bin", "etc", "tmp", "root", "var/lib", "run", "srv"] {
            fs::create_dir_all(root.join(folder)).expect("folders can be made");
        }
        fs::set_permissions(root.join("tmp"), Permissions::from_mode(0o1777)).expect("it is ours");
        for link in ["bin", "sbin", "lib", "lib64"] {
            symlink(format!("usr/{link}"), root.join(link)).expect("a link can be made");
        }
        for program in debian::programs(packages) {
            let name = program.file_name().expect("a program has a name");
            let is_for_root = program.parent().is_some_and(|folder| folder.ends_with("sbin"));
            let folder = root.join(if is_for_root { "usr/sbin" } else { "usr/bin" });
            fs::copy(&program, folder.join(name)).unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        }
        for (file, text) in [
            ("etc/passwd", "root:x:0:0::/root:/bin/bash\nnobody:x:65534:65534::/:/usr/sbin/nologin\n"),
            ("etc/group", "root:x:0:\nnogroup:x:65534:\n"),
            ("etc/shadow", "root:*:1::::::\n"),
            ("etc/gshadow", "root:*::\n"),
            ("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"),
        ] {
            fs::write(root.join(file), text).expect("a file can be written");
        }
        let mount = |path: &PathBuf| Mount { from: path.clone(), to: path.display().to_string(), read_only: true };
        let java = fs::read_dir("/etc").into_iter().flatten().flatten().map(|entry| entry.path());
        let java = java.filter(|path| path.display().to_string().starts_with("/etc/java-"));
        let libraries: Vec<PathBuf> =
            LIBRARIES.iter().map(PathBuf::from).filter(|path| path.exists()).chain(java).collect();
        Self {
            root,
            mounts: libraries.iter().map(mount).collect(),
            user: User(0, 0),
            folder: "/".to_owned(),
            environment: BTreeMap::from([("PATH".to_owned(), PATH.to_owned())]),
            entrypoint: Vec::new(),
            command: Vec::new(),
        }
    }

    /// Ours: what the last stage of the Dockerfile says, with the programs that were built for the tests.
    ///
    /// # Panics
    /// If an instruction fails.
    #[must_use]
    #[track_caller]
    pub fn ours(root: PathBuf) -> Self {
        let file = Dockerfile::read(&project_root().join("Dockerfile"));
        let stage = file.image();
        let mut image = Self::debian(root, &stage.packages());
        for instruction in &stage.instructions {
            image.follow(instruction, &file.programs());
        }
        image
    }

    #[track_caller]
    fn follow(&mut self, instruction: &Instruction, programs: &[String]) {
        let rest = instruction.rest.as_str();
        match instruction.word.as_str() {
            // Its packages are there already.
            "RUN" if packages(rest).is_some() => {}
            "RUN" => self.run(&run(rest)),
            "COPY" => {
                let copy = copy(rest);
                let target = self.root.join(copy.target.trim_start_matches('/'));
                fs::create_dir_all(&target).expect("folders can be made");
                match copy.from {
                    Some(_) => programs.iter().for_each(|program| place(&binary(program), &target.join(program))),
                    None => copy.sources.iter().for_each(|source| place_tree(source, &target)),
                }
            }
            "USER" => self.user = self.user_of(rest),
            "WORKDIR" => rest.clone_into(&mut self.folder),
            "ENV" => {
                let pairs = rest.split(' ').filter_map(|pair| pair.split_once('='));
                self.environment.extend(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
            }
            "CMD" => self.command = serde_json::from_str(rest).expect("CMD is a list"),
            _ => {}
        }
    }

    /// Runs a command line in the image, as root, and keeps what it changes.
    #[track_caller]
    fn run(&self, line: &str) {
        let plan = Plan {
            name: "build".to_owned(),
            image: self.root.clone(),
            keeps: true,
            mounts: self.mounts.clone(),
            in_memory: Vec::new(),
            read_only: false,
            user: User(0, 0),
            capabilities: None,
            no_new_privileges: false,
            environment: self.environment.clone(),
            folder: self.folder.clone(),
            command: ["sh", "-ec", line].map(str::to_owned).into(),
        };
        let place = Folder::new();
        plan.start(None, place.path()).end_within(DEADLINE).ok();
    }

    /// A user by name or numbers.
    ///
    /// # Panics
    /// If the image knows none of this name.
    #[must_use]
    #[track_caller]
    pub fn user_of(&self, user: &str) -> User {
        let number = |text: &str| text.parse::<u32>().ok();
        if let Some((user, group)) = user.split_once(':') {
            let numbers = number(user).zip(number(group)).map(|(user, group)| User(user, group));
            return numbers.unwrap_or_else(|| panic!("{user}:{group} are no numbers"));
        }
        let accounts = fs::read_to_string(self.root.join("etc/passwd")).expect("there are accounts");
        let fields = |line: &str| line.split(':').map(str::to_owned).collect::<Vec<_>>();
        let account = accounts.lines().map(fields).find(|fields| fields[0] == user);
        let account = account.unwrap_or_else(|| panic!("the image knows no {user}"));
        let numbers = number(&account[2]).zip(number(&account[3]));
        numbers.map(|(user, group)| User(user, group)).expect("an account has numbers")
    }
}

/// Puts a file of this machine into an image: as another name of it where that can be, since programs are large.
#[track_caller]
fn place(from: &Path, to: &Path) {
    if fs::hard_link(from, to).is_err() {
        fs::copy(from, to).unwrap_or_else(|error| panic!("{} to {}: {error}", from.display(), to.display()));
    }
}

/// Copies what the builder is sent of a folder of the tree.
#[track_caller]
fn place_tree(source: &str, target: &Path) {
    let ignored = Ignored::read(&project_root().join(".dockerignore"));
    let source = Path::new(source);
    for file in files_below(&project_root().join(source)) {
        let path = file.strip_prefix(project_root()).expect("it stands in the tree");
        if ignored.has(&path.to_string_lossy()) {
            continue;
        }
        let to = target.join(path.strip_prefix(source).expect("it stands in the source"));
        fs::create_dir_all(to.parent().expect("a file stands in a folder")).expect("folders can be made");
        fs::copy(&file, &to).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
}

/// All files below a folder, or a file itself.
///
/// # Panics
/// If it isn't there.
#[must_use]
#[track_caller]
pub fn files_below(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = fs::read_dir(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    entries.flatten().flat_map(|entry| files_below(&entry.path())).collect()
}

/// Writes a program into an image.
///
/// # Panics
/// If it can't be written.
pub(super) fn write_program(root: &Path, name: &str, text: &str) {
    let path = root.join(name.trim_start_matches('/'));
    fs::create_dir_all(path.parent().expect("a program stands in a folder")).expect("folders can be made");
    fs::write(&path, text).expect("a file can be written");
    fs::set_permissions(&path, Permissions::from_mode(0o755)).expect("it is ours");
}

/// The program of this machine that has a name.
///
/// # Panics
/// If there is none.
pub(super) fn program_here(name: &str) -> PathBuf {
    let found = Command::new("sh").args(["-c", &format!("command -v {name}")]).output().expect("there is a shell");
    let path = String::from_utf8_lossy(&found.stdout).trim().to_owned();
    fs::canonicalize(&path).unwrap_or_else(|error| panic!("there is no {name} here ({path:?}): {error}"))
}
