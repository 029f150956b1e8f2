//! `store restored`.

use comity_node_core::restored::restored as declare;
use comity_spec::ids::OfficerId;
use serde_json::json;

use super::{AdminReply, Refused};
use crate::background::Running;

/// The store was restored from a backup: nothing is given out twice from here on. Then says what only people can bring back.
pub(super) async fn restored(running: &Running, officer: &OfficerId) -> Result<AdminReply, Refused> {
    let done = declare(&running.node.bureau(), officer).await?;
    running.renew_configuration().await;
    running.work.notify_one();
    let mut text = String::from(
        "√ 已登记本数据库由备份恢复 / it is recorded that this store was restored from a backup\n",
    );
    for uri in &done.closed {
        text.push_str(&format!("  已停用状态列表 status list closed: {uri}\n"));
    }
    if done.closed.is_empty() {
        text.push_str("  没有正在使用的状态列表 / no status list was being filled\n");
    }
    text.push_str(&format!(
        "  备份之后签发的凭证，在已停用的列表中一律视为已换发，不再有效 / attestations issued since the copy are superseded in the lists that were closed\n\
         \x20 新列表编号大于 the next list is numbered beyond {}；下一居住证流水号 next permit serial: {}\n",
        done.at,
        u64::from(done.serial) + 1
    ));
    text.push_str("下一步 / Next:\n");
    let by_policy = if running.node.policy.local_issuing {
        LOCAL
    } else {
        REGISTER
    };
    for (number, (zh, en)) in (1..).zip([FIRST, by_policy].into_iter().chain(ALWAYS)) {
        text.push_str(&format!("{number}. {zh}\n   {en}\n"));
    }
    let data = json!({ "closed": done.closed, "serial": done.serial, "at": done.at });
    Ok(AdminReply::done(text, data))
}

/// What it cannot mend: it came too late.
const FIRST: (&str, &str) = (
    "若本次恢复后、执行本命令前节点已运行过或办理过其他命令，请停止节点，重新恢复备份，并首先执行本命令。",
    "Had the node run on this copy, or another command been given, before this one: stop it, restore the copy once more and give this \
     command first.",
);
/// Where a register keeps the permits.
const REGISTER: (&str, &str) = (
    "启动节点之前，导入一份全量登记文件（comity permit import）：备份之后的新证、变更与注销由此找回，并重新签发凭证；此前本县状态列表仍将备份之后\
     注销的证件显示为有效。请向备份之后领证、换证的持证人换发新凭证。",
    "Before the node starts, import a full register file (comity permit import): it brings back permits, changes and cancellations since \
     the copy, and attestations are issued anew. Until then this county's lists show as valid what was cancelled since. Give new \
     attestations to those who got theirs since the copy.",
);
/// Where permits are issued here.
const LOCAL: (&str, &str) = (
    "启动节点之前或开窗之前，按纸质档案重新办理备份之后的事项，先办注销与暂停（comity permit act）：此前本县状态列表仍将其显示为有效。备份之后\
     发放的居住证本机已无记录，请召回并重新办理，编号不会重复。",
    "Before the windows open, carry out anew, by the paper files, what was done since the copy, cancellations and suspensions first (comity \
     permit act): until then this county's lists show those permits as valid. Permits issued since are unknown here: call them in and \
     issue them anew; no number comes twice.",
);
/// Whatever the county.
const ALWAYS: [(&str, &str); 3] = [
    (
        "核对经办人与待批事项（comity officer list、comity permit pending）：备份之后的停用、改密与批准均已丢失。",
        "Look through officers and acts that wait (comity officer list, comity permit pending): deactivations, passwords and decisions \
         since the copy are lost.",
    ),
    (
        "启动节点后刷新互信（comity trust refresh），并核对协议（comity agreement list）：备份之后签署或退出的协议，请由对方再次送达，或读入离线\
         数据包。",
        "After the start, refresh (comity trust refresh) and look through the agreements (comity agreement list): what was signed or \
         withdrawn since the copy comes back from the other party, or with a bundle.",
    ),
    (
        "他县已知的注销不受影响：他县保留所见的注销记录，不因本县恢复而变为有效。备份之后的核验记录与回执无法找回。",
        "Other counties keep the cancellations they saw, whatever this county's lists say now. The record and the receipts since the \
         copy do not come back.",
    ),
];
