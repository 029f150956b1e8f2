//! Fetching peers' status lists, and keeping what they said for good.
//!
//! Which lists there are, a peer says itself: its public listener serves an aggregation document (Token Status List, draft 21,
//! "Status List Aggregation") at [`AGGREGATION_PATH`]; lists that a hint or an attestation names come on top. Every token passes
//! the verifier; an older one is refused durably, another one of the same second is an alarm, and whatever fails, the last good
//! stands until its own end.
//!
//! **Each county for itself.** Its lists are fetched and taken in a few at a time, beside those of others, and only for so long: whose
//! addresses hang, or name hundreds of large lists, holds up nobody else's cancellations and fills no memory.
//!
//! **Tombstones.** Every permanent value (1 or 3) of an accepted list is written down, not only those of permits seen here: a
//! code that is first presented when its list has ended and the issuer is cut off must still come out red. What was written for
//! the list before is not written again, so a refresh costs the entries that changed. Of this county's own lists nothing is kept here, whoever
//! brings them; and nothing of a county for which no agreement speaks, since a tombstone stays when the chain is mended.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use comity_spec::ids::EntityId;
use comity_spec::mutant;
use comity_spec::time::UnixSeconds;
use comity_verifier::status_view::{
    StatusTokenError, StatusView, Succession, VerifiedStatusList, verify_status_token,
};
use comity_verifier::trust::{County, Standing};
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream;
use serde::{Deserialize, Serialize};

use super::load_view::reload_status;
use super::stored::ClockFloor;
use crate::node::{Node, View};
use crate::ports::peers::{FetchError, Fetched, MAX_OBJECT};
use crate::ports::store::{Conflict, StoreError, Write};
use crate::ports::trust::{PeerStatusRow, Tombstone};
use crate::recognition::revoked_receipts;

#[cfg(test)]
mod tests;

/// Path of the aggregation document under a county's public base URL.
pub const AGGREGATION_PATH: &str = "/status-lists";
/// Lists of one county that are fetched, and that are ever kept: 256 lists of 131,072 entries are thirty million permits. Without it a
/// county could name new lists for ever, and fill this node's store with what is permanent in them.
pub const MAX_LISTS: usize = 256;
/// Lists of one county that are fetched at one time, and that are held before they are taken in; and counties that are asked at one time.
const AT_ONCE: usize = 8;
/// Seconds after which no further list of a county is asked for in one refresh.
const COUNTY_TIME: i64 = 60;
/// Tombstones of one commit.
const BATCH: usize = 2_000;
/// Tombstones after which others get their turn: a county whose lists are full of them must not hold up everybody's revocations.
const TURN: usize = 10 * BATCH;

/// Which lists are refreshed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lists {
    /// Those of every party of our agreements.
    OfParties,
    /// Those of this county, when it is such a party.
    OfParty(EntityId),
    /// These of one county, as a hint or an attestation names them.
    Of {
        /// The county.
        issuer: EntityId,
        /// Their addresses; those that are not under its public base URL are refused.
        uris: Vec<String>,
    },
}

/// What became of one list.
#[derive(Debug)]
pub struct ListReport {
    /// Its address.
    pub uri: String,
    /// What became of it.
    pub result: ListResult,
}

/// What became of one list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListResult {
    /// New, and kept.
    Stored {
        /// Entries seen as permanent for the first time.
        tombstones: usize,
        /// Entries that were permanent and no longer are: the issuer broke the protocol. The tombstones stand.
        resurrected: usize,
    },
    /// What is kept already.
    Unchanged,
    /// It did not come; the last good stands until its end.
    Unreachable(FetchError),
    /// Not asked for: its county had used up its time. The last good stands until its end, and the next refresh asks again.
    OutOfTime,
    /// Not believed.
    Refused(StatusTokenError),
    /// Older than what is kept.
    RolledBack,
    /// Another one of the same second: an alarm.
    Fork,
    /// As many lists of its issuer are known already as may be ([`MAX_LISTS`]): an alarm.
    TooMany,
    /// Not under the issuer's public base URL, or a token of another address or county.
    OtherAddress,
    /// This county's own, from somebody else's bundle: what its permits are, its own register says.
    Own,
    /// No agreement held here speaks for the issuer (AGR-12): none names it, or the key that signed its configuration is neither pinned nor
    /// vouched for. What it cancels would stay cancelled, also when somebody above it spoke in its name.
    NotSpokenFor,
    /// The issuer is no active county now: nothing of it is fetched.
    IssuerNotActive {
        /// The rule name of its standing.
        standing: &'static str,
    },
    /// An aggregation document that does not read.
    BadAggregation,
}

