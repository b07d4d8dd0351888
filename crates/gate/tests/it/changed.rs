//! A payment that has paid is answered whatever the route has come to ask since; one that has not is offered what it asks now.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use farebox_gate::{Gate, Route, UnknownPolicy, answers::MemoryAnswers};
use farebox_types::Mode;
use farebox_x402::PaymentPayload;
use http::{Method, StatusCode};
use rstest::rstest;
use serde_json::json;

use crate::{
    chain::{Act, Chain, PAY_TO, header},
    fares::{app, pay, signed},
    harness::{Runs, Server, counted},
};

/// A gate as it is deployed, for a price.
async fn deployed(addr: SocketAddr, answers: &Arc<MemoryAnswers>, route: Route) -> Server {
    let gate = Gate::builder().chain(Chain::facilitator(addr)).mode(Mode::Test);
    let gate = gate.answers(Arc::<MemoryAnswers>::clone(answers)).route("GET /paid", route).build().unwrap();
    Server::serve(Arc::default(), |runs: Runs| counted(app(), runs).layer(gate)).await
}

fn priced(price: &str) -> Route {
    Route::exact(price).pay_to(PAY_TO).network("eip155:84532")
}

#[rstest]
#[case(priced("$0.02"))]
#[case(priced("$0.01").max_timeout(Duration::from_secs(77)))]
#[tokio::test]
async fn an_answer_is_given_again_after_price_or_terms_have_changed(#[case] later: Route) {
    let (chain, addr) = Chain::start().await;
    let answers = Arc::new(MemoryAnswers::new(1_000_000));
    let before = deployed(addr, &answers, priced("$0.01")).await;
    let payment = signed(&before, "/paid").await;
    let first = pay(&before, "/paid", &payment).await;
    assert_eq!((first.status, &*first.body), (StatusCode::OK, &b"paid content"[..]));

    let after = deployed(addr, &answers, later).await;
    let again = pay(&after, "/paid", &payment).await;
    assert_eq!((again.status, &again.body, again.receipt()), (first.status, &first.body, first.receipt()));
    let (name, value) = header(&payment);
    let other = after.send(Method::GET, "/paid?q", &[(name, &value)]).await;
    assert_eq!((other.status, other.offer()), (StatusCode::CONFLICT, None));
    assert_eq!((after.runs.count(), chain.counts()), (0, [1, 1]));

    let unknown = pay(&after, "/paid", &signed(&before, "/paid").await).await;
    assert_eq!(unknown.status, StatusCode::PAYMENT_REQUIRED);
    assert_eq!(unknown.json()["code"], "no_matching_payment_requirements");
    assert!(unknown.offer().is_some());
    assert_eq!((after.runs.count(), chain.counts()), (0, [1, 1]), "nobody was asked about it");
    assert_eq!(pay(&after, "/paid", &signed(&after, "/paid").await).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_payment_in_doubt_gets_no_new_offer_after_the_price_has_changed_and_its_answer_once_it_is_known() {
    let (chain, addr) = Chain::start().await;
    let answers = Arc::new(MemoryAnswers::new(1_000_000));
    let before = deployed(addr, &answers, priced("$0.01").on_unknown(UnknownPolicy::Withhold)).await;
    let payment = signed(&before, "/paid").await;
    let pending = || {
        Act::Answer(
            200,
            json!({"success": false, "errorReason": "settlement_pending", "network": "eip155:84532", "transaction": ""}),
        )
    };
    chain.settling.lock().unwrap().extend((0..200).map(|_| pending()));
    assert_eq!(pay(&before, "/paid", &payment).await.status, StatusCode::SERVICE_UNAVAILABLE);

    let after = deployed(addr, &answers, priced("$0.02").on_unknown(UnknownPolicy::Withhold)).await;
    let doubtful = pay(&after, "/paid", &payment).await;
    assert!(matches!(doubtful.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::CONFLICT), "{}", doubtful.status);
    assert_eq!(doubtful.offer(), None);
    chain.settling.lock().unwrap().clear();
    let answer = until_ok(&after, &payment).await;
    assert_eq!(answer, "paid content");
    assert_eq!((before.runs.count(), after.runs.count(), chain.transfers()), (1, 0, 1));
    let amounts = chain.asked("settle").into_iter().map(|body| body["paymentRequirements"]["amount"].clone());
    assert!(amounts.into_iter().all(|amount| amount == "10000"), "it is asked for what was agreed");
}

async fn until_ok(server: &Server, payment: &PaymentPayload) -> String {
    for _ in 0..200 {
        let answer = pay(server, "/paid", payment).await;
        assert_eq!(answer.offer(), None);
        if answer.status == StatusCode::OK {
            return String::from_utf8_lossy(&answer.body).into_owned();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the payment was never answered")
}

#[tokio::test]
async fn a_price_that_depends_on_the_hour_does_not_charge_a_retry_twice() {
    static PRICE: AtomicU64 = AtomicU64::new(10_000);
    let (chain, addr) = Chain::start().await;
    let answers = Arc::new(MemoryAnswers::new(1_000_000));
    let route = Route::exact_async(|_| async {
        Ok::<_, String>(if PRICE.load(Ordering::SeqCst) == 10_000 { "$0.01" } else { "$0.02" })
    })
    .pay_to(PAY_TO)
    .network("eip155:84532");
    let server = deployed(addr, &answers, route).await;
    let payment = signed(&server, "/paid").await;
    let first = pay(&server, "/paid", &payment).await;
    PRICE.store(20_000, Ordering::SeqCst);
    let again = pay(&server, "/paid", &payment).await;
    assert_eq!((first.status, &first.body), (again.status, &again.body));
    assert_eq!((server.runs.count(), chain.counts()), (1, [1, 1]));
}
