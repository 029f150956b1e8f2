//! The residence permit as a signed attestation: SD-JWT VC, `vct: urn:comity:vct:residence-permit:1`.
//!
//! Open claims are [`AttestationClaims`]; everything about the person is its own disclosure, named in [`ClaimName`] and read into
//! [`PermitClaims`]. Two forms: *full* (file, wallet; padded by decoys to [`FULL_DIGESTS`]) and *card* (a code on paper or a phone;
//! [`CARD_CLAIMS`] and one decoy, all disclosed). RFC 9901; Decree 663 art. 4 lists the ten printed items. The photo never travels.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::entity::Environment;
use crate::ids::{CitizenNumber, EntityId, PermitNumber, Region, Sex};
use crate::jose::Jwk;
use crate::time::{LocalDate, UnixSeconds};

/// The one credential type.
pub const VCT: &str = "urn:comity:vct:residence-permit:1";
/// Digests in `_sd` of the full form, decoys included.
pub const FULL_DIGESTS: usize = 32;
/// Digests in `_sd` of the card form, the decoy included.
pub const CARD_DIGESTS: usize = 6;
/// What the card form discloses.
pub const CARD_CLAIMS: [ClaimName; 5] = [
    ClaimName::Name,
    ClaimName::IdNumber,
    ClaimName::Tier,
    ClaimName::Basis,
    ClaimName::ResidenceSince,
];

/// A tier of permit, scoped to its issuer: `TEMPORARY`, `ORDINARY`, `SKILLED`, or an issuer's own.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tier(String);

/// Why a tier was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a tier is 1 to 32 characters of A–Z, 0–9 and _")]
pub struct TierError;

impl Tier {
    /// Reads a tier.
    ///
    /// # Errors
    /// [`TierError`] when it is not 1 to 32 characters of `A–Z 0–9 _`.
    pub fn parse(text: &str) -> Result<Self, TierError> {
        let ok = (1..=32).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        if ok {
            Ok(Self(text.to_owned()))
        } else {
            Err(TierError)
        }
    }

    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Tier {
    type Error = TierError;
    fn try_from(text: String) -> Result<Self, TierError> {
        Self::parse(&text)
    }
}

impl From<Tier> for String {
    fn from(tier: Tier) -> Self {
        tier.0
    }
}

impl std::fmt::Display for Tier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl JsonSchema for Tier {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Tier".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[A-Z0-9_]{1,32}$" })
    }
}

/// On what the permit was issued (Decree 663 art. 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Basis {
    /// 合法稳定就业
    Employment,
    /// 合法稳定住所
    Dwelling,
    /// 连续就读
    Study,
}

impl Basis {
    /// Wire code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Employment => "EMPLOYMENT",
            Self::Dwelling => "DWELLING",
            Self::Study => "STUDY",
        }
    }

    /// Reads a wire code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        [Self::Employment, Self::Dwelling, Self::Study]
            .into_iter()
            .find(|b| b.as_str() == code)
    }
}

/// Under which rules the permit was issued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum CredentialClass {
    /// State Council Decree 663.
    #[default]
    #[serde(rename = "DECREE663")]
    Decree663,
    /// Local permits older than the decree; looked up only.
    #[serde(rename = "LEGACY_LOCAL")]
    LegacyLocal,
    /// Temporary permits.
    #[serde(rename = "TEMPORARY")]
    Temporary,
    /// Talent permits.
    #[serde(rename = "TALENT")]
    Talent,
}

/// Kind of identity number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum IdType {
    /// 公民身份号码
    #[default]
    CitizenId,
    /// 港澳台居民居住证 number (810000, 820000, 830000).
    HkMoTwPermit,
}

/// Insured months as of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InsuredMonths {
    /// Full months.
    pub n: u32,
    /// The day to which they were counted.
    pub as_of: LocalDate,
}

/// Whether the issuer's points standard is met, as of a day. Never the points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PointsStandard {
    /// Met or not.
    pub met: bool,
    /// The day of the score.
    pub as_of: LocalDate,
}

/// A period of residence with a permit in function; a lapse ends one (Decree 663 art. 10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResidencePeriod {
    /// First day.
    pub from: LocalDate,
    /// Last day; absent while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<LocalDate>,
}

