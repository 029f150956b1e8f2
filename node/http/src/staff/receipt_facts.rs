//! What a receipt says on paper, once for the page and once for the PDF: the same facts in the same order.

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
    let mut lines = Vec::new();
    let mut say = |label: fn(&Words) -> &'static str, zh: String, en: String| {
        lines.push(Line {
            label: Bilingual {
                zh: label(Lang::Zh.words()).to_owned(),
                en: label(Lang::En.words()).to_owned(),
            },
            value: Bilingual { zh, en },
        });
    };
    let both = |text: String| (text.clone(), text);
    let (zh, en) = both(view.trace.to_string());
    say(|w| w.trace, zh, en);
    let (zh, en) = both(words::local_time(
        signed.as_ref().map_or(view.at, |receipt| receipt.iat),
    ));
    say(|w| w.decided_at, zh, en);
    let recogniser = coverage::county_name(node, decision.recogniser);
    say(
        |w| w.officer,
        format!("{}（{}） {}", recogniser.zh, decision.recogniser, view.officer),
        format!("{} ({}) {}", recogniser.en, decision.recogniser, view.officer),
    );
    let service = coverage::name_of(&decision.service);
    say(
        |w| w.service,
        format!("{}（{}）", service.zh, decision.service),
        format!("{} ({})", service.en, decision.service),
    );
    if let Some(provider) = &decision.provider {
        let name = coverage::provider_name(node, provider);
        let name = name.unwrap_or_else(|| Bilingual {
            zh: provider.to_string(),
            en: provider.to_string(),
        });
        say(|w| w.provider, name.zh, name.en);
    }
    if let Some(region) = decision.issuer_region {
        let issuer = coverage::county_name(node, region);
        say(
            |w| w.issuer,
            format!("{}（{region}）", issuer.zh),
            format!("{} ({region})", issuer.en),
        );
    }
    if let Some(tier) = &decision.tier {
        let name = words::tier(&tier.issuer);
        say(|w| w.tier, name.zh, name.en);
    }
    if let Some(until) = decision.endorsed_until {
        let (zh, en) = both(until.to_string());
        say(|w| w.endorsed_until, zh, en);
    }
    if let Some(agreement) = &decision.agreement {
        say(
            |w| w.agreement,
            words::agreement(Lang::Zh, agreement),
            words::agreement(Lang::En, agreement),
        );
    }
    if let Some(age) = decision.status_age_seconds {
        let age = words::age(age);
        say(|w| w.status_age, age.zh, age.en);
    }
    let person = words::confirmation(decision.confirmation);
    say(|w| w.holder, person.zh.to_owned(), person.en.to_owned());
    if let Some(receipt) = &signed {
        let (zh, en) = both(words::local_time(receipt.exp));
        say(|w| w.valid_until, zh, en);
    }
    let (zh, en) = both(decision.outcome.code().to_owned());
    say(|w| w.outcome_code, zh, en);
    let word = |lang| words::verdict(lang, decision, view.needs_holder).to_owned();
    let now = node.now();
    Some(Facts {
        view,
        printed,
        lines,
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
        printed_on: LocalDate::of(now),
    })
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
