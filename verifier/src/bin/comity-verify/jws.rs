//! `comity-verify jws`: verifies one compact JWS by the keys of a JWK Set and prints header and payload.
//!
//! Judges form and signature; dates and meaning belong to the object's own type and are not looked at.

use std::path::PathBuf;

use clap::ValueEnum;
use comity_spec::jose::KeyPurpose;
use comity_verifier::b64;
use comity_verifier::budget::{Budget, Limits};
use comity_verifier::jws::{Content, Profile, Unverified};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::input;

/// Which rules hold for header and payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProfileName {
    /// The strict profile of the Comity protocol: header exactly alg, kid, typ; EdDSA only
    Comity,
    /// Anybody's tokens after RFC 7515: EdDSA and ES256
    Standard,
}

impl ProfileName {
    /// The profile, which in Comity's case needs a `typ`.
    pub(crate) fn with_typ(self, typ: Option<&str>) -> Result<Profile<'_>, Failure> {
        match (self, typ) {
            (Self::Comity, Some(typ)) => Ok(Profile::Comity { typ }),
            (Self::Comity, None) => Err(Failure::Usage(
                "严格模式需要 --typ / --profile comity needs --typ",
            )),
            (Self::Standard, typ) => Ok(Profile::Standard { typ }),
        }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// 公钥集文件 / File with the JWK Set (or one JWK) of the signer
    #[arg(long, value_name = "FILE")]
    jwks: PathBuf,
    /// 期望的 typ / The typ that the object must have
    #[arg(long)]
    typ: Option<String>,
    /// 规则 / Which rules hold
    #[arg(long, value_enum, default_value = "standard")]
    profile: ProfileName,
    /// 待核验文件,- 为标准输入 / File with the token, - for standard input
    file: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<String, Failure> {
    let profile = args.profile.with_typ(args.typ.as_deref())?;
    let keys = input::read_keys(&args.jwks, KeyPurpose::Federation)?;
    let token = input::read_token(&args.file)?;
    // The file was chosen by the person at the keyboard and may be as large as a token of a standard gets.
    let mut budget = Budget::new(Limits::STATUS_LIST);
    let verified = Unverified::parse(&token, profile, &mut budget)?.verify_content(
        &keys,
        KeyPurpose::Federation,
        &mut budget,
    )?;
    let header = verified.header().to_value();
    let document = match verified.into_value() {
        Content::Json(payload) => json!({ "header": header, "payload": payload }),
        Content::Text(payload) => json!({ "header": header, "payload": payload }),
        Content::Octets(octets) => {
            json!({ "header": header, "payload": Value::Null, "payload_base64url": b64::encode(&octets) })
        }
    };
    input::pretty(&document)
}
