//! What federations of this kind have met in practice: acting on another's objects, one key id in two countries, a single source that
//! fails, hours without network. Each time one county's trouble must stay its own.

use serde_json::{Value, json};

use super::super::{Case, play};
use crate::class::Class::Node;
use crate::scene::restated::{UNKNOWN_KEY, add_key};
use crate::scene::{Partner, Played, Scene, ensure};
use crate::target::contract::{Act, AgreementState, Agreements, Done};
use crate::world::ambient::now;
use crate::world::client::post;
use crate::world::draft::general;
use crate::world::keys::Key;
use crate::world::reply::Reply;
use crate::world::status_list::Entries;

const PROPOSALS: &str = "/federation/v1/proposals";

pub(super) const CASES: &[Case] = &[
    Case::accepts(
        Node,
        "node/works-both-ways",
        &["AGR-20", "DEC-13", "VER-4"],
        "one county asks about a resident, and its own permits are shown at the window",
        "a match one way, RECOGNISED the other, under one agreement",
        play!(both_ways),
    ),
    Case::differs(
        Node,
        "node/one-source-fails-alone",
        &["TRU-23", "DEC-16"],
        "node/works-both-ways",
        "one county answers nothing while everything is refreshed, another has a new key",
        "the new key is taken in, and the silent county is recognised on what is known",
        play!(one_fails_alone),
    ),
    Case::differs(
        Node,
        "node/authorities-fail-alone",
        &["TRU-23"],
        "node/works-both-ways",
        "anchor and provinces answer nothing while everything is refreshed",
        "both ways as before: an error empties nothing",
        play!(authorities_fail),
    ),
    Case::differs(
        Node,
        "node/nobody-answers-and-a-kill",
        &["TRU-23", "DEC-16", "STA-10"],
        "node/works-both-ways",
        "nobody answers anything, and the target is killed meanwhile",
        "RECOGNISED on a list that is held, ISSUER_UNREACHABLE without one, questions answered; all as before when they are back",
        play!(nobody_answers),
    ),
    Case::differs(
        Node,
        "node/one-key-id-in-two-counties",
        &["JWS-4", "JWS-9", "TRU-8"],
        "node/works-both-ways",
        "another county has a key stated under the key id of the issuer's key, and signs by it in the issuer's name",
        "SIGNATURE_INVALID for what it signed, RECOGNISED for either county's own",
        play!(one_key_id),
    ),
    Case::differs(
        Node,
        "node/anothers-key-as-its-own",
        &["JWS-4", "ATT-9"],
        "node/works-both-ways",
        "another county states the issuer's public key as its own",
        "RECOGNISED for the issuer as before: nobody takes a key away by naming it",
        play!(anothers_key),
    ),
    Case::differs(
        Node,
        "node/trusted-signer-named-in-vain",
        &["JWS-4", "JWS-6"],
        "node/works-both-ways",
        "a statement, a list and a card name keys that are trusted, and are signed by none of them",
        "nothing of them is believed, and all that was is",
        play!(named_in_vain),
    ),
    Case::differs(
        Node,
        "node/anothers-agreement-succeeded",
        &["AGR-2", "AGR-16", "AGR-21"],
        "node/agreement-concluded",
        "a county that is no party proposes the next version of an agreement, under its own signature",
        "proposal-refused or not-ready, and the agreement rules as before",
        play!(anothers_agreement),
    ),
    Case::differs(
        Node,
        "node/anothers-signature-brought",
        &["AGR-21"],
        "node/agreement-concluded",
        "a county brings a proposal between two others, with a signature that one of them did not make",
        "proposal-refused, and nothing waits for an officer",
        play!(anothers_signature),
    ),
    Case::differs(
        Node,
        "node/suspended-county-is-not-answered",
        &["VER-4", "TRU-28"],
        "node/works-both-ways",
        "the county that asks is suspended by its superior",
        "not-a-member or no channel at all, and an answer again once it is reinstated",
        play!(suspended_county),
    ),
    Case::differs(
        Node,
        "node/withdrawn-partner-is-not-answered",
        &["AGR-17", "VER-6"],
        "node/works-both-ways",
        "the county withdraws from the agreement with effect today, and asks under it",
        "agreement-not-in-force, and AGREEMENT_NOT_IN_FORCE at the window",
        play!(withdrawn_partner),
    ),
];

async fn both_ways(scene: &mut Scene) -> Played {
    let partner = scene.partner().await?;
    works_with(scene, &partner).await
}

/// A resident of the target is confirmed to the partner, and a permit of the partner is recognised.
async fn works_with(scene: &mut Scene, partner: &Partner) -> Played {
    let person = scene.resident()?;
    scene.still_answers(partner, &person).await?;
    scene.still_recognises(partner).await
}

/// The outcome of honest steps, after which everybody is honest again.
async fn afterwards(scene: &mut Scene, partner: &Partner, found: Played) -> Played {
    scene.world.honest();
    let healed = scene.heals(partner).await;
    let works = works_with(scene, partner).await;
    found.and(healed).and(works)
}

