//! A relay on loopback, and a browser that has fetched its token.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, http::request::Parts};
use bytes::Bytes;
use farebox_client::Client as Upstream;
use farebox_relay::{Csrf, CustomerIdentity, Identified, Relay, RelayBuilder};
use farebox_types::{ManualClock, Secret, Timestamp};
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

use crate::billing::Billing;

pub(crate) const PREFIX: &str = "/api/paylera";
pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const TOKEN: &str = "pl_test_the-merchants-own-token";
pub(crate) const NOW: i64 = 1_800_000_000;

/// The typed client of a billing server.
pub(crate) fn upstream(addr: SocketAddr) -> Upstream {
    let builder = Upstream::builder(Secret::new(TOKEN.to_owned())).base_url(format!("http://{addr}"));
    builder.build().unwrap()
}

pub(crate) fn signed() -> Csrf {
    Csrf::signed(Secret::new(SECRET.to_owned()))
}

/// Whoever the test's headers name: `x-customer`, `x-email`, `x-name`, `x-tenant`, `x-subscription`.
pub(crate) async fn by_headers(head: &Parts) -> Identified {
    let header = |name: &str| head.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let identity = CustomerIdentity {
        customer_id: header("x-customer"),
        email: header("x-email"),
        name: header("x-name"),
        tenant_id: header("x-tenant"),
        subscription_id: header("x-subscription"),
        ..CustomerIdentity::default()
    };
    Ok((identity != CustomerIdentity::default()).then_some(identity))
}

/// Serves an app on loopback until the test's runtime ends.
pub(crate) async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    addr
}

pub(crate) struct World {
    pub(crate) billing: Billing,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) addr: SocketAddr,
    http: Client<HttpConnector, Full<Bytes>>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|relay| relay).await
    }

    /// A relay with other options.
    pub(crate) async fn with(options: impl FnOnce(RelayBuilder) -> RelayBuilder) -> Self {
        Self::mounted(options, |relay| Router::new().nest(PREFIX, relay.router())).await
    }

    /// A relay mounted in another way.
    pub(crate) async fn mounted(
        options: impl FnOnce(RelayBuilder) -> RelayBuilder,
        mount: impl FnOnce(&Relay) -> Router,
    ) -> Self {
        let billing = Billing::start().await;
        let clock = Arc::new(ManualClock::new(Timestamp::from_seconds(NOW)));
        let builder = Relay::builder(upstream(billing.addr)).identify(by_headers).csrf(signed());
        let relay = options(builder.clock(clock.clone())).build().unwrap();
        let addr = serve(mount(&relay)).await;
        Self { billing, clock, addr, http: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// The same world, seen through another instance.
    pub(crate) fn at(world: &Self, addr: SocketAddr) -> Self {
        Self { billing: world.billing.clone(), clock: world.clock.clone(), addr, http: world.http.clone() }
    }

    /// A request with nothing but these headers; `path` as it goes over the wire.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let mut request = http::Request::builder().method(method).uri(format!("http://{}{path}", self.addr));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.http.request(request.body(Full::new(body.into())).unwrap()).await.unwrap();
        let (head, body) = answer.into_parts();
        Answer { status: head.status, headers: head.headers, body: body.collect().await.unwrap().to_bytes() }
    }

    pub(crate) async fn token(&self) -> String {
        let answer = self.send(Method::GET, &format!("{PREFIX}/csrf-token"), &[], "").await;
        assert_eq!(answer.status, 200);
        answer.json()["token"].as_str().unwrap().to_owned()
    }

    /// A caller's page reads.
    pub(crate) async fn get(&self, path: &str, who: &[(&str, &str)]) -> Answer {
        self.send(Method::GET, &format!("{PREFIX}{path}"), who, "").await
    }

    /// A caller's page writes, with all that a good page sends.
    pub(crate) async fn post(&self, path: &str, who: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
        let token = self.token().await;
        let cookie = format!("session=abc; paylera_csrf={token}");
        let mut headers =
            vec![("content-type", "application/json"), ("paylera-csrf-token", &token), ("cookie", &cookie)];
        headers.extend(who);
        self.send(Method::POST, &format!("{PREFIX}{path}"), &headers, body).await
    }

    /// A request as bytes, and everything that the server says to it.
    pub(crate) async fn raw(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        stream.write_all(request).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await.unwrap().unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }
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

    /// Asserts that this is a problem of this kind, as a document.
    pub(crate) fn assert_problem(&self, status: u16, code: &str) {
        assert_eq!((self.status.as_u16(), self.json()["type"].as_str().unwrap()), (status, code), "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"));
        assert_eq!(self.json()["status"], status);
    }
}
