//! How much memory this process uses, and has used at most.

use std::fs;

/// The most resident memory that this process ever held, in bytes (Linux: `VmHWM`); `None` where it isn't told.
pub fn peak_memory_bytes() -> Option<u64> {
    bytes_of("VmHWM:", &fs::read_to_string("/proc/self/status").ok()?)
}

/// The resident memory of this process now, in bytes (Linux: `VmRSS`); `None` where it isn't told.
pub fn memory_bytes() -> Option<u64> {
    bytes_of("VmRSS:", &fs::read_to_string("/proc/self/status").ok()?)
}

/// Reads a line such as `VmHWM:    1234 kB`, whose unit is 1,024 bytes whatever it is called.
fn bytes_of(name: &str, status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_read_from_its_line() {
        let status = "VmPeak:\t   99 kB\nVmHWM:\t    5120 kB\nVmRSS:\t 1 kB\n";
        assert_eq!(bytes_of("VmHWM:", status), Some(5 << 20));
        assert_eq!(bytes_of("VmRSS:", status), Some(1 << 10));
        for bad in ["", "VmHWM:", "VmHWM: 12", "VmHWM: x kB", "VmHWM: 99999999999999999999 kB"] {
            assert_eq!(bytes_of("VmHWM:", bad), None, "{bad:?}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn holding_more_memory_raises_the_peak() {
        let held = std::hint::black_box(vec![1_u8; 64 << 20]);
        assert!(peak_memory_bytes().unwrap() >= 64 << 20);
        assert!(memory_bytes().unwrap() >= 64 << 20);
        drop(held);
        assert!(peak_memory_bytes().unwrap() >= 64 << 20, "the peak doesn't fall");
    }
}
