//! Agreements between the target and a county of the world (chapter 4), over the federation listener.

use super::super::{Case, play};
use crate::class::Class::Node;
use crate::scene::{Played, Scene, ensure};
use crate::target::contract::{Act, AgreementState, Agreements};

pub(super) const CASES: &[Case] = &[Case::accepts(
    Node,
    "node/agreement-concluded",
    &["AGR-1", "AGR-2", "AGR-21"],
    "a county proposes an agreement and the target signs it",
    "the target sends its signature back, and knows the agreement as adopted",
    play!(concluded),
)];

async fn concluded(scene: &mut Scene) -> Played {
    let partner = scene.fresh_partner().await?;
    let known: Agreements = scene.ask(Act::Agreements).await?;
    let here = known
        .agreements
        .iter()
        .find(|one| one.reference.id.to_string() == partner.agreement["id"]);
    let state = here.map(|one| one.state);
    ensure!(
        state == Some(AgreementState::Adopted),
        "the agreement is {state:?} at the target"
    );
    let digest = here
        .map(|one| one.reference.digest.to_string())
        .unwrap_or_default();
    ensure!(
        partner.agreement["digest"] == digest,
        "the target names the agreement by {digest} (AGR-1)"
    );
    scene.still_recognises(&partner).await
}
