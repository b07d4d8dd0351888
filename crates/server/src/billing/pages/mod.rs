//! Pages and documents beside `/v1`. Nothing in them comes from elsewhere.

mod docs;

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

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

const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self' https: http:; frame-ancestors 'none'; base-uri 'none'";

/// A page.
pub(super) fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let text = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><title>{title}</title><style>{STYLE}</style></head>\
         <body><main><h1>{title}</h1>{body}</main></body></html>",
        title = escaped(title)
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
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

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;margin:0;color:#1a1a1a;background:#fff}\
main{max-width:56rem;margin:2rem auto;padding:0 1rem}h2{margin-top:2.5rem}code,pre{font:14px/1.4 ui-monospace,monospace}\
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #ddd;\
vertical-align:top}label{display:block;margin:1rem 0}input{display:block;font:inherit;padding:.4rem;width:100%;\
max-width:28rem;box-sizing:border-box}button{font:inherit;padding:.5rem 1rem;margin-right:.5rem}[role=alert]{color:#a00}\
@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}td,th{border-color:#444}[role=alert]{color:#f88}a{color:#9cf}}";
