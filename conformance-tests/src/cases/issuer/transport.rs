//! The federation listener from outside (11.2): who gets in, by which key and certificate. What is refused here is refused before anybody
//! reads what was asked, so most refusals are a closed door and not a problem document.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::super::{Case, play};
use crate::class::Class::Issuer;
use crate::scene::{Partner, Played, Question, Scene, Stop, ensure};
use crate::world::certificates::{Flaw, Identity, identity};
use crate::world::client::{Caller, Connection, Unanswered, get, post};
use crate::world::person::Person;
use crate::world::tls::Tickets;

/// The twin of everybody who is turned away.
pub(super) const PINNED: &str = "issuer/pinned-key";
/// Path of the look-ups.
pub(super) const VERIFICATIONS: &str = "/federation/v1/verifications";

pub(super) const CASES: &[Case] = &[
    Case::accepts(
        Issuer,
        PINNED,
        &["TRN-1", "TRN-2"],
        "a county connects with TLS 1.3 and the key that the chain gives it, and asks twice",
        "answered both times; no ticket is handed out",
        play!(pinned_key),
    ),
    Case::accepts(
        Issuer,
        "issuer/key-in-another-certificate",
        &["TRN-2"],
        "the pinned key comes in another self-signed certificate",
        "answered: the key counts, and not the certificate around it",
        play!(another_certificate),
    ),
    Case::differs(
        Issuer,
        "issuer/tls-1-2",
        &["TRN-1"],
        PINNED,
        "the client offers TLS 1.2 and nothing newer",
        "no handshake",
        play!(tls_1_2),
    ),
    Case::differs(
        Issuer,
        "issuer/no-certificate",
        &["TRN-2"],
        PINNED,
        "the client shows no certificate",
        "turned away",
        play!(no_certificate),
    ),
    Case::differs(
        Issuer,
        "issuer/stranger-with-the-same-names",
        &["TRN-2"],
        PINNED,
        "the certificate has the same names, and a key that the chain gives to nobody",
        "turned away",
        play!(stranger),
    ),
    Case::differs(
        Issuer,
        "issuer/certificate-ended",
        &["TRN-3"],
        "issuer/key-in-another-certificate",
        "the certificate around the pinned key has ended",
        "turned away",
        play!(ended),
    ),
    Case::differs(
        Issuer,
        "issuer/certificate-not-begun",
        &["TRN-3"],
        "issuer/key-in-another-certificate",
        "the certificate around the pinned key has not begun",
        "turned away",
        play!(not_begun),
    ),
    Case::differs(
        Issuer,
        "issuer/certificate-for-servers",
        &["TRN-3"],
        "issuer/key-in-another-certificate",
        "the certificate around the pinned key is for servers only",
        "turned away",
        play!(server_only),
    ),
    Case::differs(
        Issuer,
        "issuer/suspended-on-an-open-connection",
        &["TRN-4"],
        PINNED,
        "the county is suspended while its connection is open, and the target has refreshed",
        "refused on the open connection too, and on a new one",
        play!(suspended_meanwhile),
    ),
    Case::differs(
        Issuer,
        "issuer/pin-dropped-on-an-open-connection",
        &["TRN-4"],
        PINNED,
        "superior and county state another pin while the connection is open, and the target has refreshed",
        "refused on the open connection too, and on a new one, while the county is a member as ever",
        play!(pin_dropped_meanwhile),
    ),
    Case::differs(
        Issuer,
        "issuer/identity-in-a-header",
        &["TRN-5", "TRN-2"],
        PINNED,
        "the question comes over the public listener, or from another county, with headers that name the county's certificate",
        "refused: no header says who is there",
        play!(identity_in_a_header),
    ),
    Case::differs(
        Issuer,
        "issuer/no-such-address",
        &["ERR-1", "ERR-2", "ERR-3"],
        PINNED,
        "the county asks at an address that is not there, and with GET where there is POST",
        "not-found and method-not-allowed",
        play!(no_such_address),
    ),
];

async fn pinned_key(scene: &mut Scene) -> Played {
    let tickets = Arc::new(Tickets::default());
    let mut question = scene.question().await?;
    question.caller.tickets = Some(Arc::clone(&tickets));
    for _ in 0..2 {
        let asked = scene.question_of(&question.partner, &question.person);
        let body = asked.body();
        let answered = scene
            .call(
                &question.caller,
                post(VERIFICATIONS, "application/jose", body.clone()),
            )
            .await?;
        scene.answer(&answered, &body, &question.partner)?;
    }
    ensure!(
        tickets.given() == 0,
        "{} session tickets were handed out: a resumed session carries an old identity (TRN-1)",
        tickets.given()
    );
    Ok(())
}