macro_rules! claims {
    ($($(#[$doc:meta])* $variant:ident $field:ident : $ty:ty = $zh:literal, $en:literal;)+) => {
        /// A selectively disclosable claim of the permit.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum ClaimName { $($(#[$doc])* $variant,)+ }

        impl ClaimName {
            /// Every claim, in the order of the text.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Wire name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => stringify!($field),)+ }
            }

            /// The claim of a wire name.
            #[must_use]
            pub fn of(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($field) => Some(Self::$variant),)+
                    _ => None,
                }
            }

            /// Name for people.
            #[must_use]
            pub const fn label(self) -> crate::text::Text {
                match self { $(Self::$variant => crate::text::Text { zh: $zh, en: $en },)+ }
            }
        }

        /// What is known of a permit: each claim where it was disclosed (or told), absent where it was not.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct PermitClaims {
            $($(#[$doc])* #[serde(default, skip_serializing_if = "Option::is_none")] pub $field: Option<$ty>,)+
        }

        impl PermitClaims {
            /// Keeps only the named claims.
            #[must_use]
            pub fn limited_to(mut self, allowed: &[ClaimName]) -> Self {
                $(if !allowed.contains(&ClaimName::$variant) { self.$field = None; })+
                self
            }

            /// Which claims are present.
            #[must_use]
            pub fn names(&self) -> Vec<ClaimName> {
                let mut names = Vec::new();
                $(if self.$field.is_some() { names.push(ClaimName::$variant); })+
                names
            }
        }
    };
}

claims! {
    /// Name, the bytes as given.
    Name name: String = "姓名", "name";
    /// Sex.
    Sex sex: Sex = "性别", "sex";
    /// Ethnicity.
    Ethnicity ethnicity: String = "民族", "ethnicity";
    /// Date of birth.
    BirthDate birth_date: LocalDate = "出生日期", "date of birth";
    /// Citizen number.
    IdNumber id_number: CitizenNumber = "公民身份号码", "citizen number";
    /// Address of registered permanent residence.
    HukouAddress hukou_address: String = "常住户口所在地住址", "registered permanent address";
    /// Residential address.
    ResidenceAddress residence_address: String = "居住地住址", "residential address";
    /// Issuing authority.
    IssuingAuthority issuing_authority: String = "签发机关", "issuing authority";
    /// Date of issue.
    IssueDate issue_date: LocalDate = "签发日期", "date of issue";
    /// Permit number.
    PermitNumber permit_number: PermitNumber = "居住证编号", "permit number";
    /// Tier, the issuer's.
    Tier tier: Tier = "证件类别", "tier";
    /// Basis of issue.
    Basis basis: Basis = "申领事由", "basis of issue";
    /// Residence counted from this day (restarts at a late endorsement).
    ResidenceSince residence_since: LocalDate = "居住起算日", "residence counted from";
    /// Residence history.
    ResidencePeriods residence_periods: Vec<ResidencePeriod> = "居住经历", "residence periods";
    /// Insured months.
    InsuredMonths insured_months: InsuredMonths = "参保月数", "insured months";
    /// Points standard.
    PointsStandardMet points_standard_met: PointsStandard = "积分达标", "points standard met";
    /// Region of residence within the issuer's area.
    ResidenceRegion residence_region: Region = "居住地区划", "region of residence";
    /// Under which rules it was issued.
    CredentialClass credential_class: CredentialClass = "证件制式", "credential class";
    /// Kind of identity number.
    IdType id_type: IdType = "号码类型", "kind of number";
    /// Earlier numbers of the same person.
    PreviousIds previous_ids: Vec<String> = "曾用号码", "earlier numbers";
    /// Validity of the card, where the issuer's rules give it one.
    CardValidUntil card_valid_until: LocalDate = "证件有效期至", "card valid until";
    /// Electronic certificate identifier, carried for round trips.
    ElcId elc_id: String = "电子证照标识", "e-certificate identifier";
}

/// The open claims of an attestation. What the disclosures add is read into [`PermitClaims`] from the same object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AttestationClaims {
    /// The county whose bureau issued the permit.
    pub iss: EntityId,
    /// Always [`VCT`].
    pub vct: String,
    /// Issued at.
    pub iat: UnixSeconds,
    /// Not before.
    pub nbf: UnixSeconds,
    /// End (UTC+8) of the day to which the permit is endorsed.
    pub exp: UnixSeconds,
    /// Where its status stands.
    pub status: StatusClaim,
    /// When the issuer's node last reconciled completely with the register it mirrors.
    pub source_as_of: UnixSeconds,
    /// Region of the issuer.
    pub region: Region,
    /// Test or real.
    pub environment: Environment,
    /// The holder's key, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
    /// Digests of the disclosures, shuffled, decoys among them.
    #[serde(default, rename = "_sd", skip_serializing_if = "Vec::is_empty")]
    pub sd: Vec<String>,
    /// Always `sha-256`.
    #[serde(default, rename = "_sd_alg", skip_serializing_if = "Option::is_none")]
    pub sd_alg: Option<String>,
}

/// `status` claim (Token Status List).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct StatusClaim {
    /// Reference into a list.
    pub status_list: StatusReference,
}

/// Index and list.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct StatusReference {
    /// Index in the list.
    pub idx: u64,
    /// The list; equal to the `sub` of its token, byte for byte.
    pub uri: String,
}

/// `cnf` claim (RFC 7800).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Confirmation {
    /// The holder's public key.
    pub jwk: Jwk,
}
