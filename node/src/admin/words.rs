//! States and events as the command line shows them: Chinese first, then English. Reasons and evidence come from the closed lists of
//! the permit office; a code that those no longer name is shown as it is. For machines the `data` of a reply stays in codes.

use comity_node_core::chain;
use comity_node_core::federation::agreements::ProposalTaken;
use comity_node_core::federation::intake::Taken;
use comity_node_core::federation::refresh::ObjectResult;
use comity_node_core::federation::refresh_status::ListResult;
use comity_node_core::permits::codes::{CancellationReason, Evidence, ReinstatementReason, SuspensionReason};
use comity_node_core::ports::agreements::AgreementState;
use comity_node_core::ports::officers::Role;
use comity_node_core::ports::permits::PermitEvent;
use comity_spec::exchange::PermitStatus;
use comity_spec::text::Text;

/// A permit's state.
pub(super) const fn permit_status(status: PermitStatus) -> &'static str {
    match status {
        PermitStatus::Valid => "有效 valid",
        PermitStatus::Cancelled => "已注销 cancelled",
        PermitStatus::Suspended => "中止使用 suspended",
        PermitStatus::ReportedLost => "已挂失 reported lost",
        PermitStatus::Superseded => "已换发 replaced by a newer one",
    }
}

/// What happened to a permit.
pub(super) fn permit_event(event: &PermitEvent) -> String {
    match event {
        PermitEvent::Mirrored {
            source_event,
            sequence,
        } => format!(
            "据登记文件第 {sequence} 号登记: {source_event} / entered from register file {sequence}: {source_event}"
        ),
        PermitEvent::LeftRegister { sequence } => {
            format!("登记文件第 {sequence} 号中已无此证 / absent from register file {sequence}")
        }
        PermitEvent::Issued { evidence } => with_evidence("签发 issued", evidence),
        PermitEvent::Endorsed {
            until,
            restart,
            evidence,
        } => {
            let mut text = format!("签注至 {until} / endorsed until {until}");
            if let Some(day) = restart {
                text.push_str(&format!(
                    "，逾期，居住年限自 {day} 重新计算 late: years of residence restart on {day}"
                ));
            }
            with_evidence(&text, evidence)
        }
        PermitEvent::ReportedLost => "挂失 reported lost".to_owned(),
        PermitEvent::Found => "找回 found again".to_owned(),
        PermitEvent::Suspended { reason } => {
            let label = SuspensionReason::from_code(reason).map(SuspensionReason::label);
            format!("中止使用 suspended: {}", shown(label, reason))
        }
        PermitEvent::Reinstated { reason } => {
            let label = ReinstatementReason::from_code(reason).map(ReinstatementReason::label);
            format!("恢复使用 reinstated: {}", shown(label, reason))
        }
        PermitEvent::Cancelled { reason, approved_by } => {
            let label = CancellationReason::from_code(reason).map(CancellationReason::label);
            format!(
                "注销 cancelled: {}，批准 approved by {approved_by}",
                shown(label, reason)
            )
        }
        PermitEvent::Replaced { evidence, .. } => {
            with_evidence("换发新证 replaced by a new permit", evidence)
        }
    }
}

/// What an officer may do.
pub(super) const fn role(role: Role) -> &'static str {
    match role {
        Role::Clerk => "窗口核验 clerk",
        Role::Issuer => "证件办理 issuer",
        Role::Supervisor => "复核批准 supervisor",
    }
}

/// Where a version of an agreement stands.
pub(super) const fn agreement_state(state: AgreementState) -> &'static str {
    match state {
        AgreementState::Proposed => "待签署 proposed",
        AgreementState::Adopted => "已签齐 adopted",
        AgreementState::Void => "因文本矛盾无效 void",
    }
}

/// The same, for machines.
pub(super) const fn agreement_state_code(state: AgreementState) -> &'static str {
    match state {
        AgreementState::Proposed => "proposed",
        AgreementState::Adopted => "adopted",
        AgreementState::Void => "void",
    }
}

/// What became of a proposal.
pub(super) const fn proposal_taken(taken: ProposalTaken) -> &'static str {
    match taken {
        ProposalTaken::Waiting => "待签署 it waits for signatures",
        ProposalTaken::Adopted => "各方均已签署，协议成立 every party has signed: it is an agreement",
        ProposalTaken::Unchanged => "没有新内容 nothing new",
    }
}

