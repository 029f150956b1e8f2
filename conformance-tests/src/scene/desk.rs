//! An authority's desk, for the class authority: counties and provinces that apply, and what the authority publishes of it.
//!
//! An applicant is a county of the world that nobody knows yet and that answers nowhere: an authority enrols by what was handed over
//! to it, and asks nobody. What the authority says is fetched from its addresses and checked by its own keys before it is read.

use serde_json::{Value, json};

use super::{Played, Scene, Stop, ensure};
use crate::target::contract::{Act, Done, Refused};
use crate::world::authority::WELL_KNOWN;
use crate::world::certificates::identity;
use crate::world::client::Answered;
use crate::world::county::County;
use crate::world::draft::{Draft, claims_of, header_of};
use crate::world::keys::verifies;

/// Applicants are numbered beyond the counties of the world.
const BEYOND: usize = 1_000;

impl Scene {
    /// A county that is a member of nothing, with a region of its own.
    pub(crate) fn applicant(&mut self) -> Played<County> {
        let number = self.next_applicant;
        self.next_applicant += 1;
        let tls = identity().map_err(|error| Stop::Unknown(error.to_string()))?;
        let doors = (
            format!("https://applicant-{number}.example"),
            format!("https://applicant-{number}.example:8444"),
        );
        let region = format!("45{:04}", 100 + number);
        let superior = self.target.entity.clone();
        Ok(County::new(
            &self.world.plan.seed,
            BEYOND + number,
            region,
            doors,
            superior,
            tls,
        ))
    }

    /// Hands an application over; what the authority says to it.
    pub(crate) async fn apply(&mut self, application: String) -> Played<Result<Done, Refused>> {
        self.attempt(Act::Enrol {
            application,
            prefix: None,
            name: None,
        })
        .await
    }

    /// A county that applied and was taken in.
    pub(crate) async fn member(&mut self) -> Played<County> {
        let county = self.applicant()?;
        self.takes_in(county.configuration().sign()).await?;
        Ok(county)
    }

    /// An application is taken in.
    pub(crate) async fn takes_in(&mut self, application: String) -> Played {
        match self.apply(application).await? {
            Ok(_) => Ok(()),
            Err(refused) => Err(Stop::Fail(format!(
                "an honest application was refused: {}",
                refused.text
            ))),
        }
    }

    /// An application that differs from an honest one in one thing is refused; nothing is published for it, and the honest one of the same
    /// county is taken in afterwards.
    pub(crate) async fn turns_away(&mut self, change: impl FnOnce(&mut Draft, &County)) -> Played {
        self.turns_away_bytes(|county| {
            let mut draft = county.configuration();
            change(&mut draft, county);
            draft.sign()
        })
        .await
    }

    /// The same with an application that is no draft any more.
    pub(crate) async fn turns_away_bytes(&mut self, application: impl FnOnce(&County) -> String) -> Played {
        let county = self.applicant()?;
        let before = self.listed().await?;
        let handed = application(&county);
        self.note(format!(
            "application {}",
            claims_of(&handed).unwrap_or(Value::Null)
        ));
        ensure!(
            self.apply(handed).await?.is_err(),
            "the authority took the application in"
        );
        let after = self.listed().await?;
        ensure!(
            line_of(&after, &county.entity).is_none(),
            "the authority refused the application and lists the applicant all the same"
        );
        ensure!(
            before["members"] == after["members"],
            "the authority refused the application and changed its list"
        );
        self.takes_in(county.configuration().sign()).await
    }

    /// The authority's own configuration, by the anchor's keys.
    pub(crate) async fn own_configuration(&mut self) -> Played<Value> {
        let answered = self.fetch(WELL_KNOWN).await?;
        let claims = self.signed(&answered, "entity-statement+jwt", "the configuration")?;
        let entity = self.target.entity.as_str();
        ensure!(
            claims["iss"] == entity && claims["sub"] == entity,
            "the configuration is of {} by {}",
            claims["sub"],
            claims["iss"]
        );
        Ok(claims)
    }

