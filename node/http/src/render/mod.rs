//! What people hold in their hands: the code of an attestation or receipt as picture, terminal text and printed sheet, and a
//! code read back from a picture somebody uploads.
//!
//! [`Symbol`] draws (chapter 5.6: digits only, level L); [`read_code`] reads; [`CardSheet`] and [`ReceiptSheet`] lay out A4. Pure
//! functions of their arguments: no network, no clock, no file. Nothing here judges a permit, and nothing remembers a picture.
//! The pages and the command line share it.

mod card_sheet;
mod metered;
mod picture;
mod read_code;
mod receipt_sheet;
mod sheet;
mod symbol;

pub use card_sheet::CardSheet;
pub use read_code::{MAX_IMAGE_BYTES, MAX_IMAGE_SIDE, UnreadablePicture, read_code};
pub use receipt_sheet::{Line, ReceiptSheet};
pub use symbol::{CARD_VERSION, Symbol, SymbolTooLarge};