impl ListReport {
    /// Of a token whose own address is not to be believed: under the address at which it was asked for, if it was.
    fn of_offer(uri: Option<String>, result: ListResult) -> Self {
        let uri = uri.unwrap_or_else(|| "?".to_owned());
        Self { uri, result }
    }

    /// Whether it was asked for and did not come as it should. Of a county that is no active member nothing is asked for.
    #[must_use]
    pub const fn is_missed(&self) -> bool {
        !matches!(
            self.result,
            ListResult::Stored { .. }
                | ListResult::Unchanged
                | ListResult::Own
                | ListResult::IssuerNotActive { .. }
        )
    }
}

/// The aggregation document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aggregation {
    /// Addresses of status lists.
    pub status_lists: Vec<String>,
}

/// Refreshes status lists, stores them, and swaps the status part of the view.
///
/// # Errors
/// [`StoreError`] when the store does not take what was verified; the view still stands.
pub async fn refresh_status(node: &Node, lists: &Lists) -> Result<Vec<ListReport>, StoreError> {
    let held = node.store.peer_status().await?.into_iter();
    let known: Vec<Known> = held.map(Known::from).collect();
    match lists {
        Lists::OfParties => of_parties(node, &known, parties(node)).await,
        Lists::OfParty(county) => {
            let mut parties = parties(node);
            parties.retain(|party| party == county);
            of_parties(node, &known, parties).await
        }
        Lists::Of { issuer, uris } => of_county(node, &known, issuer, uris, node.now()).await,
    }
}

/// A list that is kept, without its contents.
struct Known {
    iss: EntityId,
    uri: String,
    etag: Option<String>,
}

impl From<PeerStatusRow> for Known {
    fn from(row: PeerStatusRow) -> Self {
        Self {
            iss: row.iss,
            uri: row.uri,
            etag: row.etag,
        }
    }
}

/// Whoever is party of an agreement with us.
fn parties(node: &Node) -> BTreeSet<EntityId> {
    let view = node.view();
    let agreements = view.agreements.all().iter();
    agreements
        .flat_map(|one| &one.agreement().parties)
        .map(|party| party.entity.clone())
        .filter(|party| *party != node.identity.entity)
        .collect()
}

/// The lists of these counties, each county for itself.
async fn of_parties(
    node: &Node,
    known: &[Known],
    parties: BTreeSet<EntityId>,
) -> Result<Vec<ListReport>, StoreError> {
    let refreshes: Vec<_> = parties
        .into_iter()
        .map(|party| of_party(node, known, party))
        .collect();
    let refreshed: Vec<_> = stream::iter(refreshes).buffer_unordered(AT_ONCE).collect().await;
    let mut reports = Vec::new();
    for one in refreshed {
        reports.extend(one?);
    }
    reports.sort_by(|one, other| one.uri.cmp(&other.uri));
    Ok(reports)
}

/// Every list of a county: as it says itself, and as we know it from before.
async fn of_party(node: &Node, known: &[Known], party: EntityId) -> Result<Vec<ListReport>, StoreError> {
    let began = node.now();
    let url = match may_be_asked(&node.view(), &party, began) {
        Ok(county) => county.public.join(AGGREGATION_PATH),
        Err(result) => {
            let uri = party.join(AGGREGATION_PATH);
            return Ok(vec![ListReport { uri, result }]);
        }
    };
    let of_party = known.iter().filter(|list| list.iss == party);
    let mut uris: Vec<String> = of_party.map(|list| list.uri.clone()).collect();
    let unread = match node.peers.get(&url, None, MAX_OBJECT).await {
        Ok(Fetched::Body { bytes, .. }) => match serde_json::from_slice::<Aggregation>(&bytes) {
            Ok(document) => {
                uris.extend(document.status_lists);
                None
            }
            Err(_) => Some(ListResult::BadAggregation),
        },
        Ok(Fetched::NotModified) => None,
        Err(error) => Some(ListResult::Unreachable(error)),
    };
    let mut reports = of_county(node, known, &party, &uris, began).await?;
    reports.extend(unread.map(|result| ListReport { uri: url, result }));
    Ok(reports)
}

