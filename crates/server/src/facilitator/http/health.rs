//! Whether it runs, whether it can settle, and what it has counted.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::Edge;
use crate::facilitator::Readiness;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// `GET /health`: the process runs.
pub(super) async fn health() -> Json<Value> {
    Json(json!({"status": "ok", "version": VERSION}))
}

/// `GET /ready`: `healthy`; `degraded` when one of several chains is out of reach, which another instance would not mend;
/// `unhealthy`, with 503, when nothing can be settled. What is wrong is in the log: it may name hosts.
pub(super) async fn ready(State(edge): State<Edge>) -> Response {
    let Some(parts) = edge.readiness().await else {
        let body = json!({"status": "unhealthy", "checks": [], "version": VERSION});
        return (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response();
    };
    let status = standing(&parts);
    let checks: Vec<Value> = parts.iter().map(check).collect();
    let code = if status == "unhealthy" { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    (code, Json(json!({"status": status, "checks": checks, "version": VERSION}))).into_response()
}

/// `GET /metrics`: Prometheus text.
pub(super) async fn metrics(State(edge): State<Edge>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], edge.metrics().text()).into_response()
}

fn check(part: &Readiness) -> Value {
    match part.trouble {
        None => json!({"name": part.part, "status": "healthy"}),
        Some(_) => json!({"name": part.part, "status": "unhealthy", "message": "not ready; the log says why"}),
    }
}

fn standing(parts: &[Readiness]) -> &'static str {
    let bad = |part: &&Readiness| part.trouble.is_some();
    let is_chain = |part: &&Readiness| part.part != "database";
    let (chains, bad_chains) =
        (parts.iter().filter(is_chain).count(), parts.iter().filter(is_chain).filter(bad).count());
    let database_bad = parts.iter().filter(bad).count() > bad_chains;
    match bad_chains {
        _ if database_bad => "unhealthy",
        0 => "healthy",
        bad if bad == chains => "unhealthy",
        _ => "degraded",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_chain_of_several_degrades_and_the_last_one_or_the_database_ends_it() {
        let part = |name: &str, good: bool| Readiness { part: name.into(), trouble: (!good).then(|| "why".into()) };
        let of = |database, one, other| {
            standing(&[part("database", database), part("eip155:1", one), part("eip155:2", other)])
        };
        assert_eq!(of(true, true, true), "healthy");
        assert_eq!(of(true, false, true), "degraded");
        assert_eq!(of(true, false, false), "unhealthy");
        assert_eq!(of(false, true, true), "unhealthy");
    }

    #[test]
    fn what_is_wrong_is_not_shown() {
        let part = Readiness { part: "eip155:1".into(), trouble: Some("http://host/secret".into()) };
        assert!(!check(&part).to_string().contains("secret"));
    }
}
