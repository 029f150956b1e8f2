//! A nonce for a holder's wallet: the window shows it, and the wallet signs it with the holder's key, for this county alone
//! (ATT-14). It is good once (SEC-4), for five minutes and at this officer's window.

use comity_spec::ids::EntityId;
use comity_spec::time::UnixSeconds;

use super::challenges::CHALLENGE_LIFETIME;
use crate::node::Node;
use crate::staff::Acting;

/// What a wallet has to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedChallenge {
    /// `nonce` of the answer.
    pub nonce: String,
    /// `aud` of the answer: this county.
    pub aud: EntityId,
    /// Answers are taken until then.
    pub expires: UnixSeconds,
}

/// Draws a nonce for an officer's window.
#[must_use]
pub fn challenge(node: &Node, acting: &Acting) -> IssuedChallenge {
    let now = node.now();
    IssuedChallenge {
        nonce: node
            .live
            .challenges
            .issue(&acting.officer, node.rng.as_ref(), now),
        aud: node.identity.entity.clone(),
        expires: now.plus_saturating(CHALLENGE_LIFETIME),
    }
}
