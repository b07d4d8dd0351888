//! `GET /docs`: the operations, to read.

use std::fmt::Write as _;

use axum::{http::StatusCode, response::Response};
use farebox_api::{API_VERSION, ProblemCode};

use super::{
    super::{
        operation::{Access, Operation},
        table,
    },
    escaped, page,
};

pub(in crate::billing) async fn docs() -> Response {
    let mut body = format!(
        "<p>Version {API_VERSION}. The same as a document: <a href=\"/openapi.json\">/openapi.json</a>; the configuration \
         file: <a href=\"/config.schema.json\">/config.schema.json</a>. Send <code>Authorization: Bearer pl_…</code>; \
         writes take an <code>Idempotency-Key</code>.</p>"
    );
    let mut tags: Vec<&str> = table::operations().iter().map(Operation::tag).collect();
    tags.sort_unstable();
    tags.dedup();
    for tag in tags {
        let _ = write!(body, "<h2>{}</h2><table>", escaped(tag));
        table::operations()
            .iter()
            .filter(|operation| operation.tag() == tag)
            .for_each(|operation| row(&mut body, operation));
        body.push_str("</table>");
    }
    body.push_str("<h2>Problems</h2><table>");
    for code in ProblemCode::ALL {
        let _ = write!(
            body,
            "<tr><td>{}</td><td><code>{}</code></td><td>{}</td></tr>",
            code.status(),
            code.as_str(),
            code.title()
        );
    }
    body.push_str("</table>");
    page(StatusCode::OK, "Farebox billing API", &body)
}

fn row(body: &mut String, operation: &Operation) {
    let scope = match operation.access {
        Access::Public => "public".to_owned(),
        Access::Scope(scope) => scope.to_string(),
    };
    let key = if operation.keyed.is_required() { ", key required" } else { "" };
    let takes = operation.body.as_ref().map(|(shape, _)| format!("{} → ", shape.name)).unwrap_or_default();
    let answers: Vec<String> = operation
        .answers
        .iter()
        .map(|(status, shape)| {
            shape.as_ref().map_or_else(|| status.to_string(), |shape| format!("{status} {}", shape.name))
        })
        .collect();
    let _ = write!(
        body,
        "<tr><td><code>{} /v1{}</code></td><td>{}<br><small>{takes}{} · {scope}{key}</small></td></tr>",
        operation.method,
        escaped(operation.path),
        escaped(operation.summary),
        answers.join(", ")
    );
}