/// These lists of one county: [`AT_ONCE`] of them are fetched beside each other and taken in before the next ones are.
async fn of_county(
    node: &Node,
    known: &[Known],
    issuer: &EntityId,
    uris: &[String],
    began: UnixSeconds,
) -> Result<Vec<ListReport>, StoreError> {
    let mut reports = Vec::new();
    let wanted = named(node, issuer, uris, &mut reports);
    for some in wanted.chunks(AT_ONCE) {
        if node.now().since(began) > COUNTY_TIME {
            reports.extend(some.iter().map(|uri| ListReport {
                uri: uri.clone(),
                result: ListResult::OutOfTime,
            }));
            continue;
        }
        let fetches = some.iter().map(|uri| fetched(node, known, issuer, uri));
        let mut offers = Vec::with_capacity(some.len());
        for got in join_all(fetches).await {
            match got {
                Ok(offer) => offers.push(offer),
                Err(report) => reports.push(report),
            }
        }
        reports.extend(take(node, offers).await?);
    }
    Ok(reports)
}

/// One list of a county, or why there is nothing to take in.
async fn fetched(node: &Node, known: &[Known], issuer: &EntityId, uri: &str) -> Result<Offered, ListReport> {
    // Asked conditionally only while what is kept can still be read.
    let usable = node
        .view()
        .status
        .list(uri)
        .is_some_and(|list| node.now() < list.exp());
    let kept = known.iter().find(|list| list.uri == uri).filter(|_| usable);
    let etag = kept.and_then(|list| list.etag.as_deref());
    let result = match node.peers.get(uri, etag, MAX_OBJECT).await {
        Ok(Fetched::Body { bytes, etag }) => {
            return Ok(Offered {
                issuer: Some(issuer.clone()),
                uri: Some(uri.to_owned()),
                token: bytes,
                etag,
            });
        }
        Ok(Fetched::NotModified) => ListResult::Unchanged,
        Err(error) => ListResult::Unreachable(error),
    };
    Err(ListReport {
        uri: uri.to_owned(),
        result,
    })
}

/// A token offered to this node, with what it should be where that is known.
pub(crate) struct Offered {
    pub(crate) issuer: Option<EntityId>,
    pub(crate) uri: Option<String>,
    pub(crate) token: Vec<u8>,
    pub(crate) etag: Option<String>,
}

/// Verifies, compares and stores tokens: those that a refresh fetched, those that a case needed, and those of bundles alike.
pub(crate) async fn take(node: &Node, offers: Vec<Offered>) -> Result<Vec<ListReport>, StoreError> {
    let mut offers = offers.into_iter();
    let mut reports = Vec::with_capacity(offers.len());
    while offers.len() > 0 {
        reports.extend(take_in_turn(node, &mut offers).await?);
    }
    Ok(reports)
}

/// As many of them as one turn takes.
async fn take_in_turn(
    node: &Node,
    offers: &mut std::vec::IntoIter<Offered>,
) -> Result<Vec<ListReport>, StoreError> {
    let _turn = node.rebuilding.lock().await;
    let began = node.now();
    let mut intake = Intake {
        node,
        view: node.view(),
        held: node.store.peer_status().await?,
        floor: ClockFloor::read(node.store.as_ref()).await?,
        known: BTreeMap::new(),
    };
    let mut reports = Vec::new();
    let mut written = 0;
    while written < TURN
        && let Some(offer) = offers.next()
    {
        let report = intake.take(offer).await?;
        if let ListResult::Stored { tombstones, .. } = report.result {
            written += tombstones;
        }
        reports.push(report);
    }
    if reports
        .iter()
        .any(|report| matches!(report.result, ListResult::Stored { .. }))
    {
        reload_status(node).await?;
    }
    if written > 0 {
        // The recogniser alone can tell which of its receipts a cancellation touches (chapter 9.1); the trace names nobody.
        let revoked = revoked_receipts(node).await?.into_iter();
        for receipt in revoked.filter(|receipt| receipt.seen_at >= began) {
            tracing::warn!(trace = %receipt.trace, "a live receipt rests on a permit cancelled since: look at it again");
        }
    }
    raise_alarms(&reports);
    Ok(reports)
}

