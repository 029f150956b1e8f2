//! `comity status`: how the node stands, a line for each thing an operator looks at, and the same as data. It reads and changes nothing.

use std::sync::Arc;

use comity_node_core::ports::attestations::StatusListRow;
use comity_node_core::ports::permits::ImportMark;
use comity_node_core::recognition::revoked_receipts;
use comity_node_core::{Node, View};
use comity_spec::ids::TraceNumber;
use comity_spec::time::{LocalDate, UnixSeconds};
use serde_json::{Value, json};

use super::{AdminReply, Refused};
use crate::background::Running;

/// Receipts to review that are listed; all of them stand in the data.
const SHOWN: usize = 20;

/// Reads everything, then says it.
pub(super) async fn status(running: &Running) -> Result<AdminReply, Refused> {
    let node = &running.node;
    let now = node.now();
    let found = Found {
        node,
        now,
        view: node.view(),
        permits: node.store.permit_count().await?,
        attestations: node.store.attestation_count().await?,
        missing: !node.store.permits_without_attestation(now, 1).await?.is_empty(),
        lists: node.store.status_lists().await?,
        last_import: node.store.last_import().await?,
        to_review: revoked_receipts(node)
            .await?
            .into_iter()
            .map(|one| one.trace)
            .collect(),
        outbox: node.store.due(UnixSeconds::MAX, 1_000).await?.len(),
    };
    Ok(AdminReply::done(found.text(), found.data(running)))
}

/// What was found, at one moment.
struct Found<'a> {
    node: &'a Node,
    now: UnixSeconds,
    view: Arc<View>,
    permits: u64,
    attestations: u64,
    /// Whether some attestation is still to be issued.
    missing: bool,
    lists: Vec<StatusListRow>,
    last_import: Option<ImportMark>,
    /// Receipts that rest on a permit cancelled since.
    to_review: Vec<TraceNumber>,
    outbox: usize,
}

impl Found<'_> {
    fn text(&self) -> String {
        let identity = &self.node.identity;
        let mut text = format!(
            "节点 Node {} {}  环境 Env {}\n",
            identity.region,
            identity.name.zh,
            identity.environment.as_str()
        );
        self.say_trust(&mut text);
        self.say_permits(&mut text);
        self.say_lists(&mut text);
        self.say_receipts(&mut text);
        text
    }

    fn say_trust(&self, text: &mut String) {
        let mark = |good: bool| if good { '√' } else { '×' };
        let (trust, agreements) = (&self.view.trust, self.view.agreements.all());
        text.push_str(&format!("时钟 CLOCK    {}\n", mark(trust.clock_ok(self.now))));
        match trust.county(&self.node.identity.entity) {
            Some(county) => text.push_str(&format!(
                "互信 TRUST    √ 有效至 valid until {}  成员 members {}\n",
                LocalDate::of(county.valid_until),
                trust.counties().count()
            )),
            None => text.push_str(
                "互信 TRUST    × 尚无本节点的有效信任链。请确认上级机构已受理申请，再执行 comity trust refresh / no current chain for this \
                 node: is it enrolled?\n",
            ),
        }
        text.push_str(&format!(
            "协议 AGREE    {} {} 份 adopted\n",
            mark(!agreements.is_empty()),
            agreements.len()
        ));
    }

    fn say_permits(&self, text: &mut String) {
        let Self {
            permits,
            attestations,
            ..
        } = self;
        text.push_str(&format!(
            "证件 PERMITS  {permits}  凭证 attestations {attestations}{}\n",
            if self.missing {
                "  尚在签发 still being issued"
            } else {
                ""
            }
        ));
        match &self.last_import {
            Some(mark) => text.push_str(&format!(
                "登记 REGISTER √ 第 {} 号 no.  数据截至 as of {} 秒前 s ago\n",
                mark.sequence,
                self.now.since(mark.source_as_of)
            )),
            None => text.push_str("登记 REGISTER - 尚未导入 / nothing imported yet\n"),
        }
    }

    fn say_lists(&self, text: &mut String) {
        for list in &self.lists {
            match list.published_iat {
                Some(iat) => text.push_str(&format!(
                    "状态 STATUS   √ {} {} 秒前 s ago\n",
                    list.uri,
                    self.now.since(iat)
                )),
                None => text.push_str(&format!("状态 STATUS   × {} 未发布 / not published\n", list.uri)),
            }
        }
    }

    fn say_receipts(&self, text: &mut String) {
        if self.to_review.is_empty() {
            return;
        }
        text.push_str(&format!(
            "回执 RECEIPTS ! {} 份所依据的证件已注销，请复核 rest on permits cancelled since, review:\n",
            self.to_review.len()
        ));
        for trace in self.to_review.iter().take(SHOWN) {
            text.push_str(&format!("  {trace}\n"));
        }
    }

    fn data(&self, running: &Running) -> Value {
        let (identity, trust) = (&self.node.identity, &self.view.trust);
        json!({
            "receipts_to_review": self.to_review,
            "entity": identity.entity,
            "region": identity.region,
            "environment": identity.environment,
            "clock_ok": trust.clock_ok(self.now),
            "in_federation": trust.county(&identity.entity).is_some(),
            "members": trust.counties().count(),
            "agreements": self.view.agreements.all().len(),
            "permits": self.permits,
            "attestations": self.attestations,
            "attestations_missing": self.missing,
            "status_lists": self.lists.len(),
            "status_pending": self
                .lists
                .iter()
                .any(|list| list.changes != list.published_changes || list.token.is_none()),
            "outbox": self.outbox,
            "ready": running.readiness.report(),
        })
    }
}
