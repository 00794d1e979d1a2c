//! The machine that is measured on.

use std::fs;
use std::thread::available_parallelism;

use anyhow::{Context, Result};
use serde::Serialize;

/// As the report names it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Machine {
    pub(crate) processors: usize,
    pub(crate) processor: String,
    pub(crate) memory_gib: u64,
    pub(crate) kernel: String,
}

impl Machine {
    pub(crate) fn read() -> Result<Self> {
        let memory = fs::read_to_string("/proc/meminfo")?;
        let kibibytes: u64 = after(&memory, "MemTotal").trim_end_matches("kB").trim().parse()?;
        Ok(Self {
            processors: available_parallelism()?.get(),
            processor: after(&fs::read_to_string("/proc/cpuinfo")?, "model name").to_owned(),
            memory_gib: kibibytes.div_ceil(1 << 20),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?.trim_end().to_owned(),
        })
    }
}

/// Processes that ran or wanted to, on average over the last minute.
pub(crate) fn load_average() -> Result<f64> {
    let text = fs::read_to_string("/proc/loadavg")?;
    Ok(text.split_whitespace().next().context("/proc/loadavg is empty")?.parse()?)
}

fn after<'a>(text: &'a str, name: &str) -> &'a str {
    let found = text.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':'));
    found.map_or("unknown", str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_whatever_stands_before_its_colon() {
        assert_eq!(after("a: 1\nmodel name\t: Some CPU @ 2 GHz\n", "model name"), "Some CPU @ 2 GHz");
        assert_eq!(after("a: 1\n", "b"), "unknown");
        assert!(Machine::read().unwrap().memory_gib > 0);
    }
}
