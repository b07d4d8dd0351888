//! Fares on a chain: what is offered, what is taken for a payment, what is asked of the facilitator.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, routing::get};
use farebox_gate::{Gate, Route, TestRail};
use farebox_types::Mode;
use farebox_x402::{Dialect, PaymentPayload, Receipt, Requirements, header as codec, offer_v1};
use http::{Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    chain::{Act, Chain, HASH, PAY_TO, PAYER, fresh_nonce, header, sign},
    fake::Fake,
    harness::{Answer, Runs, Server, counted},
};

pub(crate) fn exact() -> Route {
    Route::exact("$0.01").pay_to(PAY_TO).network("eip155:84532")
}

pub(crate) fn app() -> Router {
    Router::new()
        .route("/paid", get(|| async { "paid content" }))
        .route("/other", get(|| async { "other content" }))
        .route("/fail", get(|| async { (StatusCode::INTERNAL_SERVER_ERROR, "own failure") }))
        .route(
            "/slow",
            get(|| async {
                tokio::time::sleep(Duration::from_millis(300)).await;
                "slow content"
            }),
        )
}

pub(crate) async fn serve(gate: Gate) -> Server {
    Server::serve(Arc::default(), |runs: Runs| counted(app(), runs).layer(gate)).await
}

pub(crate) fn gate(addr: SocketAddr, route: &Route) -> Gate {
    let gate = Gate::builder().chain(Chain::facilitator(addr)).mode(Mode::Test);
    let keys = ["GET /paid", "GET /other", "GET /fail", "GET /slow"];
    keys.into_iter().fold(gate, |gate, key| gate.route(key, route.clone())).build().unwrap()
}

pub(crate) async fn start(route: Route) -> (Server, Arc<Chain>) {
    let (chain, addr) = Chain::start().await;
    (serve(gate(addr, &route)).await, chain)
}

async fn offered(server: &Server, path: &str) -> Requirements {
    server.get(path).await.offer().unwrap().accepts[0].chain().unwrap().clone()
}

pub(crate) async fn pay(server: &Server, path: &str, payment: &PaymentPayload) -> Answer {
    let (name, value) = header(payment);
    server.send(Method::GET, path, &[(name, &value)]).await
}

pub(crate) async fn signed(server: &Server, path: &str) -> PaymentPayload {
    sign(&offered(server, path).await, &fresh_nonce())
}

pub(crate) fn v1(payment: &PaymentPayload) -> PaymentPayload {
    PaymentPayload { dialect: Dialect::T402_V1, accepted: None, ..payment.clone() }
}

fn refusal(reason: &str) -> Value {
    json!({"isValid": false, "invalidReason": reason, "payer": PAYER})
}

pub(crate) fn receipt_v1(answer: &Answer) -> Receipt {
    codec::decode(answer.headers["x-payment-response"].as_bytes()).unwrap()
}

#[tokio::test]
async fn an_unpaid_request_is_offered_the_fare_in_every_dialect() {
    let (server, chain) = start(exact().description("A page")).await;
    let answer = server.get("/paid").await;
    assert_eq!(answer.status, StatusCode::PAYMENT_REQUIRED);
    let offer = answer.offer().unwrap();
    assert_eq!((offer.x402_version, offer.t402_version, &*offer.resource.url), (2, Some(2), "/paid"));
    let own = offer.accepts[0].chain().unwrap();
    assert_eq!((&*own.scheme, &*own.network, own.amount), ("exact", "eip155:84532", 10_000.into()));
    assert_eq!((&*own.pay_to, own.max_timeout_seconds, own.extra_text("name")), (PAY_TO, 300, Some("USDC")));

    let (_, older) = offer_v1::read(&answer.body).unwrap();
    assert_eq!(older.accepts, offer.accepts);
    assert_eq!(answer.json()["t402Version"], 1);
    assert_eq!(answer.json()["accepts"][0]["network"], "base-sepolia");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let exposed = answer.header("access-control-expose-headers").unwrap();
    assert!(exposed.contains("PAYMENT-REQUIRED") && exposed.contains("X-PAYMENT-RESPONSE"));
    assert_eq!((chain.counts(), server.runs.count()), ([0, 0], 0));
}

