//! A merchant with a shop, payments, a worker, and receivers that do as they are told.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderName, HeaderValue, Method},
};
use farebox_server::{Backend, Keyring, worker};
use farebox_types::{ManualClock, Secret};
use farebox_webhook::{Event, Receiver};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

use super::super::shop::{Shop, id_of};
use crate::payments::town::Town;
use crate::world::{MASTER, World};

/// What a receiver does with a request that it has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// Gives it to the receiver of `farebox-webhook`, and answers what that says.
    Accept,
    /// The same, but whoever sent it never hears of it.
    AcceptInSilence,
    /// Says yes, and then goes on and on.
    AcceptAndLinger,
    Answer(u16),
    Redirect,
    Hang,
    Reset,
}

/// A server on this machine that keeps what it was sent.
pub(super) struct Inbox {
    pub(super) url: String,
    state: Arc<Kept>,
    task: JoinHandle<()>,
}

struct Kept {
    manner: Mutex<Manner>,
    connections: AtomicUsize,
    posts: Mutex<Vec<(HeaderMap, Bytes)>>,
    handled: Arc<Mutex<Vec<Event>>>,
    receiver: Mutex<Option<Receiver>>,
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Inbox {
    pub(super) async fn open(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hooks", listener.local_addr().unwrap());
        let state = Arc::new(Kept {
            manner: Mutex::new(manner),
            connections: AtomicUsize::new(0),
            posts: Mutex::default(),
            handled: Arc::default(),
            receiver: Mutex::default(),
        });
        let kept = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let kept = Arc::clone(&kept);
                kept.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move { kept.serve(stream).await });
            }
        });
        Self { url, state, task }
    }

    pub(super) fn behave(&self, manner: Manner) {
        *self.state.manner.lock().unwrap() = manner;
    }

    /// From now on what is genuine under one of `secrets` is handled.
    pub(super) fn trust(&self, world: &World, secrets: &[&str]) {
        let handled = Arc::clone(&self.state.handled);
        let receiver = Receiver::builder(secrets.iter().map(|text| Secret::new((*text).to_owned())))
            .clock(Arc::<ManualClock>::clone(&world.clock))
            .otherwise(move |event: Event| {
                let handled = Arc::clone(&handled);
                async move {
                    handled.lock().unwrap().push(event);
                    Ok::<_, std::io::Error>(())
                }
            });
        *self.state.receiver.lock().unwrap() = Some(receiver.build().unwrap());
    }

    /// Bodies, as they came, again and again.
    pub(super) fn posts(&self) -> Vec<(HeaderMap, Bytes)> {
        self.state.posts.lock().unwrap().clone()
    }

    /// Events that the receiver handled, once each: type and object.
    pub(super) fn handled(&self) -> Vec<(String, Value)> {
        let handled = self.state.handled.lock().unwrap();
        handled.iter().map(|event| (event.kind().to_string(), event.object().unwrap())).collect()
    }

    pub(super) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    pub(super) fn kinds(&self) -> Vec<String> {
        self.handled().into_iter().map(|(kind, _)| kind).collect()
    }
}