async fn another_certificate(scene: &mut Scene) -> Played {
    let (question, again) = with_certificate(scene, Flaw::None).await?;
    let body = question.body();
    let answered = scene
        .call(
            &scene.as_holder_of(Some(&again)),
            post(VERIFICATIONS, "application/jose", body.clone()),
        )
        .await?;
    scene.answer(&answered, &body, &question.partner).map(drop)
}

async fn tls_1_2(scene: &mut Scene) -> Played {
    let partner = scene.partner().await?;
    let mut socket = reach(scene.as_county(partner.county()).socket().await)?;
    write(&mut socket, &client_hello_1_2()).await?;
    let mut first = [0; 5];
    let read = tokio::time::timeout(Duration::from_secs(30), socket.read_exact(&mut first)).await;
    match read {
        Err(_) => {
            return Err(Stop::Fail(
                "a client of TLS 1.2 is left waiting for 30 s".to_owned(),
            ));
        }
        // A TLS alert record, or no word at all.
        Ok(Ok(_)) => ensure!(
            first[0] == 21,
            "a client of TLS 1.2 is answered with a record of type {}",
            first[0]
        ),
        Ok(Err(_)) => {}
    }
    still_asked(scene, &partner).await
}

async fn no_certificate(scene: &mut Scene) -> Played {
    let question = scene.question().await?;
    let caller = scene.as_holder_of(None);
    turned_away(scene, &caller, &question).await
}

async fn stranger(scene: &mut Scene) -> Played {
    let question = scene.question().await?;
    let stranger = identity().map_err(|error| Stop::Unknown(error.to_string()))?;
    let caller = scene.as_holder_of(Some(&stranger));
    turned_away(scene, &caller, &question).await
}

async fn ended(scene: &mut Scene) -> Played {
    flawed(scene, Flaw::Ended).await
}

async fn not_begun(scene: &mut Scene) -> Played {
    flawed(scene, Flaw::NotBegun).await
}

async fn server_only(scene: &mut Scene) -> Played {
    flawed(scene, Flaw::ServerOnly).await
}

async fn flawed(scene: &mut Scene, flaw: Flaw) -> Played {
    let (question, again) = with_certificate(scene, flaw).await?;
    let caller = scene.as_holder_of(Some(&again));
    turned_away(scene, &caller, &question).await
}

async fn suspended_meanwhile(scene: &mut Scene) -> Played {
    let partner = scene.fresh_partner().await?;
    let person = scene.resident()?;
    let mut connection = reach(scene.as_county(partner.county()).connect().await)?;
    let question = scene.question_of(&partner, &person);
    let first = connection.send(question.request()).await;
    scene.show(&first);
    ensure!(
        first.as_ref().is_ok_and(|answered| answered.status == 200),
        "an honest question was not answered"
    );
    let entity = partner.county().entity.clone();
    scene.world.provinces[1]
        .host
        .change(&entity, |member| "suspended".clone_into(&mut member.state));
    scene.refresh(Some(&entity)).await?;
    turned_away_meanwhile(scene, &mut connection, &partner, &person).await
}

async fn pin_dropped_meanwhile(scene: &mut Scene) -> Played {
    let partner = scene.fresh_partner().await?;
    let person = scene.resident()?;
    let mut connection = reach(scene.as_county(partner.county()).connect().await)?;
    let question = scene.question_of(&partner, &person);
    let first = connection.send(question.request()).await;
    scene.show(&first);
    ensure!(
        first.as_ref().is_ok_and(|answered| answered.status == 200),
        "an honest question was not answered"
    );
    let mut restated = scene.restated(&partner);
    restated.both_state(|node| node["tls_pins"] = json!([crate::world::county::random_digest()]));
    scene.serve(&restated);
    scene.notices(&partner).await?;
    let turned_away = turned_away_meanwhile(scene, &mut connection, &partner, &person).await;
    scene.heals(&partner).await?;
    turned_away?;
    scene.still_answers(&partner, &person).await
}

/// A question is refused on the connection that was open before, and on a new one.
async fn turned_away_meanwhile(
    scene: &mut Scene,
    connection: &mut Connection,
    partner: &Partner,
    person: &Person,
) -> Played {
    let second = connection
        .send(scene.question_of(partner, person).request())
        .await;
    scene.show(&second);
    match second {
        Ok(answered) => scene
            .problem(&answered, &["not-a-member", "pin-mismatch"])
            .map(drop)?,
        Err(unanswered) => ensure!(
            unanswered.is_refusal(),
            "the open connection was left without an answer"
        ),
    }
    let anew = scene.question_of(partner, person);
    let outcome = scene.try_call(&anew.caller, anew.request()).await?;
    match outcome {
        Ok(answered) => scene
            .problem(&answered, &["not-a-member", "pin-mismatch"])
            .map(drop),
        Err(unanswered) => {
            ensure!(
                unanswered.is_refusal(),
                "a new connection was left without an answer"
            );
            Ok(())
        }
    }
}

