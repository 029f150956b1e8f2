//! One look-up between the two counties as it goes over the wire, kept: the request in the words of the asking county and the answer of
//! the other, which otherwise exist only inside the two nodes, encrypted.
//!
//! The request is signed with the asking county's exchange key and sent with its TLS identity to the other's federation listener, both
//! read from the folder of the demonstration. Our own verifier must take the answer, and must refuse it as the answer to another
//! question (chapter 7.4, `in_reply_to`; VER-10).

use std::path::Path;

use comity_node_core::ports::Clock as _;
use comity_node_core::ports::Rng;
use comity_node_core::ports::peers::{PeerAddress, PeerClient as _};
use comity_node_core::ports::permits::PermitDetails;
use comity_node_core::signing;
use comity_spec::agreement::{AgreementRef, SignedAgreement};
use comity_spec::attestation::ClaimName;
use comity_spec::exchange::{
    Beneficiary, JOSE_MEDIA_TYPE, LegalBasis, PresentedBy, Purpose, REQUEST_LIFETIME, Subject, SubjectNumber,
    VERIFICATIONS_PATH, VerificationRequest,
};
use comity_spec::ids::{Digest, Jti};
use comity_spec::jose::{KeyPurpose, Typ};
use comity_verifier::budget::{Budget, Limits};
use comity_verifier::bundle;
use comity_verifier::exchange::verify_response;
use comity_verifier::jws::{Profile, Unverified, Verified};
use comity_verifier::trust::{Floors, Standing};
use serde_json::json;

use super::DemoError;
use super::cast::{Cast, Role};
use super::prepare::{Prepared, done};
use super::stage::County;
use crate::admin::AdminCommand;
use crate::certificates::Certificates;
use crate::system::{SystemClock, SystemRng};
use crate::{keys, wiring};

/// Asks twice about one resident of `issuer`, once by the right name and once by another, and writes both pairs into `into`:
/// `REGION-RESULT.lookup-request.jws`, `….lookup-response.jws` and `….lookup.says.json`, REGION being the issuer's.
pub(super) async fn emit(
    asker: &County,
    issuer: &County,
    cast: &Cast,
    prepared: &Prepared,
    into: &Path,
) -> Result<(), DemoError> {
    let exchange = Exchange::between(asker, issuer, prepared, into).await?;
    let resident = cast.of(Role::Ordinary);
    let known = exchange.ask(resident, &resident.name).await?;
    let unknown = exchange.ask(resident, "示例无此人").await?;
    for (pair, other) in [(&known, &unknown), (&unknown, &known)] {
        exchange.must_hold(pair)?;
        let swapped = Pair {
            request: pair.request.clone(),
            response: other.response.clone(),
        };
        if exchange.must_hold(&swapped).is_ok() {
            return Err(DemoError::other(
                "an answer was taken for that to another question",
            ));
        }
    }
    let claims = json!({ "name": resident.name, "tier": resident.tier });
    for (pair, result, claims) in [(&known, "match", Some(claims)), (&unknown, "no_match", None)] {
        let file = into.join(format!("{}-{result}", issuer.region));
        std::fs::write(file.with_extension("lookup-request.jws"), pair.request.received())?;
        std::fs::write(file.with_extension("lookup-response.jws"), &pair.response)?;
        let says = json!({
            "asker": asker.entity(), "issuer": issuer.entity(), "result": result, "claims": claims,
        });
        let says = serde_json::to_vec_pretty(&says).map_err(DemoError::other)?;
        std::fs::write(file.with_extension("lookup.says.json"), says)?;
    }
    Ok(())
}

/// A question and what was answered.
struct Pair {
    request: Verified<VerificationRequest>,
    response: Vec<u8>,
}

/// What both questions share.
struct Exchange<'a> {
    asker: &'a County,
    issuer: &'a County,
    agreement: AgreementRef,
    opened: bundle::OpenedBundle,
}

