//! `permit import|act|show|count|pending`, and the token that `permit export` draws (`commands/export.rs`).

use std::path::Path;

use comity_node_core::permits::codes::{CancellationReason, Evidence, ReinstatementReason, SuspensionReason};
use comity_node_core::permits::import_register::{Imported, RegisterFile, import_register};
use comity_node_core::permits::issue::Application;
use comity_node_core::permits::register_file::{self, manifest};
use comity_node_core::permits::{
    Done, decide_cancellation, endorse, found, issue, propose_cancellation, reinstate, replace, report_lost,
    suspend,
};
use comity_node_core::ports::attestations::Form;
use comity_node_core::ports::permits::{Permit, PermitId};
use comity_spec::exchange::{PermitStatus, SubjectNumber};
use comity_spec::ids::{OfficerId, PermitNumber};
use comity_spec::time::LocalDate;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::file::read;
use super::{AdminReply, Refused, words};
use crate::background::Running;

/// One act on a permit, for a county that issues here.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum PermitAct {
    /// First issue.
    Issue {
        application: Box<Application>,
        evidence: Vec<String>,
    },
    /// Yearly endorsement (签注), free of charge.
    Endorse {
        number: PermitNumber,
        evidence: Vec<String>,
    },
    /// Reported lost (挂失).
    Lost { number: PermitNumber },
    /// Found again.
    Found { number: PermitNumber },
    /// Replaced by a new one (换领、补领).
    Replace {
        number: PermitNumber,
        evidence: Vec<String>,
    },
    /// Suspended.
    Suspend { number: PermitNumber, reason: String },
    /// Reinstated.
    Reinstate { number: PermitNumber, reason: String },
    /// A cancellation is proposed; another officer decides.
    ProposeCancellation { number: PermitNumber, reason: String },
    /// The other officer decides.
    DecideCancellation { id: uuid::Uuid, approve: bool },
}

/// Imports a register file.
pub(super) async fn import(
    running: &Running,
    file: &Path,
    manifest: &Path,
    leaving_confirmed: bool,
) -> Result<AdminReply, Refused> {
    let bytes = read(file, register_file::MAX_BYTES)
        .await
        .map_err(|error| Refused::register(file, "登记文件 / the register file", &error))?;
    let beside = "每个登记文件旁须有同名的 .manifest.json，写明 kind、sequence、rows、sha256、source_as_of / beside each register file lies a manifest of \
         its name and .manifest.json";
    let manifest = read(manifest, manifest::MAX_BYTES)
        .await
        .map_err(|error| Refused::register(manifest, beside, &error))?;
    let input = RegisterFile {
        file: &bytes,
        manifest: &manifest,
        leaving_confirmed,
    };
    let imported = import_register(&running.node.bureau(), input).await?;
    running.work.notify_one();
    Ok(match imported {
        Imported::Applied(counts) => AdminReply::done(
            format!(
                "已导入: 新增 {} 变更 {} 未变 {} 离册 {} / imported: new {} changed {} unchanged {} left {}",
                counts.new,
                counts.changed,
                counts.unchanged,
                counts.left,
                counts.new,
                counts.changed,
                counts.unchanged,
                counts.left
            ),
            json!({
                "new": counts.new, "changed": counts.changed, "unchanged": counts.unchanged, "left": counts.left,
            }),
        ),
        Imported::Already(mark) => AdminReply::done(
            format!(
                "此文件已导入 (第 {} 号)，未作改动 / this file was applied before (no. {})",
                mark.sequence, mark.sequence
            ),
            json!({ "already": true, "sequence": mark.sequence }),
        ),
    })
}

