//! Status lists as the target reads them (chapter 6): what a list must be to be believed, and what outlives it.
//!
//! Each case has a list of its own, so that no floor or tombstone of one disturbs another.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::{Case, play};
use crate::class::Class::Recogniser;
use crate::scene::{Played, Scene, Shown, ensure};
use crate::target::contract::{Act, Done};
use crate::world::World;
use crate::world::ambient::{b64, now, unb64};
use crate::world::draft::Draft;
use crate::world::keys::Key;
use crate::world::reply::{Contents, Reply};
use crate::world::status_list::{Entries, zlib};

/// What may be said without a list that can be believed: never red, never green.
const CANNOT_TELL: [&str; 2] = ["ISSUER_UNREACHABLE", "STATUS_STALE"];
const HOUR: i64 = 3_600;

/// Cases that differ from an honest list in what this changes; the list was never seen before.
macro_rules! lists {
    ($($name:literal [$($id:literal),+] $about:literal $change:expr;)+) => {
        pub(super) const LISTS: &[Case] = &[$(
            Case::differs(
                Recogniser,
                $name,
                &[$($id),+],
                "recogniser/recognised",
                $about,
                "ISSUER_UNREACHABLE or STATUS_STALE: nothing is read from it, and honest cards are recognised as before",
                play!(|scene| {
                    let change: fn(&mut Draft, &Shown, &World) = $change;
                    let shown = scene.shown().await?;
                    let mut draft = shown.list(&Entries::default());
                    change(&mut draft, &shown, &scene.world);
                    shown.serves(draft.sign());
                    scene.shows_this(&CANNOT_TELL, &shown).await
                }),
            ),
        )+];
    };
}

/// Cases in which the list's server answers otherwise.
macro_rules! servers {
    ($($name:literal [$($id:literal),+] $about:literal $reply:expr;)+) => {
        pub(super) const SERVERS: &[Case] = &[$(
            Case::differs(
                Recogniser,
                $name,
                &[$($id),+],
                "recogniser/recognised",
                $about,
                "ISSUER_UNREACHABLE or STATUS_STALE, never red, and honest cards are recognised as before",
                play!(|scene| {
                    let reply: fn(&str, &World) -> Reply = $reply;
                    let shown = scene.shown().await?;
                    let honest = shown.list(&Entries::default()).sign();
                    shown.answers_for_the_list(reply(&honest, &scene.world));
                    scene.shows_this(&CANNOT_TELL, &shown).await?;
                    no_stray(scene)
                }),
            ),
        )+];
    };
}

