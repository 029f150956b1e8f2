//! What a receipt says on paper, once for the page and once for the PDF: the same facts in the same order.

use std::fmt::Display;

use comity_node_core::Node;
use comity_node_core::recognition::RecognitionView;
use comity_spec::entity::Environment;
use comity_spec::receipt::{PrintedReceipt, Receipt};
use comity_spec::text::Bilingual;
use comity_spec::time::LocalDate;
use comity_verifier::budget::{Budget, Limits};
use comity_verifier::jws::{Profile, Unverified};

use super::coverage;
use super::words::{self, Lang, Words};
use crate::render::{Line, ReceiptSheet};
use crate::tier_name::tier_name;

/// A receipt to print.
pub(super) struct Facts<'a> {
    pub(super) view: &'a RecognitionView,
    pub(super) printed: &'a PrintedReceipt,
    pub(super) lines: Vec<Line>,
    pub(super) missing: Vec<Bilingual>,
    pub(super) verdict: Bilingual,
    /// The grey case's deadline and how it is closed.
    pub(super) follow_up: Option<Bilingual>,
    sandbox: bool,
    printed_on: LocalDate,
}

/// The facts of a verification that has a receipt; `None` while it has none.
pub(super) fn facts<'a>(node: &Node, view: &'a RecognitionView) -> Option<Facts<'a>> {
    let printed = view.receipt.as_ref()?;
    let decision = &view.decision;
    let signed = signed(printed);
    let word = |lang| words::verdict(lang, decision, view.needs_holder).to_owned();
    Some(Facts {
        view,
        printed,
        lines: lines(node, view, signed.as_ref()),
        missing: decision
            .missing
            .iter()
            .map(|missing| missing.text.clone())
            .collect(),
        verdict: Bilingual {
            zh: word(Lang::Zh),
            en: word(Lang::En),
        },
        follow_up: signed
            .and_then(|receipt| receipt.follow_up)
            .map(|follow_up| Bilingual {
                zh: format!("{}前：{}", words::local_time(follow_up.due), follow_up.how.zh),
                en: format!("by {}: {}", words::local_time(follow_up.due), follow_up.how.en),
            }),
        sandbox: node.identity.environment == Environment::Sandbox,
        printed_on: LocalDate::of(node.now()),
    })
}

/// What stands beside the verdict, in this order; what the decision does not know is left out.
fn lines(node: &Node, view: &RecognitionView, signed: Option<&Receipt>) -> Vec<Line> {
    let decision = &view.decision;
    let decided_at = signed.map_or(view.at, |receipt| receipt.iat);
    let officer = named(
        coverage::county_name(node, decision.recogniser),
        decision.recogniser,
    );
    let lines = [
        Some(line(|w| w.trace, alike(&view.trace))),
        Some(line(|w| w.decided_at, alike(&words::local_time(decided_at)))),
        Some(line(
            |w| w.officer,
            Bilingual {
                zh: format!("{} {}", officer.zh, view.officer),
                en: format!("{} {}", officer.en, view.officer),
            },
        )),
        Some(line(
            |w| w.service,
            named(coverage::name_of(&decision.service), &decision.service),
        )),
        decision.provider.as_ref().map(|provider| {
            let name = coverage::provider_name(node, provider);
            line(|w| w.provider, name.unwrap_or_else(|| alike(provider)))
        }),
        decision
            .issuer_region
            .map(|region| line(|w| w.issuer, named(coverage::county_name(node, region), region))),
        decision
            .tier
            .as_ref()
            .map(|tier| line(|w| w.tier, tier_name(&tier.issuer))),
        decision
            .endorsed_until
            .map(|until| line(|w| w.endorsed_until, alike(&until))),
        decision.agreement.as_ref().map(|agreement| {
            line(
                |w| w.agreement,
                Bilingual {
                    zh: words::agreement(Lang::Zh, agreement),
                    en: words::agreement(Lang::En, agreement),
                },
            )
        }),
        decision
            .status_age_seconds
            .map(|age| line(|w| w.status_age, words::age(age))),
        Some(line(
            |w| w.holder,
            words::confirmation(decision.confirmation).into(),
        )),
        signed.map(|receipt| line(|w| w.valid_until, alike(&words::local_time(receipt.exp)))),
        Some(line(|w| w.outcome_code, alike(&decision.outcome.code()))),
    ];
    lines.into_iter().flatten().collect()
}

fn line(label: fn(&Words) -> &'static str, value: Bilingual) -> Line {
    Line {
        label: Bilingual {
            zh: label(Lang::Zh.words()).to_owned(),
            en: label(Lang::En.words()).to_owned(),
        },
        value,
    }
}

/// The same in both languages.
fn alike(value: &impl Display) -> Bilingual {
    Bilingual {
        zh: value.to_string(),
        en: value.to_string(),
    }
}

/// A name with its code behind it.
fn named(name: Bilingual, code: impl Display) -> Bilingual {
    Bilingual {
        zh: format!("{}（{code}）", name.zh),
        en: format!("{} ({code})", name.en),
    }
}

impl Facts<'_> {
    /// The PDF.
    pub(super) fn to_pdf(&self) -> Vec<u8> {
        let (zh, en) = (Lang::Zh.words(), Lang::En.words());
        let mut sentence = self.view.decision.text.clone();
        if let Some(follow_up) = &self.follow_up {
            sentence.zh = format!("{}\n{}", sentence.zh, follow_up.zh);
            sentence.en = format!("{}\n{}", sentence.en, follow_up.en);
        }
        ReceiptSheet {
            class: self.view.decision.outcome.class(),
            verdict: &self.verdict,
            sentence: &sentence,
            lines: &self.lines,
            missing: &self.missing,
            printed: self.printed,
            archive: &Bilingual {
                zh: zh.receipt_archive.to_owned(),
                en: en.receipt_archive.to_owned(),
            },
            banner: self.sandbox.then_some("示例环境 SANDBOX"),
            printed_on: self.printed_on,
        }
        .to_pdf()
    }
}

/// What our own receipt says. It comes out of our own store, where its row is sealed, so it is read and not verified again.
fn signed(printed: &PrintedReceipt) -> Option<Receipt> {
    let mut budget = Budget::new(Limits::PRESENTATION);
    let profile = Profile::Comity {
        typ: comity_spec::jose::Typ::Receipt.as_str(),
    };
    Unverified::parse(printed.receipt.as_bytes(), profile, &mut budget)
        .ok()?
        .claims()
        .ok()
}