/// Carries out one act.
pub(super) async fn act(
    running: &Running,
    act: PermitAct,
    officer: &OfficerId,
) -> Result<AdminReply, Refused> {
    let bureau = running.node.bureau();
    let done = match act {
        PermitAct::Issue {
            application,
            evidence,
        } => issue::issue(&bureau, *application, &evidence_codes(&evidence)?, officer).await?,
        PermitAct::Endorse { number, evidence } => {
            let permit = find(running, number).await?.id;
            endorse::endorse(&bureau, permit, &evidence_codes(&evidence)?, officer).await?
        }
        PermitAct::Lost { number } => {
            report_lost::report_lost(&bureau, find(running, number).await?.id, officer).await?
        }
        PermitAct::Found { number } => {
            found::found(&bureau, find(running, number).await?.id, officer).await?
        }
        PermitAct::Replace { number, evidence } => {
            let permit = find(running, number).await?.id;
            replace::replace(&bureau, permit, &evidence_codes(&evidence)?, officer).await?
        }
        PermitAct::Suspend { number, reason } => {
            let reason = code(&reason, SuspensionReason::ALL, SuspensionReason::as_str)?;
            suspend::suspend(&bureau, find(running, number).await?.id, reason, officer).await?
        }
        PermitAct::Reinstate { number, reason } => {
            let reason = code(&reason, ReinstatementReason::ALL, ReinstatementReason::as_str)?;
            reinstate::reinstate(&bureau, find(running, number).await?.id, reason, officer).await?
        }
        PermitAct::ProposeCancellation { number, reason } => {
            let reason = code(&reason, CancellationReason::ALL, CancellationReason::as_str)?;
            let permit: PermitId = find(running, number).await?.id;
            let act = propose_cancellation::propose_cancellation(&bureau, permit, reason, officer).await?;
            return Ok(AdminReply::done(
                format!("待另一名人员核准: {} / waits for a second officer", act.id),
                json!({ "pending": act.id }),
            ));
        }
        PermitAct::DecideCancellation { id, approve } => {
            match decide_cancellation::decide_cancellation(&bureau, id, approve, officer).await? {
                Some(done) => done,
                None => {
                    return Ok(AdminReply::done(
                        "已驳回，证件未变 / rejected; the permit is as it was",
                        json!({}),
                    ));
                }
            }
        }
    };
    running.work.notify_one();
    Ok(changed(&done))
}

/// What was done, by what the permit is now.
fn changed(done: &Done) -> AdminReply {
    let permit = &done.permit;
    let mut text = format!(
        "已办理 done: {} 状态 status {}",
        permit.details.permit_number.as_str(),
        words::permit_status(permit.status)
    );
    // A permit that is lost, suspended or cancelled is good for nothing until that day.
    if permit.status == PermitStatus::Valid {
        text.push_str(&format!("  签注至 endorsed until {}", permit.endorsed_until));
    }
    AdminReply::done(
        text,
        json!({
            "number": permit.details.permit_number,
            "status": permit.status,
            "version": permit.version,
            "endorsed_until": permit.endorsed_until,
        }),
    )
}

/// State and history.
pub(super) async fn show(running: &Running, number: PermitNumber) -> Result<AdminReply, Refused> {
    let permit = find(running, number).await?;
    let events = running.node.store.events(permit.id).await?;
    let mut text = format!(
        "{}  状态 status {}  签注至 endorsed until {}\n",
        permit.details.permit_number.as_str(),
        words::permit_status(permit.status),
        permit.endorsed_until
    );
    let mut data = Vec::new();
    for event in events {
        text.push_str(&format!(
            "  {}  {}  {}  经办 by {}\n",
            event.version,
            LocalDate::of(event.at),
            words::permit_event(&event.event),
            event.actor
        ));
        data.push(
            json!({ "version": event.version, "at": event.at, "event": event.event, "actor": event.actor }),
        );
    }
    let data = json!({ "status": permit.status, "endorsed_until": permit.endorsed_until, "events": data });
    Ok(AdminReply::done(text, data))
}

