//! What a process uses, as the kernel counts it, and what it may use.

use std::{fs, time::Duration};

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};

use super::Process;

/// Ticks of `/proc/PID/stat` in a second: USER_HZ, which is 100 wherever Linux shows it.
const TICKS: u64 = 100;

impl Process {
    /// Resident memory in bytes; the peak is counted anew from here on.
    pub fn memory_from_here(&self) -> u64 {
        // Where that is not allowed, the peak since the start does as well: it is no smaller.
        let _ = fs::write(self.proc("clear_refs"), "5");
        self.status("VmRSS")
    }

    /// The most resident memory that it had, in bytes.
    pub fn peak_memory(&self) -> u64 {
        self.status("VmHWM")
    }

    /// The processor's time that all of its threads took.
    pub fn cpu_time(&self) -> Duration {
        let stat = fs::read_to_string(self.proc("stat")).expect("the process runs");
        // The name, in parentheses, may contain anything; utime and stime are fields 14 and 15.
        let (_, fields) = stat.rsplit_once(')').expect("a name in parentheses");
        let ticks: u64 = fields.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        Duration::from_millis(ticks * 1000 / TICKS)
    }

    /// How many files it has open.
    pub fn open_files(&self) -> usize {
        fs::read_dir(self.proc("fd")).expect("the process runs").count()
    }

    /// From now on it gets no more files than this.
    pub fn limit_open_files(&self, count: u64) {
        let limit = Rlimit { current: Some(count), maximum: Some(count) };
        prlimit(Some(self.pid()), Resource::Nofile, limit).expect("a limit may be lowered");
    }

    fn status(&self, field: &str) -> u64 {
        let status = fs::read_to_string(self.proc("status")).expect("the process runs");
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let kib: Option<u64> = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok());
        kib.unwrap_or_else(|| panic!("no {field} in:\n{status}")) * 1024
    }

    fn proc(&self, file: &str) -> String {
        format!("/proc/{}/{file}", Pid::as_raw(Some(self.pid())))
    }
}

/// Lets this process have as many files open as it may, for tests with many connections.
pub fn allow_many_files() {
    let limit = getrlimit(Resource::Nofile);
    // What cannot be had, the test itself will miss.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// Bytes as people read them.
pub fn mib(bytes: u64) -> String {
    format!("{}.{} MiB", bytes >> 20, ((bytes & 0xf_ffff) * 10) >> 20)
}
