//! An authority of the world: the anchor or a province, which states its members and lists them.
//!
//! Times rise by a second with each publication and begin an hour ago, so that nothing is ever signed for the future by accident and
//! two publications never share a second (TRU-21).

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::ambient::now;
use super::draft::Draft;
use super::keys::Key;
use super::reply::Reply;
use super::server::{Host, Received};

/// Path of an entity configuration.
pub(crate) const WELL_KNOWN: &str = "/.well-known/openid-federation";
/// A day in seconds.
pub(crate) const DAY: i64 = 86_400;

/// A member of an authority.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// Federation keys that the authority states.
    pub(crate) jwks: Value,
    /// A county's metadata; `None` for a province.
    pub(crate) metadata: Option<Value>,
    /// A county's region or a province's prefix.
    pub(crate) region: String,
    /// Its name.
    pub(crate) name: Value,
    /// `active`, `suspended`, `removed`.
    pub(crate) state: String,
}

#[derive(Debug, Default)]
struct State {
    iat: i64,
    seq: u64,
    members: BTreeMap<String, Member>,
    configuration: String,
    list: String,
    statements: BTreeMap<String, String>,
}

/// An authority.
#[derive(Debug)]
pub(crate) struct Authority {
    /// Entity id.
    pub(crate) entity: String,
    /// Federation key.
    pub(crate) key: Key,
    /// A province's superior.
    pub(crate) superior: Option<String>,
    state: Mutex<State>,
}

impl Authority {
    /// An authority without members.
    pub(crate) fn new(entity: String, key: Key, superior: Option<String>) -> Self {
        let state = State {
            iat: now() - 3_600,
            ..State::default()
        };
        let authority = Self {
            entity,
            key,
            superior,
            state: Mutex::new(state),
        };
        authority.publish();
        authority
    }

    /// Takes a member in, or changes what is stated of it. Published with [`Self::publish`].
    pub(crate) fn put(&self, entity: &str, member: Member) {
        self.lock().members.insert(entity.to_owned(), member);
    }

    /// Changes a member and publishes.
    pub(crate) fn change(&self, entity: &str, change: impl FnOnce(&mut Member)) {
        if let Some(member) = self.lock().members.get_mut(entity) {
            change(member);
        }
        self.publish();
    }

    /// Forgets a member, statement and all, and publishes.
    pub(crate) fn forget(&self, entity: &str) {
        self.lock().members.remove(entity);
        self.publish();
    }

    /// Signs everything anew, a second later than the last time.
    pub(crate) fn publish(&self) {
        let mut state = self.lock();
        state.iat += 1;
        state.seq += 1;
        state.configuration = self.configuration(state.iat).sign();
        state.list = self.list_of(&state).sign();
        state.statements = state
            .members
            .iter()
            .map(|(entity, member)| {
                (
                    entity.clone(),
                    self.statement_on(entity, member, state.iat).sign(),
                )
            })
            .collect();
    }

    /// Its configuration as it would be signed now, a second after the last publication.
    pub(crate) fn configuration_draft(&self) -> Draft {
        let mut state = self.lock();
        state.iat += 1;
        self.configuration(state.iat)
    }

    /// The statement on a member as it would be signed now, a second after the last publication.
    pub(crate) fn statement(&self, entity: &str) -> Option<Draft> {
        let mut state = self.lock();
        state.iat += 1;
        let member = state.members.get(entity)?;
        Some(self.statement_on(entity, member, state.iat))
    }

    /// The member list as it would be signed now, with the next number.
    pub(crate) fn member_list(&self) -> Draft {
        let mut state = self.lock();
        state.iat += 1;
        state.seq += 1;
        self.list_of(&state)
    }

    /// The member list as it is served.
    pub(crate) fn served_list(&self) -> String {
        self.lock().list.clone()
    }

    /// The configuration as it is served.
    pub(crate) fn served_configuration(&self) -> String {
        self.lock().configuration.clone()
    }

    fn configuration(&self, iat: i64) -> Draft {
        let life = if self.superior.is_some() {
            30 * DAY
        } else {
            300 * DAY
        };
        let mut claims = json!({
            "iss": self.entity,
            "sub": self.entity,
            "iat": iat,
            "exp": iat + life,
            "jwks": self.key.jwks(),
            "metadata": { "federation_entity": {
                "federation_fetch_endpoint": format!("{}/fetch", self.entity),
                "comity_member_list_endpoint": format!("{}/member-list", self.entity),
                "organization_name": "示例 Example",
            }},
        });
        if let (Some(superior), Some(members)) = (&self.superior, claims.as_object_mut()) {
            members.insert("authority_hints".to_owned(), json!([superior]));
        }
        Draft::new("entity-statement+jwt", claims, &self.key)
    }

    fn statement_on(&self, entity: &str, member: &Member, iat: i64) -> Draft {
        let life = if member.metadata.is_some() {
            9 * DAY
        } else {
            30 * DAY
        };
        let mut claims = json!({
            "iss": self.entity,
            "sub": entity,
            "iat": iat,
            "exp": iat + life,
            "jwks": member.jwks,
            "comity_state": member.state,
        });
        if let Some(members) = claims.as_object_mut() {
            match &member.metadata {
                Some(metadata) => {
                    members.insert("metadata".to_owned(), json!({ "comity_node": metadata }));
                }
                None => {
                    members.insert("comity_region_prefix".to_owned(), json!(member.region));
                    members.insert("crit".to_owned(), json!(["comity_region_prefix"]));
                }
            }
        }
        Draft::new("entity-statement+jwt", claims, &self.key)
    }

    fn list_of(&self, state: &State) -> Draft {
        let lines: Vec<Value> = state
            .members
            .iter()
            .map(|(entity, member)| {
                let kind = if member.metadata.is_some() {
                    "region"
                } else {
                    "region_prefix"
                };
                json!({ "entity": entity, kind: member.region, "name": member.name, "state": member.state })
            })
            .collect();
        let claims = json!({
            "iss": self.entity,
            "iat": state.iat,
            "exp": state.iat + 30 * DAY,
            "seq": state.seq,
            "members": lines,
        });
        Draft::new("comity-member-list+jwt", claims, &self.key)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host for Authority {
    fn entity(&self) -> &str {
        &self.entity
    }

    fn answer(&self, request: &Received) -> Reply {
        let state = self.lock();
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let statement = |jws: &str| Reply::ok("application/entity-statement+jwt", jws);
        match path {
            WELL_KNOWN => statement(&state.configuration),
            "/member-list" => Reply::ok("application/comity-member-list+jwt", state.list.as_str()),
            "/fetch" => {
                let sub = query
                    .split('&')
                    .find_map(|pair| pair.strip_prefix("sub="))
                    .map(unescaped);
                match sub.and_then(|sub| state.statements.get(&sub)) {
                    Some(jws) => statement(jws),
                    None => Reply::status(400)
                        .with("content-type", "application/json")
                        .body(r#"{"error":"not_found","error_description":"no statement on this subject"}"#),
                }
            }
            _ => Reply::not_found(),
        }
    }
}

/// A query value without its percent signs.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = after
            .get(..2)
            .and_then(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        match (first, escaped) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
