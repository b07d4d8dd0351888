//! No way around the gate by the way a request is written.

use std::sync::Arc;

use axum::{
    Router,
    extract::Path,
    routing::{any, get},
};
use http::{Method, StatusCode};
use rstest::rstest;

use crate::{
    fake::Fake,
    harness::{Server, counted, farebox},
};

fn app() -> Router {
    Router::new()
        .route("/ask", get(|| async { "paid" }))
        .route("/users/{id}", get(|Path(id): Path<String>| async move { id }))
        .route("/health", get(|| async { "free" }))
        .fallback(|| async { StatusCode::NOT_FOUND })
}

/// Everything that gets past the gate is counted, the fallback included.
async fn server() -> Server {
    let fake = Arc::new(Fake::default());
    let farebox = farebox(&fake);
    let gate =
        farebox.gate().route("GET /ask", farebox.route(1)).route("GET /users/:id", farebox.route(2)).build().unwrap();
    Server::serve(fake, |runs| counted(app(), runs).layer(gate)).await
}

#[rstest]
#[case("/ask", "x/health")]
#[case("/ask", "x/health?")]
#[case("/ask", "x?")]
#[case("/ask", "x#")]
#[case("/ask", "/health")]
#[case("/ask", "x\\health")]
#[case("/ask", "")]
#[case("/ask?next=/health", "health")]
#[case("http://x/ask", "x/health")]
#[case("http://x/ask?/health", "x")]
#[case("http://health/ask", "health")]
#[case("http://x:80/ask", "y")]
#[tokio::test]
async fn no_host_opens_a_route(#[case] target: &str, #[case] host: &str) {
    let server = server().await;
    let answer = server.raw(&format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await;
    let status = answer.split(' ').nth(1).unwrap_or_default().to_owned();
    assert!(matches!(&*status, "402" | "400"), "{target} {host}: {answer}");
    assert_eq!(server.runs.count(), 0, "{target} {host}");
}

#[tokio::test]
async fn a_path_too_long_for_an_offer_is_not_served_paid_or_unpaid() {
    let server = server().await;
    for (length, status) in [(4000, "402"), (5000, "414"), (50_000, "414")] {
        let path = format!("/users/{}", "1".repeat(length));
        for payment in
            ["", "payment-signature: t\r\n"].into_iter().filter(|payment| payment.is_empty() || length > 4096)
        {
            let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n{payment}Connection: close\r\n\r\n");
            assert_eq!(server.raw(&request).await.split(' ').nth(1), Some(status), "{length} {payment:?}");
        }
    }
    assert_eq!((server.runs.count(), server.fake.counts()), (0, [0, 0, 0]));
}

#[tokio::test]
async fn a_forwarding_header_opens_nothing() {
    let server = server().await;
    for name in ["x-original-url", "x-rewrite-url", "x-forwarded-prefix", "x-forwarded-uri", "x-http-method-override"] {
        let answer = server.send(Method::GET, "/ask", &[(name, "/health")]).await;
        assert_eq!(answer.status, StatusCode::PAYMENT_REQUIRED, "{name}");
    }
    assert_eq!(server.runs.count(), 0);
}

#[rstest]
#[case("/ask/")]
#[case("//ask")]
#[case("/%61sk")]
#[case("/health/../ask")]
#[case("/health/%2e%2e/ask")]
#[case("/health/..%2Fask")]
#[case("/./ask")]
#[case("/users/")]
#[case("/users/42/")]
#[case("/users//42")]
#[case("/users/4%2F2")]
#[tokio::test]
async fn a_disguised_path_is_charged_or_not_found(#[case] path: &str) {
    let server = server().await;
    let answer = server.raw(&format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await;
    let free = path == "/users/";
    let expected = if free { "HTTP/1.1 404" } else { "HTTP/1.1 402" };
    assert!(answer.starts_with(expected), "{path}: {answer}");
    assert_eq!(server.runs.count(), usize::from(free));
}

#[tokio::test]
async fn a_disguised_path_that_leads_nowhere_costs_nothing() {
    let server = server().await;
    let answer = server.pay("/%61sk").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert_eq!(server.fake.counts(), [1, 0, 1]);
}

#[tokio::test]
async fn a_layer_that_rewrites_paths_behind_the_gate_opens_nothing() {
    // Routes whatever the path decodes to, as other frameworks do.
    let decoding = any(|uri: axum::http::Uri| async move { format!("served {uri}") });
    let fake = Arc::new(Fake::default());
    let farebox = farebox(&fake);
    let gate = farebox.gate().route("GET /ask", farebox.route(1)).build().unwrap();
    let app = Router::new().fallback_service(decoding);
    let server = Server::serve(fake, |runs| counted(app, runs).layer(gate)).await;
    for path in ["/%61sk", "//ask", "/ask/", "/x/../ask", "/x%2f..%2fask"] {
        assert_eq!(server.get(path).await.status, StatusCode::PAYMENT_REQUIRED, "{path}");
    }
    assert_eq!(server.get("/other").await.status, StatusCode::OK);
    assert_eq!(server.runs.count(), 1);
}

#[tokio::test]
async fn a_parameter_is_part_of_what_is_offered() {
    let server = server().await;
    assert_eq!(server.get("/users/42?x=1").await.offer().unwrap().resource.url, "/users/42");
    assert_eq!(server.get("/users/43").await.offer().unwrap().resource.url, "/users/43");
    let answer = server.pay("/users/44").await;
    assert_eq!((answer.status, &*answer.body), (StatusCode::OK, &b"44"[..]));
    let verify = &server.fake.calls()[0];
    assert_eq!((&*verify.url, &*verify.amount), ("/users/44", "2"));
}

#[tokio::test]
async fn head_is_charged_as_get() {
    let server = server().await;
    let unpaid = server.send(Method::HEAD, "/ask", &[]).await;
    assert_eq!(unpaid.status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(unpaid.offer().unwrap().accepts[0].credits().unwrap().extra.http_verb.as_deref(), Some("GET"));
    assert_eq!(server.runs.count(), 0);

    let paid = server.send(Method::HEAD, "/ask", &[("payment-signature", "t")]).await;
    assert_eq!((paid.status, paid.header("content-length")), (StatusCode::OK, Some("4")));
    assert!(paid.receipt().unwrap().success);
    assert_eq!(server.fake.counts(), [1, 1, 0]);
}

#[tokio::test]
async fn options_passes_a_table_of_routes() {
    let server = server().await;
    let answer = server.send(Method::OPTIONS, "/ask", &[("origin", "https://a.example")]).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "the router's own answer");
    assert_eq!(server.fake.counts(), [0; 3]);
}

#[tokio::test]
async fn other_methods_of_a_charged_path_are_the_routers_business() {
    let server = server().await;
    assert_eq!(server.send(Method::POST, "/ask", &[]).await.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(server.fake.counts(), [0; 3]);
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn a_gate_in_a_nested_router_charges_by_either_path() {
    for key in ["GET /ask", "GET /api/ask"] {
        let fake = Arc::new(Fake::default());
        let farebox = farebox(&fake);
        let gate = farebox.gate().route(key, farebox.route(1)).build().unwrap();
        let nested = |runs| Router::new().nest("/api", counted(app(), runs).layer(gate));
        let server = Server::serve(fake, nested).await;
        let answer = server.get("/api/ask").await;
        assert_eq!(answer.status, StatusCode::PAYMENT_REQUIRED, "{key}");
        assert_eq!(answer.offer().unwrap().resource.url, "/api/ask");
        assert_eq!(server.get("/api/health").await.status, StatusCode::OK);
        assert_eq!(server.pay("/api/ask").await.status, StatusCode::OK);
    }
}
