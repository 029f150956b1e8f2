//! Delivering what waits for peers: hints, withdrawals, proposals.
//!
//! A message is signed anew at each attempt, since it lives for minutes, and goes to the address and pins that the chain gives at
//! that moment: a peer that is suspended today gets nothing today, and one that does not answer keeps nobody else waiting. What cannot be delivered is put off, ever longer; after
//! [`MAX_ATTEMPTS`] it is given up and logged. Giving up loses no truth: lists are fetched every few minutes anyway, and
//! agreements and withdrawals travel in bundles too. STA-13, chapter 7.5.

use comity_spec::exchange::{HINTS_PATH, Hint, JOSE_JSON_MEDIA_TYPE, JOSE_MEDIA_TYPE, PROPOSALS_PATH};
use comity_spec::ids::{AgreementId, Digest, Jti};
use comity_spec::jose::Typ;
use comity_spec::mutant;
use comity_spec::time::UnixSeconds;
use comity_verifier::exchange::{HINT_LIFETIME, MAX_HINTED};
use futures_util::StreamExt as _;

use super::load_view::as_json;
use crate::node::Node;
use crate::ports::outbox::{Message, OutboxItem};
use crate::ports::peers::{FetchError, PeerAddress};
use crate::ports::row_id;
use crate::ports::store::{StoreError, Write};
use crate::signing::{self, SigningError};

#[cfg(test)]
mod tests;

/// Attempts after which a message is given up: about four days.
pub const MAX_ATTEMPTS: u32 = 24;
/// Messages of one round.
const ROUND: u32 = 64;
/// Peers that are spoken to at one time.
const AT_ONCE: usize = 8;
/// First pause, in seconds; doubled at each attempt.
const FIRST_PAUSE: i64 = 15;
/// Longest pause, in seconds: six hours.
const LONGEST_PAUSE: i64 = 6 * 3600;

/// What became of one message.
#[derive(Debug)]
pub struct Delivery {
    /// The message.
    pub item: OutboxItem,
    /// What became of it.
    pub result: DeliveryResult,
}

/// What became of one message.
#[derive(Debug)]
pub enum DeliveryResult {
    /// The peer took it.
    Delivered,
    /// Put off, and until when.
    PutOff {
        /// Why.
        why: NotDelivered,
        /// Not before this second.
        until: UnixSeconds,
    },
    /// Given up, and why.
    GivenUp(NotDelivered),
    /// There is nothing to say any more: the agreement is not here, or another message says the same.
    Moot,
}

/// Why a message did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum NotDelivered {
    /// The peer is no active county now.
    #[error("对方目前不是有效成员({0}) / the peer is not an active county now")]
    NotActive(&'static str),
    /// Not signed.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// No answer.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The peer answered otherwise.
    #[error("对方答复 {0} / the peer answered {0}")]
    Status(u16),
}

/// Queues word of changed status lists for every party of our agreements. To be called after a publication.
///
/// # Errors
/// [`StoreError`].
pub async fn announce(node: &Node, message: &Message) -> Result<usize, StoreError> {
    let view = node.view();
    let me = &node.identity.entity;
    let parties = view
        .agreements
        .all()
        .iter()
        .flat_map(|one| &one.agreement().parties);
    let parties: std::collections::BTreeSet<_> = parties.map(|p| &p.entity).filter(|p| *p != me).collect();
    let writes: Vec<Write> = parties
        .into_iter()
        .map(|peer| {
            Write::Queue(OutboxItem {
                id: row_id(node.clock.as_ref(), node.rng.as_ref()),
                peer: peer.clone(),
                message: message.clone(),
                next_at: node.now(),
                attempts: 0,
            })
        })
        .collect();
    let count = writes.len();
    if count > 0 {
        node.store.commit("announce", writes).await?;
    }
    Ok(count)
}

/// Delivers what is due, once. To be called every few seconds, and right after something was queued.
///
/// # Errors
/// [`StoreError`]; a message delivered just before may be delivered again, which changes nothing at the peer.
pub async fn deliver(node: &Node) -> Result<Vec<Delivery>, StoreError> {
    let mut peers: Vec<Vec<OutboxItem>> = Vec::new();
    for item in node.store.due(node.now(), ROUND).await? {
        match peers.iter_mut().find(|items| items[0].peer == item.peer) {
            Some(items) => items.push(item),
            None => peers.push(vec![item]),
        }
    }
    let rounds = futures_util::stream::iter(peers).map(|items| to_one_peer(node, items));
    let rounds: Vec<_> = rounds.buffered(AT_ONCE).collect().await;
    let mut deliveries = Vec::new();
    for round in rounds {
        deliveries.extend(round?);
    }
    Ok(deliveries)
}

/// What is due for one peer, one after the other: a peer that does not answer holds one place, once a round. The same thing is said once.
async fn to_one_peer(node: &Node, items: Vec<OutboxItem>) -> Result<Vec<Delivery>, StoreError> {
    let mut deliveries = Vec::with_capacity(items.len());
    let mut silent = None;
    // Of equal messages the one that was tried least: it comes again soonest.
    let age = |item: &OutboxItem| (item.attempts, item.id);
    for item in &items {
        let said = |other: &OutboxItem| other.message == item.message && age(other) < age(item);
        let sent = match &silent {
            _ if items.iter().any(said) => Sent::Moot,
            Some(error) => NotDelivered::Fetch(FetchError::clone(error)).into(),
            None => send(node, item).await?,
        };
        if let Sent::Not {
            why: NotDelivered::Fetch(error),
            ..
        } = &sent
        {
            silent = Some(error.clone());
        }
        let (write, result) = settle(node, item, sent);
        node.store.commit("deliver", vec![write]).await?;
        if let DeliveryResult::GivenUp(why) = &result {
            tracing::warn!(peer = %item.peer, attempts = item.attempts + 1, %why, "a message to a peer was given up");
        }
        deliveries.push(Delivery {
            item: item.clone(),
            result,
        });
    }
    Ok(deliveries)
}

