//! The office that asks: a bundle and an anchor from files, the county in whose name is decided, the service and the moment.
//!
//! `attestation` and `batch` both decide through [`Office::decide`], so that many permits and one get the same verdict. Always
//! off line: nothing is ever asked of an issuer. Without an anchor every verdict is grey, since a bundle proves nothing.

use std::path::PathBuf;

use comity_spec::decision::Decision;
use comity_spec::ids::{EntityId, ProviderId, Region, ServiceCode};
use comity_spec::text::Bilingual;
use comity_spec::time::UnixSeconds;
use comity_verifier::budget::{Budget, Limits};
use comity_verifier::bundle::{self, OpenedBundle};
use comity_verifier::decide::{
    Clerk, Context, DecideInput, Evidence, Lookup, Network, Recogniser, Source, Step, decide, not_ready,
};
use comity_verifier::presentation;
use comity_verifier::sd_jwt::Binding;
use comity_verifier::trust::{Anchor, Floors};

use crate::failure::Failure;
use crate::input;

/// Whose trust, and when.
#[derive(Debug, clap::Args)]
pub(crate) struct TrustArgs {
    /// 离线数据包 / Bundle with the chain, agreements and status lists
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: PathBuf,
    /// 锚点文件，由本单位亲手取得；缺省时结论均为"无法判断" / Anchor file, received by hand; without it every verdict is grey
    #[arg(long, value_name = "FILE")]
    pub(crate) anchor: Option<PathBuf>,
    /// 按此时刻核验（1970 年以来的秒数）/ Decide as at this time, in seconds since 1970
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<i64>,
}

/// In whose name, and for what.
#[derive(Debug, clap::Args)]
pub(crate) struct OfficeArgs {
    #[command(flatten)]
    pub(crate) trust: TrustArgs,
    /// 核验方区划代码 / Region code of the county that asks: it decides which agreements apply
    #[arg(long = "as", value_name = "REGION")]
    pub(crate) region: Region,
    /// 办理事项代码 / Service asked for
    #[arg(long, value_name = "CODE")]
    pub(crate) service: ServiceCode,
    /// 办理机构 / Institution, where the agreement names some
    #[arg(long, value_name = "ID")]
    pub(crate) provider: Option<ProviderId>,
    /// 人证核对结果 / What a named person found when looking at the holder
    #[arg(long, value_enum, default_value = "pending")]
    pub(crate) holder: Holder,
}

/// What a named person found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Holder {
    /// 尚未核对 / nobody has looked yet
    Pending,
    /// 人证一致 / the person is the holder
    Confirmed,
    /// 人证不符 / the person is not the holder
    Mismatch,
}

/// What a bundle proves against an anchor.
pub(crate) struct Office {
    opened: Option<OpenedBundle>,
    entity: Option<EntityId>,
    region: Region,
    service: ServiceCode,
    provider: Option<ProviderId>,
    clerk: Clerk,
    context: Context,
    now: UnixSeconds,
}

/// The bundle, where an anchor was given, and the moment.
pub(crate) fn open(args: &TrustArgs) -> Result<(Option<OpenedBundle>, UnixSeconds), Failure> {
    let now = UnixSeconds::new(input::now(args.at)?)
        .map_err(|_| Failure::Usage("--at 超出范围 / --at is outside the range of times"))?;
    let bytes = input::read(&args.bundle)?;
    let Some(anchor) = &args.anchor else {
        return Ok((None, now));
    };
    let anchor = Anchor::parse(&input::read(anchor)?)?;
    Ok((Some(bundle::open(&bytes, &anchor, &Floors::default(), now)?), now))
}

impl Office {
    pub(crate) fn open(args: &OfficeArgs) -> Result<Self, Failure> {
        let (opened, now) = open(&args.trust)?;
        let county = opened
            .as_ref()
            .and_then(|opened| opened.trust.county_by_region(args.region));
        Ok(Self {
            entity: county.map(|county| county.entity.clone()),
            opened,
            region: args.region,
            service: args.service.clone(),
            provider: args.provider.clone(),
            clerk: match args.holder {
                Holder::Pending => Clerk::Pending,
                Holder::Confirmed => Clerk::Confirmed,
                Holder::Mismatch => Clerk::Mismatch,
            },
            context: Context::default(),
            now,
        })
    }

    /// Decides about what was presented: a code's digits, an SD-JWT's text, or a file's bytes.
    pub(crate) fn decide(&self, presented: &[u8]) -> Decision {
        let not_ready = |cause| {
            not_ready(
                cause,
                self.region,
                &self.service,
                self.provider.as_ref(),
                self.now,
            )
        };
        let Some(opened) = &self.opened else {
            return not_ready("trust.no-anchor");
        };
        let Some(entity) = &self.entity else {
            return not_ready("recogniser.unknown-region");
        };
        let mut budget = Budget::new(Limits::PRESENTATION);
        let opening = presentation::open(presented, &opened.trust, Binding::Optional, self.now, &mut budget);
        let source = match &opening {
            Ok(presented) => Source::Presented(presented),
            Err(refusal) => Source::Refused(refusal),
        };
        let step = decide(&DecideInput {
            context: &self.context,
            recogniser: Recogniser {
                entity,
                region: self.region,
                network: Network::OffLine,
            },
            evidence: Evidence {
                source,
                lookup: Lookup::NotAsked,
                typed_name: None,
            },
            trust: &opened.trust,
            agreements: &opened.agreements,
            status: &opened.status,
            status_refreshed: false,
            clerk: self.clerk,
            service: &self.service,
            provider: self.provider.as_ref(),
            now: self.now,
        });
        match step {
            Step::Decision(decision) | Step::NeedHolder(decision) => *decision,
            // Only an office on line is ever told to ask.
            Step::NeedStatus(_) => not_ready("network.off-line"),
        }
    }

    /// A county's name, for people.
    pub(crate) fn name_of(&self, county: &EntityId) -> Option<&Bilingual> {
        self.opened
            .as_ref()?
            .trust
            .county(county)
            .map(|county| &county.name)
    }
}