lists! {
    "recogniser/list-of-another-address" ["STA-6"] "sub is another list of the county" |draft, shown, _| { draft.set("sub", format!("{}9", shown.slot.uri)); };
    "recogniser/list-of-another-county" ["STA-6"] "iss is another county, whose status key signs" |draft, _, world| {
        let other = &world.counties[world.counties.len() - 1].host;
        draft.signed_by(&other.status_key).set("iss", other.entity.as_str());
    };
    "recogniser/list-forged" ["STA-6", "STA-7"] "another key signs under the kid of the status key" |draft, _, _| draft.key = Key::stranger();
    "recogniser/list-by-unknown-key" ["STA-6"] "another key signs and says so" |draft, _, _| { draft.signed_by(&Key::stranger()); };
    "recogniser/list-by-attestation-key" ["JWS-5"] "the county's attestation key signs" |draft, shown, _| { let key = shown.partner.county().attestation_key.clone(); draft.signed_by(&key); };
    "recogniser/list-typ-other" ["JWS-3"] "typ is that of an entity statement" |draft, _, _| { draft.head("typ", "entity-statement+jwt"); };
    "recogniser/list-header-more" ["JWS-2"] "the header has zip" |draft, _, _| { draft.head("zip", "DEF"); };
    "recogniser/list-ended" ["STA-10"] "exp passed a minute ago" |draft, _, _| { let exp = now() - 60; draft.set("iat", exp - HOUR).set("exp", exp).set("source_as_of", exp - HOUR - 60); };
    "recogniser/list-lives-too-long" ["STA-4"] "exp lies 72 hours and a second after iat" |draft, _, _| { let iat = draft.claims["iat"].as_i64().unwrap_or(0); draft.set("exp", iat + 72 * HOUR + 1); };
    "recogniser/list-ends-before-it-begins" ["STA-4"] "exp lies before iat" |draft, _, _| { let iat = draft.claims["iat"].as_i64().unwrap_or(0); draft.set("exp", iat); };
    "recogniser/list-source-after-iat" ["STA-4"] "source_as_of lies ten minutes after iat" |draft, _, _| { let iat = draft.claims["iat"].as_i64().unwrap_or(0); draft.set("source_as_of", iat + 600); };
    "recogniser/list-without-source-as-of" ["STA-4"] "source_as_of is missing" |draft, _, _| { draft.without("source_as_of"); };
    "recogniser/list-without-ttl" ["STA-4"] "ttl is missing" |draft, _, _| { draft.without("ttl"); };
    "recogniser/list-ttl-zero" ["STA-4"] "ttl is 0" |draft, _, _| { draft.set("ttl", 0); };
    "recogniser/list-one-bit" ["STA-4"] "bits is 1" |draft, _, _| packed(draft, 1, &Entries::default().packed());
    "recogniser/list-four-bits" ["STA-4"] "bits is 4" |draft, _, _| packed(draft, 4, &Entries::default().packed());
    "recogniser/list-too-short" ["STA-5"] "four entries are missing" |draft, _, _| packed(draft, 2, &b64(zlib(&[0; 32_767])));
    "recogniser/list-too-long" ["STA-5"] "there are four entries more" |draft, _, _| packed(draft, 2, &b64(zlib(&[0; 32_769])));
    "recogniser/list-bomb" ["STA-7", "SEC-1", "JWS-19"] "what inflates is 256 MiB of zeros" |draft, _, _| packed(draft, 2, &b64(zlib(&vec![0; 256 << 20])));
    "recogniser/list-cut-short" ["STA-7"] "the stream lacks its last octets" |draft, _, _| { let whole = unb64(&Entries::default().packed()).unwrap_or_default(); packed(draft, 2, &b64(&whole[..whole.len() - 6])); };
    "recogniser/list-checksum" ["STA-7"] "the checksum of the stream is another" |draft, _, _| {
        let mut whole = unb64(&Entries::default().packed()).unwrap_or_default();
        if let Some(last) = whole.last_mut() {
            *last ^= 1;
        }
        packed(draft, 2, &b64(whole));
    };
    "recogniser/list-octets-after" ["STA-7"] "octets follow the stream" |draft, _, _| { let mut whole = unb64(&Entries::default().packed()).unwrap_or_default(); whole.extend([0, 0]); packed(draft, 2, &b64(whole)); };
    "recogniser/list-raw-deflate" ["STA-7"] "the stream is deflate without zlib's frame" |draft, _, _| { let whole = unb64(&Entries::default().packed()).unwrap_or_default(); packed(draft, 2, &b64(&whole[2..whole.len() - 4])); };
    "recogniser/list-padded" ["JWS-10", "STA-7"] "lst is padded" |draft, _, _| packed(draft, 2, &format!("{}==", Entries::default().packed()));
}

servers! {
    "recogniser/list-not-there" ["DEC-16"] "the address answers 404" |_, _| Reply::status(404);
    "recogniser/list-server-fails" ["DEC-16"] "the address answers 500" |_, _| Reply::status(500);
    "recogniser/list-elsewhere" ["TRN-12"] "the address redirects to another county's" |_, world| Reply::redirect(&format!("{}/trap/list", world.counties[world.counties.len() - 1].host.entity));
    "recogniser/list-cut-off" ["TRN-14", "DEC-16"] "the connection ends in the middle" |honest, _| {
        let half = honest.as_bytes()[..honest.len() / 2].to_vec();
        Reply::ok("application/statuslist+jwt", "").contents(Contents::CutOff(half, honest.len() as u64))
    };
    "recogniser/list-oversized" ["TRN-14", "JWS-15"] "40 MiB come without a length" |_, _| Reply::ok("application/statuslist+jwt", "").contents(Contents::Flood(40 << 20));
    "recogniser/list-announced-too-large" ["TRN-14", "JWS-15"] "a length of 4 GiB is announced" |honest, _| Reply::ok("application/statuslist+jwt", "").contents(Contents::CutOff(honest.as_bytes().to_vec(), 4 << 30));
    "recogniser/list-drips" ["TRN-14"] "an octet a second comes" |honest, _| Reply::ok("application/statuslist+jwt", "").contents(Contents::Drip(honest.as_bytes().to_vec(), Duration::from_secs(1)));
    "recogniser/list-is-a-page" ["STA-6"] "the address answers with a page" |_, _| Reply::ok("text/html", "<h1>welcome</h1>");
    "recogniser/list-empty" ["STA-6"] "the answer is empty" |_, _| Reply::ok("application/statuslist+jwt", "");
}