fn raise_alarms(reports: &[ListReport]) {
    for report in reports {
        if let ListResult::TooMany = report.result {
            tracing::error!(list = %report.uri, most = MAX_LISTS, "a county names more status lists than are kept of one");
        }
        if let ListResult::Fork | ListResult::Stored { resurrected: 1.., .. } = report.result {
            tracing::error!(list = %report.uri, result = ?report.result, "a status list contradicts itself: raise the alarm");
        }
    }
}

/// What tokens are held against during one turn.
struct Intake<'a> {
    node: &'a Node,
    view: Arc<View>,
    held: Vec<PeerStatusRow>,
    floor: ClockFloor,
    /// Lists known of the counties met in this turn, those stored in it included.
    known: BTreeMap<EntityId, BTreeSet<String>>,
}

impl Intake<'_> {
    /// One token: verified, compared with what is kept, and stored when it is newer.
    async fn take(&mut self, offer: Offered) -> Result<ListReport, StoreError> {
        let Offered {
            issuer,
            uri,
            token,
            etag,
        } = offer;
        let list = match verify_status_token(&token, &self.view.trust, self.node.now()) {
            Ok(list) => list,
            Err(error) => return Ok(ListReport::of_offer(uri, ListResult::Refused(error))),
        };
        let another = uri.as_ref().is_some_and(|uri| uri != list.uri());
        if another || issuer.is_some_and(|issuer| issuer != *list.iss()) {
            return Ok(ListReport::of_offer(uri, ListResult::OtherAddress));
        }
        let kept = self.held.iter().find(|row| row.uri == list.uri());
        let result = match against_row(kept, &list, &token) {
            _ if *list.iss() == self.node.identity.entity => ListResult::Own,
            _ if !spoken_for(&self.view, list.iss()) => ListResult::NotSpokenFor,
            Some(result) => result,
            None if !has_room(&mut self.known, &self.view, &list) => ListResult::TooMany,
            None => store(self.node, &self.view.status, &mut self.floor, &list, token, etag).await?,
        };
        Ok(ListReport {
            uri: list.uri().to_owned(),
            result,
        })
    }
}

/// Whether an agreement held here, in force or not, speaks for a county: it pins the key that signed the county's configuration, or one that
/// vouched for it. The chain alone is what a province could have made.
fn spoken_for(view: &View, issuer: &EntityId) -> bool {
    let speaks = |county| view.agreements.all().iter().any(|one| one.speaks_for(county));
    view.trust.county(issuer).is_some_and(speaks)
}

/// Whether another list of its issuer may be kept; if so, it counts as known. What was ever kept counts, as long as a tombstone of it
/// is left.
fn has_room(
    known: &mut BTreeMap<EntityId, BTreeSet<String>>,
    view: &View,
    list: &VerifiedStatusList,
) -> bool {
    let of_issuer = known.entry(list.iss().clone()).or_insert_with(|| {
        let base = view.trust.county(list.iss()).map(|county| county.public.as_str());
        let own = |uri: &&str| {
            let path = base.and_then(|base| uri.strip_prefix(base));
            path.is_some_and(|path| path.starts_with('/'))
        };
        view.status.known().filter(own).map(str::to_owned).collect()
    });
    if of_issuer.contains(list.uri()) {
        return true;
    }
    of_issuer.len() < MAX_LISTS && of_issuer.insert(list.uri().to_owned())
}

/// The durable floor: what is kept counts, whether or not it can still be read.
fn against_row(kept: Option<&PeerStatusRow>, list: &VerifiedStatusList, token: &[u8]) -> Option<ListResult> {
    let kept = kept?;
    let payload = |token: &str| super::stored::payload(token).to_owned();
    match list.iat().cmp(&kept.iat) {
        std::cmp::Ordering::Less if mutant!("STA-9/kept") => None,
        std::cmp::Ordering::Less => Some(ListResult::RolledBack),
        std::cmp::Ordering::Greater => None,
        std::cmp::Ordering::Equal if payload(&kept.token) == payload(&String::from_utf8_lossy(token)) => {
            Some(ListResult::Unchanged)
        }
        std::cmp::Ordering::Equal if mutant!("STA-9/kept-fork") => None,
        std::cmp::Ordering::Equal => Some(ListResult::Fork),
    }
}