async fn one_fails_alone(scene: &mut Scene) -> Played {
    let silent = scene.partner().await?;
    let other = scene.another_partner(&silent).await?;
    let shown = scene.shown_by(&silent);
    let verdict = scene.scan(&shown.card.token()).await?;
    scene.outcome(&verdict, &["RECOGNISED"])?;
    let restated = scene.restated(&other);
    scene.serve(&restated);
    silent.site.hook(|_| Some(Reply::status(503)));
    let found = async {
        scene.refresh(None).await?;
        scene.shows_by(&other, &restated.key, &["RECOGNISED"]).await?;
        let verdict = scene.scan(&shown.card.token()).await?;
        scene.outcome(&verdict, &["RECOGNISED"])
    }
    .await;
    let back = afterwards(scene, &other, found).await;
    let silent_again = afterwards(scene, &silent, Ok(())).await;
    back.and(silent_again)
}

async fn authorities_fail(scene: &mut Scene) -> Played {
    let partner = scene.partner().await?;
    scene.world.anchor.hook(|_| Some(Reply::status(500)));
    for province in &scene.world.provinces {
        province.hook(|_| Some(Reply::status(500)));
    }
    let found = async {
        scene.refresh(None).await?;
        works_with(scene, &partner).await
    }
    .await;
    afterwards(scene, &partner, found).await
}

async fn nobody_answers(scene: &mut Scene) -> Played {
    let partner = scene.partner().await?;
    let held = scene.shown_by(&partner);
    let verdict = scene.scan(&held.card.token()).await?;
    scene.outcome(&verdict, &["RECOGNISED"])?;
    scene.world.anchor.hook(|_| Some(Reply::status(503)));
    for province in &scene.world.provinces {
        province.hook(|_| Some(Reply::status(503)));
    }
    for county in &scene.world.counties {
        county.hook(|_| Some(Reply::status(503)));
    }
    let found = async {
        scene.refresh(None).await?;
        without_network(scene, &partner, &held.card.token()).await?;
        let _: Done = scene.ask(Act::Restart { graceful: false }).await?;
        without_network(scene, &partner, &held.card.token()).await
    }
    .await;
    afterwards(scene, &partner, found).await
}

async fn without_network(scene: &mut Scene, partner: &Partner, held: &str) -> Played {
    let verdict = scene.scan(held).await?;
    scene.outcome(&verdict, &["RECOGNISED"])?;
    scene.window_says(partner, &["ISSUER_UNREACHABLE"]).await?;
    let person = partner.county().people[0].clone();
    let verdict = scene.type_in(partner, &person).await?;
    scene.outcome(&verdict, &["ISSUER_UNREACHABLE"])?;
    let resident = scene.resident()?;
    scene.still_answers(partner, &resident).await
}

async fn one_key_id(scene: &mut Scene) -> Played {
    let issuer = scene.partner().await?;
    let other = scene.another_partner(&issuer).await?;
    let kid = issuer.county().attestation_key.kid();
    let mut restated = scene.restated(&other);
    let mut jwk = Key::stranger().jwk();
    let key = Key::stranger();
    jwk["x"] = key.jwk()["x"].clone();
    jwk["kid"] = json!(kid);
    restated.both_state(|node| add_key(node, "attestation", jwk.clone()));
    scene.serve(&restated);
    let found = async {
        scene.notices(&other).await?;
        let mut shown = scene.shown_by(&issuer);
        // Another's key under the issuer's key id.
        shown.card.draft.key = key;
        let verdict = scene.scan(&shown.card.token()).await?;
        scene.outcome(&verdict, &["SIGNATURE_INVALID"])?;
        scene.window_says(&issuer, &["RECOGNISED"]).await
    }
    .await;
    afterwards(scene, &other, found).await?;
    works_with(scene, &issuer).await
}

async fn anothers_key(scene: &mut Scene) -> Played {
    let issuer = scene.partner().await?;
    let other = scene.another_partner(&issuer).await?;
    let mut restated = scene.restated(&other);
    let jwk = issuer.county().attestation_key.jwk();
    restated.both_state(|node| add_key(node, "attestation", jwk.clone()));
    scene.serve(&restated);
    let found = async {
        scene.notices(&other).await?;
        scene.window_says(&issuer, &["RECOGNISED"]).await?;
        scene.window_says(&other, &["RECOGNISED"]).await
    }
    .await;
    afterwards(scene, &other, found).await
}

