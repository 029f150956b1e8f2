//! The target's window: a code of a county of the world is scanned, or a card of it is typed.

use serde_json::json;

use super::{Partner, Played, Scene, Stop};
use crate::target::contract::{Act, Confirmed, Done, Holder, LookUp, Recognise, Verdict};
use crate::world::attestation::Attestation;
use crate::world::county::Slot;
use crate::world::person::Person;

/// A permit of a partner, about to be shown at the target's window.
pub(crate) struct Shown {
    /// Who issued it.
    pub(crate) partner: Partner,
    /// Whose it is.
    pub(crate) person: Person,
    /// Where its status stands: a list of its own.
    pub(crate) slot: Slot,
    /// The card, open to change.
    pub(crate) card: Attestation,
    /// What is scanned in place of the card.
    pub(crate) instead: Option<String>,
    /// For what service.
    pub(crate) service: &'static str,
}

impl Scene {
    /// A permit of a shared partner, valid, in a list of its own.
    pub(crate) async fn shown(&mut self) -> Played<Shown> {
        let partner = self.partner().await?;
        Ok(self.shown_by(&partner))
    }

    /// A permit of this partner.
    pub(crate) fn shown_by(&mut self, partner: &Partner) -> Shown {
        let county = partner.county();
        let slot = county.fresh_slot();
        let person = county.people[usize::try_from(slot.list).unwrap_or(0) % county.people.len()].clone();
        self.plays(&person);
        Shown {
            card: county.card(&person, &slot),
            partner: partner.clone(),
            person,
            slot,
            instead: None,
            service: "BPS-2",
        }
    }

    /// Scans a token for a plain service.
    pub(crate) async fn scan(&mut self, token: &str) -> Played<Verdict> {
        self.scan_for(token, "BPS-2").await
    }

    /// Scans a token for this service.
    pub(crate) async fn scan_for(&mut self, token: &str, service: &str) -> Played<Verdict> {
        self.ask(Act::Recognise(Recognise {
            text: token.to_owned(),
            service: service.to_owned(),
            ..Recognise::default()
        }))
        .await
    }

    /// Types somebody's number and name for a plain service.
    pub(crate) async fn type_in(&mut self, partner: &Partner, person: &Person) -> Played<Verdict> {
        self.type_in_for(partner, person, "BPS-2").await
    }

    /// Types somebody's number and name for this service.
    pub(crate) async fn type_in_for(
        &mut self,
        partner: &Partner,
        person: &Person,
        service: &str,
    ) -> Played<Verdict> {
        let number = serde_json::from_value(json!({ "id_number": person.id_number }));
        self.plays(person);
        self.ask(Act::LookUp(LookUp {
            issuer_region: partner.county().region.clone(),
            number: number.map_err(|error| Stop::Unknown(error.to_string()))?,
            name: person.name.clone(),
            service: service.to_owned(),
            provider: None,
        }))
        .await
    }

    /// The clerk says what they found.
    pub(crate) async fn confirm(&mut self, verdict: &Verdict, holder: Holder) -> Played<Confirmed> {
        self.ask(Act::Confirm {
            case: verdict.case.clone(),
            holder,
        })
        .await
    }

    /// A card that differs from an honest one in one thing leads to one of these outcomes; an honest one of the same county is
    /// recognised as before.
    pub(crate) async fn shows(&mut self, codes: &[&str], change: impl FnOnce(&mut Shown)) -> Played {
        let mut shown = self.shown().await?;
        change(&mut shown);
        self.shows_this(codes, &shown).await
    }

    /// The same for a card that was changed already.
    pub(crate) async fn shows_this(&mut self, codes: &[&str], shown: &Shown) -> Played {
        let text = shown.instead.clone().unwrap_or_else(|| shown.card.token());
        let verdict = self.scan_for(&text, shown.service).await?;
        self.outcome(&verdict, codes)?;
        let partner = shown.partner.clone();
        self.still_recognises(&partner).await
    }

    /// An honest card of this partner is recognised.
    pub(crate) async fn still_recognises(&mut self, partner: &Partner) -> Played {
        let honest = self.shown_by(partner);
        let verdict = self.scan(&honest.card.token()).await?;
        self.outcome(&verdict, &["RECOGNISED"])
    }

    /// A periodic refresh of what concerns a county.
    pub(crate) async fn refresh(&mut self, entity: Option<&str>) -> Played {
        let _: Done = self
            .ask(Act::Refresh {
                entity: entity.map(str::to_owned),
            })
            .await?;
        Ok(())
    }
}
