//! Reads what the kernel accounts for a process, and prints measurements.
//!
//! It refuses to guess: where `/proc` does not answer there is no measurement, and the run fails.

use std::time::Duration;

use crate::Failure;

/// Processor time of a process, its threads and the kernel's work for it, since its start.
pub(crate) fn processor_time(process: u32) -> Result<Duration, Failure> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name in parentheses may hold anything; fields are counted after it (proc_pid_stat(5): utime is 14, stime 15).
    let fields = stat
        .rsplit_once(") ")
        .ok_or("/proc/PID/stat has no name")?
        .1
        .split_ascii_whitespace()
        .skip(11)
        .take(2);
    let mut ticks = 0_u64;
    for field in fields {
        ticks += field.parse::<u64>()?;
    }
    // USER_HZ is 100 on every architecture that Linux serves today.
    Ok(Duration::from_millis(ticks * 10))
}

/// Processor time of this thread since its start: waiting for a core that others use does not count.
pub(crate) fn thread_time() -> Result<Duration, Failure> {
    let account = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let ran = account
        .split_ascii_whitespace()
        .next()
        .ok_or("schedstat is empty")?;
    Ok(Duration::from_nanos(ran.parse()?))
}

/// Resident memory of a process in MiB.
pub(crate) fn resident_mib(process: u32) -> Result<f64, Failure> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .ok_or("no VmRSS")?;
    let kibibytes: f64 = line.trim().trim_end_matches(" kB").trim().parse()?;
    Ok(kibibytes / 1024.0)
}

/// One quantity, measured once in each round.
pub(crate) struct Series {
    name: String,
    unit: &'static str,
    values: Vec<f64>,
}

impl Series {
    /// Prints the median with the least and the greatest.
    pub(crate) fn print(&self) {
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        if let (Some(least), Some(most)) = (sorted.first(), sorted.last()) {
            let median = sorted[sorted.len() / 2];
            println!(
                "metric {} {median:.4} {least:.4} {most:.4} {}",
                self.name, self.unit
            );
        }
    }
}

/// All quantities of a run, in the order in which they first came.
#[derive(Default)]
pub(crate) struct Report(Vec<Series>);

impl Report {
    /// Adds a value to the series of that name.
    pub(crate) fn add(&mut self, name: &str, unit: &'static str, value: f64) {
        if let Some(series) = self.0.iter_mut().find(|series| series.name == name) {
            series.values.push(value);
        } else {
            self.0.push(Series {
                name: name.to_owned(),
                unit,
                values: vec![value],
            });
        }
    }

    /// Prints all.
    pub(crate) fn print(&self) {
        self.0.iter().for_each(Series::print);
    }
}
