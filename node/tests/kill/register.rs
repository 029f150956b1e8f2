//! The first load: a county's register whose files are imported one after the other, each to the end of its own story: applied once,
//! whether or not the answer came.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use comity_node_core::permits::register_file::Kind;
use comity_node_core::permits::synthetic;
use comity_node_core::ports::permits::PermitDetails;
use comity_spec::exchange::PermitStatus;
use comity_spec::ids::Region;
use comity_spec::time::{LocalDate, UnixSeconds};
use serde_json::{Value, json};

use crate::county::{Call, County, REGION};
use crate::ledger::{Dice, Entry, Ledger};

/// Residents of the first file who are changed by later ones.
const RESIDENTS: usize = 120;
/// Residents of the first file whom no later file names: due for endorsement when the county issues by itself.
pub const DUE: usize = 200;
/// Where those stand among the synthetic residents.
pub const DUE_FROM: usize = 500_000;

/// A permit as the register has it.
pub struct Mirrored {
    pub details: PermitDetails,
    pub status: PermitStatus,
    /// Sequence number of the file that led to each version.
    pub files: Vec<u64>,
}

/// The register.
pub struct Register {
    today: LocalDate,
    pub permits: Vec<Mirrored>,
    /// Rows of each file, by sequence number from 1.
    pub files: Vec<usize>,
    dice: Dice,
}

/// A file on its way.
struct Sheet {
    sequence: u64,
    rows: Vec<(usize, &'static str)>,
    new: usize,
    command: Value,
}

/// The wall clock.
#[expect(
    clippy::disallowed_methods,
    reason = "the real binary runs on the real clock, and so does its register"
)]
pub fn now() -> UnixSeconds {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    UnixSeconds::new(i64::try_from(since.as_secs()).unwrap()).unwrap()
}

/// The county's region.
pub fn region() -> Region {
    REGION.parse().unwrap()
}

impl Register {
    /// A register that has exported nothing yet.
    pub fn new(seed: u64) -> Self {
        Self {
            today: LocalDate::of(now()),
            permits: Vec::new(),
            files: Vec::new(),
            dice: Dice::new(seed),
        }
    }

    /// The first file, a complete one, and then changes until told to stop.
    pub fn run(&mut self, county: &County, ledger: &Ledger, stop: &AtomicBool) {
        while !stop.load(Ordering::Acquire) {
            let sheet = if self.files.is_empty() {
                self.whole(county)
            } else {
                self.changes(county)
            };
            self.import(county, ledger, &sheet);
        }
    }

    fn whole(&mut self, county: &County) -> Sheet {
        let mut rows = Vec::new();
        for place in 0..RESIDENTS {
            rows.push((self.newcomer(place), "ISSUE"));
        }
        for place in DUE_FROM..DUE_FROM + DUE {
            let at = self.newcomer(place);
            // Endorsed to a day a fortnight ahead: inside the month in which the next year can be endorsed.
            let details = &mut self.permits[at].details;
            details.issue_date = self.today.plus_days(-350).unwrap();
            details.residence_since = self.today.plus_days(-700).unwrap();
            details.residence_periods.clear();
            details.insured_months = None;
            rows.push((at, "ISSUE"));
        }
        self.sheet(county, Kind::Full, rows)
    }

    /// A file of dozens of rows: each a change that the register's own rules allow, so that every row counts as a change.
    fn changes(&mut self, county: &County) -> Sheet {
        let mut rows = Vec::new();
        let wanted = 20 + self.dice.below(60);
        let start = self.dice.below(self.permits.len());
        let all = self.permits.len();
        for at in (start..all).chain(0..start) {
            if rows.len() == wanted {
                break;
            }
            let permit = &mut self.permits[at];
            if permit.details.issue_date == self.today.plus_days(-350).unwrap() && at < RESIDENTS + DUE {
                continue;
            }
            let event = match (permit.status, self.dice.below(12)) {
                (PermitStatus::Valid, 0) => "CANCEL",
                (PermitStatus::Valid, 1) => "REPLACE",
                (PermitStatus::Valid, 2..=4) => "LOST",
                (PermitStatus::Valid, 5..=7) => "SUSPEND",
                (PermitStatus::Valid, _) => {
                    permit.details.residence_address.push('迁');
                    "UPDATE"
                }
                (PermitStatus::ReportedLost, 0) => "CANCEL",
                (PermitStatus::ReportedLost, _) => "FOUND",
                (PermitStatus::Suspended, 0) => "CANCEL",
                (PermitStatus::Suspended, _) => "REINSTATE",
                (PermitStatus::Cancelled | PermitStatus::Superseded, _) => continue,
            };
            rows.push((at, event));
        }
        for _ in 0..6 + self.dice.below(10) {
            let place = self.permits.len();
            rows.push((self.newcomer(place), "ISSUE"));
        }
        self.sheet(county, Kind::Delta, rows)
    }

