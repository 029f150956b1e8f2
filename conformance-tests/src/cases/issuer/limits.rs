//! How much a caller may send, how slowly, and over how many connections (11.3). Nothing that goes over a limit may hold a place that others
//! need, so every case asks an honest question beside it or after it.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::super::{Case, play};
use super::transport::{PINNED, VERIFICATIONS, reach, write};
use crate::class::Class::Issuer;
use crate::scene::{Played, Question, Scene, Stop, ensure};
use crate::world::client::get;

/// What no request of the protocol needs (TRN-8): any cap is below.
const HUGE: usize = 64 << 20;
/// More connections than any county needs (TRN-10).
const MANY: usize = 1_024;

pub(super) const CASES: &[Case] = &[
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
];

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
