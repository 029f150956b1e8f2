//! `comity-verify attestation`: decides about one presented permit, off line, for one window and one service.
//!
//! The file may hold a code's digits, an SD-JWT's text or what a wallet gave. Prints what the window should show, Chinese first,
//! or the decision as JSON; neither names the person. The exit code is the verdict's class.

use std::fmt::Write as _;
use std::path::PathBuf;

use comity_spec::decision::{Confirmation, Decision};
use comity_spec::outcome::{Outcome, OutcomeClass};

use crate::failure::Failure;
use crate::input;
use crate::office::{Office, OfficeArgs};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    office: OfficeArgs,
    /// 输出 JSON / Print JSON
    #[arg(long)]
    json: bool,
    /// 待核验文件，- 为标准输入 / What was presented, - for standard input
    file: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<(String, u8), Failure> {
    let presented = input::read_token(&args.file)?;
    let office = Office::open(&args.office)?;
    let decision = office.decide(&presented);
    let text = if args.json {
        let value = serde_json::to_value(&decision).map_err(|e| Failure::Internal(e.to_string()))?;
        input::pretty(&value)?
    } else {
        shown(&decision, &office)
    };
    Ok((text, decision.outcome.exit_code()))
}

/// What a window shows, in lines.
fn shown(decision: &Decision, office: &Office) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_decision(&mut out, decision, office);
    out.truncate(out.trim_end().len());
    out
}

fn write_decision(out: &mut String, decision: &Decision, office: &Office) -> std::fmt::Result {
    let outcome = decision.outcome;
    writeln!(out, "{} {}  {outcome}", outcome.icon(), outcome.class())?;
    writeln!(out, "{}", decision.text.zh)?;
    writeln!(out, "{}", decision.text.en)?;
    writeln!(out, "{}", facts(decision, office).join(" | "))?;
    for missing in &decision.missing {
        let owner = missing
            .owner
            .as_ref()
            .map_or_else(String::new, |owner| format!("  〔{owner}〕"));
        writeln!(out, "还须 / needed  [{}] {}{owner}", missing.code, missing.text)?;
        if let Some(url) = &missing.url {
            writeln!(out, "               {url}")?;
        }
    }
    for advisory in &decision.advisories {
        writeln!(out, "提示 / note  [{}] {}", advisory.code, advisory.text)?;
    }
    writeln!(out, "下一步: {}", decision.next_step.zh)?;
    writeln!(out, "Next: {}", decision.next_step.en)?;
    if waits_for_person(decision) {
        writeln!(
            out,
            "暂定：尚未核对人证，经办人确认后方为最终结论。 / Provisional until a named person confirmed the holder."
        )?;
    }
    if outcome.class() != OutcomeClass::Grey {
        writeln!(
            out,
            "离线结论：不含数据时间之后的注销、补签、退出协议和密钥停用。 / Off line: later cancellations, endorsements, \
             withdrawals and key changes are not known."
        )?;
    }
    Ok(())
}

/// Green and conditional verdicts and reviews are provisional until somebody looked.
fn waits_for_person(decision: &Decision) -> bool {
    decision.confirmation == Confirmation::Pending
        && matches!(
            decision.outcome,
            Outcome::Recognised | Outcome::RecognisedConditional | Outcome::ReviewRequired
        )
}

/// The line of facts under the verdict.
fn facts(decision: &Decision, office: &Office) -> Vec<String> {
    let mut facts = Vec::new();
    if let Some(region) = decision.issuer_region {
        let name = decision.issuer.as_ref().and_then(|issuer| office.name_of(issuer));
        facts.push(name.map_or_else(
            || format!("签发 {region}"),
            |name| format!("签发 {region} {}", name.zh),
        ));
    } else if let Some(issuer) = &decision.issuer {
        facts.push(format!("签发 {issuer}"));
    }
    if let Some(until) = decision.endorsed_until {
        facts.push(format!("签注至 {until}"));
    }
    if let Some(age) = decision.status_age_seconds {
        facts.push(format!("状态 {} 分钟前", age / 60));
    }
    if let Some(agreement) = &decision.agreement {
        facts.push(format!("协议 {} 第 {} 版", agreement.id, agreement.version));
    }
    facts.push(format!("事项 {}", decision.service));
    if let Some(cause) = &decision.cause {
        facts.push(format!("依据 {cause}"));
    }
    facts
}
