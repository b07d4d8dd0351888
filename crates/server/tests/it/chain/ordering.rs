//! Orders of plans with a price in a token: offered, paid, granted once.

use axum::{
    Router,
    http::{HeaderMap, Method},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use farebox_evm::Wallet;
use farebox_server::{Backend, Keyring, router};
use farebox_store::{Page, Role};
use serde_json::{Value, json};

use super::{
    people::{USDC, body, in_version_1, request, wallet},
    town::{Running, Town},
};
use crate::world::{Answer, MASTER, Person, ask, bearer, person, plan_body, ranged, text};

const PLANS: &str = "/api/v1/protocol/plans";

pub(super) struct Shop {
    pub(super) town: Town,
    pub(super) running: Running,
    pub(super) router: Router,
    pub(super) seller: Person,
    pub(super) buyer: Person,
}

impl Shop {
    pub(super) async fn open() -> Option<Self> {
        Some(Self::in_town(Town::new().await?).await)
    }

    pub(super) async fn in_town(town: Town) -> Self {
        let running = town.open();
        let seller = person(&*town.store, town.merchant, Role::Seller).await;
        let buyer = person(&*town.store, town.merchant, Role::Buyer).await;
        Self { router: door(&town, &running), town, running, seller, buyer }
    }

    /// A plan of five credits for `amounts` of USDC.
    pub(super) async fn plan(&self, change: impl Fn(&mut Value)) -> String {
        let mut plan = plan_body(ranged(5));
        plan["priceConfig"] = json!({
            "isCrypto": true, "tokenAddress": USDC, "amounts": ["10000"], "receivers": [self.town.seller.to_string()],
        });
        change(&mut plan);
        let headers = [("authorization", &*bearer(&self.seller.key))];
        let answer = ask(self.router.clone(), Method::POST, PLANS, &headers, Some(plan)).await.ok();
        text(&answer["planId"])
    }

    pub(super) async fn order(&self, plan: &str, payment: Option<&str>) -> Answer {
        self.order_by(&self.buyer, plan, "payment-signature", payment).await
    }

    async fn order_by(&self, who: &Person, plan: &str, header: &str, payment: Option<&str>) -> Answer {
        let key = bearer(&who.key);
        let mut headers = vec![("authorization", key.as_str())];
        headers.extend(payment.map(|payment| (header, payment)));
        ask(self.router.clone(), Method::POST, &format!("{PLANS}/{plan}/order"), &headers, None).await
    }

    pub(super) async fn balance(&self, plan: &str) -> Value {
        let path = format!("{PLANS}/{plan}/balance/{}", self.buyer.account);
        ask(self.router.clone(), Method::GET, &path, &[], None).await.ok()["balance"].clone()
    }

    /// Payments that say in their intents that they pay for an order.
    pub(super) async fn claims(&self) -> usize {
        let rows = self.town.store.audit(self.town.merchant, Page::first(1000)).await.unwrap();
        rows.iter().filter(|row| row.entries.contains("plan.order/")).count()
    }

    pub(super) async fn finish(self) {
        self.running.stop();
        self.town.finish().await;
    }
}

pub(super) fn backend(town: &Town, running: &Running) -> Backend {
    let backend = Backend::new(std::sync::Arc::clone(&town.store), town.clock(), Keyring::new(MASTER));
    backend.paid_through(running.facilitating.clone())
}

pub(super) fn door(town: &Town, running: &Running) -> Router {
    router(backend(town, running))
}

pub(super) fn header(payment: &Value) -> String {
    STANDARD.encode(payment.to_string())
}

fn pay(payer: &Wallet, town: &Town, amount: u64) -> String {
    header(&body(payer, town.seller, amount)["paymentPayload"])
}

fn decoded(headers: &HeaderMap, name: &str) -> Value {
    serde_json::from_slice(&STANDARD.decode(&headers[name]).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_offered_paid_and_granted_once_however_often_it_is_repeated() {
    let Some(shop) = Shop::open().await else { return };
    let plan = shop.plan(|_| {}).await;
    let unpaid = shop.order(&plan, None).await;
    unpaid.refused(402, "FBX.PLAN.UNPAID");
    let offer = decoded(&unpaid.headers, "payment-required");
    assert_eq!((&offer["x402Version"], offer["accepts"].as_array().unwrap().len()), (&json!(2), 1));
    assert_eq!(
        offer["accepts"][0],
        json!({
            "scheme": "exact", "network": "eip155:84532", "amount": "10000", "asset": USDC,
            "payTo": shop.town.seller.to_string(), "maxTimeoutSeconds": 300, "extra": {"name": "USDC", "version": "2"},
        })
    );
    assert_eq!(offer["resource"]["url"], format!("{PLANS}/{plan}/order"));
    assert_eq!(shop.balance(&plan).await, 0);

    let payment = pay(&shop.town.payer, &shop.town, 10_000);
    let paid = shop.order(&plan, Some(&payment)).await;
    let receipt = decoded(&paid.headers, "payment-response");
    let answer = paid.ok();
    assert_eq!((&answer["success"], &answer["balance"]), (&json!(true), &json!(5)));
    assert_eq!((&receipt["success"], &receipt["transaction"]), (&json!(true), &answer["txHash"]));
    let on_chain = shop.town.rpc("eth_getTransactionReceipt", json!([answer["txHash"]])).await;
    assert_eq!(on_chain["status"], "0x1");
    for _ in 0..3 {
        assert_eq!(shop.order(&plan, Some(&payment)).await.ok(), answer);
    }
    assert_eq!((shop.balance(&plan).await, shop.town.takings().await, shop.town.sent().await), (json!(5), 10_000, 1));
    let second = pay(&shop.town.payer, &shop.town, 10_000);
    assert_eq!(shop.order(&plan, Some(&second)).await.ok()["balance"], 10);
    assert_eq!((shop.town.takings().await, shop.claims().await), (20_000, 2));
    shop.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_payment_in_two_dialects_at_two_servers_at_once_grants_once() {
    let Some(shop) = Shop::open().await else { return };
    let plan = shop.plan(|_| {}).await;
    let both = body(&shop.town.payer, shop.town.seller, 10_000);
    let (two, one) = (header(&both["paymentPayload"]), header(&in_version_1(&both)["paymentPayload"]));
    let path = format!("{PLANS}/{plan}/order");
    let key = bearer(&shop.buyer.key);
    let mut orders = tokio::task::JoinSet::new();
    for number in 0..10 {
        let router = if number % 3 == 0 { door(&shop.town, &shop.running) } else { shop.router.clone() };
        let (name, payment) =
            if number % 2 == 0 { ("payment-signature", two.clone()) } else { ("x-payment", one.clone()) };
        let (path, key) = (path.clone(), key.clone());
        orders.spawn(async move {
            ask(router, Method::POST, &path, &[("authorization", &key), (name, &payment)], None).await.ok()
        });
    }
    let answers = orders.join_all().await;
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!((shop.balance(&plan).await, shop.town.takings().await, shop.town.sent().await), (json!(5), 10_000, 1));
    assert_eq!(shop.claims().await, 1);
    shop.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_buys_one_thing_only() {
    let Some(shop) = Shop::open().await else { return };
    let (plan, other) = (shop.plan(|_| {}).await, shop.plan(|_| {}).await);
    let payment = pay(&shop.town.payer, &shop.town, 10_000);
    shop.order(&plan, Some(&payment)).await.ok();
    let refused = shop.order(&other, Some(&payment)).await;
    refused.refused(402, "FBX.PLAN.PAYMENT_USED");
    assert!(refused.headers.contains_key("payment-required"));
    let theirs = shop.order_by(&shop.seller, &plan, "payment-signature", Some(&payment)).await;
    theirs.refused(402, "FBX.PLAN.PAYMENT_USED");

    // Settled for something else before: not for an order, and not at the second try either.
    let elsewhere = body(&shop.town.payer, shop.town.seller, 10_000);
    assert!(shop.running.facilitating.settle(request(&elsewhere), None).await.unwrap().response.success);
    let used = header(&elsewhere["paymentPayload"]);
    for _ in 0..2 {
        shop.order(&other, Some(&used)).await.refused(402, "FBX.PLAN.PAYMENT_USED");
    }
    assert_eq!((shop.balance(&plan).await, shop.balance(&other).await), (json!(5), json!(0)));
    shop.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_is_not_good_is_refused_with_an_offer_and_writes_nothing() {
    let Some(shop) = Shop::open().await else { return };
    let plan = shop.plan(|_| {}).await;
    let mut forged = body(&shop.town.payer, shop.town.seller, 10_000)["paymentPayload"].clone();
    forged["payload"]["authorization"]["value"] = "10000000".into();
    let mut elsewhere = body(&shop.town.payer, shop.town.seller, 10_000)["paymentPayload"].clone();
    elsewhere["accepted"]["network"] = "eip155:1".into();
    let poor = pay(&wallet(), &shop.town, 10_000);
    let less = pay(&shop.town.payer, &shop.town, 9_999);
    for payment in ["x".to_owned(), header(&json!({})), header(&forged), header(&elsewhere), poor, less] {
        let refused = shop.order(&plan, Some(&payment)).await;
        refused.refused(402, "FBX.PLAN.PAYMENT");
        assert_eq!(decoded(&refused.headers, "payment-required")["accepts"][0]["amount"], "10000");
    }
    assert_eq!((shop.balance(&plan).await, shop.town.sent().await, shop.claims().await), (json!(0), 0, 0));
    shop.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_that_one_payment_cannot_pay_is_not_offered() {
    let Some(shop) = Shop::open().await else { return };
    let changes: [fn(&mut Value); 5] = [
        |plan| plan["isTrialPlan"] = true.into(),
        |plan| plan["priceConfig"]["tokenAddress"] = "0x0000000000000000000000000000000000000000".into(),
        |plan| plan["priceConfig"]["isCrypto"] = false.into(),
        |plan| plan["priceConfig"]["receivers"] = json!([]),
        |plan| {
            let receiver = plan["priceConfig"]["receivers"][0].clone();
            plan["priceConfig"]["receivers"] = json!([receiver, receiver]);
            plan["priceConfig"]["amounts"] = json!(["5000", "5000"]);
        },
    ];
    for change in changes {
        let plan = shop.plan(change).await;
        let refused = shop.order(&plan, Some(&pay(&shop.town.payer, &shop.town, 10_000))).await;
        refused.refused(402, "FBX.PLAN.PRICED");
        assert!(!refused.headers.contains_key("payment-required"));
    }
    assert_eq!((shop.town.takings().await, shop.claims().await), (0, 0));
    shop.finish().await;
}
