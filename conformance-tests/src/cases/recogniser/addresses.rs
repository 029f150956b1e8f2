//! Where the target asks (3.5): at the addresses that a statement names which it has verified, and at no others.

use serde_json::json;

use super::super::{Case, play};
use crate::class::Class::Recogniser;
use crate::scene::restated::statement_reply;
use crate::scene::{Played, Scene, ensure};
use crate::world::authority::WELL_KNOWN;
use crate::world::reply::Reply;

pub(super) const CASES: &[Case] = &[Case::differs(
    Recogniser,
    "recogniser/addresses-as-stated",
    &["TRU-24"],
    "recogniser/resolved-within-bounds",
    "the province states other addresses for its member list and its statements, and there a second key of the county",
    "RECOGNISED by that key, and nothing is asked for at the addresses of before",
    play!(as_stated),
)];

async fn as_stated(scene: &mut Scene) -> Played {
    let site = scene.fresh_county(2)?;
    let partner = scene.conclude(&site).await?;
    let restated = scene.restated(&partner);
    let superior = scene.superior_of(&site.host);
    let mut configuration = superior.host.configuration_draft();
    let entity = superior.host.entity.clone();
    configuration.set(
        "metadata",
        json!({ "federation_entity": {
            "federation_fetch_endpoint": format!("{entity}/elsewhere/fetch"),
            "comity_member_list_endpoint": format!("{entity}/elsewhere/member-list"),
            "organization_name": "示例 Example",
        }}),
    );
    let (configuration, list) = (configuration.sign(), superior.host.member_list().sign());
    let statement = restated.statement.sign();
    let port = site.host.entity.rsplit(':').next().unwrap_or_default().to_owned();
    superior.hook(move |request| match request.path.as_str() {
        WELL_KNOWN => Some(statement_reply(&configuration)),
        "/elsewhere/member-list" => Some(Reply::ok("application/comity-member-list+jwt", list.as_str())),
        path if path.starts_with("/elsewhere/fetch?") && path.ends_with(&port) => {
            Some(statement_reply(&statement))
        }
        _ => None,
    });
    scene.county_answers(&partner, statement_reply(&restated.configuration.sign()));
    let mark = scene.world.log.len();
    let noticed = scene.notices(&partner).await;
    let believed = scene.shows_by(&partner, &restated.key, &["RECOGNISED"]).await;
    let came = scene.world.log.since(mark);
    let healed = scene.heals(&partner).await;
    noticed.and(believed).and(healed)?;
    let guessed = came
        .iter()
        .find(|one| one.entity == entity && (one.path == "/member-list" || one.path.starts_with("/fetch?")));
    ensure!(
        guessed.is_none(),
        "{} was asked for, an address that no statement names any more (TRU-24)",
        guessed.map(|one| one.path.clone()).unwrap_or_default()
    );
    Ok(())
}
