//! A county of the world: keys, statements, attestations, status lists, questions and answers, all honest. A case takes a draft of one
//! and changes it, or hooks the county's doors.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::ambient::{b64, message_id, now};
use super::attestation::Attestation;
use super::authority::{DAY, Member, WELL_KNOWN};
use super::certificates::Identity;
use super::draft::{Draft, claims_of};
use super::keys::{Key, digest};
use super::person::{Person, day, person};
use super::reply::Reply;
use super::server::{Door, Host, Received, entity_tag};
use super::status_list::Entries;

/// Permits that a county of the world has issued.
pub(crate) const PEOPLE: usize = 40;

/// A county.
#[derive(Debug)]
pub(crate) struct County {
    /// Entity id, the public base URL.
    pub(crate) entity: String,
    /// Base URL of the federation listener.
    pub(crate) federation: String,
    /// Region code.
    pub(crate) region: String,
    /// Name.
    pub(crate) name: Value,
    /// Superior's entity id.
    pub(crate) superior: String,
    /// Federation key.
    pub(crate) key: Key,
    /// Attestation key.
    pub(crate) attestation_key: Key,
    /// Status key.
    pub(crate) status_key: Key,
    /// Exchange key.
    pub(crate) exchange_key: Key,
    /// Receipt key.
    pub(crate) receipt_key: Key,
    /// TLS identity of the federation listener and of its client.
    pub(crate) tls: Identity,
    /// Whose permits it has issued.
    pub(crate) people: Vec<Person>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    iat: i64,
    configuration: String,
    next_list: u32,
    lists: BTreeMap<u32, String>,
}

/// Where an attestation's status stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Number of the list.
    pub(crate) list: u32,
    /// Its address.
    pub(crate) uri: String,
    /// Index.
    pub(crate) index: usize,
}

impl County {
    /// A county that has published itself.
    pub(crate) fn new(
        seed: &str,
        place: usize,
        region: String,
        doors: (String, String),
        superior: String,
        tls: Identity,
    ) -> Self {
        let key = |purpose: &str| Key::named(seed, &format!("county {place} {purpose}"));
        let at = now();
        let county = Self {
            name: json!({ "zh": format!("示例县{place}"), "en": format!("Example County {place}") }),
            people: (0..PEOPLE)
                .map(|at_place| person(&region, at_place, day(at, 200)))
                .collect(),
            entity: doors.0,
            federation: doors.1,
            region,
            superior,
            key: key("federation"),
            attestation_key: key("attestation"),
            status_key: key("status"),
            exchange_key: key("exchange"),
            receipt_key: key("receipt"),
            tls,
            state: Mutex::new(State {
                iat: at - 3_600,
                next_list: 1,
                ..State::default()
            }),
        };
        let configuration = county.configuration().sign();
        county.serve_configuration(configuration);
        county
    }

    /// `metadata.comity_node`.
    pub(crate) fn metadata(&self) -> Value {
        json!({
            "region": self.region,
            "name": self.name,
            "environment": "SANDBOX",
            "endpoints": { "public": self.entity, "federation": self.federation },
            "keys": {
                "attestation": self.attestation_key.jwks(),
                "status": self.status_key.jwks(),
                "exchange": self.exchange_key.jwks(),
                "receipt": self.receipt_key.jwks(),
            },
            "tls_pins": [self.tls.pin],
        })
    }

    /// What its superior states of it.
    pub(crate) fn as_member(&self) -> Member {
        Member {
            jwks: self.key.jwks(),
            metadata: Some(self.metadata()),
            region: self.region.clone(),
            name: self.name.clone(),
            state: "active".to_owned(),
        }
    }

    /// Its configuration, a second newer than the last one.
    pub(crate) fn configuration(&self) -> Draft {
        let mut state = self.lock();
        state.iat += 1;
        let claims = json!({
            "iss": self.entity,
            "sub": self.entity,
            "iat": state.iat,
            "exp": state.iat + 9 * DAY,
            "jwks": self.key.jwks(),
            "authority_hints": [self.superior],
            "metadata": { "comity_node": self.metadata() },
        });
        Draft::new("entity-statement+jwt", claims, &self.key)
    }

