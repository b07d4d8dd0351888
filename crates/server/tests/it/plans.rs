//! Kinds of plans, and how credits come and go.

use serde_json::{Value, json};

use crate::world::{World, credits_config, held, named, pay, plan_body, ranged, text};

const PLANS: &str = "/api/v1/protocol/plans";

on_both! {
    async fn a_fixed_plan_takes_its_own_amount_whatever_is_asked(world: &World) {
        let plan = world.plan(credits_config(true, 10, (2, 2), 0)).await;
        world.order(&plan).await;
        let token = world.token(&plan).await;
        for asked in ["1", "2", "50"] {
            let receipt = world.settle(pay(&token, &plan, asked)).await.ok();
            assert_eq!(receipt["creditsRedeemed"], "2");
        }
        assert_eq!(world.credits(&plan).await, (4, 0));
    }

    async fn a_ranged_plan_clamps_what_is_asked(world: &World) {
        let plan = world.plan(credits_config(false, 100, (2, 10), 0)).await;
        world.order(&plan).await;
        let token = world.token(&plan).await;
        for (asked, taken) in [("1", "2"), ("5", "5"), ("50", "10")] {
            assert_eq!(world.settle(pay(&token, &plan, asked)).await.ok()["creditsRedeemed"], taken);
        }
        let mut unpriced = pay(&token, &plan, "1");
        unpriced.as_object_mut().unwrap().remove("maxAmount");
        assert_eq!(world.settle(unpriced).await.ok()["creditsRedeemed"], "2");
        assert_eq!(world.credits(&plan).await, (81, 0));
    }

    async fn a_time_plan_is_used_freely_until_it_ends(world: &World) {
        let mut body = plan_body(credits_config(false, 1, (1, 1), 3_600));
        body["accessLimit"] = "time".into();
        let plan = text(&world.post(PLANS, &world.seller, body).await.ok()["planId"]);
        let token = world.token(&plan).await;
        let answer = world.settle(pay(&token, &plan, "1")).await;
        answer.refused(402, "BCK.CREDITS.0003");
        assert_eq!(answer.json["message"], "the payer does not hold this plan, or its time is over");
        assert_eq!(world.verify(pay(&token, &plan, "1")).await.ok()["invalidReason"], answer.json["message"]);
        world.order(&plan).await;
        for _ in 0..3 {
            let verified = world.verify(held(pay(&token, &plan, "1"), 60)).await.ok();
            assert_eq!(verified["isValid"], true);
            let call = named(pay(&token, &plan, "1"), &text(&verified["agentRequestId"]));
            let receipt = world.settle(call.clone()).await.ok();
            assert_eq!((text(&receipt["creditsRedeemed"]), text(&receipt["remainingBalance"])), ("0".into(), "1".into()));
            assert_eq!(world.settle(call).await.ok(), receipt);
        }
        assert_eq!((world.credits(&plan).await, world.count("posted").await), ((1, 0), 3));
        let path = format!("{PLANS}/{plan}/balance/{}", world.buyer.account);
        assert_eq!(world.get_public(&path).await.ok()["planType"], "time");
        world.pass(3_600);
        assert_eq!(world.verify(pay(&token, &plan, "1")).await.ok()["isValid"], false);
        world.settle(pay(&token, &plan, "1")).await.refused(402, "BCK.CREDITS.0003");
        assert_eq!(world.get_public(&path).await.ok()["isSubscriber"], false);
    }

    async fn a_single_use_token_of_a_time_plan_is_used_once(world: &World) {
        let mut body = plan_body(credits_config(false, 1, (1, 1), 0));
        body["accessLimit"] = "time".into();
        let plan = text(&world.post(PLANS, &world.seller, body).await.ok()["planId"]);
        world.order(&plan).await;
        let token = world.token3(&plan).await;
        let request = world.hold(&token, &plan, "1").await;
        let busy = world.verify(held(pay(&token, &plan, "1"), 60)).await.ok();
        assert_eq!(busy["invalidCode"], "FBX.X402.IN_USE");
        let receipt = world.settle(named(pay(&token, &plan, "1"), &request)).await.ok();
        assert_eq!(receipt["creditsRedeemed"], "0");
        world.settle(named(pay(&token, &plan, "1"), "again")).await.refused(402, "BCK.X402.0059");
        assert_eq!(world.credits(&plan).await, (1, 0));
    }

    async fn credits_of_a_hybrid_plan_end_with_its_time(world: &World) {
        let plan = world.plan(credits_config(true, 10, (1, 1), 100)).await;
        world.order(&plan).await;
        let token = world.token(&plan).await;
        world.settle(pay(&token, &plan, "1")).await.ok();
        world.pass(100);
        world.settle(pay(&token, &plan, "1")).await.refused(402, "BCK.CREDITS.0003");
        let path = format!("{PLANS}/{plan}/balance/{}", world.buyer.account);
        assert_eq!(world.get_public(&path).await.ok()["balance"], 0);
        world.order(&plan).await;
        world.settle(pay(&token, &plan, "1")).await.ok();
        assert_eq!(world.credits(&plan).await, (9, 0));
    }

    async fn a_trial_is_ordered_once_per_account(world: &World) {
        let mut body = plan_body(ranged(3));
        body["isTrialPlan"] = true.into();
        let plan = text(&world.post(PLANS, &world.seller, body).await.ok()["planId"]);
        assert_eq!(world.get_public(&format!("{PLANS}/{plan}")).await.ok()["metadata"]["plan"]["isTrialPlan"], true);
        world.order(&plan).await;
        let path = format!("{PLANS}/{plan}/order");
        world.post_nothing(&path, &world.buyer).await.refused(409, "BCK.PROTOCOL.0056");
        world.post_named(&path, &world.buyer, "again", Value::Null).await.refused(409, "BCK.PROTOCOL.0056");
        assert_eq!(world.credits(&plan).await, (3, 0));
        world.post_nothing(&path, &world.seller).await.ok();
        assert_eq!(world.account_of(&plan, world.seller.account).await.unwrap().posted, 3_000_000);
    }

    async fn a_trial_that_is_ordered_under_a_name_answers_that_name_again_and_no_other(world: &World) {
        let mut body = plan_body(ranged(3));
        body["isTrialPlan"] = true.into();
        let plan = text(&world.post(PLANS, &world.seller, body).await.ok()["planId"]);
        let path = format!("{PLANS}/{plan}/order");
        let first = world.post_named(&path, &world.buyer, "t-1", Value::Null).await.ok();
        assert_eq!(first["balance"], 3);
        let token = world.token(&plan).await;
        world.settle(pay(&token, &plan, "1")).await.ok();
        world.pass(86_400);
        for _ in 0..2 {
            assert_eq!(world.post_named(&path, &world.buyer, "t-1", Value::Null).await.ok(), first);
        }
        world.post_named(&path, &world.buyer, "t-2", Value::Null).await.refused(409, "BCK.PROTOCOL.0056");
        world.post_nothing(&path, &world.buyer).await.refused(409, "BCK.PROTOCOL.0056");
        assert_eq!((world.credits(&plan).await, world.count("granted").await), ((2, 0), 1));
    }

    async fn a_trial_that_many_order_at_once_is_granted_once(world: &World) {
        let mut body = plan_body(ranged(3));
        body["isTrialPlan"] = true.into();
        let plan = text(&world.post(PLANS, &world.seller, body).await.ok()["planId"]);
        let path = format!("{PLANS}/{plan}/order");
        let names: Vec<String> = (0..8).map(|number| format!("t-{number}")).collect();
        let (mut granted, mut orders) = (0, tokio::task::JoinSet::new());
        for name in names {
            let (router, path) = (world.router.clone(), path.clone());
            let key = crate::world::bearer(&world.buyer.key);
            orders.spawn(async move {
                let headers = [("authorization", key.as_str()), ("idempotency-key", name.as_str())];
                crate::world::ask(router, axum::http::Method::POST, &path, &headers, None).await
            });
        }
        while let Some(answer) = orders.join_next().await {
            let answer = answer.unwrap();
            match answer.status.as_u16() {
                200 => granted += 1,
                _ => answer.refused(409, "BCK.PROTOCOL.0056"),
            }
        }
        assert!(granted >= 1);
        assert_eq!((world.credits(&plan).await, world.count("granted").await), ((3, 0), 1));
    }

    async fn ordering_again_tops_up_and_the_same_name_orders_once(world: &World) {
        let plan = world.ranged_plan(5).await;
        let path = format!("{PLANS}/{plan}/order");
        world.order(&plan).await;
        world.order(&plan).await;
        let first = world.post_named(&path, &world.buyer, "o-1", Value::Null).await.ok();
        let again = world.post_named(&path, &world.buyer, "o-1", Value::Null).await.ok();
        assert_eq!(first, again);
        assert_eq!(world.credits(&plan).await, (15, 0));
        let other = world.ranged_plan(5).await;
        let path = format!("{PLANS}/{other}/order");
        world.post_named(&path, &world.buyer, "o-1", Value::Null).await.refused(409, "FBX.REQUEST.KEY_REUSED");
        assert_eq!(world.credits(&other).await, (0, 0));
    }

    async fn a_plan_with_a_price_is_not_given_away(world: &World) {
        let mut body = plan_body(ranged(5));
        body["priceConfig"]["amounts"] = json!(["0", "1000000"]);
        let plan = text(&world.post(PLANS, &world.seller, body).await.ok()["planId"]);
        let answer = world.post_nothing(&format!("{PLANS}/{plan}/order"), &world.buyer).await;
        answer.refused(402, "FBX.PLAN.PRICED");
        assert_eq!((world.credits(&plan).await, world.count("granted").await), ((0, 0), 0));
        let mut body = plan_body(ranged(5));
        body["priceConfig"]["amounts"] = json!([0, "0"]);
        let free = text(&world.post(PLANS, &world.seller, body).await.ok()["planId"]);
        world.order(&free).await;
    }

    async fn an_owner_mints_lasting_and_expiring_credits(world: &World) {
        let plan = world.ranged_plan(5).await;
        let to = world.buyer.account.to_string();
        let lasting = json!({"planId": plan, "amount": 10, "creditsReceiver": to});
        assert_eq!(world.post(&format!("{PLANS}/mint"), &world.seller, lasting.clone()).await.ok()["success"], true);
        let expiring = json!({"planId": plan, "creditsAmount": "4", "creditsReceiver": to, "creditsDuration": 60});
        let minted = world.post(&format!("{PLANS}/mintExpirable"), &world.seller, expiring).await.ok();
        assert_eq!(minted["balance"], 14);
        assert_eq!(world.credits(&plan).await, (14, 0));
        let token = world.token(&plan).await;
        world.settle(pay(&token, &plan, "3")).await.ok();
        world.pass(60);
        let path = format!("{PLANS}/{plan}/balance/{to}");
        assert_eq!(world.get_public(&path).await.ok()["balance"], 10, "what expires first burns first");
        world.settle(pay(&token, &plan, "10")).await.ok();
        assert_eq!(world.credits(&plan).await, (0, 0));

        for _ in 0..2 {
            world.post_named(&format!("{PLANS}/mint"), &world.seller, "m-1", lasting.clone()).await.ok();
        }
        assert_eq!(world.credits(&plan).await, (10, 0));
    }

    async fn minting_nothing_too_much_or_to_nobody_is_refused(world: &World) {
        let plan = world.ranged_plan(5).await;
        let to = world.buyer.account.to_string();
        for amount in [json!(0), json!("0"), json!(-1), json!("9223372036855"), json!(1.5), json!("x")] {
            let body = json!({"planId": plan, "amount": amount, "creditsReceiver": to});
            let answer = world.post(&format!("{PLANS}/mint"), &world.seller, body).await;
            answer.refused(400, "BCK.COMMON.0026");
            assert!(text(&answer.json["message"]).starts_with("amount must be"), "{}", answer.json);
        }
        let body = json!({"planId": plan, "amount": 1, "creditsReceiver": "0x12"});
        world.post(&format!("{PLANS}/mint"), &world.seller, body).await.refused(400, "FBX.REQUEST.FIELD");
        let most = json!({"planId": plan, "amount": "9223372036854", "creditsReceiver": to});
        world.post(&format!("{PLANS}/mint"), &world.seller, most).await.refused(409, "FBX.LEDGER.OVERFLOW");
        assert_eq!(world.credits(&plan).await, (0, 0));
    }

    async fn a_holder_burns_its_own_credits(world: &World) {
        let plan = world.ordered_plan(5).await;
        let burn = |amount: &str| json!({"planId": plan, "creditsAmount": amount});
        let path = format!("{PLANS}/burn");
        for _ in 0..2 {
            let burned = world.post_named(&path, &world.buyer, "b-1", burn("2")).await.ok();
            assert_eq!((&burned["creditsBurned"], &burned["balance"]), (&json!("2"), &json!(3)));
        }
        assert_eq!(world.credits(&plan).await, (3, 0));
        world.post(&path, &world.buyer, burn("4")).await.refused(402, "BCK.CREDITS.0003");
        world.post(&path, &world.buyer, burn("0")).await.refused(400, "BCK.COMMON.0026");
        world.post(&path, &world.seller, burn("1")).await.refused(402, "BCK.CREDITS.0003");
        assert_eq!(world.credits(&plan).await, (3, 0));
    }

    async fn a_plan_that_cannot_be_kept_is_refused_by_name(world: &World) {
        let cases: [(&str, Value, &str, &str); 12] = [
            ("/creditsConfig/amount", json!("9223372036855"), "BCK.COMMON.0026", "creditsConfig.amount"),
            ("/creditsConfig/amount", json!(1e30), "BCK.COMMON.0026", "creditsConfig.amount"),
            ("/creditsConfig/minAmount", json!("١"), "BCK.COMMON.0026", "creditsConfig.minAmount"),
            ("/creditsConfig/maxAmount", json!("-1"), "BCK.COMMON.0026", "creditsConfig.maxAmount"),
            ("/creditsConfig/durationSecs", json!("1.5"), "BCK.COMMON.0026", "creditsConfig.durationSecs"),
            ("/nonce", json!("0x10"), "BCK.COMMON.0026", "nonce"),
            ("/creditsConfig/amount", json!("0"), "FBX.PLAN.RULES", "amount must be above 0"),
            ("/creditsConfig/minAmount", json!("101"), "FBX.PLAN.RULES", "minAmount"),
            ("/creditsConfig/durationSecs", json!("31557600001"), "FBX.PLAN.RULES", "durationSecs"),
            ("/creditsConfig/onchainMirror", json!(true), "FBX.REQUEST.UNSUPPORTED", "onchainMirror"),
            ("/metadataAttributes/name", json!(" "), "FBX.REQUEST.FIELD", "metadataAttributes.name"),
            ("/accessLimit", json!("lines"), "FBX.REQUEST.BODY", "accessLimit"),
        ];
        for (pointer, value, code, says) in cases {
            let mut body = plan_body(ranged(5));
            *body.pointer_mut(pointer).unwrap() = value;
            let answer = world.post(PLANS, &world.seller, body).await;
            answer.refused(400, code);
            assert!(text(&answer.json["message"]).contains(says), "{pointer}: {}", answer.json);
        }
        let mut body = plan_body(ranged(5));
        body["priceConfig"]["amounts"] = json!(["1", format!("1{}", "0".repeat(39))]);
        let answer = world.post(PLANS, &world.seller, body).await;
        answer.refused(400, "BCK.COMMON.0026");
        assert!(text(&answer.json["message"]).contains("priceConfig.amounts[1]"), "{}", answer.json);
        assert_eq!(world.count("plan_registered").await, 0);
    }

    async fn a_plan_is_registered_once_per_nonce_or_name(world: &World) {
        let body = plan_body(ranged(5));
        let first = world.post(PLANS, &world.seller, body.clone()).await.ok();
        assert_eq!(world.post(PLANS, &world.seller, body.clone()).await.ok(), first);
        let mut other = body.clone();
        other["metadataAttributes"]["name"] = "Other".into();
        world.post(PLANS, &world.seller, other.clone()).await.refused(409, "FBX.REQUEST.KEY_REUSED");
        let named = world.post_named(PLANS, &world.seller, "p-1", other.clone()).await.ok();
        assert_eq!(world.post_named(PLANS, &world.seller, "p-1", other).await.ok(), named);
        assert_ne!(named["planId"], first["planId"]);
        assert_eq!(world.count("plan_registered").await, 2);
    }
}
