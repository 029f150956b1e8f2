//! Whether a county that applies can show a result of the conformance suite that its authority believes.
//!
//! An authority believes a result by the keys of those whose running of the suite it trusts, which it holds as a file: nothing is learnt
//! from the result itself. The result must be of this county, by entity id, region and the key that signed the application; of this
//! node's own revision of the text; whole; of the asked classes; without a failure, an excused one included; and not too old. What it
//! proves is the signer's word about software that was run once, not what the county runs today: `conformance-tests/README.md`.

use comity_spec::conformance::{ConformanceResult, Identity, RESULT_TYP};
use comity_spec::ids::{EntityId, Region, Thumbprint};
use comity_spec::jose::{JwkSet, KeyPurpose};
use comity_spec::time::UnixSeconds;
use comity_verifier::budget::{Budget, Limits};
use comity_verifier::jwk::{KeyError, KeySet};
use comity_verifier::jws::{JwsError, Profile, Unverified};

use super::applicant;
use super::enrol::EnrolError;

#[cfg(test)]
mod tests;

/// How far ahead the clock of whoever ran the suite may be, in seconds.
const SKEW: i64 = 60;
/// Seconds of a day.
const DAY: i64 = 86_400;

/// What an authority asks for before it enrols a county.
#[derive(Clone, Copy, Debug)]
pub struct Required<'a> {
    /// Keys by which it believes results.
    pub keys: &'a JwkSet,
    /// Classes of chapter 0.2, by name, that the result must have.
    pub classes: &'a [String],
    /// How many days a result counts.
    pub days: u32,
    /// Revision of the text that must have been played: that of this program.
    pub specification: &'a str,
}

/// Why a result does not open the door. Who has to mend it is said with each.
#[derive(Debug, thiserror::Error)]
pub enum ConformanceError {
    /// The application itself.
    #[error(transparent)]
    Application(#[from] EnrolError),
    /// A key of the authority's own file.
    #[error(
        "--conformance-keys 中的密钥不可用 / a key in the file of --conformance-keys cannot be used: {0}"
    )]
    Keys(#[from] KeyError),
    /// By nobody whom the authority believes.
    #[error(
        "结果由未列明的密钥 {0} 签名；如其测试方可信，请核对指纹后将公钥加入 --conformance-keys / the result is signed by a key that is \
         not in --conformance-keys: compare the thumbprint with whoever ran the suite, then add the key"
    )]
    UnknownKey(String),
    /// Form or signature.
    #[error(
        "结果文件不成立，请向测试方索取原件 / the result does not hold, ask whoever ran the suite for the original: {0}"
    )]
    Jws(JwsError),
    /// No county is named.
    #[error(
        "结果未指明任何县，请以 --for 申请书 重新测试 / the result names no county: run the suite again with --for and the application"
    )]
    NoCounty,
    /// Another county's.
    #[error(
        "结果属于 {found}，申请者是 {expected}，请出示本县的结果 / the result is another's: show the applicant's own"
    )]
    OtherEntity {
        /// Of the result.
        found: EntityId,
        /// Of the application.
        expected: EntityId,
    },
    /// Another region.
    #[error(
        "结果的区划是 {found}，申请的是 {expected}，请以本县区划重新测试 / the result is of another region: run the suite for the applicant's"
    )]
    OtherRegion {
        /// Of the result.
        found: Region,
        /// Of the application.
        expected: Region,
    },
    /// Not the key that signed the application.
    #[error(
        "签署申请的密钥 {0} 不在结果所列之中，请以现用申请书 (--for) 重新测试 / the key that signed the application is not in the result: run \
         the suite again with --for and this application"
    )]
    OtherKeys(Thumbprint),
    /// Times that cannot be.
    #[error(
        "结果的时间在将来或前后颠倒 ({started} – {ended})，请核对双方时钟 / the run's times lie in the future or backwards: compare the clocks"
    )]
    Future {
        /// When the run says that it began.
        started: UnixSeconds,
        /// When it says that it ended.
        ended: UnixSeconds,
    },
    /// Older than the authority takes.
    #[error(
        "结果已过期：测试结束于 {ended}，至多 {days} 天有效，请重新测试 / the result is too old: run the suite again"
    )]
    TooOld {
        /// When the run ended.
        ended: UnixSeconds,
        /// How many days it counts.
        days: u32,
    },
    /// Another text.
    #[error(
        "结果依据的协议文本是 {found}，本机构为 {expected}，请用同版套件重新测试 / the suite played another revision of the text: run that of \
         this authority's"
    )]
    OtherText {
        /// Of the result.
        found: String,
        /// Of this program.
        expected: String,
    },
    /// Some cases only.
    #[error(
        "测试不完整 (--only、--bail 或中断)，请完整运行 / the run is incomplete (--only, --bail or broken off): run all cases"
    )]
    Incomplete,
    /// Not all that is asked for.
    #[error(
        "结果缺少类别 {0} 的通过记录，请加测该类别 / no case of this class was passed: add it to the target's classes and run again"
    )]
    ClassMissing(String),
    /// Something did not pass.
    #[error(
        "类别 {class}：不通过 {fail}，预期不通过 {expected}，无法判定 {unknown}；请排除后重新测试 / cases of this class failed, failed as excused, \
         or are unknown: mend them and run again"
    )]
    NotPassed {
        /// The class.
        class: String,
        /// Cases that failed.
        fail: u32,
        /// Cases that failed and were excused by the target's operator.
        expected: u32,
        /// Cases that could not be told.
        unknown: u32,
    },
    /// Something beside the cases.
    #[error("用例之外有误，请排除后重新测试 / wrong beside the cases, mend it and run again: {0}")]
    Fault(String),
}

