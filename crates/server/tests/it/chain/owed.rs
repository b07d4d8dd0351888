//! A payment on a chain pays for one thing, and for that it is granted, whether its buyer comes back or not.

use std::time::Duration;

use axum::http::Method;
use farebox_evm::Wallet;
use farebox_server::{facilitator::Facilitating, worker};
use farebox_x402::facilitation::SettleResponse;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::{
    ordering::{Shop, backend, door, header},
    people::{body, request},
    town::Town,
};
use crate::world::{ask, bearer};

const ELSEWHERE: &str = "payment_used_elsewhere";

/// What a gate is told, once it is told something.
async fn settled(facilitating: &Facilitating, pay: &Value) -> SettleResponse {
    loop {
        match facilitating.settle(request(pay), None).await {
            Ok(settled) if settled.response.error_reason.as_deref() != Some("settlement_pending") => {
                return settled.response;
            }
            _ => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// What a buyer is told, once he is told something.
async fn ordered(shop: &Shop, plan: &str, payment: &str) -> u16 {
    loop {
        let answer = shop.order(plan, Some(payment)).await;
        if answer.status.as_u16() != 503 {
            return answer.status.as_u16();
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_payment_brought_for_an_order_and_to_a_gate_at_once_pays_for_one_of_them() {
    let Some(shop) = Shop::open().await else { return };
    let plan = shop.plan(|_| {}).await;
    let elsewhere = shop.town.open();
    for round in 1..=12_u64 {
        let pay = body(&shop.town.payer, shop.town.seller, 10_000);
        let payment = header(&pay["paymentPayload"]);
        // In one process, and in two.
        let gate = if round % 2 == 0 { &elsewhere.facilitating } else { &shop.running.facilitating };
        let granted_before = shop.balance(&plan).await.as_u64().unwrap();
        let (order, served) = tokio::join!(ordered(&shop, &plan, &payment), settled(gate, &pay));
        let granted = shop.balance(&plan).await.as_u64().unwrap() - granted_before;
        match order {
            200 => assert_eq!((granted, served.error_reason.as_deref()), (5, Some(ELSEWHERE)), "round {round}"),
            402 => assert_eq!((granted, served.success), (0, true), "round {round}"),
            other => panic!("an order was answered {other}"),
        }
        assert_eq!(shop.town.takings().await, round * 10_000);
    }
    elsewhere.stop();
    shop.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_paid_for_an_order_pays_at_no_gate_afterwards() {
    let Some(shop) = Shop::open().await else { return };
    let plan = shop.plan(|_| {}).await;
    let pay = body(&shop.town.payer, shop.town.seller, 10_000);
    shop.order(&plan, Some(&header(&pay["paymentPayload"]))).await.ok();
    let elsewhere = shop.town.open();
    for facilitating in [&shop.running.facilitating, &elsewhere.facilitating] {
        let refused = settled(facilitating, &pay).await;
        assert_eq!((refused.success, refused.error_reason.as_deref()), (false, Some(ELSEWHERE)));
    }
    assert_eq!((shop.balance(&plan).await, shop.town.takings().await), (json!(5), 10_000));
    elsewhere.stop();
    shop.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_buyer_goes_away_before_its_payment_is_mined_is_granted_once_all_the_same() {
    let Some(town) = Town::with_a_chain_of_its_own().await else { return };
    let shop = Shop::in_town(town).await;
    let plan = shop.plan(|_| {}).await;
    let payment = header(&body(&shop.town.payer, shop.town.seller, 10_000)["paymentPayload"]);
    shop.town.rpc("evm_setAutomine", json!([false])).await;
    let (path, key) = (format!("/api/v1/protocol/plans/{plan}/order"), bearer(&shop.buyer.key));
    let (router, paid) = (door(&shop.town, &shop.running), payment.clone());
    let order = tokio::spawn(async move {
        let headers = [("authorization", &*key), ("payment-signature", &*paid)];
        ask(router, Method::POST, &path, &headers, None).await
    });
    while shop.claims().await == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    order.abort();
    assert_eq!(shop.balance(&plan).await, 0);

    let (stop, stopped) = oneshot::channel::<()>();
    let working = tokio::spawn(worker::run(backend(&shop.town, &shop.running), async { drop(stopped.await) }));
    shop.town.rpc("evm_setAutomine", json!([true])).await;
    shop.town.rpc("evm_mine", json!([])).await;
    let granted = async {
        while shop.balance(&plan).await != 5
            || !shop.town.store.owed(shop.town.merchant, None, 9).await.unwrap().is_empty()
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), granted).await.expect("the worker grants what is paid");

    let answer = shop.order(&plan, Some(&payment)).await.ok();
    assert_eq!((&answer["balance"], shop.town.takings().await), (&json!(5), 10_000), "he comes back after all");
    drop(stop);
    working.await.unwrap();
    shop.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_money_is_taken_for_credits_that_the_account_has_no_room_for() {
    let Some(shop) = Shop::open().await else { return };
    let plan = shop.plan(|_| {}).await;
    let mint =
        json!({"planId": plan, "amount": 4_611_686_018_426_u64, "creditsReceiver": shop.buyer.account.to_string()});
    let headers = [("authorization", &*bearer(&shop.seller.key))];
    ask(shop.router.clone(), Method::POST, "/api/v1/protocol/plans/mint", &headers, Some(mint)).await.ok();
    let payer: &Wallet = &shop.town.payer;
    let payment = header(&body(payer, shop.town.seller, 10_000)["paymentPayload"]);
    shop.order(&plan, Some(&payment)).await.refused(409, "FBX.LEDGER.OVERFLOW");
    assert_eq!((shop.town.takings().await, shop.claims().await), (0, 0));
    shop.finish().await;
}