pub(super) const CASES: &[Case] = &[
    Case::differs(
        Recogniser,
        "recogniser/cancelled",
        &["DEC-15", "DEC-17"],
        "recogniser/recognised",
        "the entry of the card is 1",
        "REVOKED, although the issuer would answer that the permit is valid",
        play!(cancelled),
    ),
    Case::differs(
        Recogniser,
        "recogniser/cancelled-on-old-data",
        &["DEC-15"],
        "recogniser/cancelled",
        "the register was last read 80 hours ago",
        "REVOKED: cancelled holds on data of any age",
        play!(cancelled_on_old_data),
    ),
    Case::differs(
        Recogniser,
        "recogniser/tombstone-outlives",
        &["STA-12"],
        "recogniser/cancelled",
        "a later list says that the card is valid; the target is killed before and after",
        "REVOKED still",
        play!(tombstone_outlives),
    ),
    Case::differs(
        Recogniser,
        "recogniser/superseded",
        &["DEC-15", "DEC-18"],
        "recogniser/recognised",
        "the entry is 3, and the issuer cannot be asked",
        "SUPERSEDED",
        play!(superseded),
    ),
    Case::differs(
        Recogniser,
        "recogniser/superseded-looked-up",
        &["DEC-18", "DEC-17"],
        "recogniser/superseded",
        "the issuer can be asked, and says that the person's permit is valid",
        "RECOGNISED: an old code of somebody with a new permit",
        play!(superseded_looked_up),
    ),
    Case::differs(
        Recogniser,
        "recogniser/superseded-then-cancelled",
        &["STA-1", "STA-12"],
        "recogniser/superseded",
        "a later list says 1",
        "REVOKED",
        play!(superseded_then_cancelled),
    ),
    Case::differs(
        Recogniser,
        "recogniser/superseded-stays",
        &["STA-12"],
        "recogniser/superseded",
        "a later list says 0",
        "SUPERSEDED still",
        play!(superseded_stays),
    ),
    Case::differs(
        Recogniser,
        "recogniser/suspended",
        &["DEC-19"],
        "recogniser/recognised",
        "the entry is 2, and the issuer cannot be asked",
        "SUSPENDED",
        play!(suspended),
    ),
    Case::differs(
        Recogniser,
        "recogniser/suspended-lifted",
        &["STA-1"],
        "recogniser/suspended",
        "a later list says 0",
        "RECOGNISED again",
        play!(suspended_lifted),
    ),
    Case::differs(
        Recogniser,
        "recogniser/list-rolled-back",
        &["STA-9"],
        "recogniser/suspended",
        "the older list, with 0, is served again",
        "SUSPENDED still: the older list is refused",
        play!(rolled_back),
    ),
    Case::differs(
        Recogniser,
        "recogniser/list-rolled-back-after-kill",
        &["STA-9"],
        "recogniser/list-rolled-back",
        "the target is killed before the older list is served",
        "SUSPENDED still",
        play!(rolled_back_after_kill),
    ),
    Case::differs(
        Recogniser,
        "recogniser/list-forked",
        &["STA-9"],
        "recogniser/recognised",
        "another list of the same iat says 2",
        "RECOGNISED still: none of two newly counts",
        play!(forked),
    ),
    Case::differs(
        Recogniser,
        "recogniser/status-of-amber-age",
        &["STA-11", "DEC-14"],
        "recogniser/recognised",
        "the list is 30 hours old",
        "STATUS_STALE where the row does not allow it, RECOGNISED_CONDITIONAL with recheck_status where it does",
        play!(amber_age),
    ),
    Case::differs(
        Recogniser,
        "recogniser/status-signed-again",
        &["STA-11", "DEC-14"],
        "recogniser/recognised",
        "the list is fresh, the register was last read 30 hours ago",
        "as of 30 hours: signing again makes nothing fresh",
        play!(signed_again),
    ),
    Case::differs(
        Recogniser,
        "recogniser/status-too-old",
        &["STA-11", "DEC-14"],
        "recogniser/status-signed-again",
        "the register was last read 80 hours ago",
        "STATUS_STALE, also where amber age is allowed",
        play!(too_old),
    ),
    Case::differs(
        Recogniser,
        "recogniser/suspended-on-old-data",
        &["DEC-15"],
        "recogniser/suspended",
        "the register was last read 30 hours ago",
        "STATUS_STALE: what may have been lifted is said on fresh data only",
        play!(suspended_on_old_data),
    ),
    Case::differs(
        Recogniser,
        "recogniser/index-outside",
        &["STA-8"],
        "recogniser/recognised",
        "the index lies outside the list",
        "neither recognised nor red",
        play!(index_outside),
    ),
    Case::differs(
        Recogniser,
        "recogniser/hours-without-network",
        &["TRU-23", "DEC-14"],
        "recogniser/status-of-amber-age",
        "the issuer is silent while its list grows old, and then is back",
        "STATUS_STALE while it is silent, RECOGNISED when it is back",
        play!(hours_without_network),
    ),
    Case::differs(
        Recogniser,
        "recogniser/list-from-the-future",
        &["JWS-17"],
        "recogniser/recognised",
        "iat of a well-signed list lies 300 seconds ahead",
        "NODE_NOT_READY, ISSUER_UNREACHABLE or STATUS_STALE, and never red",
        play!(from_the_future),
    ),
];