/// Holds a result against an application and what the authority asks for, and returns what it says.
///
/// # Errors
/// [`ConformanceError`], for the first thing that is not so.
pub fn conforms(
    required: Required<'_>,
    result: &str,
    configuration: &str,
    now: UnixSeconds,
) -> Result<ConformanceResult, ConformanceError> {
    let applicant = applicant::read(configuration, now)?;
    let region = applicant.county()?.region;
    let entity = &applicant.claims.sub;
    let result = read(result, required.keys)?;
    if result.started.since(now) > SKEW || result.ended.since(now) > SKEW || result.ended < result.started {
        return Err(ConformanceError::Future {
            started: result.started,
            ended: result.ended,
        });
    }
    if now.since(result.ended) > i64::from(required.days) * DAY {
        return Err(ConformanceError::TooOld {
            ended: result.ended,
            days: required.days,
        });
    }
    if result.specification != required.specification {
        return Err(ConformanceError::OtherText {
            found: result.specification,
            expected: required.specification.to_owned(),
        });
    }
    // The signer names a county by its application; where it named none, the target in the run must have been that county itself.
    let named = result
        .applicant
        .as_ref()
        .or(result.played.as_ref())
        .ok_or(ConformanceError::NoCounty)?;
    is_of(named, entity, region, applicant.signer)?;
    if let Some(played) = &result.played
        && played.region != region
    {
        return Err(ConformanceError::OtherRegion {
            found: played.region,
            expected: region,
        });
    }
    passed(&result, required.classes)?;
    Ok(result)
}

/// Reads a result by the keys that the authority holds.
pub(super) fn read(result: &str, trusted: &JwkSet) -> Result<ConformanceResult, ConformanceError> {
    let mut budget = Budget::new(Limits::TRUST_CHAIN);
    let mut keys = KeySet::new();
    // The set holds nothing but these; the purpose only names them, since a tester's key has none in the protocol.
    keys.add_jwks(KeyPurpose::Witness, &trusted.keys, &mut budget)?;
    let told = |error: JwsError| match error {
        JwsError::UnknownKey { kid } => ConformanceError::UnknownKey(kid),
        other => ConformanceError::Jws(other),
    };
    let profile = Profile::Comity { typ: RESULT_TYP };
    let verified = Unverified::parse(result.trim().as_bytes(), profile, &mut budget)
        .and_then(|token| token.verify(&keys, KeyPurpose::Witness, &mut budget))
        .map_err(told)?;
    Ok(verified.into_value())
}

fn is_of(
    named: &Identity,
    entity: &EntityId,
    region: Region,
    signer: Thumbprint,
) -> Result<(), ConformanceError> {
    if named.entity != *entity {
        return Err(ConformanceError::OtherEntity {
            found: named.entity.clone(),
            expected: entity.clone(),
        });
    }
    if named.region != region {
        return Err(ConformanceError::OtherRegion {
            found: named.region,
            expected: region,
        });
    }
    if !named.federation_keys.contains(&signer) {
        return Err(ConformanceError::OtherKeys(signer));
    }
    Ok(())
}

fn passed(result: &ConformanceResult, classes: &[String]) -> Result<(), ConformanceError> {
    if !result.complete {
        return Err(ConformanceError::Incomplete);
    }
    for (class, counts) in &result.classes {
        if counts.fail > 0 || counts.expected_failures > 0 || counts.unknown > 0 {
            return Err(ConformanceError::NotPassed {
                class: class.clone(),
                fail: counts.fail,
                expected: counts.expected_failures,
                unknown: counts.unknown,
            });
        }
    }
    if let Some(fault) = result.faults.first() {
        return Err(ConformanceError::Fault(fault.clone()));
    }
    let missing = |class: &&String| result.classes.get(*class).is_none_or(|counts| counts.pass == 0);
    match classes.iter().find(missing) {
        Some(class) => Err(ConformanceError::ClassMissing(class.clone())),
        None => Ok(()),
    }
}
