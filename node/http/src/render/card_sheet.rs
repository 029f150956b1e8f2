//! The printed attestation: an A4 sheet with one large symbol for the counter and a card of ID-1 size (ISO/IEC 7810) to cut out.
//!
//! It shows what the card form discloses and nothing more (ATT-6), bears no photo and says that it goes with an identity
//! card. It is no residence permit and does not look like one.

use comity_spec::attestation::Tier;
use comity_spec::entity::Environment;
use comity_spec::text::Bilingual;
use comity_spec::time::LocalDate;

use super::sheet::{Ink, MM, Sheet, WIDTH, width_of};
use super::{Symbol, SymbolTooLarge};
use crate::tier_name::tier_name;

/// How far right of its label a value stands.
const VALUES: f32 = 46.0 * MM;
const VALUE_SIZE: f32 = 12.0;
/// The place of the tier among the rows.
const TIER_ROW: usize = 3;

/// What stands on the sheet.
#[derive(Clone, Copy, Debug)]
pub struct CardSheet<'a> {
    /// The attestation in its card form.
    pub token: &'a str,
    /// The holder's name.
    pub holder_name: &'a str,
    /// The last four characters of the number.
    pub number_last4: &'a str,
    /// The county that issued it.
    pub issuer: &'a Bilingual,
    /// The tier; its name is printed, its code beside it.
    pub tier: &'a Tier,
    /// Last day to which the permit is endorsed; the code ends with it.
    pub endorsed_until: LocalDate,
    /// The day of printing.
    pub printed_on: LocalDate,
    /// Test or real.
    pub environment: Environment,
}

impl CardSheet<'_> {
    /// The PDF.
    ///
    /// # Errors
    /// [`SymbolTooLarge`] when the token is no card.
    pub fn to_pdf(&self) -> Result<Vec<u8>, SymbolTooLarge> {
        let symbol = Symbol::of_card(self.token)?;
        let mut sheet = Sheet::new("居住证核验凭证 / Residence permit attestation");
        let left = 20.0 * MM;
        sheet.heading(left, 27.0 * MM, 20.0, "居住证核验凭证");
        sheet.text(
            left,
            34.0 * MM,
            10.0,
            Ink::Grey,
            "Residence permit attestation, for verification at windows of other counties",
        );
        if self.environment == Environment::Sandbox {
            sheet.heading(
                left,
                42.0 * MM,
                11.0,
                "示例环境 SANDBOX：不是真实证件 / not a real document",
            );
        }
        sheet.rule(left, 46.0 * MM, WIDTH - 2.0 * left);
        let until = self.endorsed_until.to_string();
        let tier = tier_name(self.tier).zh;
        let rows: [(&str, &str); 5] = [
            ("持证人 Holder", self.holder_name),
            ("号码后四位 Number ends in", self.number_last4),
            ("签发地 Issued by", &self.issuer.zh),
            ("类别 Tier", &tier),
            ("签注至 Endorsed until", &until),
        ];
        for (place, (label, value)) in rows.into_iter().enumerate() {
            let y = row_at(place);
            sheet.text(left, y, 9.0, Ink::Grey, label);
            sheet.text(left + VALUES, y, VALUE_SIZE, Ink::Black, value);
        }
        // Agreements name tiers by their codes: small beside the name, where it says something else.
        if tier != self.tier.as_str() {
            let after = left + VALUES + width_of(&tier, VALUE_SIZE) + 3.0 * MM;
            sheet.text(after, row_at(TIER_ROW), 8.0, Ink::Grey, self.tier.as_str());
        }
        let side = 100.0 * MM;
        sheet.symbol((WIDTH - side) / 2.0, 98.0 * MM, side, &symbol);
        let note = "请持证人与居民身份证一并出示；窗口扫码后核对本人。遗失可重新打印。\n\
                    Show it together with the identity card; the window scans it and looks at the person. If lost, it can be printed again.";
        sheet.paragraph(left, 204.0 * MM, WIDTH - 2.0 * left, 9.0, Ink::Grey, note);
        self.cut_out(&mut sheet, &symbol);
        Ok(sheet.finish(created(self.printed_on)))
    }

    /// The card of 85.6 × 54 mm.
    fn cut_out(&self, sheet: &mut Sheet, symbol: &Symbol) {
        let (width, height) = (85.6 * MM, 54.0 * MM);
        let (x, y) = ((WIDTH - width) / 2.0, 226.0 * MM);
        sheet.frame(x, y, width, height, true);
        sheet.symbol(x + 1.0 * MM, y + 2.5 * MM, 49.0 * MM, symbol);
        let text = x + 52.0 * MM;
        sheet.heading(text, y + 9.0 * MM, 9.0, "居住证核验凭证");
        // A long minority name takes a smaller size rather than leaving the card.
        let room = 32.0 * MM;
        let size = (11.0 * room / width_of(self.holder_name, 11.0)).clamp(5.0, 11.0);
        let mut below = sheet.paragraph(text, y + 19.0 * MM, room, size, Ink::Black, self.holder_name);
        below = sheet.paragraph(text, below + 1.5 * MM, room, 7.5, Ink::Black, &self.issuer.zh);
        sheet.text(
            text,
            below + 1.5 * MM,
            7.5,
            Ink::Black,
            &format!("签注至 {}", self.endorsed_until),
        );
        if self.environment == Environment::Sandbox {
            sheet.text(text, y + 50.0 * MM, 7.0, Ink::Black, "示例环境 SANDBOX");
        }
    }
}

