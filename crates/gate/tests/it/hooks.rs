//! Who is told about payments, and what a hook cannot do.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::{Router, routing::get};
use bytes::Bytes;
use farebox_gate::{Asked, HookError, Hooks, PaymentContext, PaymentError};
use farebox_x402::{Amount, Offer, Receipt};
use http::{Response, StatusCode};
use rstest::rstest;
use serde_json::json;

use crate::{
    fake::{Act, Fake},
    harness::{Runs, Server, counted, farebox},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Fine,
    Failing,
    Panicking,
    Answering,
}

struct Log {
    said: Arc<Mutex<Vec<String>>>,
    mood: Mood,
}

impl Log {
    fn say(&self, what: String) -> Result<(), HookError> {
        self.said.lock().unwrap().push(what);
        match self.mood {
            Mood::Fine | Mood::Answering => Ok(()),
            Mood::Failing => Err("the hook fails".into()),
            Mood::Panicking => panic!("the hook panics"),
        }
    }
}

#[async_trait]
impl Hooks for Log {
    async fn before_verify(&self, asked: &Asked, offer: &Offer) -> Result<(), HookError> {
        self.say(format!("before {} {}", asked.path(), offer.accepts.len()))
    }

    async fn after_verify(&self, _: &Asked, payment: &PaymentContext) -> Result<(), HookError> {
        self.say(format!(
            "verified {} {}",
            payment.request_id(),
            payment.agent_request().unwrap().agent_name().unwrap()
        ))
    }

    async fn after_settle(&self, _: &Asked, amount: Amount, receipt: &Receipt) -> Result<(), HookError> {
        self.say(format!("settled {amount} {}", receipt.transaction))
    }

    async fn payment_error(&self, _: &Asked, error: &PaymentError) -> Result<Option<Response<Bytes>>, HookError> {
        self.say(format!("error {} {}", error.status.as_u16(), error.code))?;
        let own = Response::builder().status(418).header("x-own", "1").body(Bytes::from_static(b"own words")).unwrap();
        Ok((self.mood == Mood::Answering).then_some(own))
    }
}

async fn server(fake: Fake, mood: Mood) -> (Server, Arc<Mutex<Vec<String>>>) {
    let (fake, said) = (Arc::new(fake), Arc::default());
    let farebox = farebox(&fake);
    let hooks = Log { said: Arc::clone(&said), mood };
    let gate = farebox.gate().hooks(hooks).route("GET /x", farebox.route("2 credits")).build().unwrap();
    let app = Router::new().route("/x", get(|| async { "goods" })).route("/free", get(|| async { "free" }));
    (Server::serve(fake, |runs: Runs| counted(app, runs).layer(gate)).await, said)
}

#[tokio::test]
async fn each_step_of_a_payment_is_told_in_order() {
    let (server, said) = server(Fake::default(), Mood::Fine).await;
    assert_eq!(server.get("/x").await.status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(server.pay("/x").await.status, StatusCode::OK);
    assert_eq!(server.get("/free").await.body, "free");
    let expected = ["error 402 ", "before /x 1", "verified r-0 Ada", "settled 2 t-r-0"];
    assert_eq!(*said.lock().unwrap(), expected);
}

#[rstest]
#[case(Mood::Failing)]
#[case(Mood::Panicking)]
#[tokio::test]
async fn a_hook_that_breaks_neither_opens_nor_charges_a_route(#[case] mood: Mood) {
    let (server, said) = server(Fake::default(), mood).await;
    assert_eq!(server.get("/x").await.status, StatusCode::PAYMENT_REQUIRED);
    let answer = server.pay("/x").await;
    assert_eq!((answer.status, &*answer.body), (StatusCode::OK, &b"goods"[..]));
    assert!(answer.receipt().unwrap().success);
    assert_eq!((server.fake.counts(), said.lock().unwrap().len()), ([1, 1, 0], 4));
}

#[rstest]
#[case(Fake::default().verifying([Act::Refuse("no_money")]), "error 402 no_money", [1, 0, 0])]
#[case(Fake::default().settling([Act::Refuse("no_money")]), "error 402 no_money", [1, 1, 0])]
#[case(Fake::default().verifying([Act::Fail(farebox_x402::Retry::Never)]), "error 503 unavailable", [1, 0, 0])]
#[tokio::test]
async fn a_seller_may_answer_an_unpaid_request_in_its_own_words(
    #[case] fake: Fake,
    #[case] error: &str,
    #[case] counts: [usize; 3],
) {
    let (server, said) = server(fake, Mood::Answering).await;
    let answer = server.pay("/x").await;
    assert_eq!((answer.status.as_u16(), &*answer.body, answer.header("x-own")), (418, &b"own words"[..], Some("1")));
    assert_eq!(said.lock().unwrap().last().unwrap(), error);
    assert_eq!(server.fake.counts(), counts);
    let unpaid = server.get("/x").await;
    assert_eq!((unpaid.status.as_u16(), unpaid.offer().is_some()), (418, true), "the offer stays on it");
    assert_ne!(json!(unpaid.header("cache-control")), json!(null));
}
