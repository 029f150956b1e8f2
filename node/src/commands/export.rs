//! `comity permit export`: a permit's newest attestation as text, digits, picture or printable card.

use std::io::Write as _;
use std::path::Path;

use comity_node_core::ports::Clock as _;
use comity_node_http::render::{CardSheet, Symbol};
use comity_spec::attestation::Tier;
use comity_spec::entity::Environment;
use comity_spec::ids::PermitNumber;
use comity_spec::text::Bilingual;
use comity_spec::time::LocalDate;
use comity_verifier::symbol;
use serde::Deserialize;

use super::{CommandError, Outcome};
use crate::admin::{AdminCommand, AdminReply};
use crate::cli::{Form, Rendering};
use crate::system::SystemClock;

/// Pixels of a module in a PNG: 2,500 pixels a side, sharp at 10 cm on any printer.
const PNG_SCALE: u32 = 20;

/// What the node says of the attestation.
#[derive(Deserialize)]
struct Exported {
    token: String,
    name: String,
    number_last4: String,
    issuer: Bilingual,
    tier: Tier,
    endorsed_until: LocalDate,
    environment: Environment,
}

/// Renders one attestation.
pub(crate) async fn run(
    config: &Path,
    number: PermitNumber,
    form: Form,
    rendering: Rendering,
    out: Option<&Path>,
) -> Result<Outcome, CommandError> {
    let full = form == Form::Full;
    if full && rendering != Rendering::Text {
        return Err(CommandError::usage(
            "完整凭证放不进二维码，请用 --as text / the full form is for files: use --as text",
        ));
    }
    let exported = match super::node::reply(config, AdminCommand::AttestationToken { number, full }).await? {
        AdminReply::Done { data, .. } | AdminReply::Incomplete { data, .. } => {
            serde_json::from_value::<Exported>(data).map_err(CommandError::from_display)?
        }
        AdminReply::Refused { error } => return Err(CommandError::refused(error)),
    };
    let bytes = render(&exported, rendering)?;
    match out {
        Some(path) => {
            super::replace_file(path, &bytes)?;
            Ok(Outcome::text(format!("已写出 {} / written", path.display())))
        }
        None => {
            std::io::stdout()
                .write_all(&bytes)
                .map_err(CommandError::from_display)?;
            Ok(Outcome::text(""))
        }
    }
}

fn render(exported: &Exported, rendering: Rendering) -> Result<Vec<u8>, CommandError> {
    let code = || Symbol::of_card(&exported.token).map_err(CommandError::from_display);
    Ok(match rendering {
        Rendering::Text => format!("{}\n", exported.token).into_bytes(),
        Rendering::Digits => format!(
            "{}\n",
            symbol::encode(&exported.token).map_err(CommandError::from_display)?
        )
        .into_bytes(),
        Rendering::Svg => code()?
            .to_svg("居住证核验凭证 / residence permit attestation")
            .into_bytes(),
        Rendering::Png => code()?.to_png(PNG_SCALE).map_err(CommandError::from_display)?,
        Rendering::Terminal => code()?.to_terminal().into_bytes(),
        Rendering::Pdf => CardSheet {
            token: &exported.token,
            holder_name: &exported.name,
            number_last4: &exported.number_last4,
            issuer: &exported.issuer,
            tier: &exported.tier,
            endorsed_until: exported.endorsed_until,
            printed_on: LocalDate::of(SystemClock.now()),
            environment: exported.environment,
        }
        .to_pdf()
        .map_err(CommandError::from_display)?,
    })
}