#[tokio::test]
async fn a_payment_is_verified_and_settled_by_the_gates_own_offer() {
    let (server, chain) = start(exact()).await;
    let own = offered(&server, "/paid").await;
    let mut payment = sign(&own, &fresh_nonce());
    // More may be said in `extra`, and addresses in another case; none of it is what is charged by.
    let accepted = payment.accepted.as_mut().unwrap();
    accepted.extra.insert("note".into(), json!("mine"));
    accepted.pay_to = accepted.pay_to.to_lowercase();
    let answer = pay(&server, "/paid", &payment).await;
    assert_eq!((answer.status, &*answer.body), (StatusCode::OK, &b"paid content"[..]));
    let receipt = answer.receipt().unwrap();
    assert_eq!((receipt.success, &*receipt.transaction, receipt.payer.as_deref()), (true, HASH, Some(PAYER)));
    assert_eq!((&*receipt.network, receipt.amount.as_deref()), ("eip155:84532", Some("10000")));
    assert_eq!(receipt.credits_redeemed, None);
    assert_eq!(answer.header("cache-control"), Some("private"));
    assert!(answer.header("access-control-expose-headers").unwrap().contains("PAYMENT-RESPONSE"));
    assert_eq!(chain.counts(), [1, 1]);
    for what in ["verify", "settle"] {
        let required: Requirements =
            serde_json::from_value(chain.asked(what)[0]["paymentRequirements"].clone()).unwrap();
        assert_eq!(required, own, "{what}");
    }
}

#[tokio::test]
async fn a_version_1_payment_gets_a_version_1_receipt() {
    let (server, chain) = start(exact()).await;
    let payment = v1(&signed(&server, "/paid").await);
    assert_eq!(payment.header_name(), "x-payment");
    let answer = pay(&server, "/paid", &payment).await;
    assert_eq!((answer.status, &*answer.body), (StatusCode::OK, &b"paid content"[..]));
    assert_eq!(answer.receipt(), None);
    let receipt = receipt_v1(&answer);
    assert_eq!((receipt.success, &*receipt.network, &*receipt.transaction), (true, "base-sepolia", HASH));
    let asked = &chain.asked("settle")[0];
    assert_eq!((&asked["x402Version"], &asked["paymentRequirements"]["network"]), (&json!(1), &json!("base-sepolia")));
    assert_eq!(asked["paymentRequirements"]["maxAmountRequired"], "10000");
    assert_eq!(asked["paymentRequirements"]["payTo"], PAY_TO);
}

#[tokio::test]
async fn the_current_header_goes_before_the_older_one() {
    let (server, chain) = start(exact()).await;
    let (newer, older) = (signed(&server, "/paid").await, v1(&signed(&server, "/paid").await));
    let (newer, older) = (header(&newer), header(&older));
    let answer = server.send(Method::GET, "/paid", &[(older.0, &older.1), (newer.0, &newer.1)]).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(chain.asked("settle")[0]["x402Version"], 2);
}

#[rstest]
#[case("scheme", json!("upto"))]
#[case("network", json!("eip155:1"))]
#[case("amount", json!("9999"))]
#[case("asset", json!("0x0000000000000000000000000000000000000001"))]
#[case("payTo", json!(PAYER))]
#[case("maxTimeoutSeconds", json!(301))]
#[case("extra", json!({"name": "USDC"}))]
#[case("extra", json!({"name": "USD Coin", "version": "2"}))]
#[tokio::test]
async fn a_payment_for_another_offer_is_refused_unasked(#[case] member: &str, #[case] value: Value) {
    let (server, chain) = start(exact()).await;
    let mut other = serde_json::to_value(offered(&server, "/paid").await).unwrap();
    other[member] = value;
    let answer = pay(&server, "/paid", &sign(&serde_json::from_value(other).unwrap(), &fresh_nonce())).await;
    assert_eq!(answer.status, StatusCode::PAYMENT_REQUIRED);
    assert!(answer.message().starts_with("No matching payment requirements"), "{}", answer.message());
    assert!(answer.offer().unwrap().error.is_some());
    assert_eq!((chain.counts(), server.runs.count()), ([0, 0], 0));
}

