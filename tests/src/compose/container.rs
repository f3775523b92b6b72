//! Something like a container, of namespaces of Linux and no more: a root of its own, processes of its own (the first one has the
//! number 1), a host's name, an address of a [`Lan`], and neither another user's rights nor capabilities that it wasn't given.
//!
//! Its root is a layer in memory over the folder of an image, and is gone with it. What it doesn't have of a container: limits of
//! memory, a filter of system calls, devices of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::invocation::quoted;
use crate::wait::wait_until_or_tell;
use crate::{Ended, Invocation, Lan, Running, Signal};

/// Who it runs as: two numbers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct User(pub u32, pub u32);

/// A folder or file of this machine, in a container.
#[derive(Clone, Debug)]
pub struct Mount {
    /// Where it is here.
    pub from: PathBuf,
    /// Where it is there.
    pub to: String,
    /// Whether it can't be changed from there.
    pub read_only: bool,
}

/// What a container is started with.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its name, also as a host.
    pub name: String,
    /// The folder of its image.
    pub image: PathBuf,
    /// Whether what it changes becomes part of the image.
    pub keeps: bool,
    /// What it sees of this machine.
    pub mounts: Vec<Mount>,
    /// Folders in memory.
    pub in_memory: Vec<String>,
    /// Whether its root can't be changed.
    pub read_only: bool,
    /// Who it runs as.
    pub user: User,
    /// All capabilities that it may have; without it those that root has.
    pub capabilities: Option<BTreeSet<String>>,
    /// Whether no program may give it more.
    pub no_new_privileges: bool,
    /// Its environment, all of it.
    pub environment: BTreeMap<String, String>,
    /// Where it starts.
    pub folder: String,
    /// The command line.
    pub command: Vec<String>,
}

/// A container that runs, or has ended.
#[derive(Debug)]
pub struct Container {
    plan: Plan,
    running: Running,
}

impl Plan {
    /// Starts it on a host of a network, or where there is no network. `place` is an empty folder for its root.
    #[must_use]
    #[track_caller]
    pub fn start(self, on: Option<(&Lan, u8)>, place: &Path) -> Container {
        let root = "unshare --mount --pid --uts --ipc --fork --kill-child --propagation private";
        let network = if on.is_some() { "" } else { " --net" };
        let words = format!("{root}{network} bash -e start");
        let (program, words) = words.split_once(' ').expect("there are arguments");
        // It is open when something is mounted over it.
        fs::write(place.join("start"), self.script(place)).expect("a file can be written");
        let line = Invocation::of(program, place).words(words);
        let running = match on {
            Some((lan, host)) => lan.on(host, line),
            None => line,
        };
        let running = running.start();
        Container { plan: self, running }
    }

    /// What makes the root and becomes the first process.
    fn script(&self, place: &Path) -> String {
        let image = self.image.display();
        let mut lines = vec![format!("hostname {}", self.name), format!("cd {}", place.display())];
        if self.keeps {
            lines.extend(["mkdir root".to_owned(), format!("mount --bind {image} root")]);
        } else {
            lines.extend([
                "mount -t tmpfs -o mode=755 tmpfs .".to_owned(),
                // The folder that was mounted over is still the present one.
                format!("cd {}", place.display()),
                "mkdir root changes work".to_owned(),
                format!("mount -t overlay -o lowerdir={image},upperdir=changes,workdir=work overlay root"),
            ]);
        }
        lines.push(
            "cd root; mkdir -p proc sys dev; mount -t proc proc proc; mount --rbind /sys sys; mount --rbind /dev dev"
                .to_owned(),
        );
        lines.extend(self.in_memory.iter().map(|folder| {
            let folder = folder.split(':').next().unwrap_or_default();
            format!("mkdir -p .{folder}; mount -t tmpfs -o mode=1777 tmpfs .{folder}")
        }));
        // What stands in another one comes after it.
        let mut mounts: Vec<&Mount> = self.mounts.iter().collect();
        mounts.sort_by_key(|mount| mount.to.matches('/').count());
        for mount in &mounts {
            let (from, to) = (quoted(&mount.from.to_string_lossy()), format!(".{}", mount.to));
            let make = if mount.from.is_dir() {
                format!("mkdir -p {to}")
            } else {
                format!("mkdir -p $(dirname {to}); [ -e {to} ] || touch {to}")
            };
            lines.push(format!("{make}; mount --bind {from} {to}"));
        }
        let fixed = mounts.iter().filter(|mount| mount.read_only);
        lines.extend(fixed.map(|mount| format!("mount -o remount,bind,ro .{}", mount.to)));
        if self.read_only {
            lines.push("mount -o remount,ro .".to_owned());
        }
        let entered = format!("exec unshare --root=. --wd={} -- ", self.folder);
        lines.push(format!("{entered}{}", self.words(&self.command, self.user)));
        lines.join("\n")
    }

