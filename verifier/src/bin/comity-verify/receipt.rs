//! `comity-verify receipt`: is a receipt the recogniser's word, still good, and this person's; off line.
//!
//! Name and number are compared here and printed nowhere. Exit codes: 0 it is genuine (and, where name and number were given,
//! this person's), 20 it is not, 30 *we* cannot tell, 10 it is genuine and binds nobody to whom it could be compared.

use std::path::PathBuf;

use comity_spec::ids::CitizenNumber;
use comity_spec::receipt::Receipt;
use comity_spec::time::LocalDate;
use comity_verifier::budget::{Budget, Limits};
use comity_verifier::bundle::OpenedBundle;
use comity_verifier::receipt::{HolderCheck, ReceiptError, is_about, read_printed, verify_receipt};
use serde_json::json;

use crate::failure::Failure;
use crate::input;
use crate::office::{self, TrustArgs};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    trust: TrustArgs,
    /// 身份证上的姓名 / Name as on the identity card
    #[arg(long, requires = "number")]
    name: Option<String>,
    /// 公民身份号码 / Citizen number
    #[arg(long, requires = "name")]
    number: Option<CitizenNumber>,
    /// 输出 JSON / Print JSON
    #[arg(long)]
    json: bool,
    /// 回执文件或码中数字，- 为标准输入 / Receipt or the digits of its code, - for standard input
    file: PathBuf,
}

/// What is said of a receipt.
struct Finding {
    code: u8,
    rule: &'static str,
    zh: String,
    en: String,
    receipt: Option<Receipt>,
}

pub(crate) fn run(args: &Args) -> Result<(String, u8), Failure> {
    let given = input::read_token(&args.file)?;
    let (opened, now) = office::open(&args.trust)?;
    let mut budget = Budget::new(Limits::PRESENTATION);
    let finding = match &opened {
        None => Finding::grey(
            "trust.no-anchor",
            "未提供锚点，无法判断。",
            "No anchor was given: cannot tell.",
        ),
        Some(opened) => match read_printed(&given, &mut budget) {
            Err(error) => Finding::refused(&error),
            Ok(printed) => match verify_receipt(&printed.receipt, &opened.trust, now, &mut budget) {
                Err(error) => Finding::refused(&error),
                Ok(verified) => {
                    let receipt = verified.into_value();
                    let check = args
                        .name
                        .as_deref()
                        .zip(args.number.as_ref())
                        .map(|(name, number)| {
                            is_about(&receipt, printed.salt.as_ref(), name, number.as_str())
                        });
                    Finding::genuine(receipt, check)
                }
            },
        },
    };
    let text = if args.json {
        input::pretty(&json!({
            "rule": finding.rule,
            "exit": finding.code,
            "text": { "zh": finding.zh, "en": finding.en },
            "receipt": finding.receipt,
        }))?
    } else {
        finding.shown(opened.as_ref())
    };
    Ok((text, finding.code))
}

impl Finding {
    fn new(code: u8, rule: &'static str, zh: &str, en: &str) -> Self {
        Self {
            code,
            rule,
            zh: zh.to_owned(),
            en: en.to_owned(),
            receipt: None,
        }
    }

    fn grey(rule: &'static str, zh: &str, en: &str) -> Self {
        Self::new(30, rule, zh, en)
    }

    fn refused(error: &ReceiptError) -> Self {
        let text = error.to_string();
        let (zh, en) = text.split_once(" / ").unwrap_or((&text, &text));
        Self::new(if error.is_ours() { 30 } else { 20 }, error.rule(), zh, en)
    }

    fn genuine(receipt: Receipt, check: Option<HolderCheck>) -> Self {
        let mut finding = match check {
            None => Self::new(
                0,
                "receipt.genuine",
                "回执真实有效。",
                "The receipt is genuine and good.",
            ),
            Some(HolderCheck::Same) => Self::new(
                0,
                "receipt.same-person",
                "回执真实有效，与所填姓名和号码一致。",
                "The receipt is genuine and good, and it is this person's.",
            ),
            Some(HolderCheck::Different) => Self::new(
                20,
                "receipt.other-person",
                "回执真实，但与所填姓名和号码不一致；请核对用字后再试。",
                "The receipt is genuine, but not for this name and number; check how they were typed.",
            ),
            Some(HolderCheck::CannotTell) => Self::new(
                10,
                "receipt.no-binding",
                "回执真实，但其中没有可供比对的持证人信息。",
                "The receipt is genuine, but has nothing in it by which to tell whose it is.",
            ),
        };
        finding.receipt = Some(receipt);
        finding
    }

    fn shown(&self, opened: Option<&OpenedBundle>) -> String {
        let icon = match self.code {
            0 => '✓',
            10 => '!',
            20 => '✕',
            _ => '?',
        };
        let mut lines = vec![format!("{icon} {}", self.zh), self.en.clone()];
        if let Some(receipt) = &self.receipt {
            let county = opened.and_then(|opened| opened.trust.county(&receipt.iss));
            let by = county.map_or_else(|| receipt.iss.to_string(), |county| county.name.zh.clone());
            let decision = &receipt.decision;
            lines.push(format!("结论 {} {}", decision.outcome, decision.text.zh));
            lines.push(format!(
                "出具 {by} | 追踪号 {} | 事项 {} | 有效至 {}",
                receipt.trace,
                decision.service,
                LocalDate::of(receipt.exp)
            ));
        }
        lines.push(format!("依据 {}", self.rule));
        lines.join("\n")
    }
}