#[rstest]
#[case("")]
#[case("not base64!")]
#[case("e30=")]
#[case("eyJ4NDAyVmVyc2lvbiI6Mn0=")]
#[tokio::test]
async fn a_payment_that_cannot_be_read_is_refused_with_a_fresh_offer(#[case] value: &str) {
    let (server, chain) = start(exact()).await;
    for name in ["payment-signature", "x-payment"] {
        let answer = server.send(Method::GET, "/paid", &[(name, value)]).await;
        assert_eq!(answer.status, StatusCode::PAYMENT_REQUIRED);
        assert!(answer.offer().is_some());
        assert!(offer_v1::read(&answer.body).is_ok());
    }
    assert_eq!((chain.counts(), server.runs.count()), ([0, 0], 0));
}

#[tokio::test]
async fn a_refused_payment_is_told_why_in_every_dialect() {
    let (server, chain) = start(exact()).await;
    chain.verifying.lock().unwrap().push_back(Act::Answer(200, refusal("insufficient_funds")));
    let answer = pay(&server, "/paid", &signed(&server, "/paid").await).await;
    assert_eq!(answer.status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(answer.json()["code"], "insufficient_funds");
    assert!(answer.json()["error"].as_str().unwrap().contains("insufficient_funds"));
    assert!(answer.offer().unwrap().error.unwrap().contains("insufficient_funds"));
    assert_eq!(answer.receipt(), None);
    assert_eq!(server.runs.count(), 0);
}

#[tokio::test]
async fn a_missing_allowance_is_a_precondition() {
    let (server, chain) = start(exact()).await;
    chain.verifying.lock().unwrap().push_back(Act::Answer(412, refusal("permit2_allowance_required")));
    let answer = pay(&server, "/paid", &signed(&server, "/paid").await).await;
    assert_eq!(answer.status, StatusCode::PRECONDITION_FAILED);
    assert!(answer.offer().is_some());
    assert_eq!(server.runs.count(), 0);
}

#[tokio::test]
async fn a_handler_that_fails_is_not_paid_and_its_payment_may_be_used_again() {
    let (server, chain) = start(exact()).await;
    let payment = signed(&server, "/fail").await;
    let answer = pay(&server, "/fail", &payment).await;
    assert_eq!((answer.status, &*answer.body), (StatusCode::INTERNAL_SERVER_ERROR, &b"own failure"[..]));
    assert_eq!((chain.counts(), answer.receipt()), ([1, 0], None));
    assert_eq!(pay(&server, "/paid", &payment).await.status, StatusCode::OK);
    assert_eq!(chain.transfers(), 1);
}

#[tokio::test]
async fn one_authorization_runs_one_handler_in_whatever_header_it_comes() {
    let (server, chain) = start(exact()).await;
    let payment = signed(&server, "/slow").await;
    let older = v1(&payment);
    let mut other_spelling = payment.clone();
    let text = other_spelling.payload.get().replace(PAYER, &PAYER.to_lowercase());
    other_spelling.payload = serde_json::value::RawValue::from_string(text).unwrap();
    let answers = tokio::join!(
        pay(&server, "/slow", &payment),
        pay(&server, "/slow", &older),
        pay(&server, "/paid", &other_spelling),
        pay(&server, "/slow", &payment),
    );
    let (one, older, elsewhere, two) = answers;
    let served = [&one, &older, &two].map(|answer| (answer.status, answer.body.clone()));
    assert!(
        served.iter().all(|answer| *answer == (StatusCode::OK, "slow content".into()))
            || elsewhere.status == StatusCode::OK && served.iter().all(|(status, _)| *status == StatusCode::CONFLICT),
        "the request that came first is served, and all that are the same with it: {served:?} {}",
        elsewhere.status
    );
    assert_eq!((server.runs.count(), chain.transfers(), chain.counts()), (1, 1, [1, 1]));
}

#[tokio::test]
async fn a_spent_payment_runs_nothing_even_if_the_facilitator_has_not_noticed() {
    let (server, chain) = start(exact().replay(Duration::ZERO)).await;
    let payment = signed(&server, "/paid").await;
    assert_eq!(pay(&server, "/paid", &payment).await.status, StatusCode::OK);
    chain.verifying.lock().unwrap().push_back(Act::Answer(200, json!({"isValid": true, "payer": PAYER})));
    let again = pay(&server, "/paid", &payment).await;
    assert_eq!((again.status, &again.json()["code"]), (StatusCode::PAYMENT_REQUIRED, &json!("duplicate_settlement")));
    assert_eq!((server.runs.count(), chain.counts()), (1, [1, 1]));
}

#[tokio::test]
async fn a_payment_is_for_the_resource_it_names() {
    let (server, chain) = start(exact()).await;
    let named = |payment: &PaymentPayload, url: &str| PaymentPayload {
        resource: Some(farebox_x402::Resource { url: url.into(), description: None, mime_type: None }),
        ..payment.clone()
    };
    let payment = signed(&server, "/paid").await;
    for url in ["/other", "https://api.example/other", "", "/paid/", "https://api.example"] {
        let answer = pay(&server, "/paid", &named(&payment, url)).await;
        assert_eq!(answer.status, StatusCode::PAYMENT_REQUIRED, "{url}");
        assert!(answer.message().contains("another resource"), "{}", answer.message());
    }
    assert_eq!(chain.counts(), [0, 0]);
    for url in ["/paid", "/paid?q=1", "https://api.example/paid"] {
        let payment = named(&signed(&server, "/paid").await, url);
        assert_eq!(pay(&server, "/paid", &payment).await.status, StatusCode::OK, "{url}");
    }
}

#[tokio::test]
async fn with_a_public_address_the_offer_and_the_payment_name_it() {
    let (_, addr) = Chain::start().await;
    let gate = Gate::builder().chain(Chain::facilitator(addr)).mode(Mode::Test).public_url("https://api.example/v1/");
    let server = serve(gate.route("GET /paid", exact()).build().unwrap()).await;
    let offer = server.get("/paid").await.offer().unwrap();
    assert_eq!(offer.resource.url, "https://api.example/v1/paid");
    let mut payment = sign(offer.accepts[0].chain().unwrap(), &fresh_nonce());
    payment.resource =
        Some(farebox_x402::Resource { url: "https://evil.example/paid".into(), ..offer.resource.clone() });
    assert_eq!(pay(&server, "/paid", &payment).await.status, StatusCode::PAYMENT_REQUIRED);
    payment.resource = Some(offer.resource);
    assert_eq!(pay(&server, "/paid", &payment).await.status, StatusCode::OK);
}

#[tokio::test]
async fn two_authorizations_in_one_payment_are_refused() {
    let (server, chain) = start(exact()).await;
    let mut payment = signed(&server, "/paid").await;
    let text = payment.payload.get().replacen('{', r#"{"permit2Authorization":{"from":"0x1","nonce":"7"},"#, 1);
    payment.payload = serde_json::value::RawValue::from_string(text).unwrap();
    let answer = pay(&server, "/paid", &payment).await;
    assert_eq!((answer.status, chain.counts()), (StatusCode::PAYMENT_REQUIRED, [0, 0]));
}

fn credits_token(scheme: &str, plan: &str) -> String {
    let token = json!({"x402Version": 2, "accepted": {"scheme": scheme, "network": "eip155:84532", "planId": plan},
        "payload": {"signature": "0x", "authorization": {"from": "0x1"}}});
    codec::encode_token(&token)
}

#[tokio::test]
async fn credits_and_a_fare_on_a_chain_stand_side_by_side_on_one_route() {
    let (chain, addr) = Chain::start().await;
    let fake = Arc::new(Fake::default());
    let credits: Arc<Fake> = Arc::clone(&fake);
    let route = Route::credits("7").price("5 credits").or(exact()).or(Route::credits("8").price("9 credits"));
    let gate = Gate::builder().facilitator(credits).chain(Chain::facilitator(addr)).mode(Mode::Test);
    let server = serve(gate.route("GET /paid", route).build().unwrap()).await;
    let offer = server.get("/paid").await.offer().unwrap();
    let [one, two, three] = &offer.accepts[..] else { panic!("{offer:?}") };
    assert_eq!((&*one.credits().unwrap().plan_id, &*three.credits().unwrap().plan_id), ("7", "8"));

    let answer = pay(&server, "/paid", &sign(two.chain().unwrap(), &fresh_nonce())).await;
    assert_eq!((answer.status, chain.counts(), fake.counts()), (StatusCode::OK, [1, 1], [0, 0, 0]));
    for (token, amount) in
        [(credits_token("nvm:erc4337", "7"), "5"), (credits_token("nvm:erc4337", "8"), "9"), ("opaque".to_owned(), "5")]
    {
        let answer = server.send(Method::GET, "/paid", &[("payment-signature", &token)]).await;
        assert_eq!(answer.status, StatusCode::OK);
        let call = fake.calls().pop().unwrap();
        assert_eq!((&*call.token, &*call.amount), (&*token, amount));
    }
    let strange = server.send(Method::GET, "/paid", &[("payment-signature", &credits_token("nvm:card", "7"))]).await;
    assert_eq!((strange.status, chain.counts()), (StatusCode::PAYMENT_REQUIRED, [1, 1]));
}

#[tokio::test]
async fn a_test_rail_takes_the_word_test_for_a_fare_on_a_chain() {
    let gate =
        Gate::builder().facilitator(Arc::new(TestRail::new())).mode(Mode::Test).pay_to(PAY_TO).network("base-sepolia");
    let server = serve(gate.route("GET /paid", Route::exact("$0.01")).build().unwrap()).await;
    assert_eq!(server.get("/paid").await.status, StatusCode::PAYMENT_REQUIRED);
    let answer = server.send(Method::GET, "/paid", &[("payment-signature", "test")]).await;
    assert_eq!(answer.status, StatusCode::OK);
    let receipt = answer.receipt().unwrap();
    assert_eq!((receipt.amount.as_deref(), &*receipt.network), (Some("10000"), "eip155:84532"));
}

#[test]
fn a_gate_says_what_is_missing_for_a_fare_on_a_chain() {
    let fake = || -> Arc<Fake> { Arc::default() };
    let credits_only = Gate::builder().facilitator(fake()).route("GET /paid", exact()).build();
    assert!(credits_only.unwrap_err().to_string().contains("no facilitator for payments on a chain"));
    let chain_only = Gate::builder().chain(fake()).route("GET /paid", Route::credits("7")).build();
    assert!(chain_only.unwrap_err().to_string().contains("no facilitator for credits"));
    let bad_url = Gate::builder().chain(fake()).public_url("api.example").route("GET /paid", exact()).build();
    assert!(bad_url.unwrap_err().to_string().contains("public address"));
    let plan = Gate::builder().chain(fake()).route("GET /paid", exact()).build().unwrap().execution_plan();
    assert!(plan.starts_with("GET /paid: 0.01 USDC on Base Sepolia by exact on eip155:84532 to 0x209693"), "{plan}");
}
