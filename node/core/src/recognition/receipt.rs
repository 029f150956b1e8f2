//! The receipt (核验回执) of a verification that is settled: what it says, how long it may be relied on, and the deadline of a
//! grey one (chapter 9.1). It names nobody; the holder binding ties it to whoever has name and number.

use comity_spec::decision::{Confirmation, Decision};
use comity_spec::jose::Typ;
use comity_spec::mutant;
use comity_spec::outcome::{Outcome, OutcomeClass};
use comity_spec::receipt::{FollowUp, Receipt};
use comity_spec::text::Bilingual;
use comity_spec::time::UnixSeconds;
use comity_verifier::receipt::holder_binding;

use crate::node::Node;
use crate::ports::recognitions::Recognition;
use crate::signing::{self, SigningError};

/// How long a receipt that recognises may be relied on at most, in seconds: an endorsement holds for a year.
const LONGEST: i64 = 366 * 86_400;
/// How long one that rests on status older than a day may be relied on, in seconds.
const UNTIL_RECHECK: i64 = comity_spec::agreement::DEFAULT_USABLE_SECONDS;
/// How long a refusal is proof, in seconds: 60 days to apply for reconsideration (Administrative Reconsideration Law art. 20).
const FOR_APPEAL: i64 = 60 * 86_400;
/// Until when a grey case has to be closed, in seconds.
const GREY_DEADLINE: i64 = 3 * 86_400;

/// Builds and signs the receipt of a settled verification.
pub(super) async fn sign(
    node: &Node,
    settled: &Recognition,
    now: UnixSeconds,
) -> Result<String, SigningError> {
    let mut decision = settled.decision.clone();
    if mutant!("PRV-3")
        && let Some(holder) = &settled.holder
    {
        decision.text.zh.push_str(&holder.name);
    }
    let receipt = Receipt {
        iss: node.identity.entity.clone(),
        iat: now,
        exp: relied_on_until(&decision, now),
        trace: settled.trace,
        decided_by: settled.settled_by.as_ref().unwrap_or(&settled.officer).clone(),
        evidence: settled.evidence.clone(),
        holder_binding: settled
            .holder
            .as_ref()
            .map(|holder| holder_binding(&settled.salt, &holder.name, &holder.number)),
        follow_up: (decision.outcome.class() == OutcomeClass::Grey).then(|| follow_up(node, now)),
        environment: node.identity.environment,
        decision,
    };
    signing::compact(&node.signers, Typ::Receipt, &receipt).await
}

/// Whether a decision grants the service.
pub(super) fn recognises(decision: &Decision) -> bool {
    matches!(
        decision.outcome,
        Outcome::Recognised | Outcome::RecognisedConditional
    ) && decision.confirmation == Confirmation::Confirmed
}

/// Until when a receipt of this decision, signed at `now`, may be relied on.
pub(super) fn relied_on_until(decision: &Decision, now: UnixSeconds) -> UnixSeconds {
    if !recognises(decision) {
        return now.plus_saturating(FOR_APPEAL);
    }
    let provisional = decision
        .missing
        .iter()
        .any(|missing| missing.code == "recheck_status");
    let longest = now.plus_saturating(if provisional { UNTIL_RECHECK } else { LONGEST });
    let endorsed = decision
        .endorsed_until
        .map(|day| day.end_of_day())
        .filter(|end| *end > now);
    endorsed.map_or(longest, |end| end.min(longest))
}

fn follow_up(node: &Node, now: UnixSeconds) -> FollowUp {
    let name = &node.identity.name;
    let (zh, en) = node.identity.contact.as_ref().map_or_else(
        || (String::new(), String::new()),
        |contact| {
            (
                format!("联系方式：{}。", contact.zh),
                format!(" Contact: {}.", contact.en),
            )
        },
    );
    FollowUp {
        due: now.plus_saturating(GREY_DEADLINE),
        how: Bilingual {
            zh: format!(
                "由{}受理窗口在期限前再次核验并告知结果，持证人不必因此再次提交材料。{zh}",
                name.zh
            ),
            en: format!(
                "The window of {} checks again before the deadline and tells the holder the result; nothing has to be \
                 handed in again.{en}",
                name.en
            ),
        },
    }
}
