//! A credits backend that answers each request as scripted, byte by byte, and remembers what it was asked.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
};

/// What to do with the next request.
#[derive(Clone)]
pub(crate) enum Act {
    /// A proper JSON answer; the connection stays open.
    Json(u16, String),
    /// A proper JSON answer with one more header line.
    With(u16, &'static str, String),
    /// Says nothing for this long, then closes.
    Silent(Duration),
    /// These bytes, then the connection closes.
    Bytes(Vec<u8>),
    /// These bytes, then the connection is reset.
    Reset(Vec<u8>),
    /// Closes the door to new connections, then this one.
    Die,
}

/// One request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Which connection, from 0.
    pub(crate) connection: usize,
    /// Request line and headers, as sent.
    pub(crate) head: String,
    pub(crate) body: Value,
}

#[derive(Clone)]
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Backend {
    /// Starts one that plays `script`, an act a request, then closes every further connection at once.
    pub(crate) async fn start(script: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let backend = Self { address: listener.local_addr().unwrap(), seen: Arc::default() };
        let script = Arc::new(Mutex::new(script.into_iter().collect::<VecDeque<_>>()));
        let seen = Arc::clone(&backend.seen);
        tokio::spawn(async move {
            let dead = Arc::new(Notify::new());
            for connection in 0..1_000 {
                let stream = tokio::select! {
                    accepted = listener.accept() => accepted.unwrap().0,
                    () = dead.notified() => return,
                };
                tokio::spawn(serve(stream, connection, Arc::clone(&script), Arc::clone(&seen), Arc::clone(&dead)));
            }
        });
        backend
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    connection: usize,
    script: Arc<Mutex<VecDeque<Act>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    dead: Arc<Notify>,
) {
    while let Some((head, body)) = read_request(&mut stream).await {
        seen.lock().unwrap().push(Seen { connection, head, body });
        let Some(act) = script.lock().unwrap().pop_front() else { return };
        match act {
            Act::Json(status, body) => stream.write_all(&answer(status, "x-act: json", &body)).await.unwrap(),
            Act::With(status, header, body) => stream.write_all(&answer(status, header, &body)).await.unwrap(),
            Act::Silent(time) => return tokio::time::sleep(time).await,
            Act::Bytes(bytes) => return stream.write_all(&bytes).await.unwrap(),
            Act::Reset(bytes) => {
                stream.write_all(&bytes).await.unwrap();
                // Lets the bytes leave before the reset throws away what is still queued.
                tokio::time::sleep(Duration::from_millis(20)).await;
                return stream.set_zero_linger().unwrap();
            }
            Act::Die => {
                dead.notify_one();
                return tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// A whole answer with its length.
pub(crate) fn answer(status: u16, header: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{header}\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

async fn read_request(stream: &mut TcpStream) -> Option<(String, Value)> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let lower = head.to_ascii_lowercase();
    let length = lower.lines().find_map(|line| line.strip_prefix("content-length: "));
    let whole = end + length.unwrap_or("0").parse::<usize>().unwrap();
    while bytes.len() < whole {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some((head, serde_json::from_slice(&bytes[end..whole]).unwrap_or_default()))
}
