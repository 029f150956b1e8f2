//! Which machine it was: without that a number means nothing.

use std::process::Command;

use crate::process;

/// Date, processor, cores, memory and load.
pub(super) fn describe() -> String {
    let date = process::capture(Command::new("date").args(["-u", "+%Y-%m-%dT%H:%M:%SZ"])).unwrap_or_default();
    let model = field("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let memory = field("/proc/meminfo", "MemTotal").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    format!(
        "{}  {model}, {cores} cores, memory {memory}\n{}",
        date.trim(),
        load()
    )
}

/// How much others wanted of it; above the number of cores, nothing but ratios means anything.
pub(super) fn load() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let mut averages = load.split_ascii_whitespace();
    match (averages.next(), averages.next(), averages.next()) {
        (Some(one), Some(five), Some(fifteen)) => format!("load {one} {five} {fifteen}"),
        _ => "load unknown".to_owned(),
    }
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
