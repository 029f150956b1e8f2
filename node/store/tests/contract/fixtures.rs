//! Synthetic rows: residents who do not exist, entities under example domains.

use comity_node_core::permits::synthetic::resident;
use comity_node_core::ports::attestations::{Form, Issuance, ListId, NewStatusList};
use comity_node_core::ports::permits::{Permit, PermitChange, PermitEvent, PermitId};
use comity_node_core::ports::store::{Conflict, Store, StoreError, Write};
use comity_spec::exchange::PermitStatus;
use comity_spec::ids::Digest;
use comity_spec::status::StatusValue;
use comity_spec::time::endorsement::endorsed_until;
use comity_spec::time::{LocalDate, UnixSeconds};

/// 2026-11-22, 12:00 in China.
pub(crate) const NOW: i64 = 1_795_320_000;

pub(crate) fn at(seconds: i64) -> UnixSeconds {
    UnixSeconds::new(seconds).unwrap()
}

pub(crate) fn now() -> UnixSeconds {
    at(NOW)
}

pub(crate) fn today() -> LocalDate {
    LocalDate::of(now())
}

/// A row id: ordered by `n`.
pub(crate) fn id(n: u64) -> uuid::Uuid {
    uuid::Builder::from_unix_timestamp_millis(1_795_320_000_000 + n, &[7; 10]).into_uuid()
}

pub(crate) fn permit_id(n: u64) -> PermitId {
    PermitId(id(n))
}

/// Permit `n` of Yushan at its first version, issued some day of the last ten months.
pub(crate) fn permit(n: u64) -> Permit {
    let region = "361123".parse().unwrap();
    let details = resident(region, today(), usize::try_from(n).unwrap()).unwrap();
    Permit {
        id: permit_id(n),
        version: 1,
        status: PermitStatus::Valid,
        endorsed_until: endorsed_until(details.issue_date).unwrap(),
        anniversary: details.issue_date,
        details,
        replaced_by: None,
        changed_at: now(),
    }
}

/// Permit `n` that was issued on this day a year ago and endorsed to the day before (TIM-5).
pub(crate) fn issued_a_year_before(n: u64, day: LocalDate) -> Permit {
    let issued = day.plus_months(-12).unwrap();
    let mut permit = permit(n);
    permit.details.issue_date = issued;
    permit.anniversary = issued;
    permit.endorsed_until = endorsed_until(issued).unwrap();
    permit
}

pub(crate) fn new(permit: Permit) -> Write {
    let event = PermitEvent::Mirrored {
        source_event: "NEW".to_owned(),
        sequence: 1,
    };
    Write::Permit(Box::new(PermitChange {
        permit,
        expected: 0,
        event,
        actor: "register".to_owned(),
        status: None,
    }))
}

/// The next version of `permit`, with this status for its indices.
pub(crate) fn changed(permit: &Permit, status: PermitStatus, index: Option<StatusValue>) -> (Permit, Write) {
    let next = Permit {
        version: permit.version + 1,
        status,
        ..permit.clone()
    };
    let change = PermitChange {
        permit: next.clone(),
        expected: permit.version,
        event: PermitEvent::Suspended {
            reason: "R1".to_owned(),
        },
        actor: "officer-1".to_owned(),
        status: index,
    };
    (next, Write::Permit(Box::new(change)))
}

pub(crate) fn list(n: i64) -> Write {
    Write::StatusList(NewStatusList {
        id: ListId(n),
        uri: format!("https://yushan.example/status/{n}"),
        seed: [u8::try_from(n).unwrap(); 32],
        created_at: now(),
    })
}

pub(crate) fn issuance(row: u64, permit: &Permit, list: i64, index: u32) -> Issuance {
    Issuance {
        id: id(1_000_000 + row),
        permit: permit.id,
        permit_version: permit.version,
        form: if row.is_multiple_of(2) {
            Form::Full
        } else {
            Form::Card
        },
        list: ListId(list),
        index,
        position: u32::try_from(row).unwrap(),
        iat: now(),
        exp: permit.endorsed_until.end_of_day(),
        status: StatusValue::Valid,
        digest: Digest::of(row.to_be_bytes()),
        token: format!("token-{row}"),
    }
}

pub(crate) fn issue(issuance: Issuance) -> Write {
    Write::Issuance(Box::new(issuance))
}

pub(crate) async fn done(store: &dyn Store, writes: Vec<Write>) {
    store.commit("test", writes).await.unwrap();
}

pub(crate) async fn conflict(store: &dyn Store, writes: Vec<Write>) -> Conflict {
    match store.commit("test", writes).await {
        Err(StoreError::Conflict(conflict)) => conflict,
        other => panic!("no conflict: {other:?}"),
    }
}
