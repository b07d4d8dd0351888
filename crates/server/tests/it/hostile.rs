//! Bad input: a 4xx that says why, or `isValid: false`; nothing burned, no panic.

use axum::http::Method;
use serde_json::{Value, json};

use super::journey::{decode, encode};
use crate::world::{World, accept, bearer, held, named, pay, send, text};

/// Presents a token in every way there is, and asserts that each is refused with one of `codes` and moves nothing.
async fn refused_everywhere(world: &World, token: &str, plan: &str, codes: &[&str]) {
    let before = (world.credits(plan).await, world.count("posted").await, world.count("held").await);
    let call = pay(token, plan, "1");
    for answer in [
        world.verify(call.clone()).await,
        world.verify(held(call.clone(), 60)).await,
        world.settle(call.clone()).await,
        world.settle(named(call.clone(), "r")).await,
    ] {
        let code = answer.json.get("code").or_else(|| answer.json.get("invalidCode")).cloned().unwrap_or_default();
        let refused = answer.status.is_client_error() || answer.json["isValid"] == false;
        assert!(refused && codes.contains(&code.as_str().unwrap_or_default()), "{} {}", answer.status, answer.json);
    }
    let after = (world.credits(plan).await, world.count("posted").await, world.count("held").await);
    assert_eq!(before, after);
}

