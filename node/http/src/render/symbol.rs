//! A QR symbol in numeric mode (ISO/IEC 18004), level L: digits are what every scanner types right, whatever the input method
//! (SYM-1). Refuses a card that would not fit version 27 (SYM-3): beyond it a printed card is too fine for
//! the scanners at windows. A receipt stands on A4 and may take any version.

use comity_spec::receipt::PrintedReceipt;
use comity_verifier::{receipt, symbol};
use fast_qr::{ECL, Mode, QRBuilder};

/// Highest version of a card's symbol: 125 modules a side.
pub const CARD_VERSION: usize = 27;
/// Light modules around a symbol (ISO/IEC 18004 §9.1).
pub(super) const QUIET_ZONE: usize = 4;

/// The square of dark and light modules, without its quiet zone.
#[derive(Clone, PartialEq, Eq)]
pub struct Symbol {
    side: usize,
    dark: Vec<bool>,
}

/// Why there is no symbol.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SymbolTooLarge {
    /// A character that has no digits, nothing at all, or more than the largest symbol holds.
    #[error(transparent)]
    Digits(#[from] symbol::SymbolError),
    /// More digits than the version allowed holds.
    #[error("内容过长，二维码超过第 {limit} 版 / too long for a symbol of version {limit} at level L")]
    Version {
        /// The highest version allowed.
        limit: usize,
    },
}

impl Symbol {
    /// The symbol of an attestation in its card form.
    ///
    /// # Errors
    /// [`SymbolTooLarge`] when it needs more than version [`CARD_VERSION`].
    pub fn of_card(token: &str) -> Result<Self, SymbolTooLarge> {
        Self::of_digits(&symbol::encode(token)?, CARD_VERSION)
    }

    /// The symbol of a printed receipt, at most version 40.
    ///
    /// # Errors
    /// [`SymbolTooLarge`] when even that is too small: the receipt is then printed without a code and handed over as a file.
    pub fn of_receipt(printed: &PrintedReceipt) -> Result<Self, SymbolTooLarge> {
        Self::of_digits(&receipt::printed_digits(printed)?, 40)
    }

    fn of_digits(digits: &str, limit: usize) -> Result<Self, SymbolTooLarge> {
        let code = QRBuilder::new(digits)
            .mode(Mode::Numeric)
            .ecl(ECL::L)
            .build()
            .map_err(|_| SymbolTooLarge::Version { limit })?;
        if code.size > side_of(limit) {
            return Err(SymbolTooLarge::Version { limit });
        }
        let dark = (0..code.size)
            .flat_map(|y| code[y][..code.size].iter().map(|module| module.value()))
            .collect();
        Ok(Self {
            side: code.size,
            dark,
        })
    }

    /// Modules a side.
    #[must_use]
    pub const fn side(&self) -> usize {
        self.side
    }

    /// The version, 1 to 40.
    #[must_use]
    pub const fn version(&self) -> usize {
        (self.side - 17) / 4
    }

    /// Whether a module is dark; those outside, the quiet zone among them, are light.
    #[must_use]
    pub fn is_dark(&self, x: usize, y: usize) -> bool {
        x < self.side && y < self.side && self.dark[y * self.side + x]
    }

    /// Each run of dark modules of a row: (x, y, length). Drawing runs leaves no seams between modules.
    pub(super) fn runs(&self) -> impl Iterator<Item = (usize, usize, usize)> + '_ {
        (0..self.side).flat_map(move |y| {
            let mut x = 0;
            std::iter::from_fn(move || {
                while x < self.side && !self.is_dark(x, y) {
                    x += 1;
                }
                let start = x;
                while x < self.side && self.is_dark(x, y) {
                    x += 1;
                }
                (x > start).then_some((start, y, x - start))
            })
        })
    }
}

/// What it encodes may open a person's record: only its size is printed.
impl std::fmt::Debug for Symbol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Symbol(version {})", self.version())
    }
}

const fn side_of(version: usize) -> usize {
    version * 4 + 17
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_of_the_longest_name_fits_and_a_longer_token_refuses() {
        let card = Symbol::of_card(&"e".repeat(1_390)).unwrap();
        assert!(card.version() <= 24, "{card:?}");
        assert_eq!(
            Symbol::of_card(&"e".repeat(1_758)).unwrap().version(),
            CARD_VERSION
        );
        assert_eq!(
            Symbol::of_card(&"e".repeat(1_759)),
            Err(SymbolTooLarge::Version { limit: CARD_VERSION })
        );
        assert!(matches!(
            Symbol::of_card("居住证"),
            Err(SymbolTooLarge::Digits(_))
        ));
        assert!(matches!(Symbol::of_card(""), Err(SymbolTooLarge::Digits(_))));
    }

    #[test]
    fn a_receipt_may_take_the_largest_symbol_and_no_more() {
        let printed = |length| PrintedReceipt {
            receipt: "e".repeat(length),
            salt: None,
        };
        assert_eq!(Symbol::of_receipt(&printed(3_544)).unwrap().version(), 40);
        assert!(Symbol::of_receipt(&printed(3_545)).is_err());
    }

    #[test]
    fn runs_cover_exactly_the_dark_modules() {
        let symbol = Symbol::of_card("eyJ.~").unwrap();
        let mut seen = vec![false; symbol.side * symbol.side];
        for (x, y, length) in symbol.runs() {
            seen[y * symbol.side + x..][..length].fill(true);
        }
        assert_eq!(seen, symbol.dark);
    }
}