/// How many permits and attestations there are.
pub(super) async fn count(running: &Running) -> Result<AdminReply, Refused> {
    let permits = running.node.store.permit_count().await?;
    let attestations = running.node.store.attestation_count().await?;
    Ok(AdminReply::done(
        format!("证件 permits {permits}  凭证 attestations {attestations}"),
        json!({ "permits": permits, "attestations": attestations }),
    ))
}

/// Acts that wait for a second person, oldest first, each with the id by which it is approved or declined.
pub(super) async fn pending(running: &Running) -> Result<AdminReply, Refused> {
    let store = &running.node.store;
    let mut text = String::new();
    let mut data = Vec::new();
    for act in store.pending_acts().await? {
        let permit = store.permit(act.permit).await?;
        let number = permit.map(|permit| permit.details.permit_number);
        text.push_str(&format!(
            "{}  注销 cancellation  {}  {}  {}  提出 proposed by {}\n",
            act.id,
            number.as_ref().map_or("?", |number| number.as_str()),
            act.reason,
            LocalDate::of(act.at),
            act.proposed_by
        ));
        data.push(json!({
            "act": act.id,
            "permit_number": number,
            "reason": act.reason,
            "proposed_by": act.proposed_by,
            "at": act.at,
        }));
    }
    if data.is_empty() {
        text.push_str("没有待批准的事项 / nothing waits for a second person");
    }
    Ok(AdminReply::done(text, json!(data)))
}

/// The newest attestation of a form. A permit that was cancelled or replaced is attested no more, although what was issued for it has not
/// ended yet (ATT-8).
pub(super) async fn token(
    running: &Running,
    number: PermitNumber,
    full: bool,
) -> Result<AdminReply, Refused> {
    let permit = find(running, number).await?;
    if matches!(permit.status, PermitStatus::Cancelled | PermitStatus::Superseded) {
        return Err(Refused(
            "此证已注销或已换发，不再出具凭证 / the permit was cancelled or replaced: it is attested no more"
                .to_owned(),
        ));
    }
    let form = if full { Form::Full } else { Form::Card };
    let issued = running
        .node
        .store
        .attestations_of(permit.id, running.node.now())
        .await?;
    let newest = issued.into_iter().find(|one| one.form == form).ok_or_else(|| {
        Refused(
            "此证没有有效凭证：签注已过期，或尚在签发，请用 comity permit show 查看 / no unexpired attestation of this permit: its endorsement has \
             ended, or it is still being issued; see comity permit show"
                .to_owned(),
        )
    })?;
    let data = json!({
        "token": newest.token,
        "name": permit.details.name,
        "number_last4": permit.details.id_number.last4(),
        "issuer": running.node.identity.name,
        "tier": permit.details.tier,
        "endorsed_until": permit.endorsed_until,
        "environment": running.node.identity.environment,
    });
    Ok(AdminReply::done(newest.token, data))
}

async fn find(running: &Running, number: PermitNumber) -> Result<Permit, Refused> {
    let found = running
        .node
        .store
        .permits_by_number(&SubjectNumber::PermitNumber(number))
        .await?;
    found.into_iter().next().ok_or_else(|| {
        Refused(
            "本县登记中没有此编号，请核对编号 / no permit of this number in the county's register: check the \
             number"
            .to_owned(),
        )
    })
}

fn evidence_codes(codes: &[String]) -> Result<Vec<Evidence>, Refused> {
    codes
        .iter()
        .map(|text| code(text, Evidence::ALL, Evidence::as_str))
        .collect()
}

/// One of a closed list.
fn code<T: Copy>(text: &str, all: &[T], name: fn(T) -> &'static str) -> Result<T, Refused> {
    let found = all.iter().copied().find(|one| name(*one) == text);
    found.ok_or_else(|| {
        let all: Vec<_> = all.iter().map(|one| name(*one)).collect();
        Refused(format!(
            "× 代码 {text} 不在清单内 / the code {text} is not on the closed list\n下一步: 请改用下列之一\nNext: use one of these\n  {}",
            all.join(" ")
        ))
    })
}
