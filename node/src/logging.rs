//! Logs: JSON lines for machines or text for a terminal, on standard error. Events carry trace ids and codes, never a name or number.

use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::LogFormat;

/// Why logging did not start.
#[derive(Debug, thiserror::Error)]
#[error("日志级别有误: {0} / the log level is not valid")]
pub(crate) struct LogError(String);

/// Starts logging for the process.
pub(crate) fn start(format: LogFormat, level: &str) -> Result<(), LogError> {
    let filter = EnvFilter::try_new(level).map_err(|error| LogError(error.to_string()))?;
    let registry = tracing_subscriber::registry()
        .with(filter)
        .with(filter_fn(may_be_logged));
    match format {
        LogFormat::Json => registry
            .with(
                tracing_subscriber::fmt::layer()
                    .json()
                    .with_writer(std::io::stderr),
            )
            .try_init()
            .map_err(|error| LogError(error.to_string())),
        LogFormat::Human => registry
            .with(tracing_subscriber::fmt::layer().with_writer(std::io::stderr))
            .try_init()
            .map_err(|error| LogError(error.to_string())),
    }
}

/// From now on a panic is reported by its place alone: what it says may quote whatever the code was working on.
pub(crate) fn report_panics_by_place() {
    std::panic::set_hook(Box::new(|panic| {
        let place = place(panic);
        if tracing::enabled!(Level::ERROR) {
            tracing::error!(place, "panicked: a defect of this program");
        } else {
            eprintln!(
                "程序内部错误，请报告此位置 / a defect of this program, please report its place: {place}"
            );
        }
    }));
}

fn place(panic: &std::panic::PanicHookInfo<'_>) -> String {
    panic
        .location()
        .map_or_else(|| "?".to_owned(), |at| format!("{}:{}", at.file(), at.line()))
}

/// Whether an event may be logged, whatever level the operator asked for.
///
/// The crates that carry requests log headers, bodies and addresses at debug and trace, and the database's its statements at info: what
/// is in them is not ours to know, so only our own targets, whose events are written to name nobody, go below that.
fn may_be_logged(event: &Metadata<'_>) -> bool {
    names_nobody(event.target(), *event.level())
}

fn names_nobody(target: &str, level: Level) -> bool {
    let of = |name: &str| target == name || target.starts_with(&format!("{name}::"));
    let most = match target {
        own if own.starts_with("comity") => Level::TRACE,
        _ if of("sqlx") => Level::WARN,
        _ => Level::INFO,
    };
    level <= most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_known_by_its_place() {
        static PLACE: std::sync::Mutex<String> = std::sync::Mutex::new(String::new());
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(|panic| *PLACE.lock().unwrap() = place(panic)));
        let caught = std::panic::catch_unwind(|| panic!("of 示例"));
        std::panic::set_hook(before);
        assert!(caught.is_err());
        let place = PLACE.lock().unwrap().clone();
        assert!(
            place.contains("logging.rs:") && !place.contains("示例"),
            "{place}"
        );
    }

    #[test]
    fn only_our_own_events_go_below_info() {
        for (target, level, logged) in [
            ("comity_node_core::exchange", Level::TRACE, true),
            ("comity::background", Level::DEBUG, true),
            ("hyper::proto::h1::io", Level::INFO, true),
            ("hyper::proto::h1::io", Level::DEBUG, false),
            ("axum::rejection", Level::TRACE, false),
            ("rustls::client", Level::DEBUG, false),
            ("sqlx::query", Level::WARN, true),
            ("sqlx::query", Level::INFO, false),
            ("a_crate_of_tomorrow", Level::TRACE, false),
        ] {
            assert_eq!(names_nobody(target, level), logged, "{target} {level}");
        }
    }
}
