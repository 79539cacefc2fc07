//! The memory of this process, as Linux tells it; elsewhere nothing is known.

use serde::Serialize;

/// Bytes of memory.
#[derive(Serialize, Debug, Default, Clone, Copy)]
pub(super) struct Memory {
    /// Resident before anything was loaded.
    pub(super) base: Option<u64>,
    /// Resident now.
    pub(super) resident: Option<u64>,
    /// Resident at most so far.
    pub(super) peak: Option<u64>,
    /// Resident now, each shared page divided by the processes that share it.
    pub(super) proportional: Option<u64>,
}

impl Memory {
    /// What the process has now; `base` is left to the caller.
    pub(super) fn now() -> Self {
        let read = |name: &str| std::fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
        let (status, maps) = (read("status"), read("smaps_rollup"));
        Self {
            base: None,
            resident: field(&status, "VmRSS:"),
            peak: field(&status, "VmHWM:"),
            proportional: field(&maps, "Pss:"),
        }
    }
}

/// A line such as `VmRSS:     1234 kB`, in bytes.
fn field(text: &str, key: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(key))?;
    let kibibytes: u64 = rest.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_line_of_the_kernel() {
        let text = "VmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        assert_eq!(field(text, "VmRSS:"), Some(1 << 20));
        assert_eq!(field(text, "Pss:"), None);
    }
}
