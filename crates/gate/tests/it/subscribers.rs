//! Subscribers are let in without paying, and their usage is counted.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::{Extension, Router, routing::get};
use farebox_gate::{Asked, HookError, Pass, Subscribers};
use http::{Method, StatusCode};

use crate::{fake::Fake, harness::Server};

/// Ada subscribes, with two uses left.
struct Book {
    left: Mutex<u32>,
    said: Mutex<Vec<&'static str>>,
}

#[async_trait]
impl Subscribers for Book {
    async fn admit(&self, asked: &Asked) -> Result<Option<Pass>, HookError> {
        match asked.header("authorization") {
            Some("ada") => {}
            Some("down") => return Err("db-7.internal:5432 said no".into()),
            Some("panic") => panic!("the book panics"),
            _ => return Ok(None),
        }
        let mut left = self.left.lock().unwrap();
        let Some(rest) = left.checked_sub(1) else { return Ok(None) };
        *left = rest;
        Ok(Some(Pass { subscriber: "ada".to_owned(), reservation: "r".to_owned() }))
    }

    async fn used(&self, _: Pass) -> Result<(), HookError> {
        self.said.lock().unwrap().push("used");
        Ok(())
    }

    async fn unused(&self, _: Pass) -> Result<(), HookError> {
        self.said.lock().unwrap().push("unused");
        *self.left.lock().unwrap() += 1;
        Ok(())
    }
}

async fn server() -> (Server, Arc<Book>) {
    let book = Arc::new(Book { left: Mutex::new(2), said: Mutex::default() });
    let who = get(|pass: Option<Extension<Pass>>| async {
        pass.map_or("a payer".to_owned(), |Extension(pass)| pass.subscriber)
    });
    let app = Router::new().route("/x", who).route("/fail", get(|| async { StatusCode::NOT_FOUND }));
    let subscribers: Arc<Book> = Arc::clone(&book);
    let server = Server::with_route(Fake::default(), "GET /:name", app, |route| route.subscribers(subscribers)).await;
    (server, book)
}

async fn as_(server: &Server, who: &str, path: &str) -> crate::harness::Answer {
    server.send(Method::GET, path, &[("authorization", who)]).await
}

#[tokio::test]
async fn a_subscriber_is_served_and_counted_until_nothing_is_left_and_then_asked_to_pay() {
    let (server, book) = server().await;
    for _ in 0..2 {
        let answer = as_(&server, "ada", "/x").await;
        assert_eq!((answer.status, &*answer.body, answer.receipt()), (StatusCode::OK, &b"ada"[..], None));
        assert_eq!(answer.header("cache-control"), Some("private"));
    }
    let answer = as_(&server, "ada", "/x").await;
    assert_eq!((answer.status, answer.offer().is_some()), (StatusCode::PAYMENT_REQUIRED, true));
    assert_eq!(*book.said.lock().unwrap(), ["used", "used"]);
    assert_eq!(server.pay("/x").await.body, "a payer");
    assert_eq!(server.fake.counts(), [1, 1, 0]);
}

#[tokio::test]
async fn what_a_subscriber_did_not_get_is_given_back() {
    let (server, book) = server().await;
    assert_eq!(as_(&server, "ada", "/fail").await.status, StatusCode::NOT_FOUND);
    assert_eq!((book.said.lock().unwrap().clone(), *book.left.lock().unwrap()), (vec!["unused"], 2));
}

#[tokio::test]
async fn who_cannot_be_looked_up_has_to_pay() {
    let (server, book) = server().await;
    for who in ["down", "panic", "eve"] {
        let answer = as_(&server, who, "/x").await;
        assert_eq!((answer.status, server.runs.count()), (StatusCode::PAYMENT_REQUIRED, 0), "{who}");
        answer.assert_tells_nothing();
    }
    assert_eq!(*book.left.lock().unwrap(), 2);
}