    /// Serves these bytes as its configuration.
    pub(crate) fn serve_configuration(&self, jws: String) {
        self.lock().configuration = jws;
    }

    /// An entry in a list that nobody has seen yet. The list is served, all valid, until [`Self::serve_list`] replaces it.
    pub(crate) fn fresh_slot(&self) -> Slot {
        let number = {
            let mut state = self.lock();
            let number = state.next_list;
            state.next_list += 1;
            number
        };
        let slot = Slot {
            list: number,
            uri: format!("{}/status-lists/{number}", self.entity),
            index: 4_711 + usize::try_from(number).unwrap_or(0),
        };
        self.serve_list(&slot, self.status_list(&slot, &Entries::default()).sign());
        slot
    }

    /// A list as of a minute ago.
    pub(crate) fn status_list(&self, slot: &Slot, entries: &Entries) -> Draft {
        let iat = now() - 60;
        let claims = json!({
            "iss": self.entity,
            "sub": slot.uri,
            "iat": iat,
            "exp": iat + 2 * DAY,
            "ttl": 900,
            "source_as_of": iat - 60,
            "status_list": { "bits": 2, "lst": entries.packed() },
        });
        Draft::new("statuslist+jwt", claims, &self.status_key)
    }

    /// Serves these bytes as the list.
    pub(crate) fn serve_list(&self, slot: &Slot, token: String) {
        self.lock().lists.insert(slot.list, token);
    }

    /// An attestation of the card form.
    pub(crate) fn card(&self, person: &Person, slot: &Slot) -> Attestation {
        Attestation::new(self.open_claims(person, slot), person.card(), 6)
    }

    /// An attestation of the full form.
    pub(crate) fn full(&self, person: &Person, slot: &Slot) -> Attestation {
        Attestation::new(self.open_claims(person, slot), person.full(), 32)
    }

    fn open_claims(&self, person: &Person, slot: &Slot) -> Draft {
        let iat = now() - 3_600;
        let claims = json!({
            "iss": self.entity,
            "vct": "urn:comity:vct:residence-permit:1",
            "iat": iat,
            "nbf": iat,
            "exp": end_of(&person.endorsed_until.to_string()),
            "status": { "status_list": { "idx": slot.index, "uri": slot.uri } },
            "source_as_of": iat - 60,
            "region": self.region,
            "environment": "SANDBOX",
            "_sd_alg": "sha-256",
        });
        Draft::new("dc+sd-jwt", claims, &self.attestation_key)
    }

    /// A question about somebody, to a county under an agreement.
    pub(crate) fn question(&self, to: &str, agreement: &Value, number: &Value, name: &str) -> Draft {
        let iat = now();
        let claims = json!({
            "iss": self.entity,
            "aud": to,
            "iat": iat,
            "exp": iat + 60,
            "jti": message_id(),
            "purpose": "SERVICE",
            "service": "BPS-2",
            "legal_basis": "STATUTORY_DUTY",
            "agreement": agreement,
            "claims": ["name", "tier"],
            "case_ref": message_id(),
            "subject": { "number": number, "name": name },
            "environment": "SANDBOX",
        });
        Draft::new("comity-verification-request+jwt", claims, &self.exchange_key)
    }

    /// The honest answer to a question, unpadded.
    pub(crate) fn answer_to(&self, question: &str) -> Option<Draft> {
        let asked = claims_of(question)?;
        let subject = asked.get("subject")?;
        let number = subject.get("number")?;
        let meant = |one: &&Person| {
            let by_id = number.get("id_number").and_then(Value::as_str) == Some(one.id_number.as_str());
            let by_permit =
                number.get("permit_number").and_then(Value::as_str) == Some(one.permit_number.as_str());
            (by_id || by_permit) && subject.get("name").and_then(Value::as_str) == Some(one.name.as_str())
        };
        let found = self.people.iter().find(meant);
        let iat = now();
        let mut draft = Draft::new(
            "comity-verification-response+jwt",
            json!({
                "iss": self.entity,
                "aud": asked.get("iss")?,
                "iat": iat,
                "exp": iat + 600,
                "in_reply_to": digest(question),
                "result": if found.is_some() { "match" } else { "no_match" },
                "agreement": asked.get("agreement")?,
                "source_as_of": iat - 60,
                "environment": asked.get("environment")?,
            }),
            &self.exchange_key,
        );
        if let Some(person) = found {
            let wanted = asked.get("claims")?.as_array()?.iter().filter_map(Value::as_str);
            let told = wanted.filter_map(|name| Some((name.to_owned(), person.claim(name)?)));
            draft.set("claims", Value::Object(told.collect()));
            draft.set(
                "permit_state",
                json!({ "status": "valid", "valid_from": person.issue_date, "endorsed_until": person.endorsed_until }),
            );
        }
        Some(draft)
    }

