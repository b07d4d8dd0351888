//! An axum app with a receiver, and a sender over plain TCP.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::Router;
use farebox_types::{Clock, Secret, SystemClock};
use farebox_webhook::{Event, EventType, Receiver, ReceiverBuilder, sign};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::sleep,
};

pub(crate) const SECRET: &str = "whsec_current";

/// What the handlers have done.
#[derive(Clone, Default)]
pub(crate) struct Work {
    begun: Arc<AtomicUsize>,
    finished: Arc<AtomicUsize>,
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Work {
    /// Takes a while, and notes whether others were at it meanwhile.
    pub(crate) async fn take(&self, time: Duration) {
        self.begun.fetch_add(1, Ordering::SeqCst);
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        sleep(time).await;
        self.now.fetch_sub(1, Ordering::SeqCst);
        self.finished.fetch_add(1, Ordering::SeqCst);
    }

    /// How many began, how many finished, how many were at it at once at most.
    pub(crate) fn done(&self) -> (usize, usize, usize) {
        let read = |count: &AtomicUsize| count.load(Ordering::SeqCst);
        (read(&self.begun), read(&self.finished), read(&self.most))
    }
}

pub(crate) struct App {
    address: String,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

pub(crate) fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

pub(crate) fn builder() -> ReceiverBuilder {
    Receiver::builder([secret(SECRET)])
}

/// A receiver whose handler of `invoice.paid` takes `time`.
pub(crate) fn working(work: &Work, time: Duration) -> ReceiverBuilder {
    let work = work.clone();
    builder().on(EventType::InvoicePaid, move |_: Event| {
        let work = work.clone();
        async move {
            work.take(time).await;
            Ok::<_, std::io::Error>(())
        }
    })
}

pub(crate) fn event(id: &str, kind: &str) -> String {
    format!(
        r#"{{"id":"{id}","type":"{kind}","api_version":"2026-05-01","sequence":7,"data":{{"object":{{"id":"in_1"}}}}}}"#
    )
}

pub(crate) fn signed(body: &str) -> String {
    sign(&[secret(SECRET)], SystemClock.now(), body.as_bytes())
}

impl App {
    pub(crate) async fn start(receiver: ReceiverBuilder) -> Self {
        let app = Router::new().route_service("/webhooks/paylera", receiver.build().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address }
    }

    /// A delivery as the API makes it.
    pub(crate) async fn deliver(&self, body: &str) -> Answer {
        self.post(&[("paylera-signature", &signed(body))], body).await
    }

    pub(crate) async fn post(&self, headers: &[(&str, &str)], body: &str) -> Answer {
        self.send("POST", headers, body).await
    }

    pub(crate) async fn send(&self, method: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut stream = self.begin(method, headers, body).await;
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_lowercase(), body: body.to_owned() }
    }

    /// Sends a delivery and does not wait for its answer.
    pub(crate) async fn begin(&self, method: &str, headers: &[(&str, &str)], body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = body.len();
        let head = format!(
            "{method} /webhooks/paylera HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        // The server may refuse what is too long before it has read it.
        let _ = stream.write_all(body.as_bytes()).await;
        stream
    }
}
