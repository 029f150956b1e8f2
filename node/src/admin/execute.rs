//! From a command to its use case.

use comity_node_core::recognition::revoked_receipts;
use serde_json::json;

use super::{AdminCommand, AdminReply, Refused, agreements, officers, permits, trust};
use crate::background::Running;

/// Receipts to review that are listed; all of them stand in the data.
const SHOWN: usize = 20;

/// Carries out one command. A refusal changed nothing.
pub(crate) async fn execute(running: &Running, command: AdminCommand) -> AdminReply {
    match carry_out(running, command).await {
        Ok(reply) => reply,
        Err(Refused(error)) => AdminReply::Refused { error },
    }
}

async fn carry_out(running: &Running, command: AdminCommand) -> Result<AdminReply, Refused> {
    match command {
        AdminCommand::Status => status(running).await,
        AdminCommand::TrustRefresh { entity } => trust::refresh(running, entity).await,
        AdminCommand::TrustShow => Ok(trust::show(running)),
        AdminCommand::BundleExport { file } => trust::bundle_export(running, &file).await,
        AdminCommand::BundleImport { file } => trust::bundle_import(running, &file).await,
        AdminCommand::AgreementPropose { file } => agreements::propose(running, &file).await,
        AdminCommand::AgreementSign { id, version, digest } => {
            agreements::sign(running, &id, version, &digest).await
        }
        AdminCommand::AgreementDiscard { id, version, digest } => {
            agreements::discard(running, &id, version, &digest).await
        }
        AdminCommand::AgreementList => agreements::list(running).await,
        AdminCommand::AgreementShow { id, version, digest } => {
            agreements::show(running, &id, version, digest.as_ref()).await
        }
        AdminCommand::AgreementWithdraw { id, from, reason } => {
            agreements::withdraw(running, &id, from, reason).await
        }
        AdminCommand::AgreementReceive { file } => agreements::receive(running, &file).await,
        AdminCommand::AgreementExport {
            id,
            version,
            file,
            digest,
        } => agreements::export(running, &id, version, digest.as_ref(), &file).await,
        AdminCommand::AgreementExample { peer } => agreements::example(running, &peer),
        AdminCommand::PermitImport {
            file,
            manifest,
            leaving_confirmed,
        } => permits::import(running, &file, &manifest, leaving_confirmed).await,
        AdminCommand::PermitAct { act, officer } => permits::act(running, *act, &officer).await,
        AdminCommand::PermitShow { number } => permits::show(running, number).await,
        AdminCommand::PermitCount => permits::count(running).await,
        AdminCommand::PermitPending => permits::pending(running).await,
        AdminCommand::AttestationToken { number, full } => permits::token(running, number, full).await,
        AdminCommand::OfficerAdd {
            id,
            name,
            roles,
            password,
        } => officers::add(running, id, name, roles, password).await,
        AdminCommand::OfficerActive { id, active } => officers::set_active(running, &id, active).await,
        AdminCommand::OfficerPassword { id, password } => {
            officers::reset_password(running, &id, password).await
        }
        AdminCommand::OfficerList => officers::list(running).await,
        AdminCommand::RecordVerify => trust::verify_record(running).await,
    }
}

async fn status(running: &Running) -> Result<AdminReply, Refused> {
    let node = &running.node;
    let now = node.now();
    let view = node.view();
    let permits = node.store.permit_count().await?;
    let attestations = node.store.attestation_count().await?;
    let missing = !node.store.permits_without_attestation(now, 1).await?.is_empty();
    let lists = node.store.status_lists().await?;
    let last_import = node.store.last_import().await?;
    let own = view.trust.county(&node.identity.entity);
    let in_federation = own.is_some();
    let mut text = format!(
        "节点 Node {} {}  环境 Env {}\n",
        node.identity.region,
        node.identity.name.zh,
        node.identity.environment.as_str()
    );
    let mark = |good: bool| if good { '√' } else { '×' };
    let clock = view.trust.clock_ok(now);
    text.push_str(&format!("时钟 CLOCK    {}\n", mark(clock)));
    match own {
        Some(county) => text.push_str(&format!(
            "互信 TRUST    √ 有效至 valid until {}  成员 members {}\n",
            comity_spec::time::LocalDate::of(county.valid_until),
            view.trust.counties().count()
        )),
        None => text.push_str(
            "互信 TRUST    × 尚无本节点的有效信任链。请确认上级机构已受理申请，再执行 comity trust refresh / no current chain for this \
             node: is it enrolled?\n",
        ),
    }
    text.push_str(&format!(
        "协议 AGREE    {} {} 份 adopted\n",
        mark(!view.agreements.all().is_empty()),
        view.agreements.all().len()
    ));
    text.push_str(&format!(
        "证件 PERMITS  {permits}  凭证 attestations {attestations}{}\n",
        if missing {
            "  尚在签发 still being issued"
        } else {
            ""
        }
    ));
    match &last_import {
        Some(mark) => text.push_str(&format!(
            "登记 REGISTER √ 第 {} 号 no.  数据截至 as of {} 秒前 s ago\n",
            mark.sequence,
            now.since(mark.source_as_of)
        )),
        None => text.push_str("登记 REGISTER - 尚未导入 / nothing imported yet\n"),
    }
    for list in &lists {
        match list.published_iat {
            Some(iat) => {
                text.push_str(&format!(
                    "状态 STATUS   √ {} {} 秒前 s ago\n",
                    list.uri,
                    now.since(iat)
                ));
            }
            None => text.push_str(&format!("状态 STATUS   × {} 未发布 / not published\n", list.uri)),
        }
    }
    let to_review: Vec<_> = revoked_receipts(node)
        .await?
        .into_iter()
        .map(|one| one.trace)
        .collect();
    if !to_review.is_empty() {
        text.push_str(&format!(
            "回执 RECEIPTS ! {} 份所依据的证件已注销，请复核 rest on permits cancelled since, review:\n",
            to_review.len()
        ));
        for trace in to_review.iter().take(SHOWN) {
            text.push_str(&format!("  {trace}\n"));
        }
    }
    let data = json!({
        "receipts_to_review": to_review,
        "entity": node.identity.entity,
        "region": node.identity.region,
        "environment": node.identity.environment,
        "clock_ok": clock,
        "in_federation": in_federation,
        "members": view.trust.counties().count(),
        "agreements": view.agreements.all().len(),
        "permits": permits,
        "attestations": attestations,
        "attestations_missing": missing,
        "status_lists": lists.len(),
        "status_pending": lists.iter().any(|list| list.changes != list.published_changes || list.token.is_none()),
        "outbox": node.store.due(comity_spec::time::UnixSeconds::MAX, 1_000).await?.len(),
        "ready": running.readiness.report(),
    });
    Ok(AdminReply::done(text, data))
}
