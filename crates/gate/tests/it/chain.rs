//! A facilitator of payments on a chain, as a program: it knows which nonces are used, and does what it is told.

use std::{
    collections::{HashSet, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use farebox_x402::{
    Family, PaymentPayload, Requirements,
    client::{ChainFacilitator, FacilitatorClient, FacilitatorConfig},
};
use http::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub(crate) const PAYER: &str = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
pub(crate) const PAY_TO: &str = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C";
/// The only account that may settle `upto`.
pub(crate) const SETTLER: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
pub(crate) const HASH: &str = "0x1234567890abcdef1234567890abcdef1234567890abcdef1234567890abcdef";

/// What settle or verify does instead of succeeding.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    Answer(u16, Value),
    /// Does it, and answers this.
    Done(u16, Value),
    Slow(Duration),
}

#[derive(Default)]
pub(crate) struct Chain {
    used: Mutex<HashSet<String>>,
    pub(crate) verifying: Mutex<VecDeque<Act>>,
    pub(crate) settling: Mutex<VecDeque<Act>>,
    pub(crate) down: Mutex<bool>,
    calls: Mutex<Vec<(&'static str, Value)>>,
}

impl Chain {
    /// Starts one on loopback.
    pub(crate) async fn start() -> (Arc<Self>, SocketAddr) {
        let chain = Arc::new(Self::default());
        let app = Router::new()
            .route("/supported", get(supported))
            .route("/verify", post(verify))
            .route("/settle", post(settle))
            .with_state(Arc::clone(&chain));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        (chain, addr)
    }

    pub(crate) fn facilitator(addr: SocketAddr) -> Arc<ChainFacilitator> {
        let config = FacilitatorConfig::new(format!("http://{addr}")).timeout(Duration::from_millis(800));
        Arc::new(ChainFacilitator::new([FacilitatorClient::new(config).unwrap()]))
    }

    /// Bodies of `verify` or `settle`, in order.
    pub(crate) fn asked(&self, what: &str) -> Vec<Value> {
        self.calls.lock().unwrap().iter().filter(|(call, _)| *call == what).map(|(_, body)| body.clone()).collect()
    }

    pub(crate) fn counts(&self) -> [usize; 2] {
        ["verify", "settle"].map(|what| self.asked(what).len())
    }

    /// How many authorizations have been used.
    pub(crate) fn transfers(&self) -> usize {
        self.used.lock().unwrap().len()
    }

    pub(crate) async fn saw_settles(&self, times: usize) {
        for _ in 0..500 {
            if self.asked("settle").len() >= times {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("settle was not seen {times} times");
    }
}

async fn supported(State(chain): State<Arc<Chain>>) -> Response {
    if *chain.down.lock().unwrap() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let kind = |version: u8, scheme: &str, network: &str, extra: Value| json!({"x402Version": version, "t402Version": version, "scheme": scheme, "network": network, "extra": extra});
    Json(json!({
        "kinds": [
            kind(2, "exact", "eip155:84532", json!({})),
            kind(1, "exact", "base-sepolia", json!({})),
            kind(2, "upto", "eip155:84532", json!({"facilitatorAddress": SETTLER})),
        ],
        "extensions": ["eip2612GasSponsoring"],
    }))
    .into_response()
}

async fn verify(State(chain): State<Arc<Chain>>, Json(body): Json<Value>) -> Response {
    chain.calls.lock().unwrap().push(("verify", body.clone()));
    let act = chain.verifying.lock().unwrap().pop_front();
    match act {
        Some(Act::Answer(status, answer) | Act::Done(status, answer)) => said(status, &answer),
        Some(Act::Slow(wait)) => {
            tokio::time::sleep(wait).await;
            said(200, &json!({"isValid": true, "payer": PAYER}))
        }
        None if chain.used.lock().unwrap().contains(&nonce(&body)) => said(
            200,
            &json!({"isValid": false, "invalidReason": "invalid_exact_evm_nonce_already_used", "payer": PAYER}),
        ),
        None => said(200, &json!({"isValid": true, "payer": PAYER})),
    }
}

async fn settle(State(chain): State<Arc<Chain>>, Json(body): Json<Value>) -> Response {
    chain.calls.lock().unwrap().push(("settle", body.clone()));
    let required = &body["paymentRequirements"];
    let amount = required.get("amount").unwrap_or(&required["maxAmountRequired"]);
    let settled =
        json!({"success": true, "transaction": HASH, "network": required["network"], "payer": PAYER, "amount": amount});
    let act = chain.settling.lock().unwrap().pop_front();
    match act {
        Some(Act::Answer(status, answer)) => return said(status, &answer),
        Some(Act::Done(status, answer)) => {
            chain.used.lock().unwrap().insert(nonce(&body));
            return said(status, &answer);
        }
        Some(Act::Slow(wait)) => tokio::time::sleep(wait).await,
        None => {}
    }
    chain.used.lock().unwrap().insert(nonce(&body));
    said(200, &settled)
}

fn said(status: u16, answer: &Value) -> Response {
    (StatusCode::from_u16(status).unwrap(), Json(answer.clone())).into_response()
}

fn nonce(body: &Value) -> String {
    let payload = &body["paymentPayload"]["payload"];
    let authorization = payload.get("authorization").unwrap_or(&payload["permit2Authorization"]);
    authorization["nonce"].as_str().unwrap().to_owned()
}

/// A nonce that no other test of this process uses.
pub(crate) fn fresh_nonce() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("{:#066x}", NEXT.fetch_add(1, Ordering::SeqCst))
}

/// A signed payment for an offer, as its client writes it.
pub(crate) fn sign(offer: &Requirements, nonce: &str) -> PaymentPayload {
    let kind = if offer.scheme == "upto" { "permit2Authorization" } else { "authorization" };
    let payload = json!({"signature": "0x01", kind: {"from": PAYER, "to": PAY_TO, "nonce": nonce}});
    PaymentPayload::v2(Family::X402, offer.clone(), PaymentPayload::object(&payload).unwrap())
}

pub(crate) fn header(payment: &PaymentPayload) -> (&'static str, String) {
    (payment.header_name(), payment.to_header().to_str().unwrap().to_owned())
}