/// The base line of a row of the table.
fn row_at(place: usize) -> f32 {
    (55.0 + 9.0 * place as f32) * MM
}

pub(super) fn created(day: LocalDate) -> (u16, u8, u8) {
    (
        u16::try_from(day.year()).unwrap_or(2000),
        u8::try_from(day.month()).unwrap_or(1),
        u8::try_from(day.day()).unwrap_or(1),
    )
}

#[cfg(test)]
mod tests {
    use super::super::sheet::drawn;
    use super::*;
    use comity_spec::text::Text;

    fn pdf(name: &str, token: &str) -> Result<Vec<u8>, SymbolTooLarge> {
        of_tier("ORDINARY", name, token)
    }

    fn of_tier(tier: &str, name: &str, token: &str) -> Result<Vec<u8>, SymbolTooLarge> {
        CardSheet {
            token,
            holder_name: name,
            number_last4: "0017",
            issuer: &Text::new("玉山县", "Yushan County").into(),
            tier: &Tier::parse(tier).unwrap(),
            endorsed_until: "2027-03-14".parse().unwrap(),
            printed_on: "2026-11-22".parse().unwrap(),
            environment: Environment::Sandbox,
        }
        .to_pdf()
    }

    #[test]
    fn one_page_with_the_predefined_font_and_the_name() {
        let bytes = pdf("张示例", &"eyJ.".repeat(300)).unwrap();
        assert!(bytes.starts_with(b"%PDF-1.7"));
        let holds = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
        assert!(holds(b"/UniGB-UTF16-H") && holds(b"/Count 1"));
        assert!(!holds(b"FontFile"), "nothing is embedded");
    }

    #[test]
    fn a_tier_is_printed_in_words_with_its_code_and_an_unknown_one_as_its_code_once() {
        let times = |tier: &str, text: &str| {
            let (sheet, drawn) = (of_tier(tier, "张示例", "eyJ").unwrap(), drawn(text));
            sheet
                .windows(drawn.len())
                .filter(|window| *window == drawn)
                .count()
        };
        assert_eq!(
            (times("ORDINARY", "居住证"), times("ORDINARY", "ORDINARY")),
            (1, 1)
        );
        assert_eq!(
            (times("SKILLED", "技术员工居住证"), times("SKILLED", "SKILLED")),
            (1, 1)
        );
        assert_eq!((times("BLUE", "BLUE"), times("BLUE", "居住证")), (1, 0));
    }

    #[test]
    fn a_token_that_is_no_card_refuses() {
        assert!(pdf("张示例", &"e".repeat(2_000)).is_err());
    }
}
