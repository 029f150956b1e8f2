//! Counties and agreements: a partner that cases share, a fresh one where a case leaves marks on it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Partner, Played, Scene, Stop, ensure};
use crate::target::contract::{Act, Done};
use crate::world::agreement::{Party, text};
use crate::world::ambient::{b64, now, random};
use crate::world::client::post;
use crate::world::county::County;
use crate::world::draft::{Draft, general, reference};
use crate::world::person::day;
use crate::world::plan::{COUNTIES, HOME, SPARE};
use crate::world::server::Site;

/// Path of the endpoint.
pub(crate) const PROPOSALS: &str = "/federation/v1/proposals";
/// Path of the endpoint.
pub(crate) const HINTS: &str = "/federation/v1/hints";
/// Partners that cases take turns with, so that no quota of one is spent by another.
const SHARED: usize = 6;
/// How long a message of the target may be on its way.
pub(crate) const ON_ITS_WAY: Duration = Duration::from_secs(20);

impl Scene {
    pub(super) const fn first_counties() -> [usize; 3] {
        [0, HOME, COUNTIES - SPARE]
    }

    /// A county of a province (0 the target's, 1 the others', 2 the spare) that no case has touched.
    pub(crate) fn fresh_county(&mut self, province: usize) -> Played<Arc<Site<County>>> {
        let ends = [HOME, COUNTIES - SPARE, COUNTIES];
        let at = self.next_county[province];
        if at >= ends[province] {
            return Err(Stop::Unknown(
                "the suite has no county left for this case: select fewer cases".to_owned(),
            ));
        }
        self.next_county[province] += 1;
        Ok(Arc::clone(&self.world.counties[at]))
    }

    /// A partner that cases share. What a case does with it must leave no mark.
    pub(crate) async fn partner(&mut self) -> Played<Partner> {
        if self.shared.len() < SHARED {
            let partner = self.fresh_partner().await?;
            self.shared.push(partner);
        }
        Ok(self.shared[self.turn % self.shared.len()].clone())
    }

    /// A shared partner that is not this one.
    pub(crate) async fn another_partner(&mut self, than: &Partner) -> Played<Partner> {
        while self.shared.len() < 2 {
            let partner = self.fresh_partner().await?;
            self.shared.push(partner);
        }
        let entity = &than.county().entity;
        let other = self.shared.iter().find(|one| one.county().entity != *entity);
        other
            .cloned()
            .ok_or_else(|| Stop::Unknown("the suite shares one county alone".to_owned()))
    }

    /// A partner of this case's own.
    pub(crate) async fn fresh_partner(&mut self) -> Played<Partner> {
        let site = self.fresh_county(1)?;
        self.conclude(&site).await
    }

    /// An agreement id that was not used before, also not against the same store in an earlier run.
    pub(crate) fn agreement_id(&mut self) -> String {
        self.next_agreement += 1;
        let run: String = b64(random::<6>())
            .to_ascii_uppercase()
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect();
        format!("AGR-{run}-{}", self.next_agreement)
    }

    /// Concludes an agreement with a county: it proposes, the target signs and sends its signature back.
    pub(crate) async fn conclude(&mut self, site: &Arc<Site<County>>) -> Played<Partner> {
        let id = self.agreement_id();
        let from = day(now(), -1).to_string();
        let text = text(&id, 1, &self.target.as_party(), &Party::of(&site.host), &from);
        self.conclude_text(site, text).await
    }

    /// The text of an agreement with a county, changed.
    pub(crate) fn text_with(&self, county: &County, id: &str, change: impl FnOnce(&mut Value)) -> Value {
        let from = day(now(), -1).to_string();
        let mut text = text(id, 1, &self.target.as_party(), &Party::of(county), &from);
        change(&mut text);
        text
    }

    /// The partner withdraws from its agreement with effect today, and tells the target by a hint.
    pub(crate) async fn withdraws(&mut self, partner: &Partner) -> Played {
        self.withdraws_dated(partner, now()).await
    }

    /// The same, with a withdrawal that says to be of this time.
    pub(crate) async fn withdraws_dated(&mut self, partner: &Partner, iat: i64) -> Played {
        let county = partner.county();
        let claims = json!({
            "iss": county.entity,
            "iat": iat,
            "agreement": partner.agreement,
            "effective_from": day(now(), 0).to_string(),
            "reason": { "zh": "示例", "en": "example" },
        });
        let withdrawal = Draft::new("comity-withdrawal+jwt", claims, &county.key).sign();
        let mut hint = county.hint(&self.target.entity, &[]);
        hint.set("withdrawals", json!([withdrawal]));
        let caller = self.as_county(county);
        let answered = self
            .call(&caller, post(HINTS, "application/jose", hint.sign()))
            .await?;
        ensure!(
            answered.status == 202,
            "a hint with a withdrawal was answered with status {} (11.5)",
            answered.status
        );
        Ok(())
    }

    /// Concludes this text.
    pub(crate) async fn conclude_text(&mut self, site: &Arc<Site<County>>, text: Value) -> Played<Partner> {
        let payload = text.to_string().into_bytes();
        let id = text["id"].as_str().unwrap_or_default().to_owned();
        let agreement = reference(&id, text["version"].as_u64().unwrap_or(1), &payload);
        self.propose(site, &payload).await?;
        let mark = self.world.log.len();
        let typed =
            serde_json::from_value(agreement.clone()).map_err(|error| Stop::Unknown(error.to_string()))?;
        let _: Done = self.ask(Act::Sign { agreement: typed }).await?;
        let (entity, encoded) = (site.host.entity.clone(), b64(&payload));
        let came = self
            .world
            .log
            .wait(mark, ON_ITS_WAY, |one| {
                let body: Value = serde_json::from_slice(&one.body).unwrap_or(Value::Null);
                one.entity == entity && one.path == PROPOSALS && body["payload"] == encoded.as_str()
            })
            .await;
        let Some(came) = came else {
            return Err(Stop::Fail(
                "the target signed and did not send its signature to the other party".to_owned(),
            ));
        };
        ensure!(
            came.pin
                .as_ref()
                .is_some_and(|pin| self.target.pins.contains(pin)),
            "the target calls with a key that is none of its pins (TRU-8)"
        );
        let body: Value = serde_json::from_slice(&came.body).unwrap_or(Value::Null);
        let signatures = body["signatures"].as_array().map_or(0, Vec::len);
        ensure!(
            signatures == 2,
            "the text came back with {signatures} signatures and not with both"
        );
        Ok(Partner {
            site: Arc::clone(site),
            agreement,
            text,
        })
    }

    /// A county proposes a text under its own signature; it must be taken in.
    pub(crate) async fn propose(&mut self, site: &Arc<Site<County>>, payload: &[u8]) -> Played {
        let proposal = general(payload, &[&site.host.key], now()).to_string();
        let caller = self.as_county(&site.host);
        let answered = self
            .call(&caller, post(PROPOSALS, "application/jose+json", proposal))
            .await?;
        ensure!(
            answered.status == 202,
            "an honest proposal was answered with status {} (11.5)",
            answered.status
        );
        Ok(())
    }
}
