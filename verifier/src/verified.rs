//! The proof that something was verified.
//!
//! A [`Verified`] has no public constructor: whoever holds one knows that this crate checked a signature over the very bytes
//! that [`Verified::received`] returns, by a key of the right purpose. It cannot be made from a value, deserialised, or
//! defaulted, and it does not let its value be changed.

use comity_spec::ids::Thumbprint;

use crate::jws::Header;

/// A value together with the proof of its signature and the bytes that were signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<T> {
    value: T,
    header: Header,
    signer: Thumbprint,
    received: Vec<u8>,
    payload: Vec<u8>,
}

impl<T> Verified<T> {
    /// Only for the modules that have just verified the signature.
    pub(crate) const fn new(
        value: T,
        header: Header,
        signer: Thumbprint,
        received: Vec<u8>,
        payload: Vec<u8>,
    ) -> Self {
        Self {
            value,
            header,
            signer,
            received,
            payload,
        }
    }

    /// What was signed.
    #[must_use]
    pub const fn value(&self) -> &T {
        &self.value
    }

    /// Gives up the proof and keeps the value.
    #[must_use]
    pub fn into_value(self) -> T {
        self.value
    }

    /// The protected header.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Thumbprint of the key that signed.
    #[must_use]
    pub const fn signer(&self) -> &Thumbprint {
        &self.signer
    }

    /// The object as it was received, disclosures and key binding included: what is stored, forwarded and digested.
    #[must_use]
    pub fn received(&self) -> &[u8] {
        &self.received
    }

    /// The signed payload octets, decoded from base64url and otherwise untouched.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Reads the value further within this crate, keeping the proof.
    pub(crate) fn try_map<U, E>(self, read: impl FnOnce(T) -> Result<U, E>) -> Result<Verified<U>, E> {
        let Self {
            value,
            header,
            signer,
            received,
            payload,
        } = self;
        Ok(Verified {
            value: read(value)?,
            header,
            signer,
            received,
            payload,
        })
    }
}