async fn store(
    node: &Node,
    view: &StatusView,
    floor: &mut ClockFloor,
    list: &VerifiedStatusList,
    token: Vec<u8>,
    etag: Option<String>,
) -> Result<ListResult, StoreError> {
    let before = view
        .list(list.uri())
        .filter(|before| list.succeeds(before) == Succession::Newer);
    let permanent: Vec<_> = match before {
        _ if mutant!("STA-12/kept") => Vec::new(),
        Some(before) => list
            .changes_since(before)
            .into_iter()
            .filter(|(_, _, new)| new.is_permanent())
            .map(|(i, _, v)| (i, v))
            .collect(),
        None => list.permanent().collect(),
    };
    let resurrected = before.map_or(0, |before| {
        list.changes_since(before)
            .iter()
            .filter(|(_, old, new)| !old.may_become(*new))
            .count()
    });
    let stones = permanent.into_iter().filter_map(|(index, status)| {
        let index = u32::try_from(index).ok()?;
        Some(Write::Tombstone(Tombstone {
            uri: list.uri().to_owned(),
            index,
            status,
            seen_at: node.now(),
        }))
    });
    let mut stones: Vec<Write> = stones.collect();
    let tombstones = stones.len();
    // The list comes last: after a crash between two commits the next refresh writes the stones again, and none is missing.
    while stones.len() > BATCH {
        let rest = stones.split_off(BATCH);
        node.store
            .commit("tombstones", std::mem::replace(&mut stones, rest))
            .await?;
    }
    stones.push(Write::PeerStatus(PeerStatusRow {
        uri: list.uri().to_owned(),
        iss: list.iss().clone(),
        iat: list.iat(),
        exp: list.exp(),
        etag,
        // It was verified, so it is ASCII.
        token: String::from_utf8_lossy(&token).into_owned(),
    }));
    stones.extend(floor.raise(list.iat()));
    match node.store.commit("accept-status-list", stones).await {
        Ok(()) => Ok(ListResult::Stored {
            tombstones,
            resurrected,
        }),
        Err(StoreError::Conflict(Conflict::Older(_))) => Ok(ListResult::RolledBack),
        Err(error) => Err(error),
    }
}

/// The county, when its lists are worth asking for.
fn may_be_asked<'v>(view: &'v View, issuer: &EntityId, now: UnixSeconds) -> Result<&'v County, ListResult> {
    match view.trust.standing(issuer, now) {
        Standing::Active(_) if !spoken_for(view, issuer) => Err(ListResult::NotSpokenFor),
        Standing::Active(county) => Ok(county),
        other => Err(ListResult::IssuerNotActive {
            standing: other.rule(),
        }),
    }
}

/// The addresses that may be fetched for a county: its own, each once, not too many.
fn named(node: &Node, issuer: &EntityId, uris: &[String], reports: &mut Vec<ListReport>) -> Vec<String> {
    let view = node.view();
    let told = |uri: &String, result: &ListResult| ListReport {
        uri: uri.clone(),
        result: result.clone(),
    };
    let county = match may_be_asked(&view, issuer, node.now()) {
        Ok(county) => county,
        Err(result) => {
            reports.extend(uris.iter().map(|uri| told(uri, &result)));
            return Vec::new();
        }
    };
    let own = |uri: &&String| {
        let path = uri.strip_prefix(county.public.as_str());
        path.is_some_and(|path| path.starts_with('/'))
    };
    let mut seen = BTreeSet::new();
    let (wanted, others): (Vec<&String>, Vec<&String>) = uris
        .iter()
        .filter(|uri| seen.insert(uri.as_str()))
        .take(MAX_LISTS)
        .partition(own);
    reports.extend(others.into_iter().map(|uri| told(uri, &ListResult::OtherAddress)));
    wanted.into_iter().cloned().collect()
}
