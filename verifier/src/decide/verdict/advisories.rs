//! What a window is told besides the outcome. Each condition stands for itself, and none of them changes the outcome (chapter 8.6,
//! DEC-30).

use comity_spec::attestation::StatusReference;
use comity_spec::decision::{Advisory, TierGrant};
use comity_spec::entity::Environment;
use comity_spec::exchange::PermitStatus;
use comity_spec::mutant;
use comity_spec::outcome::Outcome;
use comity_spec::status::StatusValue;
use comity_spec::text::Bilingual;

use super::{DATE_PASSED, Verdict};
use crate::decide::{DecideInput, Lookup, Network, Source};
use crate::status_view::StatusReading;

/// Days before the end of an endorsement from which the window reminds of it (Decree 663 art. 10: within one month before).
const DUE_SOON_DAYS: i64 = 30;

impl Verdict {
    pub(super) fn advisories(&self, input: &DecideInput<'_>) -> Vec<Advisory> {
        let all = [
            self.wrong_environment(input),
            self.endorsement_due_soon(input),
            self.status_age(input),
            self.tier_mapped(),
            self.endorsement_seen_passed(),
            self.last_known_status(input),
            lookup_failed(input),
        ];
        all.into_iter().flatten().collect()
    }

    fn wrong_environment(&self, input: &DecideInput<'_>) -> Option<Advisory> {
        if !self.wrong_environment {
            return None;
        }
        let (own, other) = match input.trust.environment() {
            Environment::Production => (("正式", "PRODUCTION"), ("测试", "SANDBOX")),
            Environment::Sandbox => (("测试", "SANDBOX"), ("正式", "PRODUCTION")),
        };
        Some(advisory(
            "WRONG_ENVIRONMENT",
            format!(
                "所出示内容属于{}环境，本机为{}环境，两者互不承认。",
                other.0, own.0
            ),
            format!(
                "What was shown belongs to {}; this office works in {}. The two never meet.",
                other.1, own.1
            ),
        ))
    }

    fn endorsement_due_soon(&self, input: &DecideInput<'_>) -> Option<Advisory> {
        let recognised = matches!(self.outcome, Outcome::Recognised | Outcome::RecognisedConditional);
        let until = self.endorsed_until.filter(|_| recognised)?;
        let left = until.days_since(input.today());
        let soon = (0..=DUE_SOON_DAYS + i64::from(mutant!("DEC-30/due"))).contains(&left);
        soon.then(|| {
            advisory(
                "ENDORSEMENT_DUE_SOON",
                format!("签注至 {until}，还有 {left} 天，请提醒持证人及时办理，签注不收费。"),
                format!(
                    "Endorsed until {until}, {left} days from now: please remind the holder. It is free."
                ),
            )
        })
    }

    /// Off line always: the clerk is to know on what the verdict rests.
    fn status_age(&self, input: &DecideInput<'_>) -> Option<Advisory> {
        let age = self.age.filter(|age| {
            *age >= 3600 || (input.recogniser.network == Network::OffLine && !mutant!("DEC-31"))
        })?;
        let (zh, en) = spoken_age(age);
        Some(advisory(
            "STATUS_AGE",
            format!("状态数据为{zh}前。"),
            format!("The status data is {en} old."),
        ))
    }

    fn tier_mapped(&self) -> Option<Advisory> {
        let Some(TierGrant {
            issuer,
            local: Some(local),
        }) = &self.tier
        else {
            return None;
        };
        (issuer != local).then(|| {
            advisory(
                "TIER_MAPPED",
                format!("签发地类别 {issuer} 按协议对应本地类别 {local}。"),
                format!("The issuer's tier {issuer} is treated as {local} under the agreement."),
            )
        })
    }

    fn endorsement_seen_passed(&self) -> Option<Advisory> {
        let passed = self.outcome == Outcome::StatusStale && self.cause == DATE_PASSED;
        passed.then(|| {
            advisory(
                "ENDORSEMENT_SEEN_PASSED",
                "所出示的码上签注日期已过，持证人可能已补办签注，联网查询后才能确认。".to_owned(),
                "The date on the code has passed; the holder may have endorsed since. Only a look-up can tell.".to_owned(),
            )
        })
    }

    fn last_known_status(&self, input: &DecideInput<'_>) -> Option<Advisory> {
        if self.outcome != Outcome::StatusStale {
            return None;
        }
        let (zh, en) = last_known(input)?;
        Some(advisory(
            "LAST_KNOWN_STATUS",
            format!("最后一次获知的状态：{zh}。"),
            format!("Last known status: {en}."),
        ))
    }
}

fn lookup_failed(input: &DecideInput<'_>) -> Option<Advisory> {
    let (Source::Presented(_), Lookup::Failed(refusal)) = (input.evidence.source, input.evidence.lookup)
    else {
        return None;
    };
    Some(advisory(
        "LOOKUP_FAILED",
        format!("已向签发地查询，未获可用答复（{}）。", refusal.cause),
        format!(
            "The issuer was asked and gave no usable answer ({}).",
            refusal.cause
        ),
    ))
}

fn advisory(code: &str, zh: String, en: String) -> Advisory {
    Advisory {
        code: code.to_owned(),
        text: Bilingual { zh, en },
    }
}

/// What was last known, for somebody who decides by telephone.
fn last_known(input: &DecideInput<'_>) -> Option<(&'static str, &'static str)> {
    if let Lookup::Answered(answer) = input.evidence.lookup {
        return answer
            .response()
            .permit_state
            .as_ref()
            .map(|state| match state.status {
                PermitStatus::Valid => ("正常", "valid"),
                PermitStatus::Cancelled => ("已注销", "cancelled"),
                PermitStatus::Suspended => ("暂停使用", "suspended"),
                PermitStatus::ReportedLost => ("已挂失", "reported lost"),
                PermitStatus::Superseded => ("已换领", "superseded"),
            });
    }
    let Source::Presented(presented) = input.evidence.source else {
        return None;
    };
    let StatusReference { idx, uri } = presented.status();
    let StatusReading::Value { value, .. } = input.status.read(uri, *idx, input.now) else {
        return None;
    };
    Some(match value {
        StatusValue::Valid => ("正常", "valid"),
        StatusValue::Cancelled => ("已注销", "cancelled"),
        StatusValue::Suspended => ("暂停使用", "suspended"),
        StatusValue::Superseded => ("已换领", "superseded"),
    })
}

/// An age in the unit in which people say it.
fn spoken_age(seconds: i64) -> (String, String) {
    match seconds {
        ..60 => (format!(" {seconds} 秒"), format!("{seconds} s")),
        60..3600 => (format!(" {} 分钟", seconds / 60), format!("{} min", seconds / 60)),
        3600..172_800 => (
            format!(" {} 小时", seconds / 3600),
            format!("{} h", seconds / 3600),
        ),
        _ => (
            format!(" {} 天", seconds / 86_400),
            format!("{} days", seconds / 86_400),
        ),
    }
}