impl Kept {
    async fn serve(&self, mut stream: TcpStream) {
        while let Some((headers, body)) = read(&mut stream).await {
            let manner = *self.manner.lock().unwrap();
            self.posts.lock().unwrap().push((headers.clone(), body.clone()));
            let answer = match manner {
                Manner::Hang => return std::future::pending().await,
                Manner::Reset => return,
                Manner::Answer(status) => format!("HTTP/1.1 {status} Told\r\ncontent-length: 5\r\n\r\nsorry"),
                Manner::AcceptAndLinger => {
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\nwell").await.unwrap();
                    return std::future::pending().await;
                }
                Manner::Redirect => {
                    "HTTP/1.1 307 Elsewhere\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n".to_owned()
                }
                Manner::Accept | Manner::AcceptInSilence => {
                    let receiver = self.receiver.lock().unwrap().clone().unwrap();
                    let status = receiver.receive(&headers, body).await.status();
                    if manner == Manner::AcceptInSilence {
                        return std::future::pending().await;
                    }
                    format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n")
                }
            };
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

/// One request, read whole.
async fn read(stream: &mut TcpStream) -> Option<(HeaderMap, Bytes)> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    assert!(head.starts_with("POST /hooks HTTP/1.1\r\n"), "{head}");
    let mut headers = HeaderMap::new();
    for line in head.lines().skip(1).filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").unwrap();
        headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
    }
    let length: usize = headers["content-length"].to_str().unwrap().parse().unwrap();
    while bytes.len() < end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some((headers, Bytes::from(bytes.split_off(end))))
}

pub(super) struct Street<'a> {
    pub(super) world: &'a World,
    pub(super) town: Town<'a>,
    pub(super) shop: Shop,
}

/// A worker that is told to stop.
pub(super) struct Worker {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Worker {
    /// As `kill -9` does it: nothing that was begun is finished.
    pub(super) async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }

    pub(super) async fn stop(self) {
        self.stop.send(()).unwrap();
        tokio::time::timeout(Duration::from_secs(30), self.task).await.unwrap().unwrap();
    }
}

impl<'a> Street<'a> {
    pub(super) async fn new(world: &'a World) -> Self {
        let town = Town::new(world);
        let shop = Shop::paid_through(world, &town).await;
        Self { world, town, shop }
    }

    /// A worker, as each process has one.
    pub(super) fn worker(&self) -> Worker {
        let clock = Arc::<ManualClock>::clone(&self.world.clock);
        let backend = Backend::new(Arc::clone(&self.world.store), clock, Keyring::new(MASTER));
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(worker::run(backend, async { drop(stopped.await) }));
        Worker { stop, task }
    }

    /// An endpoint for these types: its id and its secret.
    pub(super) async fn endpoint(&self, url: &str, events: &[&str]) -> (String, String) {
        let made = self.shop.post("/v1/webhook-endpoints", json!({"url": url, "events": events})).await.is(201);
        (id_of(&made), made["secret"].as_str().unwrap().to_owned())
    }

    /// An inbox that accepts these types from now on.
    pub(super) async fn inbox(&self, events: &[&str]) -> (Inbox, String) {
        let inbox = Inbox::open(Manner::Accept).await;
        let (id, secret) = self.endpoint(&inbox.url, events).await;
        inbox.trust(self.world, &[&secret]);
        (inbox, id)
    }

    pub(super) async fn deliveries(&self, query: &str) -> Vec<Value> {
        let list = self.shop.get(&format!("/v1/webhook-deliveries?limit=100{query}")).await.is(200);
        list["data"].as_array().unwrap().clone()
    }

    /// The one delivery there is.
    pub(super) async fn only_delivery(&self) -> Value {
        let mut list = self.deliveries("").await;
        assert_eq!(list.len(), 1, "{list:?}");
        list.remove(0)
    }

    /// Outbox rows that nobody has in hand.
    pub(super) async fn outbox(&self) -> usize {
        self.world.store.lease_outbox(1_000, self.world.now()).await.unwrap().len()
    }

    /// Pays 49.99 USD and returns our id of the payment.
    pub(super) async fn pay(&self, method: &str) -> String {
        let answer = self.town.pay(method).await;
        answer.json["id"].as_str().unwrap_or_else(|| panic!("{}", answer.json)).to_owned()
    }

    pub(super) async fn patch(&self, endpoint: &str, body: Value) -> Value {
        let path = format!("/v1/webhook-endpoints/{endpoint}");
        self.shop.call(Method::PATCH, &path, "", Some(body)).await.is(200)
    }
}

/// Waits until `done`, at most twenty seconds.
pub(super) async fn until<F: Future<Output = bool>>(what: &str, mut done: impl FnMut() -> F) {
    for _ in 0..400 {
        if done().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not within twenty seconds: {what}");
}
