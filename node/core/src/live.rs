//! What is under way in this process and nowhere else: requests being answered, misses of officers, challenges of windows.
//!
//! Nothing here is a record and nothing durable rests on it: what must survive a restart is in the store. Losing it costs a
//! holder one more scan or forgives an officer some misses, never an answer twice.

use crate::exchange::in_flight::InFlight;
use crate::exchange::peer_misses::PeerMisses;
use crate::federation::receive_hint::HintedChains;
use crate::recognition::chain_refresh::ChainRefreshes;
use crate::recognition::challenges::Challenges;
use crate::recognition::misses::Misses;

/// The node's volatile state.
#[derive(Debug, Default)]
pub struct Live {
    /// Requests that are being answered now.
    pub in_flight: InFlight,
    /// Look-ups of each officer that found nobody.
    pub misses: Misses,
    /// Look-ups of each peer that found nobody, and those under way.
    pub peer_misses: PeerMisses,
    /// Chains that were fetched at a peer's word.
    pub hinted_chains: HintedChains,
    /// Nonces that windows gave to holders' wallets.
    pub challenges: Challenges,
    /// Chains that were fetched on account of a presentation.
    pub chain_refreshes: ChainRefreshes,
}
