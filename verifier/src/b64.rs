//! base64url as JOSE uses it: no padding, one spelling per value (RFC 7515 §2, RFC 4648 §5 and §3.5).
//!
//! Refuses padding, whitespace, the other alphabet and non-zero trailing bits: an object whose signature covers one spelling
//! must not be acceptable in a second one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use comity_spec::mutant;
use thiserror::Error;

/// The text is not canonical unpadded base64url. The sender's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("不是规范的 base64url / not canonical unpadded base64url")]
pub struct B64Error;

/// Decodes canonical unpadded base64url.
///
/// # Errors
/// [`B64Error`] for any character outside the alphabet, padding, an impossible length or non-zero trailing bits.
pub fn decode(text: &[u8]) -> Result<Vec<u8>, B64Error> {
    let text = match text.strip_suffix(b"=") {
        Some(rest) if mutant!("JWS-10/padding") => rest.strip_suffix(b"=").unwrap_or(rest),
        _ => text,
    };
    URL_SAFE_NO_PAD.decode(text).map_err(|_| B64Error)
}

/// Decodes exactly `N` bytes.
///
/// # Errors
/// [`B64Error`] as for [`decode`], and for any other length.
pub fn decode_array<const N: usize>(text: &[u8]) -> Result<[u8; N], B64Error> {
    // 66 bytes would be a P-521 coordinate: nothing decoded into an array here is longer than 64 bytes.
    let mut buffer = [0_u8; 66];
    let n = URL_SAFE_NO_PAD
        .decode_slice(text, &mut buffer)
        .map_err(|_| B64Error)?;
    buffer[..n].try_into().map_err(|_| B64Error)
}

/// Encodes as unpadded base64url.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Encodes a SHA-256 digest: always 43 characters.
#[must_use]
pub fn encode_digest(digest: &[u8; 32]) -> [u8; 43] {
    let mut out = [0_u8; 43];
    // 32 bytes are 43 characters without padding, so the slice always fits and is always filled.
    let written = URL_SAFE_NO_PAD.encode_slice(digest, &mut out);
    debug_assert_eq!(written, Ok(43));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_spelling_only() {
        assert_eq!(decode(b"AQ"), Ok(vec![1]));
        for bad in ["AR", "AQ==", "AQ=", "A", "A+", "A/", " AQ", "AQ\n", "居"] {
            assert_eq!(decode(bad.as_bytes()), Err(B64Error), "{bad:?}");
        }
    }

    #[test]
    fn arrays_have_their_length() {
        assert_eq!(decode_array::<1>(b"AQ"), Ok([1]));
        assert_eq!(decode_array::<2>(b"AQ"), Err(B64Error));
        assert_eq!(decode_array::<64>(encode(&[7; 64]).as_bytes()), Ok([7; 64]));
        assert_eq!(decode_array::<64>(encode(&[7; 65]).as_bytes()), Err(B64Error));
        assert_eq!(decode_array::<64>(encode(&[7; 500]).as_bytes()), Err(B64Error));
    }

    proptest! {
        #[test]
        fn what_decodes_encodes_to_the_same_text(text in "[A-Za-z0-9_-]{0,80}") {
            if let Ok(bytes) = decode(text.as_bytes()) {
                prop_assert_eq!(encode(&bytes), text);
            }
        }

        #[test]
        fn digests_encode_like_everything_else(digest: [u8; 32]) {
            let encoded = encode_digest(&digest);
            let expected = encode(&digest);
            prop_assert_eq!(&encoded[..], expected.as_bytes());
        }
    }
}
