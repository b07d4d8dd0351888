//! A page of the merchant's, in a browser of one signed-in user.

use std::time::Duration;

use reqwest::{RequestBuilder, header::HeaderMap};
use serde_json::Value;

pub(crate) fn http() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap()
}

pub(crate) struct Page {
    relay: String,
    who: Vec<(&'static str, String)>,
    pub(crate) token: String,
    http: reqwest::Client,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// The `type` of a problem, which must be a problem document.
    pub(crate) fn problem(&self) -> (u16, String) {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status, "{self:?}");
        (self.status, problem["type"].as_str().unwrap().to_owned())
    }
}

impl Page {
    /// Opened by this user; it has fetched its token.
    pub(crate) async fn open(relay: &str, email: &str) -> Self {
        let mut page = Self { relay: relay.to_owned(), who: Vec::new(), token: String::new(), http: http() };
        let answer = page.get("/csrf-token").await;
        assert_eq!((answer.status, &answer.headers["cache-control"]), (200, &"no-store".parse().unwrap()));
        page.token = answer.json()["token"].as_str().unwrap().to_owned();
        let cookie = answer.headers["set-cookie"].to_str().unwrap();
        assert!(cookie.starts_with(&format!("paylera_csrf={}; ", page.token)), "{cookie}");
        page.who = vec![("x-paylera-customer-email", email.to_owned()), ("x-paylera-tenant-id", "acme".to_owned())];
        page
    }

    /// The same page, through another instance.
    pub(crate) fn through(&self, relay: &str) -> Self {
        Self { relay: relay.to_owned(), who: self.who.clone(), token: self.token.clone(), http: self.http.clone() }
    }

    async fn send(&self, request: RequestBuilder) -> Answer {
        let request = self.who.iter().fold(request, |request, (name, value)| request.header(*name, value));
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Answer { status, headers, body: answer.bytes().await.unwrap().to_vec() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.http.get(format!("{}{path}", self.relay))).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        let request = self.http.post(format!("{}{path}", self.relay)).json(body);
        let request = request.header("paylera-csrf-token", &self.token);
        self.send(request.header("cookie", format!("paylera_csrf={}", self.token))).await
    }
}