on_both! {
    async fn what_cannot_be_decoded_is_malformed(world: &World) {
        let plan = world.ordered_plan(5).await;
        let good = world.token(&plan).await;
        use base64::{Engine, engine::general_purpose::STANDARD};
        let deep = STANDARD.encode(format!("{{\"a\":{}{}}}", "[".repeat(2000), "]".repeat(2000)));
        let mut wrong = decode(&good);
        wrong["payload"]["authorization"]["nonce"] = 7.into();
        for token in [
            "", "!", "not base64", "e30", &good[..good.len() / 2], &format!("{good}{}", "A".repeat(16 * 1024)),
            &STANDARD.encode("[]"), &STANDARD.encode("null"), &STANDARD.encode([0, 159, 146, 150]), &deep, &encode(&wrong),
        ] {
            refused_everywhere(world, token, &plan, &["BCK.X402.0010"]).await;
        }
    }

    async fn every_token_cut_short_is_refused(world: &World) {
        let plan = world.ordered_plan(5).await;
        let good = world.token3(&plan).await;
        for length in (0..good.len()).step_by(17) {
            let answer = world.verify(pay(&good[..length], &plan, "1")).await;
            answer.refused(400, "BCK.X402.0010");
        }
        assert_eq!(world.verify(pay(&good, &plan, "1")).await.ok()["isValid"], true);
    }

    async fn a_forged_token_is_invalid_whatever_was_changed(world: &World) {
        let plan = world.ordered_plan(5).await;
        let other = world.ordered_plan(5).await;
        let changes: [fn(&mut Value); 8] = [
            |token| token["payload"]["signature"] = "0x00".into(),
            |token| token["payload"]["signature"] = "".into(),
            |token| token["payload"]["signature"] = format!("0x{}", "0".repeat(64)).into(),
            |token| token["payload"]["authorization"]["from"] = format!("0x{}", "1".repeat(40)).into(),
            |token| token["payload"]["authorization"]["sessionKeys"] = json!([]),
            |token| token["payload"]["authorization"]["sessionKeys"][1]["data"] = format!("0x{}{}", "0".repeat(48), "7f".repeat(8)).into(),
            |token| token["payload"]["authorization"]["nonce"] = format!("0x{}", "2".repeat(64)).into(),
            |token| token["accepted"]["planId"] = "1".into(),
        ];
        for single_use in [false, true] {
            let good = if single_use { world.token3(&plan).await } else { world.token(&plan).await };
            for change in changes {
                let mut token = decode(&good);
                change(&mut token);
                refused_everywhere(world, &encode(&token), &plan, &["BCK.X402.0005"]).await;
            }
            let mut moved = decode(&good);
            moved["accepted"]["planId"] = other.as_str().into();
            refused_everywhere(world, &encode(&moved), &other, &["BCK.X402.0005"]).await;
        }
        let mut unbound = decode(&world.token3(&plan).await);
        unbound["payload"]["authorization"].as_object_mut().unwrap().remove("nonce");
        refused_everywhere(world, &encode(&unbound), &plan, &["BCK.X402.0005"]).await;
    }

    async fn a_token_of_another_plan_is_not_accepted(world: &World) {
        let (plan, other) = (world.ordered_plan(5).await, world.ordered_plan(5).await);
        for token in [world.token(&other).await, world.token3(&other).await] {
            refused_everywhere(world, &token, &plan, &["BCK.X402.0013"]).await;
        }
        assert_eq!(world.credits(&other).await, (5, 0));
    }

    async fn an_offer_of_another_scheme_is_not_accepted(world: &World) {
        let plan = world.ordered_plan(5).await;
        let token = world.token(&plan).await;
        let mut call = pay(&token, &plan, "1");
        call["paymentRequired"]["accepts"][0]["scheme"] = "nvm:card-delegation".into();
        world.settle(call.clone()).await.refused(400, "BCK.X402.0013");
        let mut other = decode(&token);
        other["accepted"]["scheme"] = "nvm:card-delegation".into();
        world.settle(pay(&encode(&other), &plan, "1")).await.refused(400, "BCK.X402.0013");
        let mut both = pay(&encode(&other), &plan, "1");
        both["paymentRequired"]["accepts"][0]["scheme"] = "nvm:card-delegation".into();
        world.settle(both).await.refused(400, "BCK.X402.0013");
        call["paymentRequired"]["accepts"] = json!([]);
        world.settle(call.clone()).await.refused(400, "BCK.X402.0013");
        call["paymentRequired"]["accepts"] = json!([{"scheme": "exact", "amount": "1"}]);
        world.settle(call).await.refused(400, "BCK.X402.0013");
        assert_eq!(world.credits(&plan).await, (5, 0));
    }

    async fn another_merchants_plan_is_not_there(world: &World) {
        let body = crate::world::plan_body(crate::world::ranged(5));
        let theirs = world.post("/api/v1/protocol/plans", &world.stranger, body).await.ok();
        let theirs = text(&theirs["planId"]);
        world.post_nothing(&format!("/api/v1/protocol/plans/{theirs}/order"), &world.stranger).await.ok();
        let token = world.post("/api/v1/x402/permissions", &world.stranger, json!({"accepted": accept(&theirs)})).await.ok();
        let token = text(&token["accessToken"]);
        for call in [pay(&token, &theirs, "1"), held(pay(&token, &theirs, "1"), 60), named(pay(&token, &theirs, "1"), "r")] {
            world.verify(call.clone()).await.refused(404, "BCK.X402.0002");
            world.settle(call.clone()).await.refused(404, "BCK.X402.0002");
        }
        world.release(named(pay(&token, &theirs, "1"), "r")).await.refused(404, "BCK.X402.0002");
        let path = format!("/api/v1/protocol/plans/{theirs}/balance/{}", world.stranger.account);
        assert_eq!(world.get_public(&path).await.ok()["balance"], 5);
        let plan = world.ordered_plan(5).await;
        refused_everywhere(world, &token, &plan, &["BCK.X402.0013"]).await;
    }

    async fn a_body_that_cannot_be_read_names_its_member(world: &World) {
        let plan = world.ordered_plan(5).await;
        let token = world.token(&plan).await;
        let mut wrong = pay(&token, &plan, "1");
        wrong["maxAmount"] = 1.into();
        let answer = world.settle(wrong).await;
        answer.refused(400, "FBX.REQUEST.BODY");
        assert!(text(&answer.json["message"]).contains("maxAmount"), "{}", answer.json);
        let answer = world.settle(json!({"x402AccessToken": token})).await;
        answer.refused(400, "FBX.REQUEST.BODY");
        assert!(text(&answer.json["message"]).contains("paymentRequired"), "{}", answer.json);
        for body in ["", "{", "[1]", "null", "\u{0}", "\"x\""] {
            let headers = [("authorization", &*bearer(&world.seller.key))];
            let answer = send(world.router.clone(), Method::POST, "/api/v1/x402/verify", &headers, body.to_owned()).await;
            answer.refused(400, "FBX.REQUEST.BODY");
        }
        assert_eq!(world.credits(&plan).await, (5, 0));
    }

    async fn a_body_over_64_kib_is_refused_unread(world: &World) {
        let headers = [("authorization", &*bearer(&world.seller.key))];
        let body = format!("{{\"x402AccessToken\":\"{}\"}}", "A".repeat(64 * 1024));
        let answer = send(world.router.clone(), Method::POST, "/api/v1/x402/settle", &headers, body).await;
        answer.refused(413, "FBX.REQUEST.TOO_LARGE");
    }
}