impl Shown {
    fn list(&self, entries: &Entries) -> Draft {
        self.partner.county().status_list(&self.slot, entries)
    }

    /// A list in which the card's entry has this value, signed so many seconds ago.
    fn list_saying(&self, value: u8, ago: i64) -> Draft {
        let mut entries = Entries::default();
        entries.set(self.slot.index, value);
        let mut draft = self.list(&entries);
        let iat = now() - ago;
        draft
            .set("iat", iat)
            .set("exp", iat + 72 * HOUR)
            .set("source_as_of", iat - 60);
        draft
    }

    fn serves(&self, token: String) {
        self.partner.county().serve_list(&self.slot, token);
    }

    fn answers_for_the_list(&self, reply: Reply) {
        let county = self.partner.county();
        let path = self
            .slot
            .uri
            .trim_start_matches(county.entity.as_str())
            .to_owned();
        self.partner
            .site
            .hook(move |request| (request.path == path).then(|| reply.clone()));
    }

    /// The issuer answers no questions.
    fn is_not_to_be_asked(&self) {
        self.partner.site.hook(|request| {
            (request.path == "/federation/v1/verifications").then(|| Reply::problem("overloaded", 503))
        });
    }
}

fn packed(draft: &mut Draft, bits: u8, lst: &str) {
    draft.set("status_list", json!({ "bits": bits, "lst": lst }));
}

fn no_stray(scene: &Scene) -> Played {
    ensure!(
        scene.world.log.swallowed() == 0,
        "an answer of 40 MiB was read to its end (TRN-14)"
    );
    let came = scene.world.log.since(scene.mark());
    ensure!(
        !came.iter().any(|one| one.path.starts_with("/trap")),
        "a redirect was followed (TRN-12)"
    );
    Ok(())
}

/// The target takes notice of the list as it is served now.
async fn refreshed(scene: &mut Scene, shown: &Shown) -> Played {
    let entity = shown.partner.county().entity.clone();
    scene.refresh(Some(&entity)).await
}

async fn says(scene: &mut Scene, shown: &Shown, codes: &[&str]) -> Played {
    let verdict = scene.scan_for(&shown.card.token(), shown.service).await?;
    scene.outcome(&verdict, codes)
}

