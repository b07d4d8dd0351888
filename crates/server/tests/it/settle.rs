//! Settling: once per name, the same receipt each time.

use serde_json::json;
use tokio::task::JoinSet;

use crate::world::{World, accept, ask, bearer, named, pay, text};

on_both! {
    async fn the_same_request_id_answers_the_same_receipt_whatever_happened_since(world: &World) {
        let plan = world.ordered_plan(10).await;
        let token = world.token(&plan).await;
        let request = world.hold(&token, &plan, "3").await;
        let call = named(pay(&token, &plan, "3"), &request);
        let first = world.settle(call.clone()).await.ok();
        world.settle(pay(&token, &plan, "2")).await.ok();
        world.order(&plan).await;
        let again = world.settle(call).await.ok();
        assert_eq!(first, again);
        assert_eq!(again["remainingBalance"], "7");
        assert_eq!(world.credits(&plan).await, (15, 0));
    }

    async fn a_hundred_settles_of_one_request_take_its_credits_once(world: &World) {
        let plan = world.ordered_plan(500).await;
        let token = world.token(&plan).await;
        let request = world.hold(&token, &plan, "3").await;
        let call = named(pay(&token, &plan, "3"), &request);
        let mut tasks = JoinSet::new();
        for _ in 0..100 {
            let (router, key, call) = (world.router.clone(), bearer(&world.seller.key), call.clone());
            tasks.spawn(async move {
                let headers = [("authorization", key.as_str())];
                ask(router, axum::http::Method::POST, "/api/v1/x402/settle", &headers, Some(call)).await.ok()
            });
        }
        let receipts = tasks.join_all().await;
        assert!(receipts.iter().all(|receipt| *receipt == receipts[0]));
        assert_eq!(world.credits(&plan).await, (497, 0));
        assert_eq!(world.count("posted").await, 1);
    }

    async fn a_request_id_of_another_payment_is_a_conflict(world: &World) {
        let (plan, other) = (world.ordered_plan(10).await, world.ordered_plan(10).await);
        let (token, others) = (world.token(&plan).await, world.token(&other).await);
        world.settle(named(pay(&token, &plan, "3"), "r-1")).await.ok();
        world.settle(named(pay(&token, &plan, "4"), "r-1")).await.refused(409, "FBX.X402.CONFLICT");
        world.settle(named(pay(&others, &other, "3"), "r-1")).await.refused(409, "FBX.X402.CONFLICT");
        assert_eq!((world.credits(&plan).await, world.credits(&other).await), ((7, 0), (10, 0)));
        for bad in ["", "a b", &"x".repeat(256)] {
            world.settle(named(pay(&token, &plan, "1"), bad)).await.refused(400, "FBX.REQUEST.FIELD");
        }
    }

    async fn a_request_id_of_another_payer_is_a_conflict(world: &World) {
        let plan = world.ordered_plan(10).await;
        let token = world.token(&plan).await;
        world.post_nothing(&format!("/api/v1/protocol/plans/{plan}/order"), &world.seller).await.ok();
        let other = world.post("/api/v1/x402/permissions", &world.seller, json!({"accepted": accept(&plan)})).await.ok();
        let other = text(&other["accessToken"]);
        let request = world.hold(&token, &plan, "1").await;
        world.settle(named(pay(&other, &plan, "1"), &request)).await.refused(409, "FBX.X402.CONFLICT");
        world.release(named(pay(&other, &plan, "1"), &request)).await.refused(409, "FBX.X402.CONFLICT");
        assert_eq!(world.credits(&plan).await, (10, 1));
        world.settle(named(pay(&token, &plan, "1"), &request)).await.ok();
        world.settle(named(pay(&other, &plan, "1"), &request)).await.refused(409, "FBX.X402.CONFLICT");
        assert_eq!(world.account_of(&plan, world.seller.account).await.unwrap().posted, 10_000_000);
    }

    async fn a_reusable_token_settles_again_and_again_without_a_name(world: &World) {
        let plan = world.ordered_plan(3).await;
        let token = world.token(&plan).await;
        let one = world.settle(pay(&token, &plan, "1")).await.ok();
        let two = world.settle(pay(&token, &plan, "1")).await.ok();
        assert_ne!(one["transaction"], two["transaction"]);
        assert_eq!(world.credits(&plan).await, (1, 0));
        world.settle(pay(&token, &plan, "2")).await.refused(402, "BCK.CREDITS.0003");
        assert_eq!(world.credits(&plan).await, (1, 0));
    }

    async fn an_idempotency_key_names_a_settle_that_has_no_request_id(world: &World) {
        let plan = world.ordered_plan(9).await;
        let token = world.token(&plan).await;
        let path = "/api/v1/x402/settle";
        let first = world.post_named(path, &world.seller, "s-1", pay(&token, &plan, "2")).await.ok();
        let again = world.post_named(path, &world.seller, "s-1", pay(&token, &plan, "2")).await.ok();
        assert_eq!(first, again);
        let other = world.post_named(path, &world.seller, "s-2", pay(&token, &plan, "2")).await.ok();
        assert_ne!(first["transaction"], other["transaction"]);
        world.post_named(path, &world.seller, "a b", pay(&token, &plan, "2")).await.refused(400, "FBX.REQUEST.FIELD");
        assert_eq!(world.credits(&plan).await, (5, 0));
    }

    async fn a_refusal_names_its_numbers_in_the_shape_that_clients_read(world: &World) {
        let plan = world.ordered_plan(2).await;
        let token = world.token(&plan).await;
        let answer = world.settle(pay(&token, &plan, "5")).await;
        answer.refused(402, "BCK.CREDITS.0003");
        assert_eq!(answer.json["message"], "not enough credits: 5 needed, 2 available");
        assert!(answer.json["hint"].is_string());
        let verdict = world.verify(pay(&token, &plan, "5")).await.ok();
        assert_eq!(verdict, json!({
            "isValid": false, "invalidCode": "BCK.CREDITS.0003",
            "invalidReason": "not enough credits: 5 needed, 2 available",
        }));
    }

    async fn a_price_in_parts_of_a_credit_is_taken_exactly_and_shown_whole_as_a_balance(world: &World) {
        let plan = world.plan(crate::world::credits_config(false, 10, (0, 100), 0)).await;
        world.order(&plan).await;
        let token = world.token(&plan).await;
        let receipt = world.settle(pay(&token, &plan, "0.25")).await.ok();
        assert_eq!((text(&receipt["creditsRedeemed"]), text(&receipt["remainingBalance"])), ("0.25".into(), "9.75".into()));
        let path = format!("/api/v1/protocol/plans/{plan}/balance/{}", world.buyer.account);
        assert_eq!(world.get_public(&path).await.ok()["balance"], 9);
        for bad in ["", "-1", "True", "1e3", "0.1234567", "None", "99999999999999"] {
            world.settle(pay(&token, &plan, bad)).await.refused(400, "BCK.COMMON.0026");
        }
    }
}