    /// The statement on a member as it is published, as it came and read.
    pub(crate) async fn stated(&mut self, entity: &str) -> Played<(String, Value)> {
        let own = self.own_configuration().await?;
        let endpoints = &own["metadata"]["federation_entity"];
        let (answered, jws) = if let Some(fetch) = endpoints["federation_fetch_endpoint"].as_str() {
            let fetch = format!("{fetch}?sub={}", escaped(entity));
            let answered = self.fetch_url(&fetch).await?;
            let text = answered.text();
            (answered, text)
        } else {
            let bundle = self.bundle().await?;
            let statements = bundle["statements"].as_array().into_iter().flatten();
            let on = |jws: &&str| claims_of(jws).is_some_and(|claims| claims["sub"] == entity);
            let found = statements.filter_map(Value::as_str).find(on);
            let Some(found) = found else {
                return Err(Stop::Fail(format!("the bundle has no statement on {entity}")));
            };
            let answered = Answered {
                status: 200,
                headers: http::HeaderMap::new(),
                body: found.as_bytes().to_vec(),
            };
            (answered, found.to_owned())
        };
        let claims = self.signed(&answered, "entity-statement+jwt", "the statement")?;
        ensure!(
            claims["sub"] == entity,
            "asked for {entity}, the statement is on {}",
            claims["sub"]
        );
        ensure!(
            claims["iss"] == self.target.entity.as_str(),
            "the statement is by {}",
            claims["iss"]
        );
        Ok((jws, claims))
    }

    /// The member list as it is published.
    pub(crate) async fn listed(&mut self) -> Played<Value> {
        let own = self.own_configuration().await?;
        let endpoint = own["metadata"]["federation_entity"]["comity_member_list_endpoint"].as_str();
        let Some(endpoint) = endpoint.map(str::to_owned) else {
            return Err(Stop::Fail("the configuration names no member list".to_owned()));
        };
        let answered = self.fetch_url(&endpoint).await?;
        let claims = self.signed(&answered, "comity-member-list+jwt", "the member list")?;
        ensure!(
            claims["iss"] == self.target.entity.as_str(),
            "the member list is by {}",
            claims["iss"]
        );
        Ok(claims)
    }

    /// The bundle that the configuration names, or what stands in its place.
    pub(crate) async fn bundle(&mut self) -> Played<Value> {
        let own = self.own_configuration().await?;
        let endpoint = own["metadata"]["federation_entity"]["comity_bundle_endpoint"].as_str();
        let Some(endpoint) = endpoint.map(str::to_owned) else {
            return Err(Stop::Unsupported(
                "the authority publishes no bundle: it has a fetch endpoint".to_owned(),
            ));
        };
        let answered = self.fetch_url(&endpoint).await?;
        ensure!(
            answered.status == 200,
            "the bundle was answered with status {}",
            answered.status
        );
        match answered.json() {
            Some(bundle) => Ok(bundle),
            None => Err(Stop::Fail("the bundle is no JSON document (TRU-31)".to_owned())),
        }
    }

    /// `GET` from an address that the authority states; it must be its own.
    pub(crate) async fn fetch_url(&mut self, url: &str) -> Played<Answered> {
        let path = url.strip_prefix(self.target.entity.as_str());
        let Some(path) = path.filter(|path| path.starts_with('/')).map(str::to_owned) else {
            return Err(Stop::Fail(format!("{url} is no address of the authority's own")));
        };
        self.fetch(&path).await
    }

    /// What the authority signed with an anchor key, read.
    fn signed(&self, answered: &Answered, typ: &str, what: &str) -> Played<Value> {
        ensure!(
            answered.status == 200,
            "{what} was answered with status {}",
            answered.status
        );
        let jws = answered.text();
        let header = header_of(&jws).unwrap_or(Value::Null);
        ensure!(header["typ"] == typ, "{what} has typ {} (JWS-3)", header["typ"]);
        ensure!(
            header.as_object().is_some_and(|members| members.len() == 3),
            "the header of {what} is not exactly alg, kid and typ (JWS-2): {header}"
        );
        let signed = verifies(&jws, &self.target.jwks);
        ensure!(
            signed == Some(true),
            "{what} is not signed by a key of the anchor file (TRU-1)"
        );
        Ok(claims_of(&jws).unwrap_or(Value::Null))
    }
}

/// The line of a member in a list.
pub(crate) fn line_of<'l>(list: &'l Value, entity: &str) -> Option<&'l Value> {
    let mut lines = list["members"].as_array().into_iter().flatten();
    lines.find(|line| line["entity"] == entity)
}

/// An entity id as a query value.
fn escaped(entity: &str) -> String {
    entity.replace(':', "%3A").replace('/', "%2F")
}

/// An unknown member, to be seen whether it is minded.
pub(crate) fn grease() -> Value {
    json!({ "comity-conformance": ["unknown", { "to": "everybody" }] })
}
