//! What reusable and single-use tokens mean.

use serde_json::{Value, json};

use super::journey::{decode, encode};
use crate::world::{World, accept, named, pay, permission3, text};

on_both! {
    async fn a_single_use_token_is_spent_by_its_first_settle(world: &World) {
        let plan = world.ordered_plan(10).await;
        let token = world.token3(&plan).await;
        world.verify(pay(&token, &plan, "1")).await.ok();
        let verified = world.verify(pay(&token, &plan, "1")).await.ok();
        let request = text(&verified["agentRequestId"]);
        let first = world.settle(named(pay(&token, &plan, "1"), &request)).await.ok();

        assert_eq!(world.settle(named(pay(&token, &plan, "1"), &request)).await.ok(), first);
        world.settle(named(pay(&token, &plan, "1"), "another")).await.refused(402, "BCK.X402.0059");
        world.settle(pay(&token, &plan, "1")).await.refused(402, "BCK.X402.0059");
        assert_eq!(world.verify(pay(&token, &plan, "1")).await.ok()["invalidCode"], "BCK.X402.0059");
        assert_eq!(world.credits(&plan).await, (9, 0));
    }

    async fn a_single_use_token_settled_without_a_name_is_spent_too(world: &World) {
        let plan = world.ordered_plan(10).await;
        let token = world.token3(&plan).await;
        world.settle(pay(&token, &plan, "1")).await.ok();
        world.settle(pay(&token, &plan, "1")).await.refused(402, "BCK.X402.0059");
        world.settle(named(pay(&token, &plan, "1"), "r")).await.refused(402, "BCK.X402.0059");
        assert_eq!(world.credits(&plan).await, (9, 0));
    }

    async fn a_spent_token_is_called_spent_even_when_its_payer_has_nothing_left(world: &World) {
        let plan = world.ordered_plan(1).await;
        let token = world.token3(&plan).await;
        let request = world.hold(&token, &plan, "1").await;
        world.settle(named(pay(&token, &plan, "1"), &request)).await.ok();
        world.settle(named(pay(&token, &plan, "1"), "other")).await.refused(402, "BCK.X402.0059");
        world.settle(pay(&token, &plan, "1")).await.refused(402, "BCK.X402.0059");
        let verdict = world.verify(crate::world::held(pay(&token, &plan, "1"), 60)).await.ok();
        assert_eq!(verdict["invalidCode"], "BCK.X402.0059");
        assert_eq!(world.credits(&plan).await, (0, 0));
    }

    async fn a_single_use_token_pays_only_where_it_is_bound_to(world: &World) {
        let plan = world.ordered_plan(10).await;
        let token = world.token3(&plan).await;
        let changes: [fn(&mut Value); 4] = [
            |offer| offer["resource"]["url"] = "/other".into(),
            |offer| offer["resource"]["url"] = "/ask?x=1".into(),
            |offer| offer["accepts"][0]["extra"]["httpVerb"] = "GET".into(),
            |offer| offer["accepts"][0]["extra"]["httpVerb"] = Value::Null,
        ];
        for change in changes {
            let mut call = pay(&token, &plan, "1");
            change(&mut call["paymentRequired"]);
            assert_eq!(world.verify(call.clone()).await.ok()["invalidCode"], "BCK.X402.0013", "{call}");
            world.settle(call).await.refused(400, "BCK.X402.0013");
        }
        assert_eq!(world.credits(&plan).await, (10, 0));
        world.settle(pay(&token, &plan, "1")).await.ok();
    }

    async fn a_reusable_token_is_not_bound_to_a_route(world: &World) {
        let plan = world.ordered_plan(10).await;
        let token = world.token(&plan).await;
        let mut call = pay(&token, &plan, "1");
        call["paymentRequired"]["resource"]["url"] = "https://elsewhere.example/x".into();
        call["paymentRequired"]["accepts"][0]["extra"]["httpVerb"] = "DELETE".into();
        world.settle(call).await.ok();
        assert_eq!(world.credits(&plan).await, (9, 0));
    }

    async fn absolute_urls_are_bound_by_origin_and_path(world: &World) {
        let plan = world.ordered_plan(10).await;
        let mut body = permission3(&plan);
        body["resource"]["url"] = "https://api.example/ask?one=1".into();
        let token = text(&world.mint_token(body).await.ok()["accessToken"]);
        let mut call = pay(&token, &plan, "1");
        call["paymentRequired"]["resource"]["url"] = "https://api.example/ask?two=2".into();
        assert_eq!(world.verify(call.clone()).await.ok()["isValid"], true);
        call["paymentRequired"]["resource"]["url"] = "https://api.example/asked".into();
        assert_eq!(world.verify(call.clone()).await.ok()["isValid"], false);
        call["paymentRequired"]["resource"]["url"] = "/ask".into();
        assert_eq!(world.verify(call).await.ok()["isValid"], false);
    }

    async fn a_single_use_token_needs_what_it_is_to_be_bound_to(world: &World) {
        let plan = world.ordered_plan(1).await;
        let changes: [fn(&mut Value); 4] = [
            |body| body["resource"] = Value::Null,
            |body| body["resource"]["url"] = " ".into(),
            |body| body["accepted"]["extra"] = json!({}),
            |body| body["accepted"]["extra"]["httpVerb"] = " ".into(),
        ];
        for change in changes {
            let mut body = permission3(&plan);
            change(&mut body);
            world.mint_token(body).await.refused(400, "BCK.X402.0012");
        }
        for version in [0, 1, 4] {
            let mut body = permission3(&plan);
            body["tokenVersion"] = version.into();
            world.mint_token(body).await.refused(400, "FBX.REQUEST.FIELD");
        }
        let mut body = permission3(&plan);
        body["accepted"]["scheme"] = "nvm:card-delegation".into();
        world.mint_token(body).await.refused(400, "FBX.REQUEST.UNSUPPORTED");
    }

    async fn a_token_may_be_written_anew_on_its_way(world: &World) {
        let plan = world.ordered_plan(2).await;
        let token = decode(&world.token(&plan).await);
        let pretty = serde_json::to_string_pretty(&token).unwrap();
        use base64::{Engine, engine::general_purpose::{STANDARD, URL_SAFE}};
        for text in [encode(&token), STANDARD.encode(&pretty), URL_SAFE.encode(&pretty)] {
            assert_eq!(world.verify(pay(&text, &plan, "1")).await.ok()["isValid"], true);
        }
    }

    async fn a_token_ends_after_a_day(world: &World) {
        let plan = world.ordered_plan(5).await;
        let token = world.token(&plan).await;
        world.pass(24 * 60 * 60 - 1);
        world.settle(pay(&token, &plan, "1")).await.ok();
        world.pass(1);
        world.settle(pay(&token, &plan, "1")).await.refused(402, "BCK.X402.0005");
        assert_eq!(world.verify(pay(&token, &plan, "1")).await.ok()["invalidCode"], "BCK.X402.0005");
        assert_eq!(world.credits(&plan).await, (4, 0));
    }

    async fn what_was_held_settles_although_its_token_has_ended_since(world: &World) {
        let plan = world.ordered_plan(5).await;
        let token = world.token3(&plan).await;
        world.pass(24 * 60 * 60 - 10);
        let request = world.hold(&token, &plan, "1").await;
        world.pass(20);
        world.settle(named(pay(&token, &plan, "1"), "never-held")).await.refused(402, "BCK.X402.0005");
        let receipt = world.settle(named(pay(&token, &plan, "1"), &request)).await.ok();
        assert_eq!(world.credits(&plan).await, (4, 0));
        world.pass(1_000);
        assert_eq!(world.settle(named(pay(&token, &plan, "1"), &request)).await.ok(), receipt);
        assert_eq!(world.credits(&plan).await, (4, 0));
    }

    async fn what_was_held_is_released_although_its_token_has_ended_since(world: &World) {
        let plan = world.ordered_plan(5).await;
        let token = world.token(&plan).await;
        world.pass(24 * 60 * 60 - 10);
        let request = world.hold(&token, &plan, "1").await;
        world.pass(20);
        assert_eq!(world.release(named(pay(&token, &plan, "1"), &request)).await.ok()["released"], true);
        assert_eq!(world.credits(&plan).await, (5, 0));
    }

    async fn the_sdk_asks_for_a_token_without_any_delegation_and_gets_one(world: &World) {
        let plan = world.ordered_plan(5).await;
        let body = json!({"accepted": accept(&plan)});
        assert!(world.mint_token(body).await.ok()["accessToken"].is_string());
    }
}
