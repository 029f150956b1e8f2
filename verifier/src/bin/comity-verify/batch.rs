//! `comity-verify batch`: decides about many permits off line, on all cores, one verdict a row.
//!
//! Rows are the files of a folder, in the order of their names, or the rows of a CSV with a column `presentation` (凭证). Every
//! row is decided by the very function that decides about one; threads share nothing but the counter of the next row, so the
//! order of the results is that of the rows. Verdicts name nobody. A row that cannot be read is UNREADABLE, not a reason to stop.

use std::fs;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use comfy_table::{CellAlignment, Table, presets};
use comity_spec::decision::Decision;
use comity_spec::outcome::{Outcome, OutcomeClass};
use indicatif::{ProgressBar, ProgressStyle};

use crate::failure::Failure;
use crate::input;
use crate::office::{Office, OfficeArgs};

/// Rows that a thread takes at a time: enough that taking costs nothing, few enough that all end together.
const CHUNK: usize = 64;
/// Most rows of one run.
const MAX_ROWS: usize = 10_000_000;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    office: OfficeArgs,
    /// 逐行结果写入此 CSV 文件 / Write one verdict a row to this CSV file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// 线程数，缺省为全部核心 / Threads; all cores by default
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// CSV 文件或文件夹 / CSV file with a column `presentation`, or a folder of presented files
    input: PathBuf,
}

/// One row: where it came from and what was presented.
struct Row {
    source: String,
    presented: Vec<u8>,
}

pub(crate) fn run(args: &Args) -> Result<(String, u8), Failure> {
    let rows = if args.input.is_dir() {
        read_folder(&args.input)?
    } else {
        read_csv(&args.input)?
    };
    if rows.is_empty() {
        return Err(unreadable(&args.input, "没有可核验的行 / no row to decide about"));
    }
    let office = Office::open(&args.office)?;
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = args.threads.unwrap_or(cores).clamp(1, 256).min(rows.len());
    let bar = progress(rows.len());
    let started = Instant::now();
    let decisions = decide_all(&office, &rows, threads, &bar);
    let seconds = started.elapsed().as_secs_f64();
    bar.finish_and_clear();
    if let Some(out) = &args.out {
        write_results(out, &rows, &decisions)?;
    }
    Ok((summary(&decisions, threads, seconds), worst(&decisions)))
}

/// Decides about every row; the result has the rows' order whatever the number of threads.
fn decide_all(office: &Office, rows: &[Row], threads: usize, bar: &ProgressBar) -> Vec<Decision> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done: Vec<(usize, Vec<Decision>)> = Vec::new();
        loop {
            let start = next.fetch_add(CHUNK, Ordering::Relaxed);
            let Some(chunk) = rows
                .get(start..rows.len().min(start + CHUNK))
                .filter(|c| !c.is_empty())
            else {
                return done;
            };
            done.push((
                start,
                chunk.iter().map(|row| office.decide(&row.presented)).collect(),
            ));
            bar.inc(chunk.len() as u64);
        }
    };
    let mut chunks: Vec<(usize, Vec<Decision>)> = thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        handles
            .into_iter()
            .flat_map(|h| h.join().expect("deciding is total: no thread panics"))
            .collect()
    });
    chunks.sort_unstable_by_key(|(start, _)| *start);
    chunks.into_iter().flat_map(|(_, decisions)| decisions).collect()
}

fn read_folder(folder: &Path) -> Result<Vec<Row>, Failure> {
    let entries = fs::read_dir(folder).map_err(|e| unreadable(folder, e))?;
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| unreadable(folder, e))?.path();
        if path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    let row = |path: PathBuf| {
        let source = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        input::read_token(&path).map(|presented| Row { source, presented })
    };
    files.into_iter().map(row).collect()
}

