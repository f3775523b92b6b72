//! How much memory a process uses.

use std::fs;

use rustix::process::Pid;

use crate::ids::Memory;

/// The resident memory of a process now (Linux: `VmRSS`); `None` if it has ended, or where it isn't told.
pub(super) fn resident(pid: Pid) -> Option<Memory> {
    resident_of(&fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).ok()?)
}

/// Reads the line `VmRSS:    1234 kB`, whose unit is 1,024 bytes whatever it is called.
fn resident_of(status: &str) -> Option<Memory> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024).map(Memory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_read_from_its_line() {
        assert_eq!(resident_of("VmHWM:\t   99 kB\nVmRSS:\t    5120 kB\n"), Some(Memory(5 << 20)));
        for bad in ["", "VmRSS:", "VmRSS: 12", "VmRSS: x kB", "VmRSS: 99999999999999999999 kB"] {
            assert_eq!(resident_of(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_process_uses_some() {
        assert!(resident(rustix::process::getpid()).unwrap() > Memory(1 << 20));
    }
}
