//! A seller: asks for payment, then does with each paid request what the script says.

use std::{
    collections::VecDeque,
    fs,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use farebox_x402::{PaymentRequired, Receipt, header};
use futures_util::stream;
use serde_json::json;

/// What to do with the next paid request.
#[derive(Clone)]
pub(crate) enum Act {
    /// 200 with a receipt.
    Serve,
    /// 200 with a receipt that says the money is not final.
    Pending,
    /// 402 with this code and a fresh offer.
    Refuse(&'static str),
    /// This status and body, with these headers.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// No answer before the payer loses patience.
    Silent,
    /// Half an answer, then the connection breaks.
    Break,
    /// 200 with this receipt.
    Receipt(Box<Receipt>),
    /// 402 with another offer than the first.
    Ask(HeaderValue),
    /// 200, after reading this file as it is now.
    Look(PathBuf),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) token: Option<String>,
    pub(crate) body: Bytes,
    pub(crate) headers: HeaderMap,
}

#[derive(Clone)]
pub(crate) struct Seller {
    address: SocketAddr,
    /// The `payment-required` value; `None` for a 402 without one.
    offer: Option<HeaderValue>,
    /// Of a 402.
    body: String,
    /// What `Act::Look` has read.
    files: Arc<Mutex<Vec<String>>>,
    script: Arc<Mutex<VecDeque<Act>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Seller {
    /// Sells `/joke`: a proper offer, and `script` for the paid requests.
    pub(crate) async fn start(script: impl IntoIterator<Item = Act>) -> Self {
        Self::offering(Some(header::encode(&offer())), script).await
    }

    /// The same with another offer header.
    pub(crate) async fn offering(offer: Option<HeaderValue>, script: impl IntoIterator<Item = Act>) -> Self {
        Self::serving(offer, "{\"error\":\"Payment Required\"}".into(), script).await
    }

    /// The same with another offer in the body.
    pub(crate) async fn serving(
        offer: Option<HeaderValue>,
        body: String,
        script: impl IntoIterator<Item = Act>,
    ) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let script = Arc::new(Mutex::new(script.into_iter().collect()));
        let (address, seen, files) = (listener.local_addr().unwrap(), Arc::default(), Arc::default());
        let seller = Self { address, offer, body, files, script, seen };
        let app = Router::new().fallback(sell).with_state(seller.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        seller
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// What `Act::Look` has read.
    pub(crate) fn files(&self) -> Vec<String> {
        self.files.lock().unwrap().clone()
    }

    /// The tokens of the paid requests, in order.
    pub(crate) fn tokens(&self) -> Vec<String> {
        self.seen().into_iter().filter_map(|seen| seen.token).collect()
    }
}

/// `GET /joke` for credits of plan 7, or of plan 8.
pub(crate) fn offer() -> PaymentRequired {
    let accept = |plan: &str| {
        json!({"scheme": "nvm:erc4337", "network": "eip155:84532", "planId": plan,
               "extra": {"version": "1", "httpVerb": "GET"}})
    };
    let card = json!({"scheme": "nvm:card-delegation", "network": "stripe", "planId": "5"});
    let exact = json!({"scheme": "exact", "network": "eip155:8453", "amount": "1"});
    serde_json::from_value(json!({
        "x402Version": 2, "resource": {"url": "/joke"},
        "accepts": [exact, card, accept("7"), accept("8")], "extensions": {},
    }))
    .unwrap()
}

pub(crate) fn receipt(success: bool) -> Receipt {
    Receipt {
        success,
        error_reason: (!success).then(|| "settlement_pending".into()),
        transaction: "t-1".into(),
        network: "eip155:84532".into(),
        credits_redeemed: Some("1".into()),
        remaining_balance: Some("9".into()),
        ..Receipt::default()
    }
}

async fn sell(State(seller): State<Seller>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let token = headers
        .get(header::PAYMENT_SIGNATURE)
        .or_else(|| headers.get(header::X_PAYMENT))
        .map(|value| value.to_str().unwrap().to_owned());
    let paid = token.is_some();
    let path = uri.path().to_owned();
    if path == "/free" {
        return "free".into_response();
    }
    seller.seen.lock().unwrap().push(Seen { method, path, token, body, headers });
    if !paid {
        return unpaid(&seller);
    }
    let act = seller.script.lock().unwrap().pop_front().expect("more paid requests than the script has acts");
    match act {
        Act::Serve => served(&receipt(true)),
        Act::Pending => served(&receipt(false)),
        Act::Refuse(code) => {
            let body = json!({"error": "Payment Required", "code": code, "message": "no more"}).to_string();
            (unpaid(&seller).into_parts().0, body).into_response()
        }
        Act::Answer(status, headers, body) => {
            let mut answer = (StatusCode::from_u16(status).unwrap(), body).into_response();
            for (name, value) in headers {
                answer.headers_mut().insert(name, value.try_into().unwrap());
            }
            answer
        }
        Act::Receipt(receipt) => served(&receipt),
        Act::Ask(offer) => unpaid(&Seller { offer: Some(offer), ..seller.clone() }),
        Act::Look(path) => {
            seller.files.lock().unwrap().push(fs::read_to_string(path).unwrap());
            served(&receipt(true))
        }
        Act::Silent => {
            tokio::time::sleep(Duration::from_secs(5)).await;
            StatusCode::OK.into_response()
        }
        Act::Break => {
            let mut answer = served(&receipt(true));
            let broken = stream::iter([Ok(Bytes::from_static(b"why did")), Err(std::io::Error::other("broken"))]);
            *answer.body_mut() = Body::from_stream(broken);
            answer
        }
    }
}

fn unpaid(seller: &Seller) -> Response {
    let mut answer = (StatusCode::PAYMENT_REQUIRED, seller.body.clone()).into_response();
    if let Some(offer) = &seller.offer {
        answer.headers_mut().insert(header::PAYMENT_REQUIRED, offer.clone());
    }
    answer
}

fn served(receipt: &Receipt) -> Response {
    let mut answer = "why did the chicken".into_response();
    answer.headers_mut().insert(header::PAYMENT_RESPONSE, header::encode(receipt));
    answer
}