async fn cancelled(scene: &mut Scene) -> Played {
    scene
        .shows(&["REVOKED"], |shown| {
            shown.serves(shown.list_saying(1, 60).sign())
        })
        .await
}

async fn cancelled_on_old_data(scene: &mut Scene) -> Played {
    let shown = scene.shown().await?;
    let mut list = shown.list_saying(1, 60);
    list.set("source_as_of", now() - 80 * HOUR);
    shown.serves(list.sign());
    says(scene, &shown, &["REVOKED"]).await
}

async fn tombstone_outlives(scene: &mut Scene) -> Played {
    let shown = scene.shown().await?;
    shown.serves(shown.list_saying(1, 120).sign());
    says(scene, &shown, &["REVOKED"]).await?;
    let _: Done = scene.ask(Act::Restart { graceful: false }).await?;
    shown.serves(shown.list_saying(0, 60).sign());
    refreshed(scene, &shown).await?;
    says(scene, &shown, &["REVOKED"]).await?;
    // Now the later list alone is kept: only a tombstone still knows.
    let _: Done = scene.ask(Act::Restart { graceful: false }).await?;
    says(scene, &shown, &["REVOKED"]).await
}

async fn superseded(scene: &mut Scene) -> Played {
    let shown = scene.shown().await?;
    shown.is_not_to_be_asked();
    shown.serves(shown.list_saying(3, 60).sign());
    says(scene, &shown, &["SUPERSEDED"]).await
}

async fn superseded_looked_up(scene: &mut Scene) -> Played {
    let shown = scene.shown().await?;
    shown.serves(shown.list_saying(3, 60).sign());
    says(scene, &shown, &["RECOGNISED"]).await
}

async fn superseded_then_cancelled(scene: &mut Scene) -> Played {
    superseded_then(scene, 1, "REVOKED").await
}

async fn superseded_stays(scene: &mut Scene) -> Played {
    superseded_then(scene, 0, "SUPERSEDED").await
}

async fn superseded_then(scene: &mut Scene, value: u8, code: &str) -> Played {
    let shown = scene.shown().await?;
    shown.is_not_to_be_asked();
    shown.serves(shown.list_saying(3, 120).sign());
    says(scene, &shown, &["SUPERSEDED"]).await?;
    shown.serves(shown.list_saying(value, 60).sign());
    refreshed(scene, &shown).await?;
    says(scene, &shown, &[code]).await
}

async fn suspended(scene: &mut Scene) -> Played {
    let shown = scene.shown().await?;
    shown.is_not_to_be_asked();
    shown.serves(shown.list_saying(2, 60).sign());
    says(scene, &shown, &["SUSPENDED"]).await
}

async fn suspended_lifted(scene: &mut Scene) -> Played {
    let shown = scene.shown().await?;
    shown.is_not_to_be_asked();
    shown.serves(shown.list_saying(2, 120).sign());
    says(scene, &shown, &["SUSPENDED"]).await?;
    shown.serves(shown.list_saying(0, 60).sign());
    refreshed(scene, &shown).await?;
    says(scene, &shown, &["RECOGNISED"]).await
}

async fn rolled_back(scene: &mut Scene) -> Played {
    back_to_an_older_list(scene, false).await
}

async fn rolled_back_after_kill(scene: &mut Scene) -> Played {
    back_to_an_older_list(scene, true).await
}

async fn back_to_an_older_list(scene: &mut Scene, kill: bool) -> Played {
    let shown = scene.shown().await?;
    shown.is_not_to_be_asked();
    let older = shown.list_saying(0, 300).sign();
    shown.serves(older.clone());
    says(scene, &shown, &["RECOGNISED"]).await?;
    shown.serves(shown.list_saying(2, 60).sign());
    refreshed(scene, &shown).await?;
    says(scene, &shown, &["SUSPENDED"]).await?;
    if kill {
        let _: Done = scene.ask(Act::Restart { graceful: false }).await?;
    }
    shown.serves(older);
    refreshed(scene, &shown).await?;
    says(scene, &shown, &["SUSPENDED"]).await
}

