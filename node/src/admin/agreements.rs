//! `agreement propose|sign|discard|list|show|withdraw|receive|export|example`.

use std::path::Path;

use comity_node_core::federation::agreements::{
    AgreementSummary, discard as discard_proposal, example_agreement, list as list_all, pinned_keys,
    propose as propose_agreement, receive_proposal, sign as sign_agreement, withdraw as withdraw_agreement,
};
use comity_spec::agreement::{Agreement, Party};
use comity_spec::ids::{AgreementId, Digest, EntityId};
use comity_spec::text::Bilingual;
use comity_spec::time::LocalDate;
use comity_verifier::trust::County;
use serde_json::json;

use super::file::{read, read_text};
use super::{AdminReply, Refused, words};
use crate::background::Running;
use crate::terminal;

/// Most bytes of a file with an agreement: four times what a signed one may have (chapter 11.7), for a text with indents.
const LONGEST: usize = 1 << 20;

/// Proposes a text.
pub(super) async fn propose(running: &Running, file: &Path) -> Result<AdminReply, Refused> {
    let text = read_text(file, LONGEST)
        .await
        .map_err(|error| Refused::file(file, &error))?;
    let agreement: Agreement = serde_json::from_str(&text)
        .map_err(|error| {
        Refused(format!(
            "× 协议文本无法读取 / the text of the agreement does not read\n  {}: {error}\n下一步: 请对照 comity agreement example 的格式改正\nNext: \
             correct it by the form that comity agreement example prints",
            file.display()
        ))
    })?;
    let row = propose_agreement(&running.node, &agreement).await?;
    running.work.notify_one();
    Ok(AdminReply::done(
        format!(
            "已提出并签署 {} 第 {} 版，正送交对方 / proposed and signed; on its way to the other parties\n摘要 digest {}",
            row.id, row.version, row.digest
        ),
        json!({ "id": row.id, "version": row.version, "digest": row.digest }),
    ))
}

/// Signs a text that was received.
pub(super) async fn sign(
    running: &Running,
    id: &AgreementId,
    version: u32,
    digest: &Digest,
) -> Result<AdminReply, Refused> {
    let row = sign_agreement(&running.node, id, version, digest).await?;
    running.use_view().await;
    running.work.notify_one();
    Ok(AdminReply::done(
        format!(
            "已签署 {} 第 {} 版: {} / signed",
            row.id,
            row.version,
            words::agreement_state(row.state)
        ),
        json!({ "id": row.id, "version": row.version, "state": words::agreement_state_code(row.state) }),
    ))
}

/// Discards a text that waits.
pub(super) async fn discard(
    running: &Running,
    id: &AgreementId,
    version: u32,
    digest: &Digest,
) -> Result<AdminReply, Refused> {
    discard_proposal(&running.node, id, version, digest).await?;
    Ok(AdminReply::done(
        format!("已弃置 {id} 第 {version} 版的提案 / the proposal is discarded\n摘要 digest {digest}"),
        json!({ "id": id, "version": version, "digest": digest }),
    ))
}

/// Lists all versions.
pub(super) async fn list(running: &Running) -> Result<AdminReply, Refused> {
    let all = list_all(&running.node).await?;
    let mut text = String::new();
    let mut data = Vec::new();
    for one in &all {
        text.push_str(&format!(
            "{} 第 {} 版  {}  {}  {}  {}\n",
            one.row.id,
            one.row.version,
            words::agreement_state(one.row.state),
            one.row.digest,
            if one.in_force {
                "生效中 in force"
            } else {
                "未生效 not in force"
            },
            terminal::line(&one.agreement.title.zh)
        ));
        data.push(json!({
            "id": one.row.id,
            "version": one.row.version,
            "digest": one.row.digest,
            "state": words::agreement_state_code(one.row.state),
            "in_force": one.in_force,
            "withdrawn_from": one.withdrawn_from,
            "missing": one.missing,
        }));
    }
    Ok(AdminReply::done(text, json!(data)))
}

/// Shows one version, the newest unless one is named: its digest, which is what an officer signs, the keys that it pins, and the text.
pub(super) async fn show(
    running: &Running,
    id: &AgreementId,
    version: Option<u32>,
    digest: Option<&Digest>,
) -> Result<AdminReply, Refused> {
    let one = find(running, id, version, digest).await?;
    let pinned = pinned_keys(&running.node, &one.agreement).await?;
    let mut text = format!(
        "{} 第 {} 版  {}\n摘要 digest {}\n",
        one.row.id,
        one.row.version,
        words::agreement_state(one.row.state),
        one.row.digest
    );
    for pin in &pinned {
        text.push_str(&format!(
            "联邦密钥 federation key  {}  {}  {}\n",
            pin.party,
            pin.key,
            if pin.new {
                "新 NEW: 请与对方当面核对 / compare it with the party by another channel"
            } else {
                "同前一版 as in the version before"
            }
        ));
    }
    text.push_str(&serde_json::to_string_pretty(&one.agreement)?);
    let keys: Vec<_> = pinned
        .iter()
        .map(|pin| json!({ "party": pin.party, "key": pin.key, "new": pin.new }))
        .collect();
    let data = json!({
        "digest": one.row.digest,
        "state": words::agreement_state_code(one.row.state),
        "federation_keys": keys,
        "agreement": one.agreement,
    });
    Ok(AdminReply::done(text, data))
}

