//! Logs: JSON lines for machines or text for a terminal, on standard error. Events carry trace ids and codes, never a name or number.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::LogFormat;

/// Why logging did not start.
#[derive(Debug, thiserror::Error)]
#[error("日志级别有误: {0} / the log level is not valid")]
pub(crate) struct LogError(String);

/// Starts logging for the process.
pub(crate) fn start(format: LogFormat, level: &str) -> Result<(), LogError> {
    // The HTTP and TLS stacks log header values and addresses at debug and trace: they stay at info whatever the node's own level is,
    // since a search term in a URL or a form value would be personal data.
    let directives =
        format!("{level},hyper=info,hyper_util=info,reqwest=info,rustls=info,sqlx=warn,h2=info,tower=info");
    let filter = EnvFilter::try_new(directives).map_err(|error| LogError(error.to_string()))?;
    let registry = tracing_subscriber::registry().with(filter);
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
