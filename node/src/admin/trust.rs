//! `trust refresh|show`, `bundle export|import`, `record`.

use std::path::Path;

use comity_node_core::audit::verify_record::verify_record as walk;
use comity_node_core::federation::agreements::ProposalTaken;
use comity_node_core::federation::bundle;
use comity_node_core::federation::intake::Taken;
use comity_node_core::federation::refresh::{ObjectReport, RefreshReport};
use comity_node_core::federation::refresh_status::{ListReport, ListResult};
use comity_spec::bundle::MAX_BYTES;
use comity_spec::ids::EntityId;
use comity_spec::time::LocalDate;
use comity_verifier::trust::Subject;
use serde_json::json;

use super::file::read;
use super::{AdminReply, Refused, words};
use crate::background::Running;
use crate::terminal;

/// Asks the federation now: trust, then the status lists of the parties of our agreements; of one county, where it is named. What was
/// asked for and did not come is named after the members, and then the reply is an incomplete one.
pub(super) async fn refresh(running: &Running, entity: Option<EntityId>) -> Result<AdminReply, Refused> {
    let refreshed = running.do_refresh(entity.as_ref()).await;
    let missed = missed(&refreshed.trust?, &refreshed.lists?, entity.as_ref());
    let (mut text, data) = members(running);
    if missed.is_empty() {
        return Ok(AdminReply::done(text, data));
    }
    for line in &missed {
        text.push_str(&format!("× {line}\n"));
    }
    Ok(AdminReply::Incomplete { text, data })
}

/// What was asked for and did not come, a line each.
fn missed(trust: &RefreshReport, lists: &[ListReport], entity: Option<&EntityId>) -> Vec<String> {
    let about = |one: &ObjectReport, entity: &EntityId| matches!(&one.subject, Subject::Statement { sub, .. } if sub == entity);
    let unknown = entity
        .filter(|entity| !trust.objects.iter().any(|one| about(one, entity)))
        .map(|entity| format!("{entity} 不在任何成员名单中 / is on no member list"));
    let objects = trust
        .missed()
        .map(|one| format!("{} {}", one.subject, words::object_result(&one.result)));
    let left_out = (trust.left_out > 0)
        .then(|| format!("本次未及查询的县 counties left out this time: {}", trust.left_out));
    let lists = lists.iter().filter(|one| one.is_missed()).map(|one| {
        format!(
            "状态列表 status list {} {}",
            one.uri,
            words::list_result(&one.result)
        )
    });
    unknown
        .into_iter()
        .chain(objects)
        .chain(left_out)
        .chain(lists)
        .collect()
}

/// The counties with a current chain.
pub(super) fn show(running: &Running) -> AdminReply {
    let (text, data) = members(running);
    AdminReply::done(text, data)
}

fn members(running: &Running) -> (String, serde_json::Value) {
    let view = running.node.view();
    let mut text = String::new();
    let mut data = Vec::new();
    for county in view.trust.counties() {
        text.push_str(&format!(
            "{}  {}  {}  有效至 until {}\n",
            county.region,
            terminal::line(&county.name.zh),
            county.entity,
            LocalDate::of(county.valid_until)
        ));
        data.push(json!({
            "region": county.region,
            "entity": county.entity,
            "name": county.name,
            "valid_until": county.valid_until,
        }));
    }
    if data.is_empty() {
        text.push_str("没有有效的成员信任链 / no member has a current chain\n");
    }
    (text, json!(data))
}

/// Writes a bundle.
pub(super) async fn bundle_export(running: &Running, file: &Path) -> Result<AdminReply, Refused> {
    let bundle = bundle::export(&running.node).await?;
    let bytes = serde_json::to_vec(&bundle)?;
    crate::commands::replace_file(file, &bytes)?;
    Ok(AdminReply::done(
        format!("已写出 {} ({} 字节 bytes) / written", file.display(), bytes.len()),
        json!({ "file": file, "bytes": bytes.len() }),
    ))
}

/// Takes a bundle in.
pub(super) async fn bundle_import(running: &Running, file: &Path) -> Result<AdminReply, Refused> {
    // One byte more than a bundle may have, so that what is too large is told so as a bundle.
    let bytes = read(file, MAX_BYTES + 1)
        .await
        .map_err(|error| Refused::file(file, &error))?;
    let report = bundle::import(&running.node, &bytes).await?;
    running.use_view().await;
    Ok(AdminReply::done(rendered(&report), json!({})))
}

