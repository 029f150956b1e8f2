//! What can become of an exchange, as types: nothing here or above relies on the text of a library's error, which
//! for a TLS 1.3 refusal differs from run to run with the moment the alert arrives.

use comity_spec::mutant;
use reqwest::{Response, StatusCode};

use super::AddressNotAllowed;
use crate::tls::{TlsConfigError, TlsRefusal, find_cause};

/// Why there is no answer. Every one of them means "cannot tell", never "no".
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Not an absolute HTTPS URL without user, password and fragment. Whoever signed the URL is at fault.
    #[error("地址不是合规的 HTTPS URL / not an HTTPS URL that may be fetched")]
    BadUrl,
    /// The address is in no allowed range.
    #[error(transparent)]
    AddressNotAllowed(#[from] AddressNotAllowed),
    /// No connection: the name does not resolve, nobody listens, or the network is down.
    #[error("无法连接对方节点 / the peer cannot be reached")]
    Connect,
    /// Not in time.
    #[error("对方节点未在限时内应答 / the peer did not answer in time")]
    Timeout,
    /// We refused the server: for [`TlsRefusal::UnlistedPin`] it is not the peer it should be.
    #[error("未通过对方服务器身份校验 / the server's identity was refused")]
    Refused(#[source] TlsRefusal),
    /// The server refused us: our pin is not listed there, or our certificate is past its dates.
    #[error("对方节点拒绝了本节点的证书 / the peer refused this node's certificate")]
    RefusedByPeer,
    /// More than the cap.
    #[error("应答超过 {limit} 字节上限 / the answer is larger than {limit} bytes")]
    TooLarge {
        /// The cap in bytes.
        limit: usize,
    },
    /// A redirect, which is never followed.
    #[error("对方返回重定向（{0}），不予跟随 / the answer is a redirect ({0}), which is not followed")]
    Redirect(u16),
    /// Another status than the one that carries an answer.
    #[error("对方返回状态 {0} / the answer has status {0}")]
    Status(u16),
    /// The connection ended in the middle, or what came was no HTTP.
    #[error("应答中断 / the answer broke off")]
    Broken,
    /// Our TLS configuration could not be made. Ours.
    #[error("本节点 TLS 配置有误 / this node's TLS configuration is at fault")]
    Tls(#[source] TlsConfigError),
}

impl FetchError {
    /// The value of the metric label `result`.
    #[must_use]
    pub const fn result(&self) -> &'static str {
        match self {
            Self::BadUrl => "bad_url",
            Self::AddressNotAllowed(_) => "address_not_allowed",
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Refused(refusal) => refusal.reason(),
            Self::RefusedByPeer => "refused_by_peer",
            Self::TooLarge { .. } => "too_large",
            Self::Redirect(_) => "redirect",
            Self::Status(_) => "status",
            Self::Broken => "broken",
            Self::Tls(_) => "tls_config",
        }
    }

    pub(super) fn of(error: &reqwest::Error) -> Self {
        if let Some(refused) = find_cause::<AddressNotAllowed>(error) {
            return Self::AddressNotAllowed(*refused);
        }
        match TlsRefusal::in_chain(error) {
            Some(TlsRefusal::RefusedByPeer) => return Self::RefusedByPeer,
            Some(TlsRefusal::Aborted) | None => {}
            Some(refusal) => return Self::Refused(refusal),
        }
        if error.is_timeout() {
            Self::Timeout
        } else if error.is_connect() {
            Self::Connect
        } else {
            Self::Broken
        }
    }
}

/// Counts an exchange by its result.
pub(super) fn record(client: &'static str, result: &'static str) {
    metrics::counter!("comity_peer_requests_total", "client" => client, "result" => result).increment(1);
}

pub(super) fn refuse_redirect(status: StatusCode) -> Result<(), FetchError> {
    if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
        return Err(FetchError::Redirect(status.as_u16()));
    }
    Ok(())
}

/// Reads a body as it comes and stops at the first byte over `limit`; an announced size over it is not begun.
pub(super) async fn read_capped(mut response: Response, limit: usize) -> Result<Vec<u8>, FetchError> {
    let limit = if mutant!("TRN-14") { usize::MAX } else { limit };
    let cap = u64::try_from(limit).unwrap_or(u64::MAX);
    if response.content_length().is_some_and(|announced| announced > cap) {
        return Err(FetchError::TooLarge { limit });
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| FetchError::of(&error))? {
        if body.len() + chunk.len() > limit {
            return Err(FetchError::TooLarge { limit });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
