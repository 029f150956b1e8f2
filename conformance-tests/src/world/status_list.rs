//! Status lists of the world's counties (chapter 6): two bits an entry, and every way to pack them wrongly.

use std::io::Write as _;

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde_json::Value;

use super::ambient::{b64, unb64};

/// Entries of a list (STA-5).
pub(crate) const ENTRIES: usize = 131_072;

/// Entries, two bits each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entries(pub(crate) Vec<u8>);

impl Default for Entries {
    fn default() -> Self {
        Self(vec![0; ENTRIES / 4])
    }
}

impl Entries {
    /// The value of an entry.
    pub(crate) fn get(&self, index: usize) -> Option<u8> {
        let byte = self.0.get(index / 4)?;
        Some((byte >> (2 * (index % 4))) & 3)
    }

    /// Gives an entry a value.
    pub(crate) fn set(&mut self, index: usize, value: u8) {
        if let Some(byte) = self.0.get_mut(index / 4) {
            let shift = 2 * (index % 4);
            *byte = (*byte & !(3 << shift)) | ((value & 3) << shift);
        }
    }

    /// How many entries are not 0.
    pub(crate) fn marked(&self) -> usize {
        (0..self.0.len() * 4)
            .filter(|index| self.get(*index) != Some(0))
            .count()
    }

    /// `lst`: zlib, base64url.
    pub(crate) fn packed(&self) -> String {
        b64(zlib(&self.0))
    }

    /// Reads the `status_list` member of a token, no larger than a list may be.
    pub(crate) fn unpacked(status_list: &Value) -> Option<Self> {
        use std::io::Read as _;
        let bytes = unb64(status_list.get("lst")?.as_str()?)?;
        let mut entries = Vec::new();
        let most = u64::try_from(ENTRIES).ok()?;
        ZlibDecoder::new(bytes.as_slice())
            .take(most)
            .read_to_end(&mut entries)
            .ok()?;
        Some(Self(entries))
    }
}

/// A zlib stream.
pub(crate) fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.expect("writing to memory does not fail")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn entries_are_least_significant_first_and_survive_packing() {
        let mut entries = Entries::default();
        entries.set(1, 2);
        entries.set(5, 3);
        entries.set(5, 1);
        assert_eq!(entries.0[..2], [0b1000, 0b0100]);
        assert_eq!(entries.marked(), 2);
        let packed = json!({ "bits": 2, "lst": entries.packed() });
        assert_eq!(Entries::unpacked(&packed), Some(entries));
    }
}
