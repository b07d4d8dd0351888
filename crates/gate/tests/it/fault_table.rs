//! Everything that can go wrong on the way, a row each: what is answered, who is charged. The backend is a program that keeps
//! its own books, and breaks as it is told.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Body, routing::get};
use bytes::Bytes;
use farebox_gate::{Farebox, Route, UnknownPolicy};
use farebox_types::{Mode, Secret};
use farebox_x402::client::{ClientOptions, CreditsClient};
use futures_util::{StreamExt, stream};
use http::{Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::harness::{Answer, Runs, Server, counted};

/// How a call ends instead of well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Break {
    /// Nobody answers in time.
    Slow,
    Status500,
    Garbage,
    /// The connection is reset.
    Reset,
    /// The body ends before its length.
    Cut,
}

/// Whether it has its effect all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Done,
    NotDone,
}

#[derive(Default)]
struct Books {
    held: HashMap<String, u64>,
    charged: HashMap<String, u64>,
    released: Vec<String>,
    breaks: HashMap<&'static str, VecDeque<(Break, Effect)>>,
    settles: usize,
}

impl Books {
    /// What a call does, and says.
    fn call(&mut self, call: &str, body: &Value) -> Value {
        let id = body["agentRequestId"].as_str().unwrap_or_default().to_owned();
        let amount: u64 = body["maxAmount"].as_str().unwrap_or("0").parse().unwrap();
        match call {
            "verify" => {
                let id = format!("r-{}", self.held.len());
                self.held.insert(id.clone(), amount);
                json!({"isValid": true, "agentRequestId": id, "payer": "0x1"})
            }
            "settle" => {
                assert!(!self.released.contains(&id), "a hold that was given back is not charged");
                self.charged.insert(id, amount);
                json!({"success": true, "transaction": "t", "network": "n", "creditsRedeemed": amount.to_string()})
            }
            _ => {
                self.released.push(id);
                json!({"released": true})
            }
        }
    }

    fn breaks(&mut self, call: &str) -> Option<(Break, Effect)> {
        self.breaks.get_mut(call).and_then(VecDeque::pop_front)
    }
}

#[derive(Clone, Default)]
struct Backend {
    books: Arc<Mutex<Books>>,
}

impl Backend {
    async fn start(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (addr, backend) = (listener.local_addr().unwrap(), self.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(backend.clone().answer(stream));
            }
        });
        addr
    }

    async fn answer(self, mut stream: TcpStream) {
        let Some((call, body)) = read(&mut stream).await else { return };
        let (broken, said) = {
            let mut books = self.books.lock().unwrap();
            books.settles += usize::from(call == "settle");
            let broken = books.breaks(&call);
            let done = broken.is_none_or(|(_, effect)| effect == Effect::Done);
            (broken, if done { books.call(&call, &body) } else { json!({}) })
        };
        let (head, said) = ("content-type: application/json\r\nconnection: close", said.to_string());
        let answer = match broken.map(|(broken, _)| broken) {
            None => format!("HTTP/1.1 200 OK\r\n{head}\r\ncontent-length: {}\r\n\r\n{said}", said.len()),
            Some(Break::Status500) => format!("HTTP/1.1 500 No\r\n{head}\r\ncontent-length: 2\r\n\r\n{{}}"),
            Some(Break::Garbage) => format!("HTTP/1.1 200 OK\r\n{head}\r\ncontent-length: 7\r\n\r\n<html/>"),
            Some(Break::Cut) => format!("HTTP/1.1 200 OK\r\n{head}\r\ncontent-length: 999\r\n\r\n{said}"),
            Some(Break::Slow) => return tokio::time::sleep(Duration::from_secs(5)).await,
            Some(Break::Reset) => {
                // Closed without lingering, it is reset.
                drop(stream.set_zero_linger());
                return;
            }
        };
        let _ = stream.write_all(answer.as_bytes()).await;
    }

    fn charged(&self) -> u64 {
        self.books.lock().unwrap().charged.values().sum()
    }

    fn breaks_at(&self, call: &'static str, broken: Break, effect: Effect, times: usize) {
        let breaks = std::iter::repeat_n((broken, effect), times).collect();
        self.books.lock().unwrap().breaks.insert(call, breaks);
    }

    /// Waits until so much is charged, or as long as anything could still happen.
    async fn comes_to(&self, credits: u64) {
        for _ in 0..400 {
            if self.charged() == credits {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{} credits were charged, not {credits}", self.charged());
    }
}

async fn read(stream: &mut TcpStream) -> Option<(String, Value)> {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
            if body.len() >= length.parse().unwrap() {
                let call = head.split(' ').nth(1)?.rsplit('/').next()?.to_owned();
                return Some((call, serde_json::from_str(body).unwrap()));
            }
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(read) if read > 0 => request.extend_from_slice(&chunk[..read]),
            _ => return None,
        }
    }
}

