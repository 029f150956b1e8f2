//! The one place where the suite reads this machine's clock and dice. Everything that the world signs takes its time from here,
//! so a target and its world live in one second, and back-dating is arithmetic on what is signed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Seconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "the suite is a program: this is its clock"
)]
pub(crate) fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// Random octets.
#[expect(
    clippy::disallowed_methods,
    reason = "the suite is a program: these are its dice"
)]
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has a random source: without it nothing here can run");
    bytes
}

/// Canonical, unpadded base64url.
pub(crate) fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads canonical, unpadded base64url.
pub(crate) fn unb64(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// A message id (IDN-14).
pub(crate) fn message_id() -> String {
    b64(random::<16>())
}
