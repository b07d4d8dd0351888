//! Reserving: parallel requests never pass on the same credits.

use farebox_engine::ledger::State;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::world::{World, ask, bearer, held, named, pay, text};

/// Sends the same verify `times` at once and counts what is answered.
async fn verify_at_once(world: &World, call: &Value, times: usize) -> (Vec<String>, Vec<String>) {
    let mut tasks = JoinSet::new();
    for _ in 0..times {
        let (router, key, call) = (world.router.clone(), bearer(&world.seller.key), call.clone());
        tasks.spawn(async move {
            let headers = [("authorization", key.as_str())];
            ask(router, axum::http::Method::POST, "/api/v1/x402/verify", &headers, Some(call)).await.ok()
        });
    }
    let (mut valid, mut refused) = (Vec::new(), Vec::new());
    for answer in tasks.join_all().await {
        match answer["isValid"].as_bool() {
            Some(true) => valid.push(text(&answer["agentRequestId"])),
            _ => refused.push(text(&answer["invalidCode"])),
        }
    }
    (valid, refused)
}

on_both! {
    async fn a_thousand_holds_with_one_single_use_token_pass_once(world: &World) {
        let plan = world.ordered_plan(2_000).await;
        let token = world.token3(&plan).await;
        let (valid, refused) = verify_at_once(world, &held(pay(&token, &plan, "1"), 60), 1_000).await;
        assert_eq!((valid.len(), refused.len()), (1, 999));
        assert!(refused.iter().all(|code| code == "FBX.X402.IN_USE"), "{refused:?}");
        assert_eq!(world.credits(&plan).await, (2_000, 1));
        assert_eq!(world.charge(&valid[0]).await.unwrap().state, State::Held);

        world.settle(named(pay(&token, &plan, "1"), &valid[0])).await.ok();
        let (valid, refused) = verify_at_once(world, &held(pay(&token, &plan, "1"), 60), 10).await;
        assert!(valid.is_empty() && refused.iter().all(|code| code == "BCK.X402.0059"), "{refused:?}");
        assert_eq!(world.credits(&plan).await, (1_999, 0));
    }

    async fn a_thousand_holds_with_one_reusable_token_pass_as_often_as_there_are_credits(world: &World) {
        let plan = world.ordered_plan(37).await;
        let token = world.token(&plan).await;
        let (valid, refused) = verify_at_once(world, &held(pay(&token, &plan, "1"), 60), 1_000).await;
        assert_eq!((valid.len(), refused.len()), (37, 963));
        assert!(refused.iter().all(|code| code == "BCK.CREDITS.0003"), "{refused:?}");
        assert_eq!(world.credits(&plan).await, (37, 37));
        for request in &valid {
            world.settle(named(pay(&token, &plan, "1"), request)).await.ok();
        }
        assert_eq!(world.credits(&plan).await, (0, 0));
        assert_eq!(world.count("posted").await, 37);
    }

    async fn plain_verifies_reserve_nothing_and_settles_stop_at_the_balance(world: &World) {
        let plan = world.ordered_plan(3).await;
        let token = world.token(&plan).await;
        let (valid, _) = verify_at_once(world, &pay(&token, &plan, "1"), 20).await;
        assert_eq!(valid.len(), 20);
        assert_eq!(world.credits(&plan).await, (3, 0));
        let mut settled = 0;
        for request in valid {
            let answer = world.settle(named(pay(&token, &plan, "1"), &request)).await;
            if answer.status.is_success() {
                settled += 1;
            } else {
                answer.refused(402, "BCK.CREDITS.0003");
            }
        }
        assert_eq!((settled, world.credits(&plan).await), (3, (0, 0)));
    }

    async fn a_released_single_use_token_may_be_presented_again(world: &World) {
        let plan = world.ordered_plan(5).await;
        let token = world.token3(&plan).await;
        let first = world.hold(&token, &plan, "2").await;
        assert_eq!(world.credits(&plan).await, (5, 2));
        let call = named(pay(&token, &plan, "2"), &first);
        assert_eq!(world.release(call.clone()).await.ok()["released"], true);
        assert_eq!(world.credits(&plan).await, (5, 0));
        assert_eq!(world.release(call.clone()).await.ok()["released"], false);
        world.settle(call).await.refused(409, "FBX.X402.RELEASED");
        assert_eq!(world.credits(&plan).await, (5, 0));

        let second = world.hold(&token, &plan, "2").await;
        world.settle(named(pay(&token, &plan, "2"), &second)).await.ok();
        assert_eq!(world.credits(&plan).await, (3, 0));
        assert_eq!(world.charge(&first).await.unwrap().state, State::Released);
    }

    async fn releasing_what_was_settled_or_never_held_gives_nothing_back(world: &World) {
        let plan = world.ordered_plan(5).await;
        let token = world.token(&plan).await;
        let request = world.hold(&token, &plan, "1").await;
        let call = named(pay(&token, &plan, "1"), &request);
        world.settle(call.clone()).await.ok();
        assert_eq!(world.release(call).await.ok()["released"], false);
        assert_eq!(world.release(named(pay(&token, &plan, "1"), "unheard-of")).await.ok()["released"], false);
        assert_eq!(world.credits(&plan).await, (4, 0));
        world.release(pay(&token, &plan, "1")).await.refused(400, "FBX.REQUEST.FIELD");
    }

    async fn a_hold_ends_by_itself_and_its_credits_and_token_are_free_again(world: &World) {
        let plan = world.ordered_plan(1).await;
        let token = world.token3(&plan).await;
        let first = world.hold(&token, &plan, "1").await;
        let busy = world.verify(pay(&token, &plan, "1")).await.ok();
        assert_eq!(busy["invalidCode"], "FBX.X402.IN_USE");
        world.pass(59);
        assert_eq!(world.verify(pay(&token, &plan, "1")).await.ok()["isValid"], false);
        world.pass(1);
        assert_eq!(world.verify(pay(&token, &plan, "1")).await.ok()["isValid"], true);
        let second = world.hold(&token, &plan, "1").await;
        assert_eq!(world.charge(&first).await.unwrap().state, State::Expired);
        assert_eq!(world.credits(&plan).await, (1, 1));
        world.settle(named(pay(&token, &plan, "1"), &first)).await.refused(402, "FBX.X402.IN_USE");
        world.settle(named(pay(&token, &plan, "1"), &second)).await.ok();
        assert_eq!(world.credits(&plan).await, (0, 0));
    }

    async fn a_handler_that_outlived_its_hold_is_paid_if_the_credits_are_still_there(world: &World) {
        let plan = world.ordered_plan(1).await;
        let token = world.token(&plan).await;
        let request = world.hold(&token, &plan, "1").await;
        world.pass(120);
        let receipt = world.settle(named(pay(&token, &plan, "1"), &request)).await.ok();
        assert_eq!((text(&receipt["creditsRedeemed"]), world.credits(&plan).await), ("1".into(), (0, 0)));
    }

    async fn a_hold_of_no_length_or_too_long_a_length_is_refused(world: &World) {
        let plan = world.ordered_plan(1).await;
        let token = world.token(&plan).await;
        for seconds in [0, 86_401, u32::MAX] {
            world.verify(held(pay(&token, &plan, "1"), seconds)).await.refused(400, "FBX.REQUEST.FIELD");
        }
        assert_eq!(world.credits(&plan).await, (1, 0));
        assert_eq!(world.verify(held(pay(&token, &plan, "1"), 86_400)).await.ok()["isValid"], true);
    }

    async fn less_than_was_held_may_be_settled_and_more_may_not(world: &World) {
        let plan = world.ordered_plan(20).await;
        let token = world.token(&plan).await;
        let request = world.hold(&token, &plan, "10").await;
        world.settle(named(pay(&token, &plan, "11"), &request)).await.refused(409, "FBX.X402.EXCEEDS_HOLD");
        assert_eq!(world.credits(&plan).await, (20, 10));
        let receipt = world.settle(named(pay(&token, &plan, "4"), &request)).await.ok();
        assert_eq!((text(&receipt["creditsRedeemed"]), text(&receipt["remainingBalance"])), ("4".into(), "16".into()));
        assert_eq!(world.credits(&plan).await, (16, 0));
    }
}