async fn server(addr: SocketAddr, change: impl Fn(Route) -> Route) -> Server {
    let options = ClientOptions { timeout: Duration::from_millis(300), ..ClientOptions::default() };
    let key = Secret::new("local:seller".into());
    let client = CreditsClient::with_options(&format!("http://{addr}"), key, options).unwrap();
    let farebox = Farebox::with(Arc::new(client), Mode::Test).plan("7");
    let routes = ["GET /goods", "GET /fail", "GET /boom", "GET /slow", "GET /broken", "GET /stream"];
    let gate = routes.into_iter().fold(farebox.gate(), |gate, key| {
        let route = change(farebox.route("3 credits"));
        gate.route(key, if key.ends_with("stream") { route.streaming() } else { route })
    });
    let gate = gate.build().unwrap();
    Server::serve(Arc::default(), |runs: Runs| counted(handlers(), runs).layer(gate)).await
}

fn handlers() -> Router {
    let chunks = |good: usize| {
        let broken = stream::once(async { Err(std::io::Error::other("gone")) });
        let good = stream::iter(0..good).then(|_| async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok(Bytes::from_static(b"goods"))
        });
        Body::from_stream(good.chain(broken))
    };
    Router::new()
        .route("/goods", get(|| async { "goods" }))
        .route("/fail", get(|| async { (StatusCode::BAD_GATEWAY, "own failure") }))
        .route("/boom", get(|| async { if true { panic!("the handler panics") } else { "goods" } }))
        .route("/broken", get(move || async move { chunks(2) }))
        .route("/stream", get(move || async move { chunks(2) }))
        .route(
            "/slow",
            get(|| async {
                tokio::time::sleep(Duration::from_millis(700)).await;
                "goods"
            }),
        )
}

async fn pay(server: &Server, path: &str) -> Answer {
    server.send(Method::GET, path, &[("payment-signature", "t")]).await
}

fn has_goods(answer: &Answer) -> bool {
    String::from_utf8_lossy(&answer.body).contains("goods")
}

#[rstest]
#[tokio::test]
async fn at_verify_nothing_runs_and_nothing_is_charged(
    #[values(Break::Slow, Break::Status500, Break::Garbage, Break::Reset, Break::Cut)] broken: Break,
    #[values(Effect::Done, Effect::NotDone)] effect: Effect,
) {
    let backend = Backend::default();
    let server = server(backend.start().await, |route| route).await;
    backend.breaks_at("verify", broken, effect, 9);
    let answer = pay(&server, "/goods").await;
    assert_eq!((answer.status, answer.offer(), has_goods(&answer)), (StatusCode::SERVICE_UNAVAILABLE, None, false));
    assert!(answer.header("retry-after").is_some());
    answer.assert_tells_nothing();
    assert_eq!((server.runs.count(), backend.charged()), (0, 0));
}

#[rstest]
#[tokio::test]
async fn a_settle_that_breaks_once_is_asked_again_and_charged_once(
    #[values(Break::Slow, Break::Status500, Break::Garbage, Break::Reset, Break::Cut)] broken: Break,
    #[values(Effect::Done, Effect::NotDone)] effect: Effect,
) {
    let backend = Backend::default();
    let server = server(backend.start().await, |route| route).await;
    backend.breaks_at("settle", broken, effect, 1);
    let answer = pay(&server, "/goods").await;
    assert_eq!((answer.status, has_goods(&answer)), (StatusCode::OK, true));
    assert!(answer.receipt().unwrap().success);
    assert_eq!((server.runs.count(), backend.charged()), (1, 3));
}