    fn newcomer(&mut self, place: usize) -> usize {
        let details = synthetic::resident(region(), self.today, place).unwrap();
        self.permits.push(Mirrored {
            details,
            status: PermitStatus::Cancelled,
            files: Vec::new(),
        });
        self.permits.len() - 1
    }

    fn sheet(&mut self, county: &County, kind: Kind, rows: Vec<(usize, &'static str)>) -> Sheet {
        let sequence = self.files.len() as u64 + 1;
        let details: Vec<_> = rows
            .iter()
            .map(|(at, _)| self.permits[*at].details.clone())
            .collect();
        let (file, manifest) =
            synthetic::register_file(&details, kind, sequence, now(), |row| rows[row].1).unwrap();
        let path: PathBuf = county.path(&format!("register-{sequence}.csv"));
        let beside: PathBuf = county.path(&format!("register-{sequence}.csv.manifest.json"));
        std::fs::write(&path, file).unwrap();
        std::fs::write(&beside, manifest).unwrap();
        let new = rows
            .iter()
            .filter(|(at, _)| self.permits[*at].files.is_empty())
            .count();
        let command = json!({ "command": "permit_import", "file": path, "manifest": beside, "leaving_confirmed": false });
        Sheet {
            sequence,
            rows,
            new,
            command,
        }
    }

    /// Sends the file until an answer says that it stands, now and then from two clerks at once; at most one of all answers may say
    /// that it was this call which applied it.
    fn import(&mut self, county: &County, ledger: &Ledger, sheet: &Sheet) {
        let since = Instant::now();
        let twice = self.dice.one_in(5);
        let send = || {
            let mut lost = false;
            loop {
                match county.call(&sheet.command) {
                    Call::Done(data) => {
                        let fresh = data["already"] != json!(true);
                        if fresh {
                            assert_eq!(data["new"], json!(sheet.new), "file {}", sheet.sequence);
                            assert_eq!(
                                data["changed"],
                                json!(sheet.rows.len() - sheet.new),
                                "file {}",
                                sheet.sequence
                            );
                        } else {
                            assert!(lost || twice, "file {} was applied by nobody", sheet.sequence);
                        }
                        let rows = sheet.rows.len();
                        ledger.write(&Entry::Import {
                            sequence: sheet.sequence,
                            rows,
                            fresh,
                        });
                        return fresh;
                    }
                    Call::Refused(error) => panic!("file {} was refused: {error}", sheet.sequence),
                    Call::Lost => lost = true,
                    Call::NotSent => {}
                }
                county.wait_for_it(since);
            }
        };
        if twice {
            let (one, other) = std::thread::scope(|scope| {
                let other = scope.spawn(send);
                (send(), other.join().unwrap())
            });
            assert!(!(one && other), "file {} was applied twice", sheet.sequence);
        } else {
            send();
        }
        for (at, event) in &sheet.rows {
            let permit = &mut self.permits[*at];
            permit.files.push(sheet.sequence);
            permit.status = match *event {
                "CANCEL" => PermitStatus::Cancelled,
                "REPLACE" => PermitStatus::Superseded,
                "LOST" => PermitStatus::ReportedLost,
                "SUSPEND" => PermitStatus::Suspended,
                _ => PermitStatus::Valid,
            };
        }
        self.files.push(sheet.rows.len());
    }
}
