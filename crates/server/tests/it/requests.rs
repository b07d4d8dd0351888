//! What sellers report of requests, and requests that only pretend.

use serde_json::{Value, json};

use crate::world::{World, named, pay, text};

const TASKS: &str = "/api/v1/protocol/agent-sub-tasks";
const SIMULATE: &str = "/api/v1/protocol/agents/simulate";

fn task(request: &str) -> Value {
    json!({
        "agentRequestId": request, "creditsToRedeem": 2, "tag": "search", "description": "looked it up",
        "status": "SUCCESS",
    })
}

on_both! {
    async fn a_sub_task_is_kept_and_moves_no_credits(world: &World) {
        let plan = world.ordered_plan(10).await;
        let token = world.token(&plan).await;
        let request = text(&world.verify(pay(&token, &plan, "1")).await.ok()["agentRequestId"]);
        let kept = world.post(TASKS, &world.seller, task(&request)).await.ok();
        assert_eq!((&kept["success"], &kept["data"]["agentRequestId"]), (&json!(true), &json!(request)));
        assert_eq!((&kept["data"]["creditsToRedeem"], &kept["data"]["status"]), (&json!("2"), &json!("SUCCESS")));
        assert_eq!((world.credits(&plan).await, world.count("sub_task_tracked").await), ((10, 0), 1));
        world.settle(named(pay(&token, &plan, "1"), &request)).await.ok();
        assert_eq!(world.credits(&plan).await, (9, 0));
        let audit = world.store.audit(world.merchant, farebox_store::Page::first(100)).await.unwrap();
        let line = audit.iter().find(|row| row.entries.contains("sub_task_tracked")).unwrap();
        assert!(line.entries.contains(&request) && !line.entries.contains("looked it up"), "{}", line.entries);
    }

    async fn the_least_a_client_sends_is_enough_and_a_name_is_kept_once(world: &World) {
        let bare = json!({"agentRequestId": "r-1", "creditsToRedeem": 0, "tag": null, "description": null, "status": null});
        world.post(TASKS, &world.seller, bare).await.ok();
        let first = world.post_named(TASKS, &world.seller, "s-1", task("r-1")).await.ok();
        assert_eq!(world.post_named(TASKS, &world.seller, "s-1", task("r-1")).await.ok(), first);
        world.post_named(TASKS, &world.seller, "s-1", task("r-2")).await.refused(409, "FBX.REQUEST.KEY_REUSED");
        assert_eq!(world.count("sub_task_tracked").await, 2);
    }

    async fn a_sub_task_that_cannot_be_kept_is_refused_by_name(world: &World) {
        for (member, value, code) in [
            ("agentRequestId", json!(""), "FBX.REQUEST.FIELD"),
            ("agentRequestId", json!("a b"), "FBX.REQUEST.FIELD"),
            ("creditsToRedeem", json!(-1), "BCK.COMMON.0026"),
            ("tag", json!("x".repeat(101)), "FBX.REQUEST.FIELD"),
            ("description", json!("x".repeat(1_001)), "FBX.REQUEST.FIELD"),
            ("status", json!("DONE"), "FBX.REQUEST.BODY"),
        ] {
            let mut body = task("r-1");
            body[member] = value;
            world.post(TASKS, &world.seller, body).await.refused(400, code);
        }
        world.post(TASKS, &world.buyer, task("r-1")).await.refused(403, "BCK.AUTH.0004");
        assert_eq!(world.count("sub_task_tracked").await, 0);
    }

    async fn a_simulation_looks_like_a_request_and_leaves_nothing_behind(world: &World) {
        world.ranged_plan(1).await;
        let before = world.audit().await.len();
        let body = json!({"pricePerCredit": 0.01, "batch": true, "agentName": "Tester"});
        let started = world.post(&format!("{SIMULATE}/start"), &world.seller, body).await.ok();
        assert_eq!((&started["agentName"], &started["batch"]), (&json!("Tester"), &json!(true)));
        for member in ["agentRequestId", "agentId", "urlMatching", "verbMatching"] {
            assert!(started[member].is_string(), "{member}");
        }
        for member in ["planId", "planName", "planType", "holderAddress", "creditsContract"] {
            assert!(started["balance"][member].is_string(), "{member}");
        }
        assert_eq!(started["balance"]["pricePerCredit"], 0.01);
        let body = json!({"agentRequestId": started["agentRequestId"], "marginPercent": 0.2, "batch": true});
        let finished = world.post(&format!("{SIMULATE}/finish"), &world.seller, body).await.ok();
        assert_eq!((&finished["success"], &finished["creditsToRedeem"]), (&json!(true), &json!("0")));
        let stray = json!({"agentRequestId": "r-1"});
        world.post(&format!("{SIMULATE}/finish"), &world.seller, stray).await.refused(400, "FBX.REQUEST.FIELD");
        world.post(&format!("{SIMULATE}/start"), &world.buyer, json!({})).await.refused(403, "BCK.AUTH.0004");
        assert_eq!(world.audit().await.len(), before);
    }
}