    /// Says that these lists changed.
    pub(crate) fn hint(&self, to: &str, lists: &[String]) -> Draft {
        let iat = now();
        let claims = json!({
            "iss": self.entity,
            "aud": to,
            "iat": iat,
            "exp": iat + 600,
            "jti": message_id(),
            "status_lists": lists,
            "configuration": false,
            "withdrawals": [],
            "environment": "SANDBOX",
        });
        Draft::new("comity-hint+jwt", claims, &self.exchange_key)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last second of a local day (TIM-3).
pub(crate) fn end_of(day: &str) -> i64 {
    let midnight = format!("{day}T23:59:59+08:00").parse::<jiff::Timestamp>();
    midnight.map_or(0, |at| at.as_second())
}

/// Signs an answer at a size of a multiple of 4,096 octets (VER-15).
pub(crate) fn padded(answer: &Draft) -> String {
    let mut answer = answer.clone();
    let bare = answer.set("pad", "").sign().len();
    // Three octets become four characters: the pad is drawn a little short and grown to size.
    let goal = bare.div_ceil(4_096) * 4_096;
    let mut length = (goal - bare) * 3 / 4;
    loop {
        let signed = answer.set("pad", "0".repeat(length)).sign();
        if signed.len() >= goal {
            return signed;
        }
        length += 1;
    }
}

impl Host for County {
    fn entity(&self) -> &str {
        &self.entity
    }

    fn answer(&self, request: &Received) -> Reply {
        match (request.door, request.method.as_str()) {
            (Door::Public, "GET" | "HEAD") => self.publishes(&request.path),
            (Door::Federation, "POST") => self.receives(request),
            _ => Reply::not_found(),
        }
    }
}

impl County {
    fn publishes(&self, path: &str) -> Reply {
        let state = self.lock();
        let number = path
            .strip_prefix("/status-lists/")
            .and_then(|number| number.parse::<u32>().ok());
        match (path, number.and_then(|number| state.lists.get(&number))) {
            (WELL_KNOWN, _) => Reply::ok("application/entity-statement+jwt", state.configuration.as_str()),
            ("/status-lists", _) => {
                let lists: Vec<String> = state
                    .lists
                    .keys()
                    .map(|n| format!("{}/status-lists/{n}", self.entity))
                    .collect();
                Reply::ok("application/json", json!({ "status_lists": lists }).to_string())
            }
            (_, Some(token)) => Reply::ok("application/statuslist+jwt", token.as_str())
                .with("etag", &entity_tag(token.as_bytes())),
            ("/agreements", _) => Reply::ok("application/json", r#"{"agreements":[],"withdrawals":[]}"#),
            _ => Reply::not_found(),
        }
    }

    fn receives(&self, request: &Received) -> Reply {
        match request.path.as_str() {
            "/federation/v1/verifications" => {
                let question = String::from_utf8_lossy(&request.body).into_owned();
                match self.answer_to(&question) {
                    Some(answer) => Reply::ok("application/jose", padded(&answer)),
                    None => Reply::problem("malformed-request", 400),
                }
            }
            "/federation/v1/hints" | "/federation/v1/proposals" => Reply::status(202),
            _ => Reply::not_found(),
        }
    }
}

/// Sixteen octets that name nothing.
pub(crate) fn random_digest() -> String {
    b64(super::ambient::random::<32>())
}