async fn identity_in_a_header(scene: &mut Scene) -> Played {
    let question = scene.question().await?;
    let other = scene.fresh_partner().await?;
    let county = question.partner.county();
    let (pin, entity) = (county.tls.pin.clone(), county.entity.clone());
    let certificate = crate::world::ambient::b64(&county.tls.certificate);
    for caller in [scene.anybody(), scene.as_county(other.county())] {
        let mut request = question.request();
        for (name, value) in [
            ("x-ssl-client-verify", "SUCCESS"),
            ("x-ssl-client-cert", certificate.as_str()),
            ("x-forwarded-client-cert", certificate.as_str()),
            ("client-cert", certificate.as_str()),
            ("x-client-pin", pin.as_str()),
            ("x-entity-id", entity.as_str()),
            ("x-forwarded-for", "127.0.0.1"),
        ] {
            if let Ok(value) = HeaderValue::from_str(value) {
                request.headers_mut().insert(name, value);
            }
        }
        match scene.try_call(&caller, request).await? {
            Ok(answered) => ensure!(
                (400..500).contains(&answered.status),
                "the question was answered with status {} over {}",
                answered.status,
                caller.base
            ),
            Err(unanswered) => ensure!(unanswered.is_refusal(), "the question was left without an answer"),
        }
    }
    scene.still_answers(&question.partner, &question.person).await
}

async fn no_such_address(scene: &mut Scene) -> Played {
    let question = scene.question().await?;
    let body = question.body();
    let request = post("/federation/v1/no-such-address", "application/jose", body);
    let answered = scene.call(&question.caller, request).await?;
    scene.problem(&answered, &["not-found"])?;
    let answered = scene.call(&question.caller, get(VERIFICATIONS)).await?;
    scene.problem(&answered, &["method-not-allowed"])?;
    scene.still_answers(&question.partner, &question.person).await
}

/// A question, and its county's key in a certificate with this flaw.
async fn with_certificate(scene: &mut Scene, flaw: Flaw) -> Played<(Question, Identity)> {
    let question = scene.question().await?;
    let again = question.partner.county().tls.again(flaw);
    Ok((question, again.map_err(|error| Stop::Unknown(error.to_string()))?))
}

/// The question is not answered over this channel, and it is over its county's own.
async fn turned_away(scene: &mut Scene, caller: &Caller, question: &Question) -> Played {
    match scene.try_call(caller, question.request()).await? {
        Ok(answered) => {
            return Err(Stop::Fail(format!(
                "let in, and answered with status {} (11.2)",
                answered.status
            )));
        }
        Err(unanswered) => ensure!(
            unanswered.is_refusal(),
            "not turned away but left alone: {unanswered}"
        ),
    }
    scene.still_answers(&question.partner, &question.person).await
}

async fn still_asked(scene: &mut Scene, partner: &Partner) -> Played {
    let person = scene.resident()?;
    scene.still_answers(partner, &person).await
}

/// Sends octets on an open connection.
pub(super) async fn write<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) -> Played {
    let written = async {
        stream.write_all(bytes).await?;
        stream.flush().await
    };
    written
        .await
        .map_err(|error| Stop::Fail(format!("the connection was ended too early: {error}")))
}

/// An honest county gets in.
pub(super) fn reach<T>(reached: Result<T, Unanswered>) -> Played<T> {
    reached.map_err(|unanswered| Stop::Fail(format!("an honest county does not get in: {unanswered}")))
}

/// A client hello of TLS 1.2 (RFC 5246) with the suites and curves of a client of its time, and without `supported_versions`.
fn client_hello_1_2() -> Vec<u8> {
    let extensions: &[u8] = &[
        0x00, 0x0a, 0x00, 0x06, 0x00, 0x04, 0x00, 0x1d, 0x00, 0x17, // groups: x25519, secp256r1
        0x00, 0x0b, 0x00, 0x02, 0x01, 0x00, // uncompressed points
        0x00, 0x0d, 0x00, 0x08, 0x00, 0x06, 0x04, 0x03, 0x08, 0x04, 0x04,
        0x01, // signatures: ecdsa, rsa-pss, rsa
    ];
    let mut hello = vec![0x03, 0x03];
    hello.extend(crate::world::ambient::random::<32>());
    hello.push(0); // no session
    hello.extend([0x00, 0x04, 0xc0, 0x2b, 0xc0, 0x2f]); // ECDHE with AES-128-GCM, by ECDSA and RSA
    hello.extend([0x01, 0x00]); // no compression
    let long = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap_or(0).to_be_bytes();
    hello.extend(long(extensions));
    hello.extend(extensions);
    let mut handshake = vec![0x01, 0x00];
    handshake.extend(long(&hello));
    handshake.extend(hello);
    let mut record = vec![0x16, 0x03, 0x01];
    record.extend(long(&handshake));
    record.extend(handshake);
    record
}
