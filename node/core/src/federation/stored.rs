//! What this node accepted and keeps, read back for a new picture: statements, member lists, evidence of rotation, and the keys
//! under which agreements were adopted.
//!
//! Nothing enters the store unverified, and nothing is believed for being in it: the verifier builds every picture from the
//! signed objects again. What must outlive its object (a floor, a vouching configuration, a key) is kept in named settings.

use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use comity_spec::ids::EntityId;
use comity_spec::jose::Jwk;
use comity_spec::time::UnixSeconds;
use comity_verifier::budget::{Budget, Limits};
use comity_verifier::json::{self, Numbers};
use comity_verifier::trust::{Anchor, Finding, Floors, Trust, TrustObjects};
use serde::de::DeserializeOwned;

use crate::ports::store::{Store, StoreError, Write};
use crate::ports::trust::{MemberListRow, StatementRow};

/// Largest `iat` of a status list ever kept: lists are forgotten, the clock floor is not.
const CLOCK_FLOOR: &str = "clock_floor";
/// The last configuration of each county under each federation key it has since replaced: who vouched for the next key.
const ROTATION_EVIDENCE: &str = "rotation_evidence";
/// Configurations kept as evidence per county.
const MAX_EVIDENCE: usize = 8;
/// Public keys of parties under which agreements and withdrawals were accepted, by thumbprint.
const PARTY_KEYS: &str = "party_keys";

/// Statements and member lists of the store, by whose they are.
#[derive(Clone, Debug, Default)]
pub(super) struct Stored {
    pub(super) statements: HashMap<(EntityId, EntityId), StatementRow>,
    pub(super) lists: HashMap<EntityId, MemberListRow>,
    evidence: Vec<String>,
    clock_floor: ClockFloor,
}

impl Stored {
    pub(super) async fn read(store: &dyn Store) -> Result<Self, StoreError> {
        let statements = store.statements().await?;
        let lists = store.member_lists().await?;
        Ok(Self {
            statements: statements
                .into_iter()
                .map(|row| ((row.iss.clone(), row.sub.clone()), row))
                .collect(),
            lists: lists.into_iter().map(|row| (row.iss.clone(), row)).collect(),
            evidence: json_setting(store, ROTATION_EVIDENCE).await?.unwrap_or_default(),
            clock_floor: ClockFloor::read(store).await?,
        })
    }

    /// The picture that the stored objects give. Runs beside the listeners: a whole country is thousands of signatures.
    pub(super) async fn trust(&self, anchor: &Anchor, now: UnixSeconds) -> (Trust, Vec<Finding>) {
        let statements: Vec<String> = self
            .statements
            .values()
            .map(|row| row.jws.clone())
            .chain(self.evidence.iter().cloned())
            .collect();
        let member_lists: Vec<String> = self.lists.values().map(|row| row.jws.clone()).collect();
        let (anchor, floors) = (anchor.clone(), self.floors());
        let build = move || {
            let objects = TrustObjects {
                statements: &statements,
                member_lists: &member_lists,
            };
            Trust::build(&anchor, &objects, &floors, now)
        };
        super::load_view::blocking(build).await
    }

    fn floors(&self) -> Floors {
        let iats = self
            .statements
            .values()
            .map(|row| row.iat)
            .chain(self.lists.values().map(|row| row.iat));
        Floors {
            newest_iat: iats.max().max(self.clock_floor.0),
            statements: self
                .statements
                .iter()
                .map(|(pair, row)| (pair.clone(), row.iat))
                .collect(),
            member_lists: self
                .lists
                .iter()
                .map(|(iss, row)| (iss.clone(), row.seq))
                .collect(),
        }
    }

    /// Takes a new statement in. When a county now signs with another key, the configuration it replaces is kept as evidence.
    pub(super) fn replace(&mut self, row: StatementRow) -> Vec<Write> {
        let pair = (row.iss.clone(), row.sub.clone());
        let mut writes = vec![Write::Statement(row.clone())];
        let replaced = self.statements.insert(pair, row.clone());
        if let Some(old) = replaced
            && row.iss == row.sub
            && header(&old.jws) != header(&row.jws)
        {
            self.evidence.push(old.jws);
            forget_oldest(&mut self.evidence, &row.iss);
            if let Ok(value) = serde_json::to_string(&self.evidence) {
                writes.push(Write::Setting {
                    key: ROTATION_EVIDENCE,
                    value,
                });
            }
        }
        writes
    }
}