/// Withdraws.
pub(super) async fn withdraw(
    running: &Running,
    id: &AgreementId,
    from: LocalDate,
    reason: Bilingual,
) -> Result<AdminReply, Refused> {
    withdraw_agreement(&running.node, id, Some(from), reason).await?;
    running.use_view().await;
    running.work.notify_one();
    Ok(AdminReply::done(
        format!(
            "已签署退出声明，自 {from} 起失效，正通知对方 / the withdrawal is signed; the agreement ends on {from}"
        ),
        json!({ "id": id, "from": from }),
    ))
}

/// Takes in a signed text from a file.
pub(super) async fn receive(running: &Running, file: &Path) -> Result<AdminReply, Refused> {
    let bytes = read(file, LONGEST)
        .await
        .map_err(|error| Refused::file(file, &error))?;
    let taken = receive_proposal(&running.node, &bytes).await?;
    running.use_view().await;
    Ok(AdminReply::done(
        format!(
            "已读入，请先 comity agreement show 查看，再按其摘要签署 / taken in; read it with comity agreement show, then sign its \
             digest\n{}",
            words::proposal_taken(taken)
        ),
        json!({}),
    ))
}

/// Writes a signed text to a file; where several of one version wait, the one that is named by its digest.
pub(super) async fn export(
    running: &Running,
    id: &AgreementId,
    version: u32,
    digest: Option<&Digest>,
    file: &Path,
) -> Result<AdminReply, Refused> {
    let one = find(running, id, Some(version), digest).await?;
    let bytes = serde_json::to_vec(&one.row.signed)?;
    crate::commands::replace_file(file, &bytes)?;
    Ok(AdminReply::done(
        format!(
            "已写出 {} / written\n摘要 digest {}",
            file.display(),
            one.row.digest
        ),
        json!({ "file": file, "digest": one.row.digest }),
    ))
}

/// The example agreement with another county, as a text to propose.
pub(super) fn example(running: &Running, peer: &EntityId) -> Result<AdminReply, Refused> {
    let view = running.node.view();
    let unknown = |entity: &EntityId| {
        Refused(format!(
            "{entity} 不在有效信任链中，请先 comity trust refresh / has no current trust chain here"
        ))
    };
    let own = &running.node.identity.entity;
    let us = party(view.trust.county(own).ok_or_else(|| unknown(own))?);
    let them = party(view.trust.county(peer).ok_or_else(|| unknown(peer))?);
    let today = LocalDate::of(running.node.now());
    let agreement = example_agreement(&us, &them, running.node.identity.environment, today);
    let data = serde_json::to_value(&agreement)?;
    Ok(AdminReply::done(serde_json::to_string_pretty(&agreement)?, data))
}

fn party(county: &County) -> Party {
    Party {
        entity: county.entity.clone(),
        region: county.region,
        name: county.name.clone(),
        federation_keys: county
            .federation_keys
            .entries()
            .iter()
            .map(|entry| *entry.key.thumbprint())
            .collect(),
    }
}

async fn find(
    running: &Running,
    id: &AgreementId,
    version: Option<u32>,
    digest: Option<&Digest>,
) -> Result<AgreementSummary, Refused> {
    let mut all = list_all(&running.node).await?;
    all.retain(|one| {
        one.row.id == *id
            && version.is_none_or(|version| one.row.version == version)
            && digest.is_none_or(|digest| one.row.digest == *digest)
    });
    let one = all.pop().ok_or_else(|| {
        Refused(format!(
            "没有协议 {id} 的这一版，见 comity agreement list / no such version of {id} here"
        ))
    })?;
    let others: Vec<_> = all
        .iter()
        .filter(|other| other.row.version == one.row.version)
        .map(|other| other.row.digest.to_string())
        .collect();
    if others.is_empty() {
        return Ok(one);
    }
    Err(Refused(format!(
        "{id} 第 {} 版有多个文本，请用 --digest 指明 / several texts of this version wait: name one by --digest\n{}\n{}",
        one.row.version,
        one.row.digest,
        others.join("\n")
    )))
}
