//! The cast: synthetic residents of each county, most of them ordinary, a few with the histories that the scenes need.
//!
//! Everybody comes from `permits::synthetic` (示例, born before 1900). The first register file is complete; the second is a delta in
//! which the county's register says what happened since. Positions name the roles.

use std::path::{Path, PathBuf};

use comity_node_core::permits::register_file::{Column, Kind};
use comity_node_core::permits::synthetic;
use comity_node_core::ports::permits::PermitDetails;
use comity_spec::ids::{Digest, Region};
use comity_spec::time::endorsement::endorsed_until;
use comity_spec::time::{LocalDate, UnixSeconds};

use super::DemoError;

/// Roles by position in the register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
pub(crate) enum Role {
    /// Nothing special.
    Ordinary = 0,
    /// Endorsement overdue.
    Lapsed = 1,
    /// Cancelled by the second file.
    Cancelled = 2,
    /// Reported lost by the second file.
    Lost = 3,
    /// Suspended by the second file.
    Suspended = 4,
    /// Replaced by the second file.
    Replaced = 5,
    /// Tier without a counterpart.
    Temporary = 6,
    /// The card's own validity has passed.
    CardExpired = 7,
    /// Somebody else comes with this one's card.
    Impersonated = 8,
    /// Resident for too short a time for one of the services.
    Newcomer = 9,
}

/// The residents of one county.
pub(crate) struct Cast {
    region: Region,
    residents: Vec<PermitDetails>,
}

impl Cast {
    /// `n` residents of a region.
    pub(crate) fn new(region: Region, today: LocalDate, n: u32) -> Result<Self, DemoError> {
        let mut residents = synthetic::residents(region, today, n as usize);
        let day = |days: i64| today.plus_days(days).map_err(DemoError::other);
        for role in [
            Role::Ordinary,
            Role::Cancelled,
            Role::Impersonated,
            Role::Newcomer,
        ] {
            let one = &mut residents[role as usize];
            one.tier = comity_spec::attestation::Tier::parse("ORDINARY").map_err(DemoError::other)?;
        }
        residents[Role::Temporary as usize].tier =
            comity_spec::attestation::Tier::parse("TEMPORARY").map_err(DemoError::other)?;
        residents[Role::CardExpired as usize].card_valid_until = Some(day(-10)?);
        let lapsed = &mut residents[Role::Lapsed as usize];
        lapsed.issue_date = day(-400)?;
        lapsed.residence_since = day(-700)?;
        lapsed.residence_periods.clear();
        let newcomer = &mut residents[Role::Newcomer as usize];
        newcomer.issue_date = day(-20)?;
        newcomer.residence_since = day(-40)?;
        newcomer.residence_periods.clear();
        Ok(Self { region, residents })
    }

    /// The resident of a role.
    pub(crate) fn of(&self, role: Role) -> &PermitDetails {
        &self.residents[role as usize]
    }

    /// Everybody.
    pub(crate) fn residents(&self) -> &[PermitDetails] {
        &self.residents
    }

    /// Writes the complete register; returns the file.
    pub(crate) fn write_register(&self, dir: &Path, now: UnixSeconds) -> Result<PathBuf, DemoError> {
        let (file, manifest) = synthetic::register_file(&self.residents, Kind::Full, 1, now, |_| "ISSUE")
            .map_err(DemoError::other)?;
        // Never endorsed after the first year.
        let until = endorsed_until(self.of(Role::Lapsed).issue_date).map_err(DemoError::other)?;
        let (file, manifest) = with_endorsement(&file, &manifest, Role::Lapsed as usize, &until.to_string())?;
        self.write(dir, "register-1.csv", &file, &manifest)
    }

    /// Writes what happened since; returns the file.
    pub(crate) fn write_changes(&self, dir: &Path, now: UnixSeconds) -> Result<PathBuf, DemoError> {
        let roles = [
            (Role::Cancelled, "CANCEL"),
            (Role::Lost, "LOST"),
            (Role::Suspended, "SUSPEND"),
            (Role::Replaced, "REPLACE"),
        ];
        let changed: Vec<PermitDetails> = roles.iter().map(|(role, _)| self.of(*role).clone()).collect();
        let (file, manifest) = synthetic::register_file(&changed, Kind::Delta, 2, now, |at| roles[at].1)
            .map_err(DemoError::other)?;
        self.write(dir, "register-2.csv", &file, &manifest)
    }

    fn write(&self, dir: &Path, name: &str, file: &[u8], manifest: &[u8]) -> Result<PathBuf, DemoError> {
        let path = dir.join(format!("{}-{name}", self.region));
        std::fs::write(&path, file)?;
        std::fs::write(
            dir.join(format!("{}-{name}.manifest.json", self.region)),
            manifest,
        )?;
        Ok(path)
    }
}

/// The same file with another `endorsed_until` in one row.
fn with_endorsement(
    file: &[u8],
    manifest: &[u8],
    row: usize,
    until: &str,
) -> Result<(Vec<u8>, Vec<u8>), DemoError> {
    let column = Column::ALL
        .iter()
        .position(|column| *column == Column::EndorsedUntil)
        .ok_or_else(|| DemoError::other("the register has no column endorsed_until"))?;
    let mut reader = csv::Reader::from_reader(file);
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer
        .write_record(reader.headers().map_err(DemoError::other)?)
        .map_err(DemoError::other)?;
    for (at, record) in reader.records().enumerate() {
        let record = record.map_err(DemoError::other)?;
        let fields = record.iter().enumerate().map(|(field, value)| {
            if at == row && field == column {
                until
            } else {
                value
            }
        });
        writer.write_record(fields).map_err(DemoError::other)?;
    }
    let file = writer.into_inner().map_err(DemoError::other)?;
    let mut manifest: serde_json::Value = serde_json::from_slice(manifest).map_err(DemoError::other)?;
    let sha256: String = Digest::of(&file)
        .as_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    manifest["sha256"] = sha256.into();
    Ok((file, manifest.to_string().into_bytes()))
}
