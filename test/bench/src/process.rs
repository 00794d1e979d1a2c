//! What the kernel knows of processes and of the machine: `proc_pid_stat(5)`, `proc_pid_status(5)`, `proc_stat(5)`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use nix::unistd::{Pid, SysconfVar, getpgid, sysconf};
use serde::Serialize;

/// A process by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process(u32);

/// Memory of a process, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Memory {
    /// `VmRSS`.
    pub(crate) resident: u64,
    /// `RssAnon`: what is not backed by files such as the program itself.
    pub(crate) anonymous: u64,
    /// `VmHWM`: the most that was ever resident.
    pub(crate) peak: u64,
}

impl Process {
    pub(crate) fn new(id: u32) -> Self {
        Self(id)
    }

    pub(crate) fn current() -> Self {
        Self(std::process::id())
    }

    /// The process of this name in the process group of `member`.
    pub(crate) fn in_group_of(member: Self, name: &str) -> Result<Self> {
        let group = member.group()?;
        for entry in fs::read_dir("/proc")? {
            let Some(process) = entry?.file_name().to_str().and_then(|name| name.parse().ok()).map(Self) else {
                continue;
            };
            // A process may end while we look.
            let is_named = process.read("comm").is_ok_and(|comm| comm.trim_end() == name);
            if is_named && process.group().is_ok_and(|of| of == group) {
                return Ok(process);
            }
        }
        bail!("the process {name} does not run");
    }

    fn group(self) -> Result<Pid> {
        Ok(getpgid(Some(Pid::from_raw(i32::try_from(self.0)?)))?)
    }

    fn read(self, file: &str) -> Result<String> {
        let path = Path::new("/proc").join(self.0.to_string()).join(file);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    /// User and system time so far, in seconds; the kernel counts hundredths.
    pub(crate) fn cpu_seconds(self) -> Result<f64> {
        cpu_seconds(&self.read("stat")?, ticks_per_second()?)
    }

    pub(crate) fn memory(self) -> Result<Memory> {
        let status = self.read("status")?;
        let bytes = |name| kibibytes(&status, name).map(|kibibytes| kibibytes * 1024);
        Ok(Memory { resident: bytes("VmRSS")?, anonymous: bytes("RssAnon")?, peak: bytes("VmHWM")? })
    }

    pub(crate) fn threads(self) -> Result<u64> {
        kibibytes(&self.read("status")?, "Threads")
    }

    pub(crate) fn open_files(self) -> Result<usize> {
        Ok(fs::read_dir(Path::new("/proc").join(self.0.to_string()).join("fd"))?.count())
    }
}

/// CPU time of the whole machine so far, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct MachineCpu {
    /// Spent on anything.
    pub(crate) busy: f64,
    /// Wanted and not got, because the host ran something else.
    pub(crate) stolen: f64,
}

impl MachineCpu {
    pub(crate) fn read() -> Result<Self> {
        machine_cpu(&fs::read_to_string("/proc/stat")?, ticks_per_second()?)
    }
}

fn ticks_per_second() -> Result<f64> {
    let ticks = sysconf(SysconfVar::CLK_TCK)?.context("the kernel does not tell how long a clock tick is")?;
    Ok(f64::from(i32::try_from(ticks)?))
}

fn cpu_seconds(stat: &str, ticks_per_second: f64) -> Result<f64> {
    // The name stands in parentheses and may hold anything. After it, user time is field 14 and system time 15.
    let (_, fields) = stat.rsplit_once(')').context("no process name in its stat file")?;
    let times: Vec<f64> = fields.split_whitespace().skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    Ok(times.iter().sum::<f64>() / ticks_per_second)
}

fn machine_cpu(stat: &str, ticks_per_second: f64) -> Result<MachineCpu> {
    let total = stat.lines().find_map(|line| line.strip_prefix("cpu ")).context("no line `cpu` in /proc/stat")?;
    let times: Vec<f64> = total.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let [user, nice, system, _idle, _waiting, interrupt, soft_interrupt, stolen, ..] = times[..] else {
        bail!("too few times in /proc/stat");
    };
    let busy = user + nice + system + interrupt + soft_interrupt;
    Ok(MachineCpu { busy: busy / ticks_per_second, stolen: stolen / ticks_per_second })
}

/// A number of a `status` file; those of memory are in KiB.
fn kibibytes(status: &str, name: &str) -> Result<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let value = line.and_then(|line| line.split_whitespace().next()).with_context(|| format!("no {name}"))?;
    Ok(value.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_times_of_a_process_are_found_behind_any_name() {
        let stat = "12 (a) b (c)) S 1 12 12 0 -1 4194560 1 2 3 4 150 50 7 8 20 0 3 0 99";
        assert_eq!(cpu_seconds(stat, 100.0).unwrap(), 2.0);
    }

    #[test]
    fn the_machines_time_is_split_into_busy_and_stolen() {
        let stat = "cpu  100 20 30 4000 500 6 4 40 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0\n";
        assert_eq!(machine_cpu(stat, 10.0).unwrap(), MachineCpu { busy: 16.0, stolen: 4.0 });
        assert!(machine_cpu("intr 1\n", 10.0).is_err());
    }

    #[test]
    fn this_process_uses_memory_and_is_in_its_own_group() {
        let memory = Process::current().memory().unwrap();
        assert!(memory.peak >= memory.resident && memory.resident > memory.anonymous);
        assert!(Process::current().threads().unwrap() >= 1);
        let name = Process::current().read("comm").unwrap();
        assert_eq!(
            Process::in_group_of(Process::current(), name.trim_end()).unwrap().group().unwrap(),
            Process::current().group().unwrap()
        );
        assert!(Process::in_group_of(Process::current(), "no such name").is_err());
    }
}
