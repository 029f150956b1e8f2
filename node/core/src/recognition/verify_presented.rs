//! Verifies what a scanner typed, a file or a wallet's answer (chapter 7.1).
//!
//! One signature is verified, the decision is made from what is here, and one group-committed write keeps it. The network is
//! touched only where the decision says that the issuer's answer would change it: an old code of somebody who endorsed since, a
//! list that has aged, a chain that we may not know as it is now. Whether a wallet must prove possession of the holder's key is this node's policy, never the token's.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use comity_verifier::budget::{Budget, Limits};
use comity_verifier::decide::Quota;
use comity_verifier::presentation;
use comity_verifier::sd_jwt::{Binding, Challenge};

use super::case::{Case, Shown};
use super::challenges::CHALLENGE_LIFETIME;
use super::{Inquiry, RecogniseError, RecognitionView, chain_refresh, show};
use crate::node::{Node, View};
use crate::staff::idempotency;

/// What was presented.
#[derive(Clone)]
pub struct VerifyPresented {
    /// Who asks for what.
    pub inquiry: Inquiry,
    /// As the scanner typed it or the file holds it.
    pub presented: Vec<u8>,
    /// The nonce that this window gave to the holder's wallet, from [`mod@super::challenge`].
    pub nonce: Option<String>,
    /// The holder's name as the clerk read it from the identity card, where it was typed.
    pub typed_name: Option<String>,
}

/// It is about a person: only who asks is printed.
impl std::fmt::Debug for VerifyPresented {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VerifyPresented")
            .field("officer", &self.inquiry.acting.officer)
            .finish_non_exhaustive()
    }
}

/// Verifies a presentation.
///
/// # Errors
/// [`RecogniseError`], when it could not be recorded. Every verdict is a result.
pub async fn verify_presented(
    node: &Node,
    command: &VerifyPresented,
) -> Result<RecognitionView, RecogniseError> {
    let inquiry = &command.inquiry;
    let _underway = match idempotency::begin(node, &inquiry.acting.officer, inquiry.keyed.as_ref()).await? {
        idempotency::Begun::Fresh(underway) => underway,
        idempotency::Begun::Repeated(answer) => return show::repeated(node, &answer).await,
    };
    let now = node.now();
    let nonce = command
        .nonce
        .as_deref()
        .filter(|nonce| node.live.challenges.redeem(nonce, &inquiry.acting.officer, now));
    // A nonce that was never issued, or is used up, is replaced by one that nobody knows: nothing answers it.
    let unknown = URL_SAFE_NO_PAD.encode(node.rng.bytes::<16>());
    let binding = if command.nonce.is_some() || node.policy.require_key_binding {
        Binding::Required(Challenge {
            aud: node.identity.entity.as_str(),
            nonce: nonce.unwrap_or(&unknown),
            now: now.get(),
            max_age: CHALLENGE_LIFETIME,
        })
    } else {
        Binding::Optional
    };
    let open = |view: &View| {
        let mut budget = Budget::new(Limits::PRESENTATION);
        presentation::open(&command.presented, &view.trust, binding, now, &mut budget)
    };
    let mut view = node.view();
    let mut opened = open(&view);
    if let Err(refusal) = &opened
        && chain_refresh::refreshed(node, refusal).await
    {
        view = node.view();
        opened = open(&view);
    }
    let shown = match opened {
        Ok(presented) => Shown::Presented(Box::new(presented)),
        Err(refusal) => Shown::Refused(refusal, command.presented.clone()),
    };
    let case = Case {
        node,
        view,
        inquiry,
        quota: Quota::Within,
        typed_name: command.typed_name.as_deref(),
        now,
    };
    case.run(&shown).await
}