async fn forked(scene: &mut Scene) -> Played {
    let shown = scene.shown().await?;
    shown.is_not_to_be_asked();
    let first = shown.list_saying(0, 60);
    shown.serves(first.sign());
    says(scene, &shown, &["RECOGNISED"]).await?;
    let mut entries = Entries::default();
    entries.set(shown.slot.index, 2);
    let mut other = first;
    packed(&mut other, 2, &entries.packed());
    shown.serves(other.sign());
    refreshed(scene, &shown).await?;
    says(scene, &shown, &["RECOGNISED"]).await
}

async fn amber_age(scene: &mut Scene) -> Played {
    as_old(scene, |shown| shown.list_saying(0, 30 * HOUR)).await
}

async fn signed_again(scene: &mut Scene) -> Played {
    as_old(scene, |shown| {
        let mut list = shown.list_saying(0, 60);
        list.set("source_as_of", now() - 30 * HOUR);
        list
    })
    .await
}

async fn as_old(scene: &mut Scene, list: impl FnOnce(&Shown) -> Draft) -> Played {
    let shown = scene.shown().await?;
    shown.is_not_to_be_asked();
    shown.serves(list(&shown).sign());
    says(scene, &shown, &["STATUS_STALE"]).await?;
    let verdict = scene.scan_for(&shown.card.token(), "EMP-INFO").await?;
    scene.outcome(&verdict, &["RECOGNISED_CONDITIONAL"])?;
    let told = verdict
        .missing
        .iter()
        .any(|one| one.get("code").is_some_and(|code| code == "recheck_status"));
    ensure!(told, "the condition recheck_status is not told (DEC-14)");
    let age = verdict.status_age_seconds.unwrap_or(0);
    ensure!(
        age == 0 || (29 * HOUR..31 * HOUR).contains(&age),
        "the age is told as {age} s, it is 30 hours (STA-11)"
    );
    Ok(())
}

async fn too_old(scene: &mut Scene) -> Played {
    let shown = scene.shown().await?;
    shown.is_not_to_be_asked();
    let mut list = shown.list_saying(0, 60);
    list.set("source_as_of", now() - 80 * HOUR);
    shown.serves(list.sign());
    says(scene, &shown, &["STATUS_STALE"]).await?;
    let verdict = scene.scan_for(&shown.card.token(), "EMP-INFO").await?;
    scene.outcome(&verdict, &["STATUS_STALE"])
}

async fn suspended_on_old_data(scene: &mut Scene) -> Played {
    let shown = scene.shown().await?;
    shown.is_not_to_be_asked();
    let mut list = shown.list_saying(2, 60);
    list.set("source_as_of", now() - 30 * HOUR);
    shown.serves(list.sign());
    says(scene, &shown, &["STATUS_STALE"]).await
}

async fn index_outside(scene: &mut Scene) -> Played {
    let mut shown = scene.shown().await?;
    let uri = shown.slot.uri.clone();
    shown
        .card
        .draft
        .set("status", json!({ "status_list": { "idx": 131_072, "uri": uri } }));
    let verdict = scene.scan(&shown.card.token()).await?;
    scene.outcome(
        &verdict,
        &["ISSUER_UNREACHABLE", "STATUS_STALE", "SIGNATURE_INVALID"],
    )
}

async fn hours_without_network(scene: &mut Scene) -> Played {
    let shown = scene.shown().await?;
    shown.serves(shown.list_saying(0, 30 * HOUR).sign());
    says(scene, &shown, &["STATUS_STALE"]).await?;
    shown.partner.site.hook(|_| Some(Reply::status(503)));
    refreshed(scene, &shown).await?;
    says(scene, &shown, &["STATUS_STALE"]).await?;
    shown.partner.site.honest();
    shown.serves(shown.list_saying(0, 60).sign());
    refreshed(scene, &shown).await?;
    says(scene, &shown, &["RECOGNISED"]).await
}

async fn from_the_future(scene: &mut Scene) -> Played {
    let shown = scene.shown().await?;
    let mut list = shown.list_saying(0, -300);
    let exp = now() + 24 * HOUR;
    list.set("exp", exp).set("source_as_of", Value::from(now() - 60));
    shown.serves(list.sign());
    scene
        .shows_this(&["NODE_NOT_READY", "ISSUER_UNREACHABLE", "STATUS_STALE"], &shown)
        .await
}
