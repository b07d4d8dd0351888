//! A node that stands between a facilitator and its chain, and misbehaves when told to.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use axum::{Router, body::Bytes, extract::State, http::StatusCode, response::IntoResponse, routing::post};
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tokio::sync::Notify;

/// What happens to one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes through.
    Through,
    /// It never reaches the chain, and is never answered.
    Swallowed,
    /// It reaches the chain, and the answer is lost.
    Unanswered,
    /// It reaches the chain; the answer is an error of a gateway.
    BadGateway,
    /// It never reaches the chain; the answer is nonsense.
    Nonsense,
}

/// The exchange with this number has this fate; those after it go through.
#[derive(Clone)]
pub(super) struct Node {
    chain: String,
    seen: Arc<AtomicUsize>,
    at: usize,
    fate: Fate,
    met: Arc<Notify>,
    /// It has no answer to this method, while the switch is on.
    mute: (&'static str, Arc<AtomicBool>),
}

impl Node {
    /// Its address, and itself.
    pub(super) async fn start(chain: &str, at: usize, fate: Fate) -> (String, Self) {
        let mute = ("", Arc::default());
        Self { chain: chain.to_owned(), seen: Arc::default(), at, fate, met: Arc::default(), mute }.serve().await
    }

    /// One that has no answer to `method`, until it is [told](Node::answer_all) to have one.
    pub(super) async fn without(chain: &str, method: &'static str) -> (String, Self) {
        let mute = (method, Arc::new(AtomicBool::new(true)));
        let (at, fate) = (usize::MAX, Fate::Through);
        Self { chain: chain.to_owned(), seen: Arc::default(), at, fate, met: Arc::default(), mute }.serve().await
    }

    async fn serve(self) -> (String, Self) {
        let node = self;
        let router = Router::new().route("/", post(exchange)).with_state(node.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (url, node)
    }

    pub(super) fn answer_all(&self) {
        self.mute.1.store(false, Ordering::SeqCst);
    }

    /// Done when the exchange has met its fate.
    pub(super) async fn met(&self) {
        self.met.notified().await;
    }
}

async fn exchange(State(node): State<Node>, body: Bytes) -> impl IntoResponse {
    let (method, on) = &node.mute;
    if on.load(Ordering::SeqCst) && String::from_utf8_lossy(&body).contains(method) {
        node.met.notify_one();
        return (StatusCode::BAD_GATEWAY, Bytes::new());
    }
    let fate = if node.seen.fetch_add(1, Ordering::SeqCst) == node.at { node.fate } else { Fate::Through };
    let answer = match fate {
        Fate::Through | Fate::Unanswered | Fate::BadGateway => forward(&node.chain, body).await,
        Fate::Swallowed | Fate::Nonsense => Bytes::new(),
    };
    if fate != Fate::Through {
        node.met.notify_one();
    }
    match fate {
        Fate::Through => (StatusCode::OK, answer),
        Fate::BadGateway => (StatusCode::BAD_GATEWAY, Bytes::from_static(b"<html>bad gateway</html>")),
        Fate::Nonsense => (StatusCode::OK, Bytes::from_static(b"[{\"id\":7,\"result\":[[[[")),
        Fate::Swallowed | Fate::Unanswered => std::future::pending().await,
    }
}

async fn forward(chain: &str, body: Bytes) -> Bytes {
    let client: Client<_, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let request = axum::http::Request::post(chain).header("content-type", "application/json").body(Full::new(body));
    let answer = client.request(request.unwrap()).await.unwrap();
    answer.into_body().collect().await.unwrap().to_bytes()
}