    /// A command line inside, as somebody there, with its environment.
    fn words(&self, command: &[String], user: User) -> String {
        let mut words = vec!["setpriv".to_owned(), format!("--reuid={}", user.0), format!("--regid={}", user.1)];
        words.push("--clear-groups".to_owned());
        if let Some(capabilities) = &self.capabilities {
            let added = capabilities.iter().map(|name| format!(",+{}", name.to_lowercase())).collect::<String>();
            words.push(format!("--bounding-set=-all{added}"));
        }
        if self.no_new_privileges {
            words.push("--no-new-privs".to_owned());
        }
        words.extend(["env".to_owned(), "-i".to_owned()]);
        words.extend(self.environment.iter().map(|(name, value)| format!("{name}={value}")));
        words.extend(command.iter().cloned());
        words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
    }
}

impl Container {
    /// A command line in it, as whoever it runs as: what `docker exec` does.
    ///
    /// # Panics
    /// If it has ended.
    #[must_use]
    #[track_caller]
    pub fn exec(&self, command: &[String]) -> Invocation {
        let first = self.first().unwrap_or_else(|| panic!("{} has ended\n{}", self.plan.name, self.story()));
        let enter = format!("exec nsenter --target {first} --mount --pid --net --uts --ipc --root --wd -- ");
        let words = self.plan.words(command, self.plan.user);
        Invocation::of("bash", Path::new("/")).arg("-ec").arg(format!("{enter}{words}"))
    }

    /// Whether a command line in it ends well in time.
    #[must_use]
    pub fn passes(&self, command: &[String], time: Duration) -> bool {
        if self.first().is_none() {
            return false;
        }
        let limit = [time.as_secs().to_string()];
        let line = self.exec(command).wrapped("timeout", &[&limit[0]]);
        line.finish().status.success()
    }

    /// Whether it has ended by itself.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.running.has_ended()
    }

    /// Asks it to end, and waits until it has.
    ///
    /// # Panics
    /// If it doesn't end in time.
    #[track_caller]
    pub fn stop(self, within: Duration) -> Ended {
        if let Some(pid) = self.first().and_then(rustix::process::Pid::from_raw) {
            // It may have ended meanwhile.
            let _ = rustix::process::kill_process(pid, Signal::TERM);
        }
        self.running.end_within(within)
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    /// If it doesn't end in time.
    #[track_caller]
    #[must_use]
    pub fn end_within(self, time: Duration) -> Ended {
        self.running.end_within(time)
    }

    /// What it has said.
    #[must_use]
    pub fn story(&self) -> String {
        self.running.story()
    }

    /// Waits until something of it is so.
    ///
    /// # Panics
    /// If it ends before, or it never is.
    #[track_caller]
    pub fn wait_until(&self, what: &str, mut condition: impl FnMut(&Self) -> bool) {
        let name = &self.plan.name;
        wait_until_or_tell(
            &format!("{name} {what}"),
            || {
                assert!(!self.has_ended(), "{name} has ended before it {what}\n{}", self.story());
                condition(self)
            },
            || self.story(),
        );
    }

    /// Its first process, by its number here.
    fn first(&self) -> Option<i32> {
        let outer = self.running.pid().as_raw_nonzero();
        let children = fs::read_to_string(format!("/proc/{outer}/task/{outer}/children")).ok()?;
        children.split_whitespace().next()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::Image;
    use crate::{DEADLINE, Folder};

    #[test]
    fn it_has_what_it_is_given_and_no_more() {
        let Some(lan) = Lan::new(1) else { return };
        let folder = Folder::new();
        let image = Image::debian(folder.join("image"), &[]);
        let given = folder.write("given", "text");
        let mut mounts = image.mounts.clone();
        mounts.push(Mount { from: given.clone(), to: "/some/given".to_owned(), read_only: true });
        let script = "id -u; echo $$; hostname; cat /some/given; echo; env | sort | head -n 2; \
            echo x > /some/given || echo fixed; touch /file || echo whole; chown 1 /tmp/ours || echo no rights; \
            echo > /tmp/ours && echo ok; command -v curl python3 || echo no more; (cd /root && cat .bashrc) || echo own";
        let plan = Plan {
            name: "somebody".to_owned(),
            image: image.root,
            keeps: false,
            mounts,
            in_memory: vec!["/tmp:exec".to_owned()],
            read_only: true,
            user: User(10_001, 10_001),
            capabilities: Some(BTreeSet::new()),
            no_new_privileges: true,
            environment: BTreeMap::from([("A".to_owned(), "b c".to_owned()), ("B".to_owned(), "$1".to_owned())]),
            folder: "/srv".to_owned(),
            command: ["sh", "-c", script].map(str::to_owned).into(),
        };
        fs::create_dir_all(folder.join("place")).unwrap();
        let ended = plan.start(Some((&lan, 0)), &folder.join("place")).end_within(DEADLINE);
        let told: Vec<&str> = ended.ok().stdout.lines().collect();
        let wanted =
            ["10001", "1", "somebody", "text", "A=b c", "B=$1", "fixed", "whole", "no rights", "ok", "no more", "own"];
        assert_eq!(told, wanted, "{ended}");
        assert_eq!(fs::read_to_string(given).unwrap(), "text");
    }
}
