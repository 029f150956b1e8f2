//! The door through which statements and member lists enter the store, from the network and from bundles alike.
//!
//! Each object is accepted by the verifier against the picture at hand, compared with what is kept, and written with its floor.
//! Refuses what is older than what is kept, and names two objects of one second with different contents: that is an alarm, and
//! neither the first nor the second is thrown away for it (TRU-20, TRU-21).

use comity_spec::ids::EntityId;
use comity_spec::mutant;
use comity_verifier::trust::{Refusal, Subject, Trust, accept_member_list, accept_statement};

use super::stored::{Stored, payload};
use crate::node::Node;
use crate::ports::store::{StoreError, Write};
use crate::ports::trust::{MemberListRow, StatementRow};

/// What became of one offered object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// New here, and kept.
    Stored,
    /// What is kept already.
    Unchanged,
    /// Not believed; what is kept stands.
    Refused(Refusal),
    /// Well signed, but not the object that was asked for.
    OtherObject,
    /// Another instance stored a newer one in the meantime.
    NewerKept,
}

/// An object offered to this node.
#[derive(Clone, Debug)]
pub(super) enum Offer {
    Statement(String),
    MemberList(String),
}

/// Takes objects of one level of the chain: all are judged by the same picture. Each comes with the name of the object that was
/// asked for, where one was. What is kept is read again first, so that two walks at a time do not undo one another; the caller
/// does not hold [`Node::rebuilding`].
pub(super) async fn take(
    node: &Node,
    stored: &mut Stored,
    trust: &Trust,
    offers: Vec<(Option<Subject>, Offer)>,
) -> Result<Vec<Taken>, StoreError> {
    let mut taken = Vec::with_capacity(offers.len());
    let mut batches: Vec<(usize, Vec<Write>)> = Vec::new();
    let _turn = node.rebuilding.lock().await;
    *stored = Stored::read(node.store.as_ref()).await?;
    let kept = stored.clone();
    for (expected, offer) in offers {
        let judged = match &offer {
            Offer::Statement(jws) => statement(jws, expected.as_ref(), stored, trust, node),
            Offer::MemberList(jws) => member_list(jws, expected.as_ref(), stored, trust, node),
        };
        taken.push(match judged {
            Ok(Some(writes)) => {
                batches.push((taken.len(), writes));
                Taken::Stored
            }
            Ok(None) => Taken::Unchanged,
            Err(refused) => refused,
        });
    }
    if batches.is_empty() {
        return Ok(taken);
    }
    let all = batches.iter().flat_map(|(_, writes)| writes.clone()).collect();
    match node.store.commit("accept-statements", all).await {
        Ok(()) => {}
        Err(StoreError::Conflict(_)) => one_by_one(node, batches, &mut taken).await?,
        Err(error) => {
            *stored = kept;
            return Err(error);
        }
    }
    Ok(taken)
}

/// Somebody stored something newer: find out which, and keep the rest.
async fn one_by_one(
    node: &Node,
    batches: Vec<(usize, Vec<Write>)>,
    taken: &mut [Taken],
) -> Result<(), StoreError> {
    for (at, writes) in batches {
        match node.store.commit("accept-statement", writes).await {
            Ok(()) => {}
            Err(StoreError::Conflict(_)) => taken[at] = Taken::NewerKept,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn statement(
    jws: &str,
    expected: Option<&Subject>,
    stored: &mut Stored,
    trust: &Trust,
    node: &Node,
) -> Result<Option<Vec<Write>>, Taken> {
    let accepted = accept_statement(jws, trust, node.now()).map_err(Taken::Refused)?;
    let (iss, sub) = match expected {
        Some(Subject::Statement { iss, sub }) if mutant!("TRU-26") => (iss.clone(), sub.clone()),
        _ => (accepted.iss, accepted.sub),
    };
    let named = Subject::Statement {
        iss: iss.clone(),
        sub: sub.clone(),
    };
    if expected.is_some_and(|expected| *expected != named) {
        return Err(Taken::OtherObject);
    }
    if is_ours(node, &iss) {
        return Ok(None);
    }
    let kept = stored.statements.get(&(iss.clone(), sub.clone()));
    if let Some(kept) = kept.filter(|_| !mutant!("TRU-20/kept")) {
        compare(
            accepted.iat.get(),
            kept.iat.get(),
            payload(jws) == payload(&kept.jws),
        )?;
        if kept.iat == accepted.iat {
            return Ok(None);
        }
    }
    let row = StatementRow {
        iss,
        sub,
        iat: accepted.iat,
        exp: accepted.exp,
        jws: jws.to_owned(),
    };
    Ok(Some(stored.replace(row)))
}

/// What we say of ourselves comes from our own keys, never from outside.
fn is_ours(node: &Node, iss: &EntityId) -> bool {
    *iss == node.identity.entity
}

fn member_list(
    jws: &str,
    expected: Option<&Subject>,
    stored: &mut Stored,
    trust: &Trust,
    node: &Node,
) -> Result<Option<Vec<Write>>, Taken> {
    let accepted = accept_member_list(jws, trust, node.now()).map_err(Taken::Refused)?;
    let iss = accepted.iss;
    if expected.is_some_and(|expected| *expected != Subject::MemberList { iss: iss.clone() }) {
        return Err(Taken::OtherObject);
    }
    if let Some(kept) = stored.lists.get(&iss) {
        let number = |seq: u64| i64::try_from(seq).unwrap_or(i64::MAX);
        compare(
            number(accepted.seq),
            number(kept.seq),
            payload(jws) == payload(&kept.jws),
        )?;
        if accepted.iat < kept.iat {
            let (iat, floor) = (accepted.iat.get(), kept.iat.get());
            return Err(Taken::Refused(Refusal::RolledBack { iat, floor }));
        }
        if accepted.seq == kept.seq {
            return Ok(None);
        }
    }
    let row = MemberListRow {
        iss: iss.clone(),
        seq: accepted.seq,
        iat: accepted.iat,
        exp: accepted.exp,
        jws: jws.to_owned(),
    };
    stored.lists.insert(iss, row.clone());
    Ok(Some(vec![Write::MemberList(row)]))
}

const fn compare(offered: i64, kept: i64, same: bool) -> Result<(), Taken> {
    if offered < kept {
        return Err(Taken::Refused(Refusal::RolledBack {
            iat: offered,
            floor: kept,
        }));
    }
    if offered == kept && !same {
        Err(Taken::Refused(Refusal::Fork { iat: offered }))
    } else {
        Ok(())
    }
}
