//! What a tier is called: its code is a member's own (chapter 5), and people read a name, on a page, a receipt and a card alike.
//! Refuses to guess: a code that no county here commonly uses is shown as it is.

use comity_spec::attestation::Tier;
use comity_spec::text::{Bilingual, Text};

/// A tier's name: those that Zhejiang counties commonly use, or the issuer's own code.
pub(crate) fn tier_name(tier: &Tier) -> Bilingual {
    let known = match tier.as_str() {
        "TEMPORARY" => Text::new("临时居住证", "temporary permit"),
        "ORDINARY" => Text::new("居住证", "ordinary permit"),
        "SKILLED" => Text::new("技术员工居住证", "skilled worker's permit"),
        own => {
            return Bilingual {
                zh: own.to_owned(),
                en: own.to_owned(),
            };
        }
    };
    known.into()
}
