//! The federation listener of a county (chapter 11.5).

use comity_spec::problem::ProblemType as P;
use serde_json::{Value, json};

use super::words::{content, document, jws, schema, taken};

/// What is found before anybody looks at what was sent for.
const CHANNEL: [P; 6] = [
    P::Unauthenticated,
    P::Forbidden,
    P::PinMismatch,
    P::UnsupportedMediaType,
    P::MalformedRequest,
    P::StoreUnavailable,
];
/// What is found of a request or a hint as a signed object (VER-4, VER-5).
const SIGNED: [P; 6] = [
    P::NotAMember,
    P::SignatureInvalid,
    P::WrongAudience,
    P::WrongEnvironment,
    P::RequestExpired,
    P::ClockSkew,
];

pub(super) fn described() -> Value {
    let with = |more: &[P]| [&CHANNEL[..], &SIGNED[..], more].concat();
    let mut lookup = taken(
        "look-up",
        "Asks the issuer about one person (7.2). The same bytes again get the same answer (VER-9).",
        "At most 16 KiB.",
        content(
            "application/jose",
            jws("comity-verification-request+jwt", "verification-request"),
        ),
        &[(
            200,
            "The answer: a match or none (7.4). Its JWS has 4,096 octets, or the next multiple.",
            Some(content(
                "application/jose",
                jws("comity-verification-response+jwt", "verification-response"),
            )),
        )],
        &with(&[
            P::AgreementUnknown,
            P::AgreementNotInForce,
            P::ServiceNotCovered,
            P::ClaimsNotAllowed,
            P::AgreementVersionMismatch,
            P::ReplayConflict,
            P::InProgress,
        ]),
    );
    // The reference that the peer ought to have named.
    lookup["responses"]["409"]["content"]["application/problem+json"]["schema"]["properties"] = json!({
        "current_agreement": {
            "description": "With agreement-version-mismatch: the version in force.",
            "type": "object",
            "properties": { "id": { "type": "string" }, "version": { "type": "integer" }, "digest": { "type": "string" } },
            "required": ["id", "version", "digest"],
        },
    });
    let hint = taken(
        "hint",
        "Tells that lists, the configuration or an agreement of the sender changed (7.5).",
        "At most 256 KiB.",
        content("application/jose", jws("comity-hint+jwt", "hint")),
        &[(
            202,
            "Taken in; withdrawals in it are stored. What it names is fetched from the sender.",
            None,
        )],
        &with(&[P::HintRefused]),
    );
    let proposal = taken(
        "proposal",
        "Brings an agreement with the signatures that it has so far (4.8). It proves itself, whichever member brings it.",
        "At most 256 KiB.",
        content("application/jose+json", schema("agreement-signed")),
        &[
            (
                200,
                "Every party has signed and it is adopted, or nothing in it was new.",
                None,
            ),
            (202, "Taken in; it waits for signatures.", None),
        ],
        &[&CHANNEL[..], &[P::ProposalRefused]].concat(),
    );
    document(
        "Comity: federation listener of a county",
        "What counties ask of each other: TLS 1.3 with client certificates, HTTP/1.1. Who asks follows from the key of the certificate alone \
         (TRN-2). Any other path is answered 404 `not-found`, any other method 405, both to members only; to others 401 or 403.",
        json!({ "url": "https://{federation}", "description": "`endpoints.federation` of the county's chain (3.2).", "variables": { "federation": { "default": "county.example:8444" } } }),
        json!({
            "/federation/v1/verifications": { "post": lookup },
            "/federation/v1/hints": { "post": hint },
            "/federation/v1/proposals": { "post": proposal },
        }),
        Some(
            json!({ "pinned": { "type": "mutualTLS", "description": "A certificate whose key is a pin of an active county (TRN-2). Names in it and its issuer do not count." } }),
        ),
    )
}
