//! Mirrors a register file: what it changes is worked out against the store, and everything is written in one commit, the new
//! `source_as_of` with it. Nothing is ever half imported, and the same file twice changes nothing.
//!
//! Refused: a county that issues by itself (its own store is the register); a gap in the sequence, unless the file is complete;
//! a file older than one applied; a file by which too many permits would be cancelled, until somebody confirms it: a register
//! export that was cut short looks just like that, and so does a column that was filled down. A permit that is absent from a complete file has left the
//! register and is cancelled.

use std::collections::HashMap;

use comity_spec::exchange::{PermitStatus, SubjectNumber};
use comity_spec::ids::PermitNumber;
use comity_spec::mutant;
use comity_spec::status::StatusValue;
use comity_spec::text::Text;
use comity_spec::time::UnixSeconds;

use super::Bureau;
use super::register_file::{self, Column, FileError, Kind, Manifest, ManifestError, Problem, Problems, Row};
use crate::attestations::SOURCE_AS_OF;
use crate::attestations::issue_for_permit::status_bits;
use crate::ports::permits::{ImportMark, Permit, PermitChange, PermitDetails, PermitEvent, PermitId};
use crate::ports::row_id;
use crate::ports::store::{Store, StoreError, Write};

/// Who is named as the author of mirrored changes.
pub const REGISTER: &str = "register";
/// A file may cancel so many of a hundred permits in force without being confirmed…
pub const LEAVING_PERCENT: usize = 5;
/// …and in any case so many.
pub const LEAVING_ALWAYS: usize = 20;
/// How far `source_as_of` may lie ahead of the clock, in seconds.
const SKEW: i64 = 60;
/// Permits read at a time.
const PAGE: u32 = 2_000;
/// Up to so many rows are looked up one by one; more are compared with the whole store.
const SINGLY: usize = 500;

/// A register file to apply.
#[derive(Clone, Copy, Debug)]
pub struct RegisterFile<'a> {
    /// The CSV.
    pub file: &'a [u8],
    /// Its manifest.
    pub manifest: &'a [u8],
    /// Somebody looked at how many permits leave the register and says that it is right.
    pub leaving_confirmed: bool,
}

/// What a file did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Imported {
    /// It was applied now.
    Applied(Counts),
    /// It was applied before; nothing was done.
    Already(ImportMark),
}

/// How many permits a file touched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Not known before.
    pub new: usize,
    /// Changed in what they say or in their status.
    pub changed: usize,
    /// As they were.
    pub unchanged: usize,
    /// Absent from a complete file, and so cancelled.
    pub left: usize,
}

