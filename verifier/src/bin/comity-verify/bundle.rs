//! `comity-verify bundle`: opens a `.comity` file against an anchor and says what is in it, from whom, how fresh, and what was
//! refused and why. Without an anchor given by hand there is nothing to say: a bundle proves nothing about itself.

use std::fmt::Write as _;
use std::path::PathBuf;

use comity_spec::time::{LocalDate, UnixSeconds};
use comity_verifier::agreement::VerifiedAgreement;
use comity_verifier::bundle::{self, OpenedBundle};
use comity_verifier::status_view::VerifiedStatusList;
use comity_verifier::trust::{Anchor, County, Floors};
use serde_json::json;

use crate::failure::Failure;
use crate::input;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// 锚点文件，由本单位亲手取得 / Anchor file, received by hand
    #[arg(long, value_name = "FILE")]
    anchor: PathBuf,
    /// 按此时刻核验(1970 年以来的秒数)/ Verify as at this time, in seconds since 1970
    #[arg(long, value_name = "TIME")]
    at: Option<i64>,
    /// 输出 JSON / Print JSON
    #[arg(long)]
    json: bool,
    /// .comity 文件,- 为标准输入 / Bundle, - for standard input
    file: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<String, Failure> {
    let now = UnixSeconds::new(input::now(args.at)?)
        .map_err(|_| Failure::Usage("--at 超出范围 / --at is outside the range of times"))?;
    let anchor = Anchor::parse(&input::read(&args.anchor)?)?;
    let opened = bundle::open(&input::read(&args.file)?, &anchor, &Floors::default(), now)?;
    let contents = Contents::of(&opened);
    let text = if args.json {
        input::pretty(&contents.json(&opened, now))?
    } else {
        contents.text(&opened, now)
    };
    if contents.counties.is_empty() {
        return Err(Failure::Refused {
            rule: "bundle.nothing-holds",
            reason: format!("没有可信的成员 / no member holds\n{text}"),
        });
    }
    Ok(text)
}

/// What holds, in an order that does not change from run to run.
struct Contents<'a> {
    counties: Vec<&'a County>,
    agreements: Vec<&'a VerifiedAgreement>,
    lists: Vec<&'a VerifiedStatusList>,
}

impl<'a> Contents<'a> {
    fn of(opened: &'a OpenedBundle) -> Self {
        let mut counties: Vec<_> = opened.trust.counties().collect();
        counties.sort_by_key(|county| county.region);
        let mut lists: Vec<_> = opened.status.lists().collect();
        lists.sort_by_key(|list| list.uri().to_owned());
        Self {
            counties,
            agreements: opened.agreements.all().iter().collect(),
            lists,
        }
    }

    fn text(&self, opened: &OpenedBundle, now: UnixSeconds) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut out, opened, now);
        out.truncate(out.trim_end().len());
        out
    }

    fn write(&self, out: &mut String, opened: &OpenedBundle, now: UnixSeconds) -> std::fmt::Result {
        let trust = &opened.trust;
        writeln!(
            out,
            "锚点 / anchor  {}  {}",
            trust.anchor(),
            trust.environment().as_str()
        )?;
        writeln!(out, "成员 / members  {}", self.counties.len())?;
        for county in &self.counties {
            let (region, name, left) = (county.region, &county.name, county.valid_until.since(now) / 3600);
            writeln!(
                out,
                "  {region}  {name}  {}  有效至 {left} 小时后 / valid for {left} h",
                county.entity
            )?;
        }
        writeln!(out, "协议 / agreements  {}", self.agreements.len())?;
        for one in &self.agreements {
            let agreement = one.agreement();
            let regions: Vec<String> = agreement.parties.iter().map(|p| p.region.to_string()).collect();
            let state = if in_force(opened, one, now) {
                "生效中 / in force"
            } else {
                "未生效 / not in force"
            };
            writeln!(
                out,
                "  {} v{}  {}  {state}  {}",
                agreement.id,
                agreement.version,
                regions.join("–"),
                agreement.title
            )?;
        }
        writeln!(out, "状态列表 / status lists  {}", self.lists.len())?;
        for list in &self.lists {
            let minutes = now.since(list.as_of()).max(0) / 60;
            writeln!(out, "  {}  {minutes} 分钟前 / {minutes} min old", list.uri())?;
        }
        writeln!(out, "被拒绝 / refused  {}", opened.findings.len())?;
        for finding in &opened.findings {
            writeln!(
                out,
                "  [{}] {} {}  {}",
                finding.rule,
                finding.kind.as_str(),
                finding.object,
                finding.text
            )?;
        }
        Ok(())
    }

    fn json(&self, opened: &OpenedBundle, now: UnixSeconds) -> serde_json::Value {
        let summary = opened.summary;
        json!({
            "at": now,
            "created": opened.created,
            "anchor": opened.trust.anchor(),
            "environment": opened.trust.environment(),
            "carried": {
                "statements": summary.statements,
                "member_lists": summary.member_lists,
                "agreements": summary.agreements,
                "withdrawals": summary.withdrawals,
                "status_lists": summary.status_lists,
            },
            "members": self.counties.iter().map(|c| json!({
                "entity": c.entity,
                "region": c.region,
                "name": c.name,
                "superior": c.superior,
                "valid_until": c.valid_until,
            })).collect::<Vec<_>>(),
            "agreements": self.agreements.iter().map(|a| json!({
                "id": a.agreement().id,
                "version": a.agreement().version,
                "digest": a.digest(),
                "parties": a.agreement().parties.iter().map(|p| &p.entity).collect::<Vec<_>>(),
                "effective_from": a.agreement().effective_from,
                "effective_until": a.agreement().effective_until,
                "in_force": in_force(opened, a, now),
            })).collect::<Vec<_>>(),
            "status_lists": self.lists.iter().map(|l| json!({
                "uri": l.uri(),
                "iss": l.iss(),
                "iat": l.iat(),
                "exp": l.exp(),
                "source_as_of": l.source_as_of(),
                "age_seconds": now.since(l.as_of()).max(0),
            })).collect::<Vec<_>>(),
            "refused": opened.findings.iter().map(|f| json!({
                "kind": f.kind.as_str(),
                "object": f.object,
                "rule": f.rule,
                "text": f.text,
            })).collect::<Vec<_>>(),
        })
    }
}

fn in_force(opened: &OpenedBundle, one: &VerifiedAgreement, now: UnixSeconds) -> bool {
    let parties = &one.agreement().parties;
    let (Some(a), Some(b)) = (parties.first(), parties.get(1)) else {
        return false;
    };
    let on = LocalDate::of(now);
    // Several can be in force between two parties; is this among them?
    opened
        .agreements
        .in_force(&a.entity, &b.entity, on)
        .any(|held| held == one)
}
