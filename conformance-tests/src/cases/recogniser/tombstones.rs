//! What a list said for good (6.3): of every entry, whether or not its card was seen while the list said so.
//!
//! A card that was shown proves less: whoever judges it may keep what it judged, and forget the rest of the list.

use super::super::{Case, play};
use crate::class::Class::Recogniser;
use crate::scene::{Played, Scene};
use crate::world::ambient::now;
use crate::world::county::Slot;
use crate::world::status_list::Entries;

pub(super) const CASES: &[Case] = &[Case::differs(
    Recogniser,
    "recogniser/tombstone-of-a-card-not-shown",
    &["STA-12"],
    "recogniser/cancelled",
    "the entry was 1 in a list that was fetched for another card, and is 0 in a later one, before the card is first shown",
    "REVOKED: what a list said for good is kept of every entry",
    play!(of_a_card_not_shown),
)];

async fn of_a_card_not_shown(scene: &mut Scene) -> Played {
    let shown = scene.shown().await?;
    let county = shown.partner.county();
    let mut later = scene.shown_by(&shown.partner);
    later.slot = Slot {
        index: shown.slot.index ^ 1,
        ..shown.slot.clone()
    };
    later.card = county.card(&later.person, &later.slot);
    for (value, ago) in [(1, 120), (0, 60)] {
        let mut entries = Entries::default();
        entries.set(later.slot.index, value);
        let mut list = county.status_list(&shown.slot, &entries);
        let iat = now() - ago;
        list.set("iat", iat).set("source_as_of", iat - 60);
        county.serve_list(&shown.slot, list.sign());
        scene.refresh(Some(&county.entity)).await?;
        let verdict = scene.scan(&shown.card.token()).await?;
        scene.outcome(&verdict, &["RECOGNISED"])?;
    }
    let verdict = scene.scan(&later.card.token()).await?;
    scene.outcome(&verdict, &["REVOKED"])
}
