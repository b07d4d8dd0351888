//! One authorization, one run, one answer.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Bytes as Body,
    http::HeaderMap,
    response::{AppendHeaders, IntoResponse},
    routing::{get, post},
};
use farebox_gate::{
    Gate, Route,
    answers::{Identifier, MemoryAnswers},
};
use farebox_types::Mode;
use farebox_x402::header as codec;
use http::{Method, StatusCode};
use serde_json::json;
use tokio::task::JoinSet;

use crate::{
    chain::{Chain, PAY_TO, fresh_nonce, header, sign},
    fake::{Act, Fake},
    fares::{exact, pay, signed, start, v1},
    harness::{Runs, Server, counted},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_100_parallel_requests_with_one_authorization_in_two_headers_one_runs_and_all_get_its_answer() {
    let (server, chain) = start(exact()).await;
    let server = Arc::new(server);
    let payment = signed(&server, "/slow").await;
    let mut requests = JoinSet::new();
    for at in 0..100 {
        let payment = if at % 2 == 0 { payment.clone() } else { v1(&payment) };
        let server = Arc::clone(&server);
        requests.spawn(async move { pay(&server, "/slow", &payment).await });
    }
    for answer in requests.join_all().await {
        assert_eq!((answer.status, &*answer.body), (StatusCode::OK, &b"slow content"[..]));
    }
    assert_eq!((server.runs.count(), chain.transfers(), chain.counts()), (1, 1, [1, 1]));
}

#[tokio::test]
async fn a_lost_answer_is_given_again_byte_for_byte_and_nothing_else_happens() {
    let app = Router::new().route(
        "/x",
        get(|| async { (AppendHeaders([("set-cookie", "a=1"), ("set-cookie", "b=2")]), "content").into_response() }),
    );
    let (chain, addr) = Chain::start().await;
    let gate =
        Gate::builder().chain(Chain::facilitator(addr)).mode(Mode::Test).route("GET /x", exact()).build().unwrap();
    let server = Server::serve(Arc::default(), |runs: Runs| counted(app, runs).layer(gate)).await;
    let payment = signed(&server, "/x").await;
    let first = pay(&server, "/x", &payment).await;
    let again = pay(&server, "/x", &payment).await;
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    for name in ["set-cookie", "content-type", "payment-response", "cache-control"] {
        let all = |headers: &HeaderMap| headers.get_all(name).iter().cloned().collect::<Vec<_>>();
        assert_eq!(all(&again.headers), all(&first.headers), "{name}");
    }
    assert_eq!(again.headers.get_all("set-cookie").iter().count(), 2);
    assert_eq!((server.runs.count(), chain.counts()), (1, [1, 1]));
}

#[tokio::test]
async fn a_payment_that_has_paid_for_one_request_pays_for_no_other() {
    let app = Router::new().route("/x", post(|body: Body| async { body }));
    let (chain, addr) = Chain::start().await;
    let gate =
        Gate::builder().chain(Chain::facilitator(addr)).mode(Mode::Test).route("POST /x", exact()).build().unwrap();
    let server = Server::serve(Arc::default(), |runs: Runs| counted(app, runs).layer(gate)).await;
    let offer = server.post("/x", "", &[]).await.offer().unwrap();
    let payment = sign(offer.accepts[0].chain().unwrap(), &fresh_nonce());
    let (name, value) = header(&payment);
    let headers = [(name, &*value)];
    let send = |path: &'static str, body: &'static str| server.post(path, body, &headers);
    assert_eq!(send("/x", "one").await.body, "one");
    for (path, body) in [("/x", "two"), ("/x?q", "one"), ("/x", "")] {
        let other = send(path, body).await;
        assert_eq!((other.status, other.offer()), (StatusCode::CONFLICT, None), "{path} {body}");
        assert_eq!(other.json()["code"], "payment_for_another_request");
    }
    assert_eq!(send("/x", "one").await.body, "one");
    assert_eq!((server.runs.count(), chain.counts()), (1, [1, 1]));
}

#[tokio::test]
async fn a_payment_for_the_head_alone_is_not_answered_with_it_where_the_body_is_asked_for() {
    let (server, chain) = start(exact()).await;
    let payment = signed(&server, "/paid").await;
    let (name, value) = header(&payment);
    let headers = [(name, &*value)];
    let head = server.send(Method::HEAD, "/paid", &headers).await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    let whole = server.send(Method::GET, "/paid", &headers).await;
    assert_eq!((whole.status, &whole.json()["code"]), (StatusCode::CONFLICT, &json!("payment_for_another_request")));
    assert_eq!(server.send(Method::HEAD, "/paid", &headers).await.status, StatusCode::OK);
    assert_eq!((server.runs.count(), chain.counts()), (1, [1, 1]));
}

#[tokio::test]
async fn who_knows_the_nonce_but_not_the_signature_gets_nothing() {
    let (server, chain) = start(exact()).await;
    let payment = signed(&server, "/paid").await;
    assert_eq!(pay(&server, "/paid", &payment).await.status, StatusCode::OK);
    let mut forged = payment.clone();
    let text = payment.payload.get().replacen("\"signature\":\"0x", "\"signature\":\"0x00", 1);
    assert_ne!(text, payment.payload.get());
    forged.payload = serde_json::value::RawValue::from_string(text).unwrap();
    let answer = pay(&server, "/paid", &forged).await;
    assert_eq!(answer.status, StatusCode::PAYMENT_REQUIRED);
    assert!(!String::from_utf8_lossy(&answer.body).contains("paid content"));
    assert_eq!((server.runs.count(), chain.counts()), (1, [1, 1]));
}

#[tokio::test]
async fn a_request_that_waits_takes_over_when_the_one_before_fails() {
    let (server, chain) = start(exact()).await;
    let server = Arc::new(server);
    let payment = signed(&server, "/paid").await;
    chain.verifying.lock().unwrap().push_back(crate::chain::Act::Slow(Duration::from_millis(300)));
    chain
        .verifying
        .lock()
        .unwrap()
        .push_back(crate::chain::Act::Answer(200, json!({"isValid": false, "invalidReason": "x"})));
    let first = tokio::spawn({
        let (server, payment) = (Arc::clone(&server), payment.clone());
        async move { pay(&server, "/paid", &payment).await.status }
    });
    let second = pay(&server, "/paid", &payment).await.status;
    let mut statuses = [first.await.unwrap(), second];
    statuses.sort();
    assert_eq!(statuses[0], StatusCode::OK);
    assert_eq!(chain.transfers(), 1);
}

fn token(nonce: Option<&str>) -> String {
    let authorization = json!({"from": "0x1", "nonce": nonce});
    let accepted = json!({"scheme": "nvm:erc4337", "network": "eip155:84532", "planId": "7"});
    let payload = json!({"signature": "0xabc", "authorization": authorization});
    codec::encode_token(&json!({"x402Version": 2, "accepted": accepted, "payload": payload}))
}

#[tokio::test]
async fn a_token_of_one_use_pays_for_one_answer_and_one_of_many_for_each() {
    let app = || Router::new().route("/x", get(|| async { "goods" }));
    let once = token(Some("0x77"));
    let server = Server::start(Fake::default(), "GET /x", app()).await;
    for _ in 0..3 {
        let answer = server.send(Method::GET, "/x", &[("payment-signature", &once)]).await;
        assert_eq!((answer.status, &*answer.body), (StatusCode::OK, &b"goods"[..]));
        assert_eq!(answer.receipt().unwrap().transaction, "t-r-0");
    }
    assert_eq!((server.runs.count(), server.fake.counts()), (1, [1, 1, 0]));
    let many = token(None);
    for _ in 0..3 {
        assert_eq!(server.send(Method::GET, "/x", &[("payment-signature", &many)]).await.status, StatusCode::OK);
    }
    assert_eq!((server.runs.count(), server.fake.counts()), (4, [4, 4, 0]));
}

#[tokio::test]
async fn an_answer_that_is_too_long_to_keep_is_served_once_and_its_payment_stays_spent() {
    let app = Router::new().route("/x", get(|| async { vec![b'x'; 1024 * 1024 + 1] }));
    let server = Server::start(Fake::default(), "GET /x", app).await;
    let once = token(Some("0x78"));
    let first = server.send(Method::GET, "/x", &[("payment-signature", &once)]).await;
    assert_eq!((first.status, first.body.len()), (StatusCode::OK, 1024 * 1024 + 1));
    let again = server.send(Method::GET, "/x", &[("payment-signature", &once)]).await;
    assert_eq!((again.status, &again.json()["code"]), (StatusCode::PAYMENT_REQUIRED, &json!("duplicate_settlement")));
    assert_eq!((server.runs.count(), server.fake.counts()), (1, [1, 1, 0]));
}

#[tokio::test]
async fn a_failed_settlement_lets_the_payment_go() {
    let app = Router::new().route("/x", get(|| async { "goods" }));
    let server = Server::start(Fake::default().settling([Act::Refuse("no_money")]), "GET /x", app).await;
    let once = token(Some("0x79"));
    let refused = server.send(Method::GET, "/x", &[("payment-signature", &once)]).await;
    assert_eq!((refused.status, refused.body.as_ref() == b"goods"), (StatusCode::PAYMENT_REQUIRED, false));
    assert_eq!(server.send(Method::GET, "/x", &[("payment-signature", &once)]).await.status, StatusCode::OK);
    assert_eq!((server.runs.count(), server.fake.counts()), (2, [2, 2, 0]));
}

#[tokio::test]
async fn two_gates_that_share_a_store_run_one_handler_between_them() {
    let (chain, addr) = Chain::start().await;
    let store = Arc::new(MemoryAnswers::new(1_000_000));
    let runs = Runs::default();
    let mut servers = Vec::new();
    for _ in 0..2 {
        let answers: Arc<MemoryAnswers> = Arc::clone(&store);
        let route = Route::exact("$0.01").pay_to(PAY_TO).network("eip155:84532");
        let gate = Gate::builder().chain(Chain::facilitator(addr)).mode(Mode::Test).answers(answers);
        let gate = gate.route("GET /x", route).build().unwrap();
        let slow = get(|| async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            "goods"
        });
        let runs = runs.clone();
        servers
            .push(Server::serve(Arc::default(), |_| counted(Router::new().route("/x", slow), runs).layer(gate)).await);
    }
    let payment = signed(&servers[0], "/x").await;
    let (one, two) = tokio::join!(pay(&servers[0], "/x", &payment), pay(&servers[1], "/x", &payment));
    assert_eq!((one.status, &one.body), (two.status, &two.body));
    assert_eq!((one.status, runs.count(), chain.counts()), (StatusCode::OK, 1, [1, 1]));
}

