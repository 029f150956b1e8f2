//! What an authority and a county state anew: the honest pair of statements of which a case changes one thing.
//!
//! Both state a second attestation key of the county. Whether a card signed by that key is recognised tells whether the pair was
//! believed; whether a card by the first key still is tells whether what was known before was kept (TRU-23).

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Partner, Played, Scene, ensure};
use crate::world::authority::{Authority, WELL_KNOWN};
use crate::world::county::County;
use crate::world::draft::Draft;
use crate::world::keys::Key;
use crate::world::reply::Reply;
use crate::world::server::Site;

/// What a card by a key may lead to that the target does not believe: grey, whether it misses the key or doubts the chain.
pub(crate) const UNKNOWN_KEY: [&str; 2] = ["ISSUER_UNREACHABLE", "NODE_NOT_READY"];

/// A pair of statements about to be served, open to change.
#[derive(Clone)]
pub(crate) struct Restated {
    /// About whom.
    pub(crate) partner: Partner,
    /// The attestation key that both state beside the first.
    pub(crate) key: Key,
    /// Of the superior.
    pub(crate) statement: Draft,
    /// Of the county.
    pub(crate) configuration: Draft,
}

impl Restated {
    /// Changes `metadata.comity_node` of the superior's statement.
    pub(crate) fn superior_states(&mut self, change: impl FnOnce(&mut Value)) {
        node_of(&mut self.statement, change);
    }

    /// Changes `metadata.comity_node` of the county's configuration.
    pub(crate) fn county_states(&mut self, change: impl FnOnce(&mut Value)) {
        node_of(&mut self.configuration, change);
    }

    /// Changes it in both.
    pub(crate) fn both_state(&mut self, change: impl Fn(&mut Value)) {
        self.superior_states(&change);
        self.county_states(&change);
    }
}

fn node_of(draft: &mut Draft, change: impl FnOnce(&mut Value)) {
    if let Some(node) = draft
        .claims
        .get_mut("metadata")
        .and_then(|metadata| metadata.get_mut("comity_node"))
    {
        change(node);
    }
}

/// Adds a key to a purpose of `comity_node`.
pub(crate) fn add_key(node: &mut Value, purpose: &str, jwk: Value) {
    if let Some(keys) = node["keys"][purpose]["keys"].as_array_mut() {
        keys.push(jwk);
    }
}

/// The same statement without a claim's value, another value in its place; so many seconds of life from `iat`.
pub(crate) fn lives(draft: &mut Draft, seconds: i64) {
    let iat = draft.claims.get("iat").and_then(Value::as_i64).unwrap_or(0);
    draft.set("exp", iat + seconds);
}

impl Scene {
    /// The superior of a county of the world.
    pub(crate) fn superior_of(&self, county: &County) -> Arc<Site<Authority>> {
        let of = |site: &&Arc<Site<Authority>>| site.host.entity == county.superior;
        Arc::clone(self.world.provinces.iter().find(of).unwrap_or(&self.world.anchor))
    }

    /// An honest pair of statements about this partner.
    pub(crate) fn restated(&self, partner: &Partner) -> Restated {
        let county = partner.county();
        let key = Key::stranger();
        let superior = self.superior_of(county);
        let mut restated = Restated {
            partner: partner.clone(),
            statement: superior
                .host
                .statement(&county.entity)
                .unwrap_or_else(|| Draft::new("entity-statement+jwt", json!({}), &superior.host.key)),
            configuration: county.configuration(),
            key,
        };
        let jwk = restated.key.jwk();
        restated.both_state(|node| add_key(node, "attestation", jwk.clone()));
        restated
    }

    /// Serves this pair, until the case ends or the county is healed.
    pub(crate) fn serve(&self, restated: &Restated) {
        self.superior_answers(
            restated.partner.county(),
            statement_reply(&restated.statement.sign()),
        );
        self.county_answers(&restated.partner, statement_reply(&restated.configuration.sign()));
    }

    /// The superior answers so when it is asked for its statement on this county.
    pub(crate) fn superior_answers(&self, county: &County, reply: Reply) {
        let port = county.entity.rsplit(':').next().unwrap_or_default().to_owned();
        self.superior_of(county).hook(move |request| {
            let asked = request.path.starts_with("/fetch?") && request.path.ends_with(&port);
            asked.then(|| reply.clone())
        });
    }

    /// The county answers so when it is asked for its configuration.
    pub(crate) fn county_answers(&self, partner: &Partner, reply: Reply) {
        partner
            .site
            .hook(move |request| (request.path == WELL_KNOWN).then(|| reply.clone()));
    }

    /// The target takes notice of what is served about this partner.
    pub(crate) async fn notices(&mut self, partner: &Partner) -> Played {
        let entity = partner.county().entity.clone();
        self.refresh(Some(&entity)).await
    }

    /// An honest card of this partner, but signed by this key, leads to one of these outcomes.
    pub(crate) async fn shows_by(&mut self, partner: &Partner, key: &Key, codes: &[&str]) -> Played {
        let mut shown = self.shown_by(partner);
        shown.card.draft.signed_by(key);
        let verdict = self.scan(&shown.card.token()).await?;
        self.outcome(&verdict, codes)
    }

    /// An honest card of this partner leads to one of these outcomes.
    pub(crate) async fn window_says(&mut self, partner: &Partner, codes: &[&str]) -> Played {
        let shown = self.shown_by(partner);
        let verdict = self.scan(&shown.card.token()).await?;
        self.outcome(&verdict, codes)
    }

    /// The county and its superior state honestly again, newer than all before: the county is recognised as ever.
    pub(crate) async fn heals(&mut self, partner: &Partner) -> Played {
        let county = partner.county();
        let superior = self.superior_of(county);
        superior.honest();
        partner.site.honest();
        county.serve_configuration(county.configuration().sign());
        superior.host.publish();
        self.notices(partner).await?;
        let mut healed = self.window_says(partner, &["RECOGNISED"]).await;
        if healed.is_err() {
            // Whom no list named for a while is found by the walk of everybody: eight fetches do not lead through all provinces.
            self.refresh(None).await?;
            healed = self.window_says(partner, &["RECOGNISED"]).await;
        }
        ensure!(
            healed.is_ok(),
            "honest statements, newer than the others, did not mend it: {healed:?}"
        );
        Ok(())
    }

    /// A pair that is not to be believed: its key counts for nothing, what was known before leads to one of `before`, nothing red is
    /// said, and honest statements mend it.
    pub(crate) async fn disbelieves(&mut self, restated: &Restated, before: &[&str]) -> Played {
        self.serve(restated);
        self.disbelieves_what_is_served(&restated.partner, &restated.key, before)
            .await
    }

    /// The same for a pair that is served already.
    pub(crate) async fn disbelieves_what_is_served(
        &mut self,
        partner: &Partner,
        key: &Key,
        before: &[&str],
    ) -> Played {
        let disbelieved = self.neither_believed_nor_spoilt(partner, key, before).await;
        // Also after a failure: the partner is shared, and the next case begins where this one ends.
        let healed = self.heals(partner).await;
        disbelieved.and(healed)
    }

    async fn neither_believed_nor_spoilt(&mut self, partner: &Partner, key: &Key, before: &[&str]) -> Played {
        self.notices(partner).await?;
        self.shows_by(partner, key, &UNKNOWN_KEY).await?;
        self.window_says(partner, before).await
    }
}

/// A statement as it is answered.
pub(crate) fn statement_reply(jws: &str) -> Reply {
    Reply::ok("application/entity-statement+jwt", jws)
}
