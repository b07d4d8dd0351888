//! Pages and documents beside `/v1`. Nothing in them comes from elsewhere.

mod docs;

use std::sync::LazyLock;

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};

pub(super) use docs::docs;

use super::openapi;

/// `GET /openapi.json`.
pub(super) async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], openapi::DOCUMENT.as_str()).into_response()
}

/// `GET /config.schema.json`: of the configuration file.
pub(super) async fn config_schema() -> Response {
    ([(header::CONTENT_TYPE, "application/schema+json")], openapi::config_schema()).into_response()
}

/// Nothing but our own style, told by its hash. Forms lead on to merchants and banks.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let style = BASE64_STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self' https: http:; frame-ancestors 'none'; base-uri 'none'"
    )
});

/// A page.
pub(super) fn page(status: StatusCode, title: &str, body: &str) -> Response {
    page_under(&POLICY, status, title, body)
}

/// A page that also does what `more` of the policy allows.
pub(super) fn page_with(more: &str, title: &str, body: &str) -> Response {
    page_under(&format!("{}; {more}", *POLICY), StatusCode::OK, title, body)
}

fn page_under(policy: &str, status: StatusCode, title: &str, body: &str) -> Response {
    let text = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><title>{title}</title><style>{STYLE}</style></head>\
         <body><main><h1>{title}</h1>{body}</main></body></html>",
        title = escaped(title)
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, headers, text).into_response()
}

/// A text inside HTML, in content or in a quoted attribute.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

const STYLE: &str = ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;margin:0;color:#1a1a1a;background:#fff}\
main{max-width:56rem;margin:2rem auto;padding:0 1rem}h2{margin-top:2.5rem}code,pre{font:14px/1.4 ui-monospace,monospace}\
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #ddd;\
vertical-align:top}label{display:block;margin:1rem 0}input{display:block;font:inherit;padding:.4rem;width:100%;\
max-width:28rem;box-sizing:border-box}button,.button{font:inherit;padding:.5rem 1rem;margin-right:.5rem;border:1px solid #767676;\
border-radius:.4rem;background:#f3f3f3;color:inherit;cursor:pointer}.main,.button{background:#0b57d0;border-color:#0b57d0;color:#fff;\
text-decoration:none;display:inline-block}:focus-visible{outline:3px solid #0b57d0;outline-offset:2px}select{display:block;font:inherit;\
padding:.4rem;width:100%;max-width:28rem}[role=alert]{color:#a00;border-left:4px solid;padding-left:.75rem}.note{color:#595959}\
@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}td,th{border-color:#444}[role=alert]{color:#f88}a{color:#9cf}.note{color:#aaa}button{background:#2a2a2a}.main,.button{background:#a8c7fa;border-color:#a8c7fa;\
color:#062e6f}:focus-visible{outline-color:#a8c7fa}}";