fn read_csv(path: &Path) -> Result<Vec<Row>, Failure> {
    let bytes = input::read(path)?;
    let mut reader = csv::ReaderBuilder::new()
        .flexible(false)
        .from_reader(bytes.as_slice());
    let headers = reader.headers().map_err(|e| unreadable(path, e))?;
    let column = headers
        .iter()
        .position(|name| {
            matches!(
                name.trim_start_matches('\u{feff}').trim(),
                "presentation" | "凭证"
            )
        })
        .ok_or_else(|| {
            unreadable(
                path,
                "没有 presentation（凭证）列 / there is no column `presentation`",
            )
        })?;
    let mut rows = Vec::new();
    for record in reader.byte_records() {
        let record = record.map_err(|e| unreadable(path, e))?;
        // Line 1 is the header; where a program does not say, the count of rows does.
        let line = record
            .position()
            .map_or(rows.len() as u64 + 2, csv::Position::line);
        let presented = record.get(column).unwrap_or_default().trim_ascii().to_vec();
        rows.push(Row {
            source: format!("line {line}"),
            presented,
        });
        if rows.len() > MAX_ROWS {
            return Err(unreadable(path, "超过一千万行 / over ten million rows"));
        }
    }
    Ok(rows)
}

fn write_results(out: &Path, rows: &[Row], decisions: &[Decision]) -> Result<(), Failure> {
    let failed = |error: csv::Error| unreadable(out, error);
    let mut writer = csv::Writer::from_path(out).map_err(failed)?;
    let header = [
        "source",
        "outcome",
        "class",
        "cause",
        "issuer_region",
        "endorsed_until",
        "status_age_seconds",
        "missing",
        "text",
    ];
    writer.write_record(header).map_err(failed)?;
    for (row, decision) in rows.iter().zip(decisions) {
        let missing: Vec<&str> = decision.missing.iter().map(|m| m.code.as_str()).collect();
        writer
            .write_record([
                row.source.as_str(),
                decision.outcome.code(),
                class_name(decision.outcome.class()),
                decision.cause.as_deref().unwrap_or_default(),
                &decision.issuer_region.map(|r| r.to_string()).unwrap_or_default(),
                &decision.endorsed_until.map(|d| d.to_string()).unwrap_or_default(),
                &decision
                    .status_age_seconds
                    .map(|s| s.to_string())
                    .unwrap_or_default(),
                &missing.join(" "),
                &decision.text.zh,
            ])
            .map_err(failed)?;
    }
    writer.flush().map_err(|e| unreadable(out, e))
}

/// A table of outcomes in the order of the closed list, and what it took.
fn summary(decisions: &[Decision], threads: usize, seconds: f64) -> String {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["", "结论 / outcome", "数量 / rows", "%"]);
    for outcome in Outcome::ALL {
        let rows = decisions
            .iter()
            .filter(|decision| decision.outcome == outcome)
            .count();
        if rows > 0 {
            let share = 100.0 * rows as f64 / decisions.len() as f64;
            table.add_row([
                outcome.icon().to_string(),
                outcome.code().to_owned(),
                rows.to_string(),
                format!("{share:.1}"),
            ]);
        }
    }
    for column in [2, 3] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let rate = decisions.len() as f64 / seconds.max(1e-9);
    format!(
        "{table}\n{} 行 / rows，{seconds:.2} s，{rate:.0}/s，{threads} 线程 / threads",
        decisions.len()
    )
}

/// The exit code of the run: green only when every row is; of the others grey before red before amber, since what could not be
/// told is what somebody has to do again.
fn worst(decisions: &[Decision]) -> u8 {
    decisions
        .iter()
        .map(|decision| decision.outcome.exit_code())
        .max()
        .unwrap_or_default()
}

const fn class_name(class: OutcomeClass) -> &'static str {
    match class {
        OutcomeClass::Green => "GREEN",
        OutcomeClass::Amber => "AMBER",
        OutcomeClass::Red => "RED",
        OutcomeClass::Grey => "GREY",
    }
}

/// A bar on a terminal, and nothing at all elsewhere.
fn progress(rows: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(rows as u64);
    match ProgressStyle::with_template("{bar:40} {pos}/{len} {per_sec} 剩余 / left {eta}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn unreadable(path: &Path, reason: impl ToString) -> Failure {
    Failure::Unreadable {
        path: path.display().to_string(),
        reason: reason.to_string(),
    }
}
