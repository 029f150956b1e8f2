//! A permit of another county at the target's window (chapter 7.1): signature, disclosures, status, and what each defect leads to.

use super::super::{Case, play};
use crate::class::Class::Recogniser;
use crate::scene::{Played, Scene, ensure};
use crate::target::contract::Holder;
use crate::world::keys::Key;
use crate::world::status_list::Entries;

pub(super) const CASES: &[Case] = &[
    Case::accepts(
        Recogniser,
        "recogniser/recognised",
        &["DEC-9", "DEC-13", "RCP-1"],
        "a valid card of a partner is scanned, and the clerk finds the holder",
        "RECOGNISED, provisional, and a receipt after the clerk looked",
        play!(recognised),
    ),
    Case::differs(
        Recogniser,
        "recogniser/stranger-signs",
        &["VER-1", "VER-2", "JWS-4"],
        "recogniser/recognised",
        "the signature is by another key under the kid of the issuer's",
        "SIGNATURE_INVALID",
        play!(stranger_signs),
    ),
    Case::differs(
        Recogniser,
        "recogniser/cancelled",
        &["DEC-15", "STA-12"],
        "recogniser/recognised",
        "the entry of the card is 1 in the list",
        "REVOKED",
        play!(cancelled),
    ),
];

async fn recognised(scene: &mut Scene) -> Played {
    let shown = scene.shown().await?;
    let verdict = scene.scan(&shown.card.token()).await?;
    scene.outcome(&verdict, &["RECOGNISED"])?;
    let confirmed = scene.confirm(&verdict, Holder::Same).await?;
    ensure!(
        confirmed.outcome == "RECOGNISED",
        "after the clerk looked the outcome is {}",
        confirmed.outcome
    );
    ensure!(
        confirmed.receipt.is_some(),
        "there is no receipt of a recognition that a person confirmed"
    );
    Ok(())
}

async fn stranger_signs(scene: &mut Scene) -> Played {
    scene
        .shows(&["SIGNATURE_INVALID"], |shown| {
            shown.card.draft.key = Key::stranger()
        })
        .await
}

async fn cancelled(scene: &mut Scene) -> Played {
    scene
        .shows(&["REVOKED"], |shown| {
            let mut entries = Entries::default();
            entries.set(shown.slot.index, 1);
            let county = shown.partner.county();
            county.serve_list(&shown.slot, county.status_list(&shown.slot, &entries).sign());
        })
        .await
}
