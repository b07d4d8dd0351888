//! A credits backend that keeps its own books, and breaks as it is told.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::AbortHandle,
};

/// How a call ends instead of well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Break {
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
pub(crate) enum Effect {
    Done,
    NotDone,
}

#[derive(Default)]
pub(crate) struct Books {
    held: HashMap<String, u64>,
    pub(crate) charged: HashMap<String, u64>,
    pub(crate) released: Vec<String>,
    pub(crate) breaks: HashMap<&'static str, VecDeque<(Break, Effect)>>,
    pub(crate) settles: usize,
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
pub(crate) struct Backend {
    pub(crate) books: Arc<Mutex<Books>>,
    listening: Arc<Mutex<Option<AbortHandle>>>,
}

impl Backend {
    pub(crate) async fn start(&self) -> SocketAddr {
        self.start_at(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    pub(crate) async fn start_at(&self, addr: SocketAddr) -> SocketAddr {
        let listener = TcpListener::bind(addr).await.unwrap();
        let (addr, backend) = (listener.local_addr().unwrap(), self.clone());
        let listening = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(backend.clone().answer(stream));
            }
        });
        *self.listening.lock().unwrap() = Some(listening.abort_handle());
        addr
    }

    /// Goes down: connections are refused. Its books stay.
    pub(crate) async fn stop(&self, addr: SocketAddr) {
        self.listening.lock().unwrap().take().unwrap().abort();
        while TcpStream::connect(addr).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
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

    pub(crate) fn charged(&self) -> u64 {
        self.books.lock().unwrap().charged.values().sum()
    }

    pub(crate) fn breaks_at(&self, call: &'static str, broken: Break, effect: Effect, times: usize) {
        let breaks = std::iter::repeat_n((broken, effect), times).collect();
        self.books.lock().unwrap().breaks.insert(call, breaks);
    }

    /// Waits until so many holds are given back.
    pub(crate) async fn has_given_back(&self, holds: usize) {
        for _ in 0..400 {
            if self.books.lock().unwrap().released.len() == holds {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{:?} were given back, not {holds}", self.books.lock().unwrap().released);
    }

    /// Waits until so much is charged, or as long as anything could still happen.
    pub(crate) async fn comes_to(&self, credits: u64) {
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