enum Sent {
    Delivered,
    Moot,
    Not {
        why: NotDelivered,
        retry_after: Option<u64>,
    },
}

impl From<NotDelivered> for Sent {
    fn from(why: NotDelivered) -> Self {
        Self::Not {
            why,
            retry_after: None,
        }
    }
}

async fn send(node: &Node, item: &OutboxItem) -> Result<Sent, StoreError> {
    let view = node.view();
    let standing = view.trust.standing(&item.peer, node.now());
    let Some(county) = standing.active() else {
        return Ok(NotDelivered::NotActive(standing.rule()).into());
    };
    let peer = PeerAddress {
        entity: county.entity.clone(),
        base: county.federation.clone(),
        pins: county.pins.clone(),
    };
    let mut bodies = Vec::new();
    match &item.message {
        Message::Proposal { id, version, digest } => {
            match proposal(node, id, *version, digest.as_ref()).await? {
                Some(body) => bodies.push((PROPOSALS_PATH, JOSE_JSON_MEDIA_TYPE, body)),
                None => return Ok(Sent::Moot),
            }
        }
        hint => {
            for claims in hints(node, item, hint) {
                match signing::compact(&node.signers, Typ::Hint, &claims).await {
                    Ok(jws) => bodies.push((HINTS_PATH, JOSE_MEDIA_TYPE, jws.into_bytes())),
                    Err(error) => return Ok(NotDelivered::from(error).into()),
                }
            }
        }
    }
    for (path, content_type, body) in bodies {
        match node.peers.post(&peer, path, content_type, body).await {
            Ok(answer) if (200..300).contains(&answer.status) => {}
            Ok(answer) => {
                let why = NotDelivered::Status(answer.status);
                return Ok(Sent::Not {
                    why,
                    retry_after: answer.retry_after,
                });
            }
            Err(error) => return Ok(NotDelivered::from(error).into()),
        }
    }
    Ok(Sent::Delivered)
}

async fn proposal(
    node: &Node,
    id: &str,
    version: u32,
    digest: Option<&Digest>,
) -> Result<Option<Vec<u8>>, StoreError> {
    let Ok(id) = id.parse::<AgreementId>() else {
        return Ok(None);
    };
    let rows = node.store.agreements().await?;
    let row = rows.into_iter().find(|row| {
        row.id == id && row.version == version && digest.is_none_or(|digest| row.digest == *digest)
    });
    Ok(row.map(|row| as_json(&row.signed).into_bytes()))
}

/// The hints that say a message: several, when more lists changed than one hint may name.
fn hints(node: &Node, item: &OutboxItem, message: &Message) -> Vec<Hint> {
    let now = node.now();
    let empty = || Hint {
        iss: node.identity.entity.clone(),
        aud: item.peer.clone(),
        iat: now,
        exp: now.plus_saturating(HINT_LIFETIME + i64::from(mutant!("VER-18/sent"))),
        jti: Jti::from_bytes(node.rng.bytes()),
        status_lists: Vec::new(),
        configuration: false,
        withdrawals: Vec::new(),
        environment: node.identity.environment,
    };
    match message {
        Message::StatusChanged { lists } => lists
            .chunks(if mutant!("VER-16/sent") {
                usize::MAX
            } else {
                MAX_HINTED
            })
            .map(|lists| Hint {
                status_lists: match lists {
                    _ if mutant!("VER-17/sent") => [lists, &[item.peer.join("/status-lists/1")]].concat(),
                    _ => lists.to_vec(),
                },
                ..empty()
            })
            .collect(),
        Message::ConfigurationChanged => vec![Hint {
            configuration: true,
            ..empty()
        }],
        Message::Withdrawal { jws } => vec![Hint {
            withdrawals: vec![jws.clone()],
            ..empty()
        }],
        Message::Proposal { .. } => Vec::new(),
    }
}

fn settle(node: &Node, item: &OutboxItem, sent: Sent) -> (Write, DeliveryResult) {
    let (why, retry_after) = match sent {
        Sent::Delivered => return (Write::Dequeue(item.id), DeliveryResult::Delivered),
        Sent::Moot => return (Write::Dequeue(item.id), DeliveryResult::Moot),
        Sent::Not { why, retry_after } => (why, retry_after),
    };
    // Saying the same again changes none of these answers.
    let final_answer = matches!(why, NotDelivered::Status(400 | 404 | 405 | 409 | 413 | 415 | 422));
    if final_answer || item.attempts + 1 >= MAX_ATTEMPTS {
        return (Write::Dequeue(item.id), DeliveryResult::GivenUp(why));
    }
    let until = node
        .now()
        .plus_saturating(pause(node, item.attempts, retry_after));
    (
        Write::Postpone {
            id: item.id,
            next_at: until.get(),
        },
        DeliveryResult::PutOff { why, until },
    )
}

/// Doubled at each attempt, as long as the peer asks at least, spread by an eighth so that nodes do not return in step.
fn pause(node: &Node, attempts: u32, retry_after: Option<u64>) -> i64 {
    let doubled = FIRST_PAUSE.saturating_mul(1_i64.checked_shl(attempts.min(20)).unwrap_or(i64::MAX));
    let asked = retry_after
        .and_then(|seconds| i64::try_from(seconds).ok())
        .unwrap_or(0);
    let pause = doubled.max(asked).min(LONGEST_PAUSE);
    let spread = u32::try_from(pause / 8).unwrap_or(0);
    pause + i64::from(node.rng.below(spread.saturating_add(1)))
}