#[tokio::test]
async fn a_body_that_is_too_long_to_be_told_apart_is_413_and_uncharged() {
    let app = Router::new().route("/x", post(|body: Body| async { body }));
    let (chain, addr) = Chain::start().await;
    let route = exact().max_request(10);
    let gate =
        Gate::builder().chain(Chain::facilitator(addr)).mode(Mode::Test).route("POST /x", route).build().unwrap();
    let server = Server::serve(Arc::default(), |runs: Runs| counted(app, runs).layer(gate)).await;
    let offer = server.post("/x", "", &[]).await.offer().unwrap();
    let (name, value) = header(&sign(offer.accepts[0].chain().unwrap(), &fresh_nonce()));
    let answer = server.post("/x", "01234567890", &[(name, &value)]).await;
    assert_eq!((answer.status, server.runs.count(), chain.counts()), (StatusCode::PAYLOAD_TOO_LARGE, 0, [0, 0]));
    assert_eq!(server.post("/x", "0123456789", &[(name, &value)]).await.body, "0123456789");
}

fn named(payment: &farebox_x402::PaymentPayload, id: &str) -> farebox_x402::PaymentPayload {
    let mut payment = payment.clone();
    let info = json!({"info": {"required": false, "id": id}});
    payment.extensions.insert("payment-identifier".to_owned(), info);
    payment
}