#[rstest]
#[tokio::test]
async fn a_settle_that_stays_broken_is_served_in_doubt_and_charged_once_when_it_can_be(
    #[values(Break::Status500, Break::Garbage, Break::Reset, Break::Cut)] broken: Break,
    #[values(Effect::Done, Effect::NotDone)] effect: Effect,
) {
    let backend = Backend::default();
    let server = server(backend.start().await, |route| route.on_unknown(UnknownPolicy::Serve)).await;
    backend.breaks_at("settle", broken, effect, 12);
    let answer = pay(&server, "/goods").await;
    assert_eq!((answer.status, has_goods(&answer)), (StatusCode::OK, true));
    assert_eq!(answer.receipt().unwrap().error_reason.as_deref(), Some("settlement_pending"));
    backend.books.lock().unwrap().breaks.clear();
    backend.comes_to(3).await;
    assert_eq!(server.runs.count(), 1);
}

#[rstest]
#[tokio::test]
async fn a_settle_that_stays_broken_is_withheld_where_the_route_says_so_and_no_body_is_free(
    #[values(Break::Status500, Break::Garbage, Break::Reset, Break::Cut)] broken: Break,
) {
    let backend = Backend::default();
    let server = server(backend.start().await, |route| route.on_unknown(UnknownPolicy::Withhold)).await;
    backend.breaks_at("settle", broken, Effect::NotDone, 12);
    let answer = pay(&server, "/goods").await;
    assert_eq!((answer.status, answer.offer(), has_goods(&answer)), (StatusCode::SERVICE_UNAVAILABLE, None, false));
    assert_eq!(answer.receipt().unwrap().error_reason.as_deref(), Some("settlement_pending"));
    assert_eq!(backend.charged(), 0);
}

#[rstest]
#[case("/fail", StatusCode::BAD_GATEWAY, "own failure")]
#[case("/boom", StatusCode::INTERNAL_SERVER_ERROR, "could not be produced")]
#[case("/broken", StatusCode::INTERNAL_SERVER_ERROR, "could not be produced")]
#[tokio::test]
async fn a_handler_that_fails_is_not_charged(#[case] path: &str, #[case] status: StatusCode, #[case] says: &str) {
    let backend = Backend::default();
    let server = server(backend.start().await, |route| route).await;
    let answer = pay(&server, path).await;
    assert_eq!((answer.status, has_goods(&answer), answer.receipt()), (status, false, None));
    assert!(String::from_utf8_lossy(&answer.body).contains(says));
    let books = backend.books.lock().unwrap();
    assert_eq!((books.settles, books.released.len(), books.charged.len()), (0, 1, 0));
}

#[tokio::test]
async fn a_slow_handler_is_waited_for_and_charged_once() {
    let backend = Backend::default();
    let server = server(backend.start().await, |route| route).await;
    let answer = pay(&server, "/slow").await;
    assert_eq!((answer.status, has_goods(&answer), backend.charged()), (StatusCode::OK, true, 3));
}

#[tokio::test]
async fn a_stream_that_breaks_was_delivered_in_part_and_is_charged_once() {
    let backend = Backend::default();
    let server = server(backend.start().await, |route| route).await;
    let said = server.raw("GET /stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\npayment-signature: t\r\n\r\n").await;
    assert!(said.starts_with("HTTP/1.1 200") && said.contains("goods") && !said.ends_with("0\r\n\r\n"), "{said}");
    backend.comes_to(3).await;
    assert_eq!(backend.books.lock().unwrap().charged.len(), 1);
}

#[tokio::test]
async fn a_client_that_leaves_a_handler_is_not_charged_and_one_that_leaves_a_stream_is() {
    let backend = Backend::default();
    let server = server(backend.start().await, |route| route).await;
    for (path, charged) in [("/slow", 0), ("/stream", 3)] {
        let mut client = TcpStream::connect(server.addr).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\npayment-signature: t\r\n\r\n");
        client.write_all(request.as_bytes()).await.unwrap();
        if charged > 0 {
            let mut said = Vec::new();
            while !String::from_utf8_lossy(&said).contains("goods") {
                assert!(client.read_buf(&mut said).await.unwrap() > 0, "the stream ended early");
            }
        } else {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        drop(client);
        backend.comes_to(charged).await;
    }
}
