//! Errors of the federation endpoints in OpenID Federation's form (1.0 §8.9): `error` from its list and a description, in JSON.
//! The description never quotes the request.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

/// Why an endpoint did not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OidfError {
    /// A parameter is missing, doubled or malformed.
    InvalidRequest(&'static str),
    /// A filter this authority does not have.
    UnsupportedParameter,
    /// No such member.
    NotFound,
}

impl OidfError {
    const fn parts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::InvalidRequest(description) => (StatusCode::BAD_REQUEST, "invalid_request", description),
            Self::UnsupportedParameter => (
                StatusCode::BAD_REQUEST,
                "unsupported_parameter",
                "本机构不支持此筛选参数 / this authority does not support the filter",
            ),
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                "not_found",
                "本机构没有发布关于该主体的声明 / this authority publishes no statement on the subject",
            ),
        }
    }
}

impl IntoResponse for OidfError {
    fn into_response(self) -> Response {
        let (status, error, description) = self.parts();
        let body = serde_json::json!({ "error": error, "error_description": description }).to_string();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}
