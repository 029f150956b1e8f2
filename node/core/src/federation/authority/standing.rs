//! Suspending, removing and reinstating a member. The superior's word alone decides; the county's own data is not touched.

use comity_spec::entity::MemberState;
use comity_spec::ids::EntityId;
use comity_spec::mutant;
use comity_spec::time::UnixSeconds;

use super::publish::{PublishError, publish};
use super::{AuthorityState, Kind, same_key};
use crate::ports::signer::Signer;

/// What becomes of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Paused: nothing of it verifies, nothing is called false.
    Suspend,
    /// Leaves; stays published for 400 days.
    Remove,
    /// Is active again, from suspension or removal.
    Reinstate,
}

/// Why a standing was not changed.
#[derive(Debug, thiserror::Error)]
pub enum StandingError {
    /// Nobody of that name.
    #[error("{0} 不是本机构的成员 / is no member of this authority")]
    NotAMember(EntityId),
    /// It has that standing already.
    #[error("{entity} 已处于该状态({state:?}) / has that standing already")]
    Unchanged {
        /// The member.
        entity: EntityId,
        /// Its standing.
        state: MemberState,
    },
    /// A removed member cannot be suspended.
    #[error("{0} 已移除，只能恢复 / was removed and can only be reinstated")]
    Removed(EntityId),
    /// Somebody else holds its place by now.
    #[error(
        "{entity} 的区划、前缀或密钥已由 {by} 使用，不能恢复 / another member holds its region, prefix or keys by now"
    )]
    PlaceTaken {
        /// The member.
        entity: EntityId,
        /// Who holds the place.
        by: EntityId,
    },
    /// Nothing was signed.
    #[error(transparent)]
    Publish(#[from] PublishError),
}

/// Changes the standing of a member and publishes.
///
/// # Errors
/// [`StandingError`]; the old state still stands.
pub async fn set_standing(
    state: &AuthorityState,
    signer: &dyn Signer,
    member: &EntityId,
    standing: Standing,
    now: UnixSeconds,
) -> Result<AuthorityState, StandingError> {
    let mut next = state.clone();
    let at = next
        .members
        .iter()
        .position(|one| one.entity == *member)
        .ok_or_else(|| StandingError::NotAMember(member.clone()))?;
    let current = next.members[at].state;
    let wanted = match standing {
        Standing::Suspend if current == MemberState::Removed => {
            return Err(StandingError::Removed(member.clone()));
        }
        Standing::Suspend => MemberState::Suspended,
        Standing::Remove => MemberState::Removed,
        Standing::Reinstate => {
            if let Some(by) = rival(state, at).filter(|_| !mutant!("TRU-14/reinstated")) {
                return Err(StandingError::PlaceTaken {
                    entity: member.clone(),
                    by,
                });
            }
            MemberState::Active
        }
    };
    if wanted == current {
        return Err(StandingError::Unchanged {
            entity: member.clone(),
            state: current,
        });
    }
    next.members[at].state = wanted;
    next.members[at].since = now;
    Ok(publish(&next, signer, now).await?)
}

/// Another member that took the place of the one at `at` while that was away.
fn rival(state: &AuthorityState, at: usize) -> Option<EntityId> {
    let one = &state.members[at];
    state
        .holding()
        .filter(|other| other.entity != one.entity)
        .find(|other| {
            let place = match (&one.kind, &other.kind) {
                (Kind::County(a), Kind::County(b)) => {
                    a.region == b.region || a.tls_pins.iter().any(|pin| b.tls_pins.contains(pin))
                }
                (Kind::Province(a), Kind::Province(b)) => a.covers(*b) || b.covers(*a),
                _ => false,
            };
            let theirs = &other.keys.keys;
            place
                || one
                    .keys
                    .keys
                    .iter()
                    .any(|key| theirs.iter().any(|their| same_key(key, their)))
        })
        .map(|other| other.entity.clone())
}