/// Why a file was not applied. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The county issues by itself.
    #[error(
        "本县在本系统签发居住证，不能导入登记文件；如改用外部登记系统，请先关闭本地签发 / this county issues here and has no register to mirror; switch local issuing off first"
    )]
    LocalIssuing,
    /// The manifest.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The file.
    #[error(transparent)]
    File(#[from] FileError),
    /// Files are missing between the last one applied and this one.
    #[error(
        "缺少第 {expected} 至 {before} 号文件，请先导入，或导入一份全量文件 / files {expected} to {before} are missing: import them first, or a full file",
        before = found - 1
    )]
    Gap {
        /// The next number.
        expected: u64,
        /// This file's.
        found: u64,
    },
    /// The first file is not complete.
    #[error("首次导入应为全量文件 / the first file must be a full one")]
    FirstNotFull,
    /// A file with this number or a later one was applied.
    #[error(
        "已导入第 {applied} 号文件，本文件为第 {found} 号，请核对 / file {applied} was applied, this is number {found}: check which is the newest"
    )]
    Older {
        /// The last one applied.
        applied: u64,
        /// This file's.
        found: u64,
    },
    /// Read out before the last file applied, or in the future.
    #[error(
        "source_as_of 早于上次导入或晚于当前时间，请核对登记系统与本机的时钟 / source_as_of lies before that of the last file or in the future: check the clocks"
    )]
    AsOf,
    /// Too many permits would be cancelled.
    #[error(
        "导入将注销 {leaving} 张(共 {in_force} 张)有效居住证(文件中登记为注销，或全量文件中缺少)；请核对导出是否完整无误，确认后加 --confirm-leaving 重新导入 / {leaving} of {in_force} permits in force would be cancelled (by their rows, or because a full file lacks them): check that the export is complete and right; if it is, import it again with --confirm-leaving"
    )]
    TooManyLeave {
        /// How many.
        leaving: usize,
        /// Of how many.
        in_force: usize,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Applies a register file.
///
/// # Errors
/// [`ImportError`]; then the store is as it was.
pub async fn import_register(bureau: &Bureau<'_>, input: RegisterFile<'_>) -> Result<Imported, ImportError> {
    if bureau.policy.local_issuing {
        return Err(ImportError::LocalIssuing);
    }
    let store = bureau.issuer.store;
    let manifest = Manifest::parse(input.manifest)?;
    if let Some(mark) = store.import_by_digest(&manifest.key()).await? {
        return Ok(Imported::Already(mark));
    }
    let now = bureau.issuer.clock.now();
    if let Err(refused) = in_sequence(&manifest, store.last_import().await?.as_ref(), now) {
        return already(store, &manifest, refused).await;
    }
    let rows = register_file::parse(input.file, &manifest, bureau.issuer.region)?;
    let known = known(store, &manifest, &rows).await?;
    let count = rows.len();
    let diff = Diff::of(bureau, &manifest, rows, known, now)?;
    if !input.leaving_confirmed {
        let all = usize::try_from(store.permit_count().await?).unwrap_or(usize::MAX);
        diff.check_leaving(&manifest, all)?;
    }
    let Diff {
        counts, mut writes, ..
    } = diff;
    writes.push(Write::Import(ImportMark {
        digest: manifest.key(),
        full: manifest.kind == Kind::Full,
        sequence: manifest.sequence,
        rows: count as u64,
        source_as_of: manifest.source_as_of,
        applied_at: now,
    }));
    writes.push(Write::Setting {
        key: SOURCE_AS_OF,
        value: manifest.source_as_of.to_string(),
    });
    match store.commit("import register", writes).await {
        // Whichever of its rows met it first: a permit that moved on, or the mark itself.
        Err(conflict @ StoreError::Conflict(_)) => already(store, &manifest, conflict.into()).await,
        done => done
            .map(|()| Imported::Applied(counts))
            .map_err(ImportError::from),
    }
}

/// Somebody may have applied the same file while this one was read: then what is in the way is the file's own effect.
async fn already(
    store: &dyn Store,
    manifest: &Manifest,
    refused: ImportError,
) -> Result<Imported, ImportError> {
    match store.import_by_digest(&manifest.key()).await? {
        Some(mark) => Ok(Imported::Already(mark)),
        None => Err(refused),
    }
}

fn in_sequence(manifest: &Manifest, last: Option<&ImportMark>, now: UnixSeconds) -> Result<(), ImportError> {
    let found = manifest.sequence;
    if manifest.source_as_of.since(now) > SKEW {
        return Err(ImportError::AsOf);
    }
    let Some(last) = last else {
        return match manifest.kind {
            Kind::Full => Ok(()),
            Kind::Delta => Err(ImportError::FirstNotFull),
        };
    };
    if found <= last.sequence {
        return Err(ImportError::Older {
            applied: last.sequence,
            found,
        });
    }
    let expected = last.sequence.saturating_add(1);
    if manifest.kind == Kind::Delta && found > expected {
        return Err(ImportError::Gap { expected, found });
    }
    if manifest.source_as_of < last.source_as_of {
        return Err(ImportError::AsOf);
    }
    Ok(())
}

type Known = HashMap<PermitNumber, Permit>;

/// The stored permits that the file may change: all of them for a complete file.
async fn known(store: &dyn Store, manifest: &Manifest, rows: &[Row]) -> Result<Known, StoreError> {
    let mut known = Known::new();
    if manifest.kind == Kind::Delta && rows.len() <= SINGLY {
        for row in rows {
            let number = row.details.permit_number.clone();
            let mut found = store
                .permits_by_number(&SubjectNumber::PermitNumber(number.clone()))
                .await?;
            if !found.is_empty() {
                known.insert(number, found.swap_remove(0));
            }
        }
        return Ok(known);
    }
    let mut after = None;
    loop {
        let page = store.permits_after(after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(known);
        };
        after = Some(last.id);
        known.extend(
            page.into_iter()
                .map(|permit| (permit.details.permit_number.clone(), permit)),
        );
    }
}

struct Diff {
    counts: Counts,
    /// Permits in force, of those that were compared.
    in_force: usize,
    /// Permits in force that a row cancels.
    cancelled: usize,
    writes: Vec<Write>,
}

impl Diff {
    fn of(
        bureau: &Bureau<'_>,
        manifest: &Manifest,
        rows: Vec<Row>,
        mut known: Known,
        now: UnixSeconds,
    ) -> Result<Self, FileError> {
        let mut diff = Self {
            counts: Counts::default(),
            in_force: known.values().filter(|permit| !is_over(permit.status)).count(),
            cancelled: 0,
            writes: Vec::new(),
        };
        let mut problems = Problems {
            listed: Vec::new(),
            total: 0,
        };
        for row in rows {
            let before = known.remove(&row.details.permit_number);
            let in_force = before.as_ref().is_some_and(|permit| !is_over(permit.status));
            let line = row.line;
            let id = || PermitId(row_id(bureau.issuer.clock, bureau.issuer.rng));
            match mirrored(row, before, manifest.sequence, now, id) {
                Ok(Some(change)) => {
                    if change.expected == 0 {
                        diff.counts.new += 1;
                    } else {
                        diff.counts.changed += 1;
                    }
                    if in_force && change.permit.status == PermitStatus::Cancelled {
                        diff.cancelled += 1;
                    }
                    diff.writes.push(Write::Permit(Box::new(change)));
                }
                Ok(None) => diff.counts.unchanged += 1,
                Err(reason) => problems.push(Problem {
                    line,
                    column: Some(Column::SourceEvent),
                    reason,
                    other_line: None,
                }),
            }
        }
        if problems.total > 0 {
            return Err(FileError::Rows(problems));
        }
        if manifest.kind == Kind::Full {
            diff.cancel_absent(known, manifest.sequence, now);
        }
        Ok(diff)
    }

    fn cancel_absent(&mut self, absent: Known, sequence: u64, now: UnixSeconds) {
        let mut leaving: Vec<_> = absent
            .into_values()
            .filter(|permit| !is_over(permit.status))
            .collect();
        // In the order of ids, so that one file always gives one list of writes.
        leaving.sort_unstable_by_key(|permit| permit.id);
        self.counts.left = leaving.len();
        self.writes.extend(leaving.into_iter().map(|permit| {
            Write::Permit(Box::new(PermitChange {
                expected: permit.version,
                permit: Permit {
                    version: permit.version + 1,
                    status: PermitStatus::Cancelled,
                    changed_at: now,
                    ..permit
                },
                event: PermitEvent::LeftRegister { sequence },
                actor: REGISTER.to_owned(),
                status: Some(StatusValue::Cancelled),
            }))
        }));
    }

    /// `all` is how many permits there are: a delta is compared with those that it names alone.
    fn check_leaving(&self, manifest: &Manifest, all: usize) -> Result<(), ImportError> {
        let leaving = self.counts.left + self.cancelled;
        let in_force = match manifest.kind {
            Kind::Full => self.in_force,
            Kind::Delta => all,
        };
        if leaving > LEAVING_ALWAYS && leaving * 100 > in_force * LEAVING_PERCENT {
            return Err(ImportError::TooManyLeave { leaving, in_force });
        }
        Ok(())
    }
}

const fn is_over(status: PermitStatus) -> bool {
    matches!(status, PermitStatus::Cancelled | PermitStatus::Superseded)
}

const RETURNS: Text = Text::new(
    "该证已注销或已换发；如确需恢复，变更类型应为 恢复 或 签发",
    "was cancelled or replaced: to restore it, the register must say REINSTATE or ISSUE",
);

/// What a row changes; `None` when nothing.
fn mirrored(
    row: Row,
    before: Option<Permit>,
    sequence: u64,
    now: UnixSeconds,
    id: impl FnOnce() -> PermitId,
) -> Result<Option<PermitChange>, Text> {
    let status = row
        .event
        .status_after(before.as_ref().map(|permit| permit.status))
        .map_err(|_| RETURNS)?;
    let event = PermitEvent::Mirrored {
        source_event: row.event.as_str().to_owned(),
        sequence,
    };
    let actor = REGISTER.to_owned();
    let Some(before) = before else {
        let permit = Permit {
            id: id(),
            version: 1,
            details: row.details,
            status,
            endorsed_until: row.endorsed_until,
            anniversary: row.anniversary,
            replaced_by: None,
            changed_at: now,
        };
        return Ok(Some(PermitChange {
            permit,
            expected: 0,
            event,
            actor,
            status: None,
        }));
    };
    let details = with_history(row.details, &before);
    let same = details == before.details && row.endorsed_until == before.endorsed_until;
    if same && status == before.status {
        return Ok(None);
    }
    let bits = bits_after(before.status, status, same);
    // Of a register only the last day is known; an anniversary on 29 February that is known better here is kept.
    let anniversary = if row.endorsed_until == before.endorsed_until {
        before.anniversary
    } else {
        row.anniversary
    };
    Ok(Some(PermitChange {
        expected: before.version,
        permit: Permit {
            id: before.id,
            version: before.version + 1,
            details,
            status,
            endorsed_until: row.endorsed_until,
            anniversary,
            replaced_by: before.replaced_by,
            changed_at: now,
        },
        event,
        actor,
        status: bits,
    }))
}

/// What older attestations show from now on. When the permit says something else, they are superseded, also while it is
/// suspended: it could otherwise return to valid with the old text.
fn bits_after(before: PermitStatus, after: PermitStatus, same: bool) -> Option<StatusValue> {
    match after {
        PermitStatus::Cancelled => Some(StatusValue::Cancelled),
        PermitStatus::Superseded => Some(StatusValue::Superseded),
        _ if !same && mutant!("STA-1/endorsed") => Some(StatusValue::Cancelled),
        _ if !same || is_over(before) => Some(StatusValue::Superseded),
        PermitStatus::ReportedLost if mutant!("STA-1/lost") => Some(StatusValue::Valid),
        _ => Some(status_bits(after)),
    }
}

/// The register knows from when residence counts; the periods before it are known here. A new beginning ends the period that
/// ran, on the last day of the old endorsement or the day before, whichever comes first.
fn with_history(mut details: PermitDetails, before: &Permit) -> PermitDetails {
    let since = details.residence_since;
    if since == before.details.residence_since {
        details
            .residence_periods
            .clone_from(&before.details.residence_periods);
        return details;
    }
    let mut periods = before.details.residence_periods.clone();
    if let Some(running) = periods.last_mut().filter(|period| period.until.is_none())
        && let Ok(eve) = since.plus_days(-1)
    {
        running.until = Some(eve.min(before.endorsed_until));
    }
    // A correction backwards is no new period: what the register says now replaces what stood here.
    let ordered = periods.iter().all(|period| {
        period
            .until
            .is_some_and(|until| until >= period.from && until < since)
    });
    if ordered {
        periods.append(&mut details.residence_periods);
        details.residence_periods = periods;
    }
    details
}
