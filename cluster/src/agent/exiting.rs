//! Whether a process is on its way out already.

use std::fs;

use rustix::process::Pid;

/// The kernel's flag of a task that exits (`PF_EXITING` in Linux's `sched.h`): set before its sockets are closed.
const EXITING: u64 = 0x4;

/// Whether a process exits or has exited (Linux: its flags in `/proc/PID/stat`); false where it isn't told. Whoever has seen
/// its sockets close sees it exit.
pub(super) fn is_exiting(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    stat.ok().and_then(|stat| flags_of(&stat)).is_some_and(|flags| flags & EXITING != 0)
}

/// The ninth field. The second is a name, which may have blanks and brackets in it.
fn flags_of(stat: &str) -> Option<u64> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(6)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use rustix::process::{WaitId, WaitIdOptions, getpid, waitid};

    use super::*;

    #[test]
    fn flags_are_read_behind_the_name() {
        assert_eq!(flags_of("12 (a) b) S 1 12 12 0 -1 4194560 107 0"), Some(4_194_560));
        for bad in ["", "12 (a", "12 (a) S 1 12 12 0 -1", "12 (a) S 1 12 12 0 -1 x 107"] {
            assert_eq!(flags_of(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn who_has_ended_and_was_not_waited_for_is_on_its_way_out_and_who_works_is_not() {
        assert!(!is_exiting(getpid()));
        let mut child = Command::new("true").spawn().unwrap();
        let pid = Pid::from_child(&child);
        waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).unwrap();
        assert!(is_exiting(pid));
        child.wait().unwrap();
        assert!(!is_exiting(pid));
    }
}
