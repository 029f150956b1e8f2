//! `comity-verify sd-jwt`: verifies an SD-JWT after RFC 9901 and prints its processed claims.
//!
//! With `--aud` and `--nonce` a key binding is required and must answer them. `nbf` and `exp` are judged at `--at` or now.

use std::path::PathBuf;

use comity_spec::jose::KeyPurpose;
use comity_verifier::budget::{Budget, Limits};
use comity_verifier::sd_jwt::{Binding, Challenge, MAX_KEY_BINDING_AGE, SdJwt};
use serde_json::Value;

use crate::failure::Failure;
use crate::input;
use crate::jws::ProfileName;

/// Tolerated difference of clocks, in seconds (chapter 2.4).
const SKEW: i64 = 60;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// 公钥集文件 / File with the JWK Set (or one JWK) of the issuer
    #[arg(long, value_name = "FILE")]
    jwks: PathBuf,
    /// 期望的 typ / The typ that the issuer's token must have
    #[arg(long)]
    typ: Option<String>,
    /// 规则 / Which rules hold for the issuer's token
    #[arg(long, value_enum, default_value = "standard")]
    profile: ProfileName,
    /// 密钥绑定的受众 / Require a key binding for this audience
    #[arg(long, requires = "nonce")]
    aud: Option<String>,
    /// 密钥绑定的随机数 / Require a key binding with this nonce
    #[arg(long, requires = "aud")]
    nonce: Option<String>,
    /// 密钥绑定最长存在秒数 / Oldest acceptable key binding, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = MAX_KEY_BINDING_AGE)]
    max_age: i64,
    /// 核验时刻(1970 年起的秒数)/ Judge dates at this second since 1970 instead of now
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    at: Option<i64>,
    /// 待核验文件,- 为标准输入 / File with the SD-JWT, - for standard input
    file: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<String, Failure> {
    let profile = args.profile.with_typ(args.typ.as_deref())?;
    let keys = input::read_keys(&args.jwks, KeyPurpose::Attestation)?;
    let presented = input::read_token(&args.file)?;
    let now = input::now(args.at)?;
    let binding = match (&args.aud, &args.nonce) {
        (Some(aud), Some(nonce)) => Binding::Required(Challenge {
            aud,
            nonce,
            now,
            max_age: args.max_age,
        }),
        _ => Binding::Optional,
    };
    let mut budget = Budget::new(Limits::PRESENTATION);
    let verified = SdJwt::parse(&presented, profile, &mut budget)?.verify(
        &keys,
        KeyPurpose::Attestation,
        binding,
        &mut budget,
    )?;
    verified.value().check_dates(now, SKEW)?;
    input::pretty(&Value::Object(verified.value().claims().clone()))
}