/// What became of a bundle's objects, counted by kind; what was refused is named with its reason.
fn rendered(report: &bundle::ImportReport) -> String {
    let (mut text, mut refused) = ("已读入 / taken in\n".to_owned(), Vec::new());
    let mut count = |zh: &str, en: &str, all: usize, new: usize, not: Vec<String>| {
        text.push_str(&format!(
            "{zh} {en}: {all} 件 in all，新 new {new}，未采信 refused {}\n",
            not.len()
        ));
        refused.extend(not.into_iter().map(|why| format!("× {zh} {en}: {why}\n")));
    };
    for (zh, en, taken) in [
        ("互信声明", "statements", &report.statements),
        ("成员名单", "member lists", &report.member_lists),
    ] {
        let new = taken.iter().filter(|one| matches!(one, Taken::Stored)).count();
        let not = taken
            .iter()
            .filter(|one| matches!(one, Taken::Refused(_) | Taken::OtherObject));
        count(zh, en, taken.len(), new, not.map(words::taken).collect());
    }
    let agreements = &report.agreements;
    let not = agreements.iter().filter_map(|one| one.as_ref().err());
    let not: Vec<String> = not.map(|error| comity_node_core::chain(error)).collect();
    let new = agreements
        .iter()
        .flatten()
        .filter(|one| !matches!(one, ProposalTaken::Unchanged))
        .count();
    count("协议", "agreements", agreements.len(), new, not);
    let withdrawals = &report.withdrawals;
    let not = withdrawals.iter().filter_map(|one| one.as_ref().err());
    let not: Vec<String> = not.map(|error| comity_node_core::chain(error)).collect();
    let new = withdrawals.iter().flatten().filter(|new| **new).count();
    count("退出声明", "withdrawals", withdrawals.len(), new, not);
    let lists = &report.status_lists;
    let stored = |one: &&ListReport| matches!(one.result, ListResult::Stored { .. });
    let new = lists.iter().filter(stored).count();
    let not = lists
        .iter()
        .filter(|one| !stored(one) && !matches!(one.result, ListResult::Unchanged | ListResult::Own));
    let not = not
        .map(|one| format!("{} {}", one.uri, words::list_result(&one.result)))
        .collect();
    count("状态列表", "status lists", lists.len(), new, not);
    text + &refused.concat()
}

/// Walks the record.
pub(super) async fn verify_record(running: &Running) -> Result<AdminReply, Refused> {
    let report = walk(&running.node).await?;
    if let Some(broken) = report.broken {
        return Err(Refused(format!(
            "× 记录链不完整，请保留现场并报告: {broken} / the record is broken after line {}: keep everything as it is and report it",
            report.lines
        )));
    }
    let signed = report.signed.map(|(line, _)| line);
    Ok(AdminReply::done(
        format!(
            "√ 记录链完整: {} 行，已签署至第 {} 行 / the record is whole: {} lines, signed up to line {}",
            report.lines,
            signed.unwrap_or(0),
            report.lines,
            signed.unwrap_or(0)
        ),
        json!({ "lines": report.lines, "signed": signed }),
    ))
}

#[cfg(test)]
mod tests {
    use comity_node_core::federation::refresh::ObjectResult;
    use comity_node_core::ports::peers::FetchError;

    use super::*;

    fn entity(name: &str) -> EntityId {
        format!("https://{name}.example").parse().unwrap()
    }

    fn statement(sub: &EntityId, result: ObjectResult) -> ObjectReport {
        ObjectReport {
            subject: Subject::Statement {
                iss: entity("anchor"),
                sub: sub.clone(),
            },
            url: String::new(),
            result,
        }
    }

    fn list(result: ListResult) -> ListReport {
        ListReport {
            uri: "https://yushan.example/status/1".to_owned(),
            result,
        }
    }

    #[test]
    fn what_did_not_come_is_named_and_what_came_is_not() {
        let (yushan, changshan) = (entity("yushan"), entity("changshan"));
        let silent = || FetchError::Timeout {
            host: "changshan.example".to_owned(),
            seconds: 10,
        };
        let mut trust = RefreshReport {
            objects: vec![
                statement(&yushan, ObjectResult::Taken(Taken::Stored)),
                statement(&changshan, ObjectResult::Taken(Taken::Unchanged)),
            ],
            ..RefreshReport::default()
        };
        let came = [
            list(ListResult::Unchanged),
            list(ListResult::IssuerNotActive {
                standing: "suspended",
            }),
        ];
        assert_eq!(missed(&trust, &came, Some(&yushan)), [""; 0]);
        let unknown = missed(&trust, &came, Some(&entity("nobody")));
        assert!(
            matches!(&unknown[..], [one] if one.contains("nobody") && one.contains("成员名单")),
            "{unknown:?}"
        );

        trust
            .objects
            .push(statement(&changshan, ObjectResult::Unreachable(silent())));
        trust
            .objects
            .push(statement(&changshan, ObjectResult::NotPublished));
        trust.left_out = 3;
        let told = missed(&trust, &[list(ListResult::Unreachable(silent()))], None);
        assert_eq!(told.len(), 4, "{told:?}");
        assert!(
            told[0].contains("changshan") && told[0].contains("within 10 s"),
            "{told:?}"
        );
        assert!(told[3].contains("yushan.example/status/1"), "{told:?}");
    }
}