async fn named_in_vain(scene: &mut Scene) -> Played {
    let partner = scene.partner().await?;
    let mut restated = scene.restated(&partner);
    restated.statement.key = Key::stranger();
    restated.configuration.key = Key::stranger();
    scene.serve(&restated);
    let mut shown = scene.shown_by(&partner);
    let mut entries = Entries::default();
    entries.set(shown.slot.index, 1);
    let mut list = partner.county().status_list(&shown.slot, &entries);
    let honest = shown.card.token();
    list.key = Key::stranger();
    let found = async {
        let verdict = scene.scan(&honest).await?;
        scene.outcome(&verdict, &["RECOGNISED"])?;
        partner.county().serve_list(&shown.slot, list.sign());
        scene.notices(&partner).await?;
        scene.shows_by(&partner, &restated.key, &UNKNOWN_KEY).await?;
        let verdict = scene.scan(&honest).await?;
        scene.outcome(&verdict, &["RECOGNISED"])?;
        shown.card.draft.key = Key::stranger();
        let verdict = scene.scan(&shown.card.token()).await?;
        scene.outcome(&verdict, &["SIGNATURE_INVALID"])
    }
    .await;
    afterwards(scene, &partner, found).await
}

async fn state_of(scene: &mut Scene, reference: &Value) -> Played<Option<AgreementState>> {
    let known: Agreements = scene.ask(Act::Agreements).await?;
    let same = |one: &&crate::target::contract::KnownAgreement| {
        reference["digest"] == one.reference.digest.to_string()
    };
    Ok(known.agreements.iter().find(same).map(|one| one.state))
}

async fn anothers_agreement(scene: &mut Scene) -> Played {
    let partner = scene.partner().await?;
    let other = scene.another_partner(&partner).await?;
    let mut next = partner.text.clone();
    next["version"] = json!(2);
    next["prev"] = partner.agreement["digest"].clone();
    next["services"] = json!([next["services"][0]]);
    let payload = next.to_string();
    let proposal = general(payload.as_bytes(), &[&other.county().key], now()).to_string();
    let caller = scene.as_county(other.county());
    let answered = scene
        .call(&caller, post(PROPOSALS, "application/jose+json", proposal))
        .await?;
    // The text pins the signer's key for nobody: no chain that is still to come could make it a party's.
    scene.problem(&answered, &["proposal-refused"])?;
    let state = state_of(scene, &partner.agreement).await?;
    ensure!(
        state == Some(AgreementState::Adopted),
        "after another's proposal the agreement is {state:?}"
    );
    works_with(scene, &partner).await
}

async fn anothers_signature(scene: &mut Scene) -> Played {
    let bringer = scene.partner().await?;
    let named = scene.fresh_county(1)?;
    let id = scene.agreement_id();
    let text = scene.text_with(&named.host, &id, |_| {});
    let payload = text.to_string();
    // The signature names the party's key, and another made it.
    let mut proposal = general(payload.as_bytes(), &[&named.host.key], now());
    let forged = general(payload.as_bytes(), &[&Key::stranger()], now());
    proposal["signatures"][0]["signature"] = forged["signatures"][0]["signature"].clone();
    let caller = scene.as_county(bringer.county());
    let answered = scene
        .call(
            &caller,
            post(PROPOSALS, "application/jose+json", proposal.to_string()),
        )
        .await?;
    scene.problem(&answered, &["proposal-refused"])?;
    let reference = crate::world::draft::reference(&id, 1, payload.as_bytes());
    let state = state_of(scene, &reference).await?;
    ensure!(state.is_none(), "a proposal that nobody signed is {state:?}");
    let concluded = scene.conclude(&named).await?;
    works_with(scene, &concluded).await
}

async fn suspended_county(scene: &mut Scene) -> Played {
    let partner = scene.fresh_partner().await?;
    let (county, person) = (partner.county(), scene.resident()?);
    scene.still_answers(&partner, &person).await?;
    let superior = scene.superior_of(county);
    superior
        .host
        .change(&county.entity, |member| member.state = "suspended".to_owned());
    scene.notices(&partner).await?;
    let question = scene.question_of(&partner, &person);
    let answered = scene.try_call(&question.caller, question.request()).await?;
    match answered {
        Ok(answered) => {
            scene.problem(&answered, &["not-a-member", "pin-mismatch", "unauthenticated"])?;
        }
        Err(unanswered) => ensure!(
            unanswered.is_refusal(),
            "the channel of a suspended county ended otherwise than by being refused: {unanswered}"
        ),
    }
    scene.window_says(&partner, &["ISSUER_SUSPENDED"]).await?;
    superior
        .host
        .change(&county.entity, |member| member.state = "active".to_owned());
    scene.heals(&partner).await?;
    works_with(scene, &partner).await
}

async fn withdrawn_partner(scene: &mut Scene) -> Played {
    let partner = scene.fresh_partner().await?;
    let person = scene.resident()?;
    works_with(scene, &partner).await?;
    scene.withdraws(&partner).await?;
    let question = scene.question_of(&partner, &person);
    let answered = scene.put(&question).await?;
    scene.problem(&answered, &["agreement-not-in-force"])?;
    scene.window_says(&partner, &["AGREEMENT_NOT_IN_FORCE"]).await?;
    let state = state_of(scene, &partner.agreement).await?;
    ensure!(
        state == Some(AgreementState::Withdrawn),
        "the agreement is {state:?} at the target"
    );
    let other = scene.partner().await?;
    works_with(scene, &other).await
}
