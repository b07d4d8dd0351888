//! A facilitator's router in a world, and asking it.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{HeaderMap, Method, Request},
};
use farebox_evm::Wallet;
use farebox_server::{
    Keyring, Scope, Scopes, TokenTerms,
    facilitator::{ChainOptions, Facilitating, FacilitatorOptions, KeyPolicy, router},
    issue_api_token,
};
use farebox_types::{ApiToken, Id, Merchant, Mode, Secret, Timestamp};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::world::{MASTER, World};

/// Nobody listens there.
pub(super) const NODE: &str = "http://127.0.0.1:9/secret-of-the-node";
pub(super) const REQUIRED: FacilitatorOptions =
    FacilitatorOptions { keys: KeyPolicy::Required, rate_limit: None, behind_proxy: false };

pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Reply {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("{} {}", self.status, self.text))
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Asserts a body that every client can read: a problem, the peers' members, and the typed answer of `path`.
    #[track_caller]
    pub(super) fn refused(&self, path: &str, status: u16, code: &str) -> Value {
        let body = self.json();
        assert_eq!((self.status, body["code"].as_str()), (status, Some(code)), "{body}");
        assert_eq!((&body["status"], &body["message"]), (&json!(status), &body["detail"]), "{body}");
        assert!(body["error"].is_string() && body["title"].is_string() && body["type"].is_string(), "{body}");
        match path {
            "/verify" => {
                assert_eq!((&body["isValid"], body.get("payer")), (&json!(false), Some(&Value::Null)), "{body}");
                assert!(body["invalidReason"].is_string(), "{body}");
            }
            "/settle" => {
                assert_eq!((&body["success"], body.get("payer")), (&json!(false), Some(&Value::Null)), "{body}");
                assert!(
                    body["errorReason"].is_string() && body["transaction"] == "" && body["network"].is_string(),
                    "{body}"
                );
            }
            _ => assert_eq!(self.header("content-type"), "application/problem+json"),
        }
        body
    }
}

/// A facilitator of the world's merchant.
pub(super) fn door(world: &World, options: FacilitatorOptions) -> Router {
    router(facilitating(world), world.backend.clone(), options)
}

fn facilitating(world: &World) -> Facilitating {
    let wallet = Wallet::new(&Secret::new("11".repeat(32))).unwrap();
    let chain = ChainOptions::new("eip155:84532", vec![NODE.to_owned()], vec![wallet]);
    let clock = Arc::<farebox_types::ManualClock>::clone(&world.clock);
    Facilitating::new(Arc::clone(&world.store), clock, world.merchant, vec![chain]).unwrap()
}

pub(super) async fn call(
    door: &Router,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> Reply {
    call_from(door, "10.0.0.1:5000", method, path, headers, body).await
}

pub(super) async fn call_from(
    door: &Router,
    peer: &str,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> Reply {
    let peer: SocketAddr = peer.parse().unwrap();
    let mut request = Request::builder().method(method).uri(path).extension(ConnectInfo(peer));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (parts, body) = door.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap().into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Reply { status: parts.status.as_u16(), headers: parts.headers, text: String::from_utf8(bytes.into()).unwrap() }
}

pub(super) async fn get(door: &Router, path: &str) -> Reply {
    call(door, Method::GET, path, &[], Body::empty()).await
}

pub(super) async fn post(door: &Router, path: &str, headers: &[(&str, &str)], body: &Value) -> Reply {
    call(door, Method::POST, path, headers, body.to_string()).await
}

/// A token of a merchant.
pub(super) async fn token(
    world: &World,
    merchant: Id<Merchant>,
    scopes: &[Scope],
    expires_at: Option<Timestamp>,
) -> (String, Id<ApiToken>) {
    let terms = TokenTerms { name: "test", scopes: Scopes::new(scopes.iter().copied()), expires_at };
    let ring = Keyring::new(MASTER);
    let (text, row) = issue_api_token(&*world.store, &ring, merchant, Mode::Test, &terms, world.now()).await.unwrap();
    (text.expose().to_owned(), row.id)
}

/// A payment that reads, for 10,000 units; its signature is nobody's.
pub(super) fn payment() -> Value {
    let requirements = json!({
        "scheme": "exact", "network": "eip155:84532", "amount": "10000",
        "asset": "0x036CbD53842c5426634e7929541eC2318f3dCF7e", "payTo": "0x2222222222222222222222222222222222222222",
        "maxTimeoutSeconds": 300, "extra": {"name": "USDC", "version": "2"},
    });
    let authorization = json!({
        "from": "0x1111111111111111111111111111111111111111", "to": "0x2222222222222222222222222222222222222222",
        "value": "10000", "validAfter": "0", "validBefore": "4000000000", "nonce": format!("0x{}", "33".repeat(32)),
    });
    let signature = format!("0x{}{}1b", "44".repeat(32), "11".repeat(32));
    json!({
        "x402Version": 2,
        "paymentPayload": {
            "x402Version": 2, "accepted": requirements,
            "payload": {"signature": signature, "authorization": authorization},
        },
        "paymentRequirements": requirements,
    })
}

/// The same facilitator as another process would have it: nothing remembered.
pub(super) fn door_of_another_process(world: &World, options: FacilitatorOptions) -> Router {
    let clock = Arc::<farebox_types::ManualClock>::clone(&world.clock);
    let backend = farebox_server::Backend::new(Arc::clone(&world.store), clock, Keyring::new(MASTER));
    router(facilitating(world), backend, options)
}
