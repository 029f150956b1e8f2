//! The federation listener from outside (11.2, 11.3): who gets in, by which key and certificate, how much and how slowly. What is refused
//! here is refused before anybody reads what was asked, so most refusals are a closed door and not a problem document.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::super::{Case, play};
use crate::class::Class::Issuer;
use crate::scene::{Partner, Played, Question, Scene, Stop, ensure};
use crate::world::certificates::{Flaw, Identity, identity};
use crate::world::client::{Caller, Unanswered, get, post};
use crate::world::tls::Tickets;

/// The twin of everybody who is turned away.
const PINNED: &str = "issuer/pinned-key";
/// Path of the look-ups.
const VERIFICATIONS: &str = "/federation/v1/verifications";
/// What no request of the protocol needs (TRN-8): any cap is below.
const HUGE: usize = 64 << 20;
/// More connections than any county needs (TRN-10).
const MANY: usize = 1_024;

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
        "issuer/identity-in-a-header",
        &["TRN-5", "TRN-2"],
        PINNED,
        "the question comes over the public listener, or from another county, with headers that name the county's certificate",
        "refused: no header says who is there",
        play!(identity_in_a_header),
    ),
    Case::differs(
        Issuer,
        "issuer/slow",
        &["TRN-7"],
        PINNED,
        "four clients stop: before the handshake, after it, within the header, and drop by drop within the body",
        "each connection is ended within the target's patience, and an honest question is answered meanwhile",
        play!(slow),
    ),
    Case::differs(
        Issuer,
        "issuer/header-too-long",
        &["TRN-8"],
        PINNED,
        "one header has a mebibyte",
        "refused",
        play!(header_too_long),
    ),
    Case::differs(
        Issuer,
        "issuer/body-announced-too-large",
        &["TRN-8"],
        PINNED,
        "Content-Length announces 64 MiB, and nothing of it is sent",
        "refused before it is read",
        play!(body_announced),
    ),
    Case::differs(
        Issuer,
        "issuer/body-too-large",
        &["TRN-8"],
        PINNED,
        "a body without an announced length goes on for 64 MiB",
        "cut off at the cap",
        play!(body_in_chunks),
    ),
    Case::differs(
        Issuer,
        "issuer/too-many-connections",
        &["TRN-10"],
        PINNED,
        "one county opens connection after connection and keeps them",
        "bounded at some number, and another county is answered meanwhile",
        play!(too_many_connections),
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
    let second = connection
        .send(scene.question_of(&partner, &person).request())
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
    let anew = scene.question_of(&partner, &person);
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

async fn slow(scene: &mut Scene) -> Played {
    let question = scene.question().await?;
    let caller = question.caller.clone();
    // A moment more than the target claims, for a machine that has much to do.
    let patience = Duration::from_secs(scene.patience + 5);
    let before = async { silence(&mut reach(caller.socket().await)?, b"", patience).await };
    let after = async { silence(&mut reach(caller.stream().await)?, b"", patience).await };
    let head =
        format!("POST {VERIFICATIONS} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/jose\r\n");
    let within_head = async { silence(&mut reach(caller.stream().await)?, head.as_bytes(), patience).await };
    let whole = format!("{head}Content-Length: 60000\r\n\r\n");
    let within_body = async { drops(&mut reach(caller.stream().await)?, whole.as_bytes(), patience).await };
    let honest = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        caller.send(question.request()).await
    };
    let (before, after, within_head, within_body, honest) =
        tokio::join!(before, after, within_head, within_body, honest);
    for (ended, what) in [
        (before?, "before the handshake"),
        (after?, "after the handshake"),
        (within_head?, "within the header"),
        (within_body?, "within the body"),
    ] {
        ensure!(
            ended,
            "a client that stops {what} still holds its connection after {} s (TRN-7)",
            patience.as_secs()
        );
    }
    let answered =
        honest.map_err(|unanswered| Stop::Fail(format!("an honest question meanwhile: {unanswered}")))?;
    ensure!(
        answered.status == 200,
        "an honest question meanwhile was answered with status {}",
        answered.status
    );
    Ok(())
}

async fn header_too_long(scene: &mut Scene) -> Played {
    let question = scene.question().await?;
    let head = format!("POST {VERIFICATIONS} HTTP/1.1\r\nHost: localhost\r\nX-Long: ");
    let sent = [
        head.as_bytes(),
        &vec![b'a'; 1 << 20],
        b"\r\nContent-Length: 0\r\n\r\n",
    ]
    .concat();
    refused_raw(scene, &question, &[&sent], &[400, 413, 431]).await
}

async fn body_announced(scene: &mut Scene) -> Played {
    let question = scene.question().await?;
    let head = format!(
        "POST {VERIFICATIONS} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/jose\r\nContent-Length: {HUGE}\r\n\r\n"
    );
    refused_raw(scene, &question, &[head.as_bytes()], &[413]).await
}