impl<'a> Exchange<'a> {
    async fn between(
        asker: &'a County,
        issuer: &'a County,
        prepared: &Prepared,
        into: &Path,
    ) -> Result<Self, DemoError> {
        let list = done(asker, AdminCommand::AgreementList).await?;
        let id = list[0]["id"].as_str().unwrap_or_default();
        let id: comity_spec::ids::AgreementId = id.parse().map_err(DemoError::other)?;
        let version = 1;
        let file = into.join(format!("{}-agreed.json", asker.region));
        let command = AdminCommand::AgreementExport {
            id: id.clone(),
            version,
            file: file.clone(),
            digest: None,
        };
        done(asker, command).await?;
        let signed: SignedAgreement =
            serde_json::from_slice(&std::fs::read(&file)?).map_err(DemoError::other)?;
        std::fs::remove_file(&file)?;
        let anchor = wiring::anchor(&asker.settings.trust.anchor)?;
        let bytes = prepared.bundles.get(asker.region).map_or(&[][..], Vec::as_slice);
        let opened =
            bundle::open(bytes, &anchor, &Floors::default(), SystemClock.now()).map_err(DemoError::other)?;
        Ok(Self {
            asker,
            issuer,
            agreement: AgreementRef {
                id,
                version,
                digest: payload_digest(&signed)?,
            },
            opened,
        })
    }

    async fn ask(&self, resident: &PermitDetails, name: &str) -> Result<Pair, DemoError> {
        let settings = &self.asker.settings;
        let now = SystemClock.now();
        let request = VerificationRequest {
            iss: self.asker.entity().clone(),
            aud: self.issuer.entity().clone(),
            iat: now,
            exp: now.plus_saturating(REQUEST_LIFETIME),
            jti: random(),
            purpose: Purpose::Service,
            service: "EMP-INFO".parse().map_err(DemoError::other)?,
            provider: None,
            legal_basis: LegalBasis::StatutoryDuty,
            agreement: self.agreement.clone(),
            claims: vec![ClaimName::Name, ClaimName::Tier],
            case_ref: random(),
            subject: Subject {
                number: SubjectNumber::PermitNumber(resident.permit_number.clone()),
                name: name.to_owned(),
            },
            presented_by: PresentedBy::Holder,
            beneficiary: Beneficiary::Holder,
            environment: settings.node.environment,
            ext: None,
        };
        let signers = keys::read_signers(&settings.keys.dir, &[KeyPurpose::Exchange])?;
        let jws = signing::compact(&signers, Typ::VerificationRequest, &request)
            .await
            .map_err(DemoError::other)?;
        let Standing::Active(issuer) = self
            .opened
            .trust
            .standing(self.issuer.entity(), SystemClock.now())
        else {
            return Err(DemoError::other("the issuer has no chain in the bundle"));
        };
        let peer = PeerAddress {
            entity: issuer.entity.clone(),
            base: issuer.federation.clone(),
            pins: issuer.pins.clone(),
        };
        let answer = wiring::peers(settings, &Certificates::federation(settings)?)?
            .post(
                &peer,
                VERIFICATIONS_PATH,
                JOSE_MEDIA_TYPE,
                jws.clone().into_bytes(),
            )
            .await
            .map_err(DemoError::other)?;
        if answer.status != 200 {
            return Err(DemoError::other(format!(
                "a look-up was answered {}",
                answer.status
            )));
        }
        Ok(Pair {
            request: self.own(&jws)?,
            response: answer.body,
        })
    }

    /// The request as the other county reads it: with the key that stands in the chain.
    fn own(&self, jws: &str) -> Result<Verified<VerificationRequest>, DemoError> {
        let Standing::Active(own) = self.opened.trust.standing(self.asker.entity(), SystemClock.now()) else {
            return Err(DemoError::other("the asking county has no chain in the bundle"));
        };
        let profile = Profile::Comity {
            typ: Typ::VerificationRequest.as_str(),
        };
        let mut budget = Budget::new(Limits::PRESENTATION);
        Unverified::parse(jws.as_bytes(), profile, &mut budget)
            .and_then(|parsed| parsed.verify(&own.keys, KeyPurpose::Exchange, &mut budget))
            .map_err(DemoError::other)
    }

    fn must_hold(&self, pair: &Pair) -> Result<(), DemoError> {
        let mut budget = Budget::new(Limits::PRESENTATION);
        verify_response(
            &pair.response,
            &pair.request,
            &self.opened.trust,
            SystemClock.now(),
            &mut budget,
        )
        .map(drop)
        .map_err(DemoError::other)
    }
}

fn random() -> Jti {
    let rng: &dyn Rng = &SystemRng;
    Jti::from_bytes(rng.bytes())
}

/// What a reference to the agreement names: SHA-256 of the payload's octets.
fn payload_digest(signed: &SignedAgreement) -> Result<Digest, DemoError> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(&signed.payload)
        .map(|payload| Digest::of(&payload))
        .map_err(DemoError::other)
}