#[tokio::test]
async fn a_request_sent_again_under_its_name_is_answered_once_whatever_payment_it_brings() {
    let (server, chain) = start(exact().payment_identifier(Identifier::Optional)).await;
    let extension = &server.get("/paid").await.offer().unwrap().extensions["payment-identifier"];
    assert_eq!(extension["info"], json!({"required": false}));
    let id = "pay_0123456789abcdef";
    let first = pay(&server, "/paid", &named(&signed(&server, "/paid").await, id)).await;
    let second = pay(&server, "/paid", &named(&signed(&server, "/paid").await, id)).await;
    assert_eq!((first.status, &first.body, first.receipt()), (second.status, &second.body, second.receipt()));
    assert_eq!((first.status, server.runs.count(), chain.counts()), (StatusCode::OK, 1, [1, 1]));
    let other = pay(&server, "/other", &named(&signed(&server, "/other").await, id)).await;
    assert_eq!(other.status, StatusCode::OK, "a name is a route's own");
    let third = pay(&server, "/paid?q", &named(&signed(&server, "/paid").await, id)).await;
    assert_eq!((third.status, third.offer()), (StatusCode::CONFLICT, None));
    let unnamed = signed(&server, "/paid").await;
    assert_eq!(pay(&server, "/paid", &unnamed).await.status, StatusCode::OK);
    assert_eq!((server.runs.count(), chain.transfers()), (3, 3));
}

#[tokio::test]
async fn a_route_that_asks_for_a_name_refuses_a_payment_without_one() {
    let (server, chain) = start(exact().payment_identifier(Identifier::Required)).await;
    let payment = signed(&server, "/paid").await;
    let required = |id: &str| {
        let mut payment = named(&payment, id);
        payment.extensions["payment-identifier"]["info"]["required"] = json!(true);
        payment
    };
    for payment in [payment.clone(), required("short"), required("with spaces in its words")] {
        let answer = pay(&server, "/paid", &payment).await;
        assert_eq!((answer.status, chain.counts()), (StatusCode::BAD_REQUEST, [0, 0]), "{}", answer.message());
    }
    assert_eq!(pay(&server, "/paid", &required("pay_0123456789abcdef")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn one_payment_under_two_names_pays_once() {
    let (server, chain) = start(exact().payment_identifier(Identifier::Optional)).await;
    let payment = signed(&server, "/slow").await;
    let (one, two) = (named(&payment, "pay_0123456789abcdef"), named(&payment, "pay_fedcba9876543210"));
    let (one, two) = tokio::join!(pay(&server, "/slow", &one), pay(&server, "/slow", &two));
    assert_eq!((one.status, &one.body), (two.status, &two.body));
    assert_eq!((server.runs.count(), chain.counts()), (1, [1, 1]));
}