async fn body_in_chunks(scene: &mut Scene) -> Played {
    let question = scene.question().await?;
    let head = format!(
        "POST {VERIFICATIONS} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/jose\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    let size = 64 << 10;
    let chunk = [format!("{size:x}\r\n").as_bytes(), &vec![b'a'; size], b"\r\n"].concat();
    let mut pieces: Vec<&[u8]> = vec![head.as_bytes()];
    pieces.extend(std::iter::repeat_n(chunk.as_slice(), HUGE / size));
    refused_raw(scene, &question, &pieces, &[413]).await
}

async fn too_many_connections(scene: &mut Scene) -> Played {
    let greedy = scene.fresh_partner().await?;
    let question = scene.question().await?;
    let caller = scene.as_county(greedy.county());
    let mut held = Vec::new();
    let mut bounded = false;
    while held.len() < MANY && !bounded {
        match caller.connect().await {
            Ok(mut connection) => match connection.send(get(VERIFICATIONS)).await {
                Ok(answered) if !matches!(answered.status, 429 | 503) => held.push(connection),
                _ => bounded = true,
            },
            Err(_) => bounded = true,
        }
    }
    scene.note(format!("{} connections of one county, then no more", held.len()));
    ensure!(
        bounded,
        "one county holds {} connections and gets more (TRN-10)",
        held.len()
    );
    ensure!(!held.is_empty(), "the county does not get a single connection");
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

/// These octets are answered with one of these statuses, or the connection is ended, before all of them are taken where they are many.
async fn refused_raw(scene: &mut Scene, question: &Question, pieces: &[&[u8]], statuses: &[u16]) -> Played {
    let stream = reach(question.caller.stream().await)?;
    let (mut reader, mut writer) = tokio::io::split(stream);
    let writing = async {
        for piece in pieces {
            // Turned away while it still sends: what was answered is read below.
            if writer.write_all(piece).await.is_err() {
                break;
            }
        }
        let _ = writer.flush().await;
        // The answer alone ends this, or the end of the connection.
        std::future::pending::<()>().await;
    };
    let mut answer = Vec::new();
    let reading = async {
        let mut piece = [0; 4_096];
        while let Ok(read @ 1..) = reader.read(&mut piece).await {
            answer.extend_from_slice(&piece[..read]);
            if answer.windows(4).any(|four| four == b"\r\n\r\n") {
                break;
            }
        }
    };
    let limit = Duration::from_secs(scene.patience + 5);
    let over = tokio::time::timeout(limit, async {
        tokio::select! {
            () = reading => {}
            () = writing => {}
        }
    });
    let over = over.await;
    let text = String::from_utf8_lossy(&answer).into_owned();
    scene.note(format!("← {}", text.lines().next().unwrap_or("closed")));
    ensure!(
        over.is_ok(),
        "neither refused nor ended within {} s (TRN-8)",
        limit.as_secs()
    );
    let status = text
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse::<u16>().ok());
    ensure!(
        status.is_none_or(|status| statuses.contains(&status)),
        "answered with status {status:?}, expected {statuses:?} or an end"
    );
    scene.still_answers(&question.partner, &question.person).await
}

/// Sends this and then nothing; whether the connection was ended in time.
async fn silence<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    first: &[u8],
    patience: Duration,
) -> Played<bool> {
    write(stream, first).await?;
    Ok(tokio::time::timeout(patience, to_the_end(stream)).await.is_ok())
}

/// Sends this and then an octet twice a second; whether the connection was ended, or an answer came, in time.
async fn drops<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    first: &[u8],
    patience: Duration,
) -> Played<bool> {
    write(stream, first).await?;
    let (mut reader, mut writer) = tokio::io::split(stream);
    let dripping = async {
        while writer.write_all(b"a").await.is_ok() && writer.flush().await.is_ok() {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    let mut answer = [0; 1];
    Ok(tokio::time::timeout(patience, async {
        tokio::select! {
            // An answer before the body is whole is a refusal of the rest.
            _ = reader.read(&mut answer) => {}
            () = dripping => {}
        }
    })
    .await
    .is_ok())
}

async fn to_the_end<S: AsyncRead + Unpin>(stream: &mut S) {
    let mut piece = [0; 4_096];
    while let Ok(1..) = stream.read(&mut piece).await {}
}

async fn write<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) -> Played {
    let written = async {
        stream.write_all(bytes).await?;
        stream.flush().await
    };
    written
        .await
        .map_err(|error| Stop::Fail(format!("the connection was ended too early: {error}")))
}

fn reach<T>(reached: Result<T, Unanswered>) -> Played<T> {
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
