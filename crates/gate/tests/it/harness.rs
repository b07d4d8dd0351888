//! A server behind a gate, and clients for it.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::Request, middleware, response::Response};
use bytes::Bytes;
use farebox_gate::{Farebox, Gate, Route};
use farebox_types::Mode;
use farebox_x402::{PaymentRequired, Receipt, header};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::fake::Fake;

/// How often handlers ran.
#[derive(Clone, Default)]
pub(crate) struct Runs(Arc<AtomicUsize>);

impl Runs {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A server on loopback; it ends with the test's runtime.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    pub(crate) fake: Arc<Fake>,
    pub(crate) runs: Runs,
    client: Client<HttpConnector, Full<Bytes>>,
}

/// A farebox that asks this fake.
pub(crate) fn farebox(fake: &Arc<Fake>) -> Farebox {
    let facilitator: Arc<Fake> = Arc::clone(fake);
    Farebox::with(facilitator, Mode::Test).plan("7")
}

/// A gate with one route.
pub(crate) fn gate(fake: &Arc<Fake>, key: &str, route: impl FnOnce(Route) -> Route) -> Gate {
    let farebox = farebox(fake);
    farebox.gate().route(key, route(farebox.route(1))).build().unwrap()
}

impl Server {
    /// `app` with one paid route, each request that gets past the gate counted.
    pub(crate) async fn start(fake: Fake, key: &str, app: Router) -> Self {
        Self::with_route(fake, key, app, |route| route).await
    }

    pub(crate) async fn with_route(fake: Fake, key: &str, app: Router, route: impl FnOnce(Route) -> Route) -> Self {
        let fake = Arc::new(fake);
        let gate = gate(&fake, key, route);
        Self::serve(fake, |runs| counted(app, runs).layer(gate)).await
    }

    /// Whatever `app` makes of the counter.
    pub(crate) async fn serve(fake: Arc<Fake>, app: impl FnOnce(Runs) -> Router) -> Self {
        let runs = Runs::default();
        let app = app(runs.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { addr, fake, runs, client }
    }

    pub(crate) async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send_body(method, path, headers, Bytes::new()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &'static str, headers: &[(&str, &str)]) -> Answer {
        self.send_body(Method::POST, path, headers, Bytes::from_static(body.as_bytes())).await
    }

    async fn send_body(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Bytes) -> Answer {
        let mut request = http::Request::builder().method(method).uri(format!("http://{}{path}", self.addr));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.client.request(request.body(Full::new(body)).unwrap()).await.unwrap();
        let (head, body) = answer.into_parts();
        let body = tokio::time::timeout(Duration::from_secs(10), body.collect()).await.unwrap().unwrap();
        Answer { status: head.status, headers: head.headers, body: body.to_bytes() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[]).await
    }

    /// A GET that presents a payment.
    pub(crate) async fn pay(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[("payment-signature", "tok3n")]).await
    }

    /// A request as bytes, and everything the server says to it.
    pub(crate) async fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await.unwrap().unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// Counts what reaches the routes of `app`.
pub(crate) fn counted(app: Router, runs: Runs) -> Router {
    app.layer(middleware::from_fn(move |request: Request, next: middleware::Next| {
        let runs = runs.clone();
        async move {
            runs.add();
            let answer: Response = next.run(request).await;
            answer
        }
    }))
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn message(&self) -> String {
        self.json()["message"].as_str().unwrap().to_owned()
    }

    pub(crate) fn offer(&self) -> Option<PaymentRequired> {
        self.headers.get(header::PAYMENT_REQUIRED).map(|value| header::decode(value.as_bytes()).unwrap())
    }

    pub(crate) fn receipt(&self) -> Option<Receipt> {
        self.headers.get(header::PAYMENT_RESPONSE).map(|value| header::decode(value.as_bytes()).unwrap())
    }

    /// Asserts that nothing of the inside shows.
    pub(crate) fn assert_tells_nothing(&self) {
        let all = format!("{:?} {}", self.headers, String::from_utf8_lossy(&self.body));
        for word in ["internal", "5432", "a cause", "tok3n"] {
            let shown = all.to_lowercase().replace("internal server error", "");
            assert!(!shown.contains(word), "{word} shows in {all}");
        }
    }
}