/// The largest `iat` of a status list ever kept.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ClockFloor(Option<UnixSeconds>);

impl ClockFloor {
    pub(super) async fn read(store: &dyn Store) -> Result<Self, StoreError> {
        match store.setting(CLOCK_FLOOR).await? {
            Some(text) => text
                .parse()
                .map(|iat| Self(Some(iat)))
                .map_err(|_| corrupt(CLOCK_FLOOR)),
            None => Ok(Self(None)),
        }
    }

    /// Raises it, when `iat` is above it.
    pub(super) fn raise(&mut self, iat: UnixSeconds) -> Option<Write> {
        if self.0.is_some_and(|floor| floor >= iat) {
            return None;
        }
        self.0 = Some(iat);
        Some(Write::Setting {
            key: CLOCK_FLOOR,
            value: iat.to_string(),
        })
    }
}

fn forget_oldest(evidence: &mut Vec<String>, of: &EntityId) {
    #[derive(serde::Deserialize)]
    struct Names {
        sub: EntityId,
    }
    let is_of = |jws: &String| claims::<Names>(jws).is_some_and(|names| names.sub == *of);
    while evidence.iter().filter(|jws| is_of(jws)).count() > MAX_EVIDENCE {
        match evidence.iter().position(is_of) {
            Some(oldest) => drop(evidence.remove(oldest)),
            None => return,
        }
    }
}

/// Public keys by thumbprint, under which agreements and withdrawals were accepted.
#[derive(Clone, Debug, Default)]
pub(super) struct PartyKeys(BTreeMap<String, Jwk>);

impl PartyKeys {
    pub(super) async fn read(store: &dyn Store) -> Result<Self, StoreError> {
        Ok(Self(json_setting(store, PARTY_KEYS).await?.unwrap_or_default()))
    }

    /// The keys with these names.
    pub(super) fn named<'a>(&'a self, kids: impl IntoIterator<Item = String> + 'a) -> Vec<Jwk> {
        kids.into_iter()
            .filter_map(|kid| self.0.get(&kid).cloned())
            .collect()
    }

    /// Remembers keys for good; to be committed with the object they signed.
    pub(super) fn remember(&mut self, keys: impl IntoIterator<Item = Jwk>) -> Option<Write> {
        for key in keys {
            if let Some(kid) = &key.kid {
                self.0.insert(kid.clone(), key.clone());
            }
        }
        let value = serde_json::to_string(&self.0).ok()?;
        Some(Write::Setting {
            key: PARTY_KEYS,
            value,
        })
    }
}

/// The claims of an object whose signature was verified elsewhere, or is about to be: read strictly, since it may be anybody's.
pub(super) fn claims<T: DeserializeOwned>(jws: &str) -> Option<T> {
    let payload = decode(jws.split('.').nth(1)?)?;
    // Read in two steps, so that what is read owns its text.
    let mut budget = Budget::new(Limits::BUNDLE);
    let strict = json::scan(&payload, Numbers::Finite, &mut budget).ok()?;
    serde_json::from_str(strict.as_str()).ok()
}

/// The `kid` in a protected header.
pub(super) fn kid(protected: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Header {
        kid: String,
    }
    Some(serde_json::from_slice::<Header>(&decode(protected)?).ok()?.kid)
}

/// The protected header of a compact JWS, encoded.
pub(super) fn header(jws: &str) -> &str {
    jws.split('.').next().unwrap_or_default()
}

/// The payload of a compact JWS, encoded. Only one encoding of the octets is ever accepted.
pub(super) fn payload(jws: &str) -> &str {
    jws.split('.').nth(1).unwrap_or_default()
}

pub(super) fn decode(base64url: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(base64url).ok()
}

async fn json_setting<T: DeserializeOwned>(
    store: &dyn Store,
    key: &'static str,
) -> Result<Option<T>, StoreError> {
    match store.setting(key).await? {
        Some(text) => serde_json::from_str(&text).map(Some).map_err(|_| corrupt(key)),
        None => Ok(None),
    }
}

fn corrupt(key: &str) -> StoreError {
    StoreError::Corrupt {
        table: "setting",
        reason: format!("{key} does not read"),
    }
}
