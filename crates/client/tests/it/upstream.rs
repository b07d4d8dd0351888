//! An API over plain TCP, which can hang up in the middle of a word.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{HeaderMap, HeaderName};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// How one request is answered; 200 when nothing else is said.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    Status(u16),
    Json(u16, &'static str),
    RetryAfter(&'static str),
    HangUp,
    HalfOfIt,
    Late(Duration),
}

#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) line: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

#[derive(Default)]
struct Books {
    script: Mutex<VecDeque<Answer>>,
    seen: Mutex<Vec<Seen>>,
    connections: AtomicUsize,
}

pub(crate) struct Upstream {
    pub(crate) url: String,
    books: Arc<Books>,
}

impl Upstream {
    pub(crate) async fn start(script: Vec<Answer>) -> Self {
        let books = Arc::new(Books { script: Mutex::new(script.into()), ..Books::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::clone(&books);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(talk(stream, Arc::clone(&shared)));
            }
        });
        Self { url, books }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.books.seen.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.books.connections.load(Ordering::SeqCst)
    }
}

async fn talk(stream: TcpStream, books: Arc<Books>) {
    let mut stream = BufReader::new(stream);
    while let Some(seen) = read(&mut stream).await {
        books.seen.lock().unwrap().push(seen);
        let answer = books.script.lock().unwrap().pop_front().unwrap_or(Answer::Status(200));
        let text = match answer {
            Answer::Status(status @ (204 | 301)) => format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n"),
            Answer::Status(status) => format!("HTTP/1.1 {status} X\r\ncontent-length: 2\r\n\r\n{{}}"),
            Answer::Json(status, body) => {
                let length = body.len();
                format!("HTTP/1.1 {status} X\r\nrequest-id: req_7\r\ncontent-length: {length}\r\n\r\n{body}")
            }
            Answer::RetryAfter(hint) => format!("HTTP/1.1 429 X\r\nretry-after: {hint}\r\ncontent-length: 0\r\n\r\n"),
            Answer::HangUp => return,
            Answer::HalfOfIt => {
                let _ = stream.write_all(b"HTTP/1.1 200 X\r\ncontent-length: 9\r\n\r\n{").await;
                return;
            }
            Answer::Late(after) => {
                tokio::time::sleep(after).await;
                return;
            }
        };
        if stream.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
    let mut headers = HeaderMap::new();
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await.ok().filter(|read| *read > 0)?;
        let Some((name, value)) = header.split_once(':') else { break };
        headers.insert(name.parse::<HeaderName>().unwrap(), value.trim().parse().unwrap());
    }
    let length = headers.get("content-length").map_or(0, |length| length.to_str().unwrap().parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    Some(Seen { line, headers, body: String::from_utf8(body).unwrap() })
}
