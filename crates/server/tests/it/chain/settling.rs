//! Settling: one payment, one transfer, one answer.

use farebox_server::facilitator::{CallerName, Facilitating, SettleFailure};
use farebox_x402::{Receipt, facilitation::Request};

use super::{
    people::{body, in_version_1, request, wallet},
    town::Town,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_good_payment_is_verified_without_a_transaction_and_settled_with_one() {
    let Some(town) = Town::new().await else { return };
    let running = town.open();
    let pay = town.pay(10_000);
    let verified = running.facilitating.verify(&request(&pay)).await.unwrap();
    assert!(verified.is_valid, "{verified:?}");
    assert_eq!(town.sent().await, 0);

    let settled = running.facilitating.settle(request(&pay), None).await.unwrap();
    assert!(settled.response.success, "{settled:?}");
    assert_eq!(settled.response.payer, Some(town.payer.address().to_string()));
    assert_eq!(settled.response.amount.as_deref(), Some("10000"));
    assert_eq!((town.takings().await, town.sent().await), (10_000, 1));
    let receipt = town.rpc("eth_getTransactionReceipt", serde_json::json!([settled.response.transaction])).await;
    assert_eq!(receipt["status"], "0x1");
    town.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_payment_always_gets_the_same_answer_in_every_dialect() {
    let Some(town) = Town::new().await else { return };
    let running = town.open();
    let pay = town.pay(10_000);
    let first = running.facilitating.settle(request(&pay), None).await.unwrap().response;
    let again = running.facilitating.settle(request(&pay), None).await.unwrap().response;
    assert_eq!(first, again);
    let other = running.facilitating.settle(request(&in_version_1(&pay)), None).await.unwrap().response;
    assert_eq!((other.success, &other.transaction), (true, &first.transaction));
    assert_eq!(other.network, "base-sepolia");
    assert_eq!(town.sent().await, 1);
    town.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twelve_settles_of_one_authorization_at_once_cost_one_transaction() {
    let Some(town) = Town::new().await else { return };
    let running = town.open();
    let pay = town.pay(10_000);
    let settling = (0..12).map(|at| {
        let facilitating = running.facilitating.clone();
        let request = request(&if at % 2 == 0 { pay.clone() } else { in_version_1(&pay) });
        tokio::spawn(async move { facilitating.settle(request, None).await.unwrap().response })
    });
    let mut transactions = Vec::new();
    for settled in settling.collect::<Vec<_>>() {
        let settled = settled.await.unwrap();
        assert!(settled.success, "{settled:?}");
        transactions.push(settled.transaction);
    }
    transactions.dedup();
    assert_eq!(transactions.len(), 1);
    assert_eq!((town.takings().await, town.sent().await), (10_000, 1));
    town.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_settles_from_twenty_payers_through_one_signer_all_land() {
    let Some(town) = Town::new().await else { return };
    let running = town.open();
    let mut payers = Vec::new();
    for _ in 0..20 {
        let payer = wallet();
        town.mint(&payer, 1_000_000).await;
        payers.push(payer);
    }
    let settling = (0..200).map(|at| {
        let facilitating = running.facilitating.clone();
        let request = request(&body(&payers[at % 20], town.seller, 1_000));
        tokio::spawn(async move { facilitating.settle(request, None).await.unwrap().response })
    });
    for settled in settling.collect::<Vec<_>>() {
        let settled = settled.await.unwrap();
        assert!(settled.success, "{settled:?}");
    }
    assert_eq!(town.takings().await, 200_000);
    town.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn payments_that_wait_together_share_transactions_unless_that_is_not_wanted() {
    let Some(town) = Town::new().await else { return };
    let running = town.open();
    let settling = (0..200).map(|_| {
        let facilitating = running.facilitating.clone();
        let request = request(&town.pay(1_000));
        tokio::spawn(async move { facilitating.settle(request, None).await.unwrap().response })
    });
    for settled in settling.collect::<Vec<_>>() {
        let settled = settled.await.unwrap();
        assert!(settled.success, "{settled:?}");
    }
    assert_eq!(town.takings().await, 200_000);
    assert!(town.sent().await < 100, "{} transactions", town.sent().await);

    let alone = town.open_with(farebox_server::facilitator::ChainOptions { batch: 1, ..town.options() });
    let before = town.sent().await;
    let settling = (0..20).map(|_| {
        let facilitating = alone.facilitating.clone();
        let request = request(&town.pay(1_000));
        tokio::spawn(async move { facilitating.settle(request, None).await.unwrap().response.success })
    });
    for settled in settling.collect::<Vec<_>>() {
        assert!(settled.await.unwrap());
    }
    assert_eq!(town.sent().await - before, 20);
    town.finish().await;
}

/// Settles; while nobody knows the outcome yet, asks again as callers are told to.
async fn settled(facilitating: &Facilitating, request: Request) -> Receipt {
    for _ in 0..20 {
        let answer = facilitating.settle(request.clone(), None).await.unwrap().response;
        if answer.error_reason.as_deref() != Some("settlement_pending") {
            return answer;
        }
    }
    panic!("the outcome stays unknown");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_facilitators_with_one_signer_and_one_store_lose_nothing() {
    let Some(town) = Town::new().await else { return };
    let (one, other) = (town.open(), town.open());
    let settling = (0..60).map(|at| {
        let facilitating = if at % 2 == 0 { &one } else { &other }.facilitating.clone();
        let request = request(&town.pay(1_000));
        tokio::spawn(async move { settled(&facilitating, request).await })
    });
    for settled in settling.collect::<Vec<_>>() {
        let settled = settled.await.unwrap();
        assert!(settled.success, "{settled:?}");
    }
    assert_eq!(town.takings().await, 60_000);
    town.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_s_name_stands_for_one_payment() {
    let Some(town) = Town::new().await else { return };
    let running = town.open();
    let name = || Some(CallerName { scope: "key_1".into(), name: "order-7".into() });
    let pay = town.pay(10_000);
    let first = running.facilitating.settle(request(&pay), name()).await.unwrap();
    assert!(first.response.success && !first.replayed, "{first:?}");
    let again = running.facilitating.settle(request(&pay), name()).await.unwrap();
    assert_eq!((again.replayed, again.response), (true, first.response));
    let other = running.facilitating.settle(request(&town.pay(10_000)), name()).await;
    assert!(matches!(other, Err(SettleFailure::Conflict)), "{other:?}");
    let elsewhere = Some(CallerName { scope: "key_2".into(), name: "order-7".into() });
    let elsewhere = running.facilitating.settle(request(&town.pay(10_000)), elsewhere).await.unwrap();
    assert!(elsewhere.response.success && !elsewhere.replayed, "{elsewhere:?}");
    assert_eq!(town.sent().await, 2);
    town.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_is_not_good_is_answered_and_writes_nothing() {
    let Some(town) = Town::new().await else { return };
    let running = town.open();
    let refused = running.facilitating.settle(request(&town.pay(100_000_001)), None).await.unwrap().response;
    assert_eq!(
        (refused.success, refused.error_reason.as_deref()),
        (false, Some("invalid_exact_evm_insufficient_balance"))
    );
    assert_eq!((refused.transaction.as_str(), refused.network.as_str()), ("", "eip155:84532"));
    let mut elsewhere = town.pay(10_000);
    for place in ["/paymentPayload/accepted/network", "/paymentRequirements/network"] {
        *elsewhere.pointer_mut(place).unwrap() = "eip155:1".into();
    }
    let refused = running.facilitating.settle(request(&elsewhere), None).await.unwrap().response;
    assert_eq!(refused.error_reason.as_deref(), Some("invalid_network"));
    assert_eq!(town.sent().await, 0);
    assert_eq!(town.store.verify().await.unwrap().settlements, 0);
    town.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_somebody_else_brought_in_first_is_paid_all_the_same() {
    let Some(town) = Town::new().await else { return };
    // No blocks until we say so: our transaction waits, and somebody pays more to be first.
    town.rpc("evm_setAutomine", serde_json::json!([true])).await;
    let pay = town.pay(10_000);
    let rival = Town::new().await.unwrap();
    let (ours, theirs) = (town.open(), rival.open());
    let (one, other) =
        tokio::join!(ours.facilitating.settle(request(&pay), None), theirs.facilitating.settle(request(&pay), None),);
    let (one, other) = (one.unwrap().response, other.unwrap().response);
    // Each either settled it or, verifying late, found it used; the money moved once.
    assert!(one.success || other.success, "{one:?} {other:?}");
    if one.success && other.success {
        assert_eq!(one.transaction, other.transaction);
    }
    assert_eq!(town.takings().await, 10_000);
    rival.finish().await;
    town.finish().await;
}
