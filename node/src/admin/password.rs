//! A password on its way to the node: in memory it is erased after use and never printed, on the admin socket it is text. Nobody else
//! reads there, since the folder is the account's alone.

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize as _, Deserializer, Serializer};

pub(super) fn serialize<S: Serializer>(password: &SecretString, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(password.expose_secret())
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SecretString, D::Error> {
    String::deserialize(from).map(SecretString::from)
}