/// What became of a statement or member list of a bundle.
pub(super) fn taken(taken: &Taken) -> String {
    match taken {
        Taken::Stored => "已存 stored".to_owned(),
        Taken::Unchanged => "已有 here already".to_owned(),
        Taken::Refused(refusal) => chain(refusal),
        Taken::OtherObject => "不是所要的对象 not the object that was asked for".to_owned(),
        Taken::NewerKept => "已有更新的 a newer one is kept".to_owned(),
    }
}

/// What became of an object that was asked for.
pub(super) fn object_result(result: &ObjectResult) -> String {
    match result {
        ObjectResult::Taken(Taken::Refused(refusal)) => format!("未采信 refused: {}", chain(refusal)),
        ObjectResult::Taken(one) => taken(one),
        ObjectResult::Unreachable(error) => format!("未取得 not fetched: {}", chain(error)),
        ObjectResult::NotPublished => "上级未发布 not published by its authority".to_owned(),
        ObjectResult::AskedAlready => "地址与另一对象相同 its address is another object's too".to_owned(),
        ObjectResult::OverBudget => {
            "超出本次查询次数 left out: as much was fetched as one refresh may".to_owned()
        }
    }
}

/// What became of a status list.
pub(super) fn list_result(result: &ListResult) -> String {
    match result {
        ListResult::Stored { tombstones, .. } => {
            format!("已存，新增永久失效 {tombstones} 项 stored, {tombstones} entries newly ended for good")
        }
        ListResult::Unchanged => "已有 here already".to_owned(),
        ListResult::Unreachable(error) => format!("未取得 not fetched: {}", chain(error)),
        ListResult::Refused(error) => chain(error),
        ListResult::RolledBack => "比已有的旧 older than the one kept".to_owned(),
        ListResult::Fork => {
            "与已有的同一时刻而内容不同，请向签发县核实 another one of the same second: ask the issuer which is its own"
                .to_owned()
        }
        ListResult::TooMany => "该县状态列表数量已达上限 as many lists of this county are kept as may be".to_owned(),
        ListResult::OtherAddress => {
            "不在签发县的地址之下 not under the issuer's own address".to_owned()
        }
        ListResult::Own => "本县自己的状态列表，以本县登记为准 this county's own: its register decides".to_owned(),
        ListResult::OutOfTime => {
            "该县状态列表响应过慢，下次再取 its county was too slow: asked for next time".to_owned()
        }
        ListResult::NotSpokenFor => {
            "没有协议为签发县的密钥作保 no agreement here speaks for the issuer and its keys".to_owned()
        }
        ListResult::IssuerNotActive { standing } => {
            format!("签发县目前不是有效成员 the issuer is no active member ({standing})")
        }
        ListResult::BadAggregation => "状态列表目录无法读取 the index of lists does not read".to_owned(),
    }
}

fn shown(label: Option<Text>, code: &str) -> String {
    label.map_or_else(|| code.to_owned(), |text| format!("{} {}", text.zh, text.en))
}

fn with_evidence(text: &str, codes: &[String]) -> String {
    if codes.is_empty() {
        return text.to_owned();
    }
    let labels: Vec<_> = codes
        .iter()
        .map(|code| shown(Evidence::from_code(code).map(Evidence::label), code))
        .collect();
    format!("{text}；已验 seen: {}", labels.join("、"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_told_in_words_and_an_unknown_code_as_it_is() {
        let cancelled = |reason: &str| {
            permit_event(&PermitEvent::Cancelled {
                reason: reason.into(),
                approved_by: "example-deputy".into(),
            })
        };
        let told = cancelled("MOVED_AWAY");
        assert!(told.starts_with("注销") && told.contains("已离开居住地") && told.contains("example-deputy"));
        assert!(cancelled("OLD_CODE").contains("OLD_CODE"));
        let issued = permit_event(&PermitEvent::Issued {
            evidence: vec!["EVID-LEASE".into(), "EVID-OLD".into()],
        });
        assert!(issued.contains("房屋租赁合同 a lease、EVID-OLD"), "{issued}");
    }
}
