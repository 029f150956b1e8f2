//! The county's register, as far as the node sees it: the complete file of the suite, then a delta file for each thing that happens,
//! with the next sequence number and the time at which it was written.

use std::path::{Path, PathBuf};

use jiff::ToSpan as _;
use jiff::civil::Date;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::answer::Failure;
use crate::contract::{Event, What};

/// The column that says what happened.
const EVENT: &str = "source_event";

/// The rows as the register has them now.
#[derive(Clone)]
pub(crate) struct Register {
    home: PathBuf,
    header: csv::StringRecord,
    rows: Vec<csv::StringRecord>,
    sequence: u64,
}

/// A register file with its manifest, as `permit import` takes them.
pub(crate) struct File {
    /// The CSV.
    pub(crate) file: PathBuf,
    /// Its manifest.
    pub(crate) manifest: PathBuf,
}

impl File {
    /// A file whose manifest stands beside it.
    fn beside(file: PathBuf) -> Self {
        let mut manifest = file.clone().into_os_string();
        manifest.push(".manifest.json");
        Self {
            file,
            manifest: manifest.into(),
        }
    }
}

impl Register {
    /// Reads the complete file; deltas are written into `home`.
    pub(crate) fn read(complete: &Path, home: &Path) -> Result<(Self, File), Failure> {
        let file = File::beside(complete.to_owned());
        let manifest: Value = serde_json::from_slice(&std::fs::read(&file.manifest)?)?;
        let sequence = manifest["sequence"]
            .as_u64()
            .ok_or("the register's manifest has no sequence")?;
        let mut reader = csv::Reader::from_path(complete)?;
        let mut header = reader.headers()?.clone();
        let mut rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>()?;
        // A complete file may do without: everybody in it is in force. A delta says what happened.
        if !header.iter().any(|name| name == EVENT) {
            header.push_field(EVENT);
            rows.iter_mut().for_each(|row| row.push_field(""));
        }
        let this = Self {
            home: home.to_owned(),
            header,
            rows,
            sequence,
        };
        Ok((this, file))
    }

    /// Lets these things happen and writes the delta that tells the node. The register changes with it; a caller whose file
    /// is refused goes back to the register before.
    pub(crate) fn happened(&mut self, events: &[Event]) -> Result<File, Failure> {
        let mut changed: Vec<csv::StringRecord> = Vec::new();
        for event in events {
            for row in self.rows_after(event)? {
                let number = self.value(&row, "permit_number")?.to_owned();
                if changed
                    .iter()
                    .any(|before| self.value(before, "permit_number").is_ok_and(|n| n == number))
                {
                    return Err("one permit twice in one change of the register".into());
                }
                match self.place(&number)? {
                    Some(place) => self.rows[place] = row.clone(),
                    None => self.rows.push(row.clone()),
                }
                changed.push(row);
            }
        }
        self.sequence += 1;
        self.write(&changed)
    }

    /// The rows that an event leaves behind.
    fn rows_after(&self, event: &Event) -> Result<Vec<csv::StringRecord>, Failure> {
        let place = self
            .place(&event.permit_number)?
            .ok_or("a permit that is not in the register")?;
        let row = &self.rows[place];
        let code = match event.event {
            What::Cancelled => "CANCEL",
            What::Suspended => "SUSPEND",
            What::Reinstated => "REINSTATE",
            What::ReportedLost => "LOST",
            What::Found => "FOUND",
            What::Replaced => "REPLACE",
            What::Endorsed => "ENDORSE",
        };
        let mut after = self.with(row, EVENT, code)?;
        if event.event == What::Endorsed {
            let until = match &event.until {
                Some(until) => until.parse()?,
                None => a_year_on(self.value(row, "endorsed_until")?.parse()?)?,
            };
            after = self.with(&after, "endorsed_until", &until.to_string())?;
        }
        let mut rows = vec![after];
        if let Some(by) = &event.by {
            let new = self.with(row, "permit_number", by)?;
            rows.push(self.with(&new, EVENT, "ISSUE")?);
        }
        Ok(rows)
    }

    fn place(&self, number: &str) -> Result<Option<usize>, Failure> {
        let column = self.column("permit_number")?;
        Ok(self.rows.iter().position(|row| row.get(column) == Some(number)))
    }

    fn column(&self, name: &str) -> Result<usize, Failure> {
        self.header
            .iter()
            .position(|header| header == name)
            .ok_or_else(|| format!("the register has no column {name}").into())
    }

    fn value<'a>(&self, row: &'a csv::StringRecord, name: &str) -> Result<&'a str, Failure> {
        Ok(row.get(self.column(name)?).unwrap_or_default())
    }

    fn with(&self, row: &csv::StringRecord, name: &str, value: &str) -> Result<csv::StringRecord, Failure> {
        let column = self.column(name)?;
        let fields = row.iter().enumerate();
        Ok(fields
            .map(|(at, old)| if at == column { value } else { old })
            .collect())
    }

    fn write(&self, rows: &[csv::StringRecord]) -> Result<File, Failure> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(&self.header)?;
        for row in rows {
            writer.write_record(row)?;
        }
        let bytes = writer.into_inner()?;
        let sha256: String = Sha256::digest(&bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let manifest = json!({
            "comity_register": 1,
            "kind": "delta",
            "sequence": self.sequence,
            "rows": rows.len(),
            "sha256": sha256,
            "source_as_of": now().to_string(),
        });
        let file = File::beside(self.home.join(format!("register-{}.csv", self.sequence)));
        std::fs::write(&file.file, bytes)?;
        std::fs::write(&file.manifest, manifest.to_string())?;
        Ok(file)
    }
}

/// The second in which the register was read out.
#[allow(
    clippy::disallowed_methods,
    reason = "a program: the register's own clock, in whole seconds as the node keeps them"
)]
fn now() -> jiff::Timestamp {
    let now = jiff::Timestamp::now();
    jiff::Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// The last day of the next year: of a year that begins on 29 February, 28 February (protocol: a year after it is 1 March).
fn a_year_on(until: Date) -> Result<Date, Failure> {
    let begins = until.tomorrow()?;
    let next = begins.checked_add(1.year())?;
    if next.day() == begins.day() {
        Ok(next.yesterday()?)
    } else {
        Ok(next)
    }
}
