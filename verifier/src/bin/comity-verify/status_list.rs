//! `comity-verify status-list`: reads a status list token, or a bare `status_list` object, and prints entries.
//!
//! With `--jwks` a token's signature and expiry are verified and a bare object, which has neither, is refused. Without it the
//! entries are only read: standard error and the JSON output say so.

use std::path::PathBuf;

use comity_spec::jose::{KeyPurpose, Typ};
use comity_verifier::budget::{Budget, Limits};
use comity_verifier::jws::Profile;
use comity_verifier::status_list::{StatusList, StatusListToken, UnverifiedStatusList};
use serde_json::{Map, Value, json};

use crate::failure::Failure;
use crate::input;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// 签发方公钥集文件 / File with the JWK Set (or one JWK) of the issuer
    #[arg(long, value_name = "FILE")]
    jwks: Option<PathBuf>,
    /// 查询一个索引 / Print the value at one index
    #[arg(long, value_name = "N", conflicts_with = "all")]
    index: Option<u64>,
    /// 列出所有非零项 / Print every entry that is not zero
    #[arg(long)]
    all: bool,
    /// 输出 JSON / Print JSON
    #[arg(long)]
    json: bool,
    /// 核验时刻(1970 年起的秒数)/ Judge expiry at this second since 1970 instead of now
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    at: Option<i64>,
    /// 令牌或 status_list 对象,- 为标准输入 / File with the token or object, - for standard input
    file: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<String, Failure> {
    let read = open(args)?;
    let list = &read.list;
    let value = args.index.map(|index| list.get(index)).transpose()?;
    if args.json {
        return render_json(args, &read, value);
    }
    Ok(match value {
        Some(value) => value.to_string(),
        None if args.all => list
            .nonzero()
            .map(|(index, value)| format!("{index} {value}"))
            .collect::<Vec<_>>()
            .join("\n"),
        None => format!(
            "bits {}, entries {}, nonzero {}",
            list.bits(),
            list.len(),
            list.nonzero().count()
        ),
    })
}

/// A list and what is known about where it comes from.
struct Opened {
    list: StatusList,
    /// Claims of the token; nothing for a bare object.
    claims: Map<String, Value>,
    signature: &'static str,
}

fn open(args: &Args) -> Result<Opened, Failure> {
    let bytes = input::read_token(&args.file)?;
    let mut budget = Budget::new(Limits::STATUS_LIST);
    let bare = bytes.trim_ascii_start().first() == Some(&b'{');
    match &args.jwks {
        Some(_) if bare => Err(Failure::Refused {
            rule: "status-list.unsigned",
            reason: "对象没有签名 / a bare status_list object has no signature to verify".into(),
        }),
        Some(jwks) => {
            let keys = input::read_keys(jwks, KeyPurpose::Status)?;
            let token = parse(&bytes, &mut budget)?
                .verify(&keys, &mut budget)?
                .into_value();
            // An expired list is never read: what it said may have changed since.
            let now = input::now(args.at)?;
            if token.exp.is_some_and(|exp| now >= exp) {
                return Err(Failure::Refused {
                    rule: "status-list.expired",
                    reason: "状态列表已过期 / the status list has expired".into(),
                });
            }
            Ok(opened(token, "verified"))
        }
        None => {
            eprintln!("注意：签名未核验 / note: no signature was verified (no --jwks)");
            if bare {
                let list = StatusList::from_object(&bytes, &mut budget)?;
                Ok(Opened {
                    list,
                    claims: Map::new(),
                    signature: "none",
                })
            } else {
                let token = parse(&bytes, &mut budget)?.read_unverified(&mut budget)?;
                Ok(opened(token, "unchecked"))
            }
        }
    }
}

fn parse(token: &[u8], budget: &mut Budget) -> Result<UnverifiedStatusList, Failure> {
    let profile = Profile::Standard {
        typ: Some(Typ::StatusList.as_str()),
    };
    Ok(UnverifiedStatusList::parse(token, profile, budget)?)
}

fn opened(token: StatusListToken, signature: &'static str) -> Opened {
    let mut claims = Map::new();
    claims.insert("sub".into(), token.sub.into());
    claims.insert("iat".into(), token.iat.into());
    let optional = [
        ("iss", token.iss.map(Value::from)),
        ("exp", token.exp.map(Value::from)),
        ("ttl", token.ttl.map(Value::from)),
        ("source_as_of", token.source_as_of.map(Value::from)),
    ];
    claims.extend(
        optional
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?))),
    );
    Opened {
        list: token.list,
        claims,
        signature,
    }
}

fn render_json(args: &Args, read: &Opened, value: Option<u8>) -> Result<String, Failure> {
    let mut document = Map::new();
    document.insert("bits".into(), read.list.bits().into());
    document.insert("entries".into(), read.list.len().into());
    document.insert("signature".into(), read.signature.into());
    if !read.claims.is_empty() {
        document.insert("claims".into(), Value::Object(read.claims.clone()));
    }
    if let (Some(index), Some(value)) = (args.index, value) {
        document.insert("index".into(), index.into());
        document.insert("value".into(), value.into());
    }
    if args.all {
        let nonzero: Map<String, Value> = read
            .list
            .nonzero()
            .map(|(i, v)| (i.to_string(), json!(v)))
            .collect();
        document.insert("nonzero".into(), Value::Object(nonzero));
    }
    input::pretty(&Value::Object(document))
}
