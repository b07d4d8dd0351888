//! Agents, their plans, and what verify says about them.

use axum::http::Method;
use serde_json::{Value, json};

use crate::world::{World, ask, bearer, held, pay, permission3, plan_body, ranged, text};

const AGENTS: &str = "/api/v1/protocol/agents";

fn agent_body(plans: &[&str], endpoints: Value) -> Value {
    json!({
        "metadataAttributes": {"name": "Helper", "tags": ["ai"]},
        "agentApiAttributes": {"endpoints": endpoints, "authType": "bearer", "token": "s3cret", "password": "s3cret",
            "username": "s3cret", "apiKey": "s3cret", "headers": {"x": "s3cret"}},
        "plans": plans,
    })
}

async fn agent(world: &World, plans: &[&str], endpoints: Value) -> String {
    let answer = world.post(AGENTS, &world.seller, agent_body(plans, endpoints)).await.ok();
    text(&answer["data"]["agentId"])
}

/// A call whose offer names an agent.
fn for_agent(mut call: Value, agent: &str, url: &str) -> Value {
    call["paymentRequired"]["accepts"][0]["extra"]["agentId"] = agent.into();
    call["paymentRequired"]["resource"]["url"] = url.into();
    call
}

on_both! {
    async fn an_agent_is_registered_read_changed_and_listed(world: &World) {
        let plan = world.ranged_plan(5).await;
        let id = agent(world, &[&plan], json!([])).await;
        let path = format!("{AGENTS}/{id}");
        let read = world.get_public(&path).await.ok();
        assert_eq!((&read["id"], &read["metadata"]["main"]["name"]), (&json!(id), &json!("Helper")));
        assert_eq!(read["registry"]["plans"], json!([plan]));
        assert!(!read.to_string().contains("s3cret"), "what opens the agent's door is not kept");

        let body = json!({"metadataAttributes": {"name": "Renamed"}, "agentApiAttributes": {}});
        let headers = [("authorization", &*bearer(&world.seller.key))];
        ask(world.router.clone(), Method::PUT, &path, &headers, Some(body)).await.ok();
        let read = world.get_public(&path).await.ok();
        assert_eq!(read["metadata"]["main"], json!({"name": "Renamed"}));
        assert_eq!(read["registry"]["plans"], json!([plan]));
        let list = world.get(&format!("{AGENTS}?page=1&offset=10"), &world.seller).await.ok();
        assert_eq!((&list["total"], &list["agents"][0]["id"]), (&json!(1), &json!(id)));
    }

    async fn an_agent_and_its_plan_are_registered_together(world: &World) {
        let mut plan = plan_body(ranged(5));
        plan.as_object_mut().unwrap().remove("nonce");
        plan.as_object_mut().unwrap().remove("isTrialPlan");
        let mut agent = agent_body(&[], json!([]));
        agent.as_object_mut().unwrap().remove("plans");
        let body = json!({"plan": plan, "agent": agent});
        let answer = world.post(&format!("{AGENTS}/plans"), &world.seller, body).await.ok();
        let (agent, plan) = (text(&answer["data"]["agentId"]), text(&answer["data"]["planId"]));
        assert!(answer["txHash"].is_string());
        let plans = world.get_public(&format!("{AGENTS}/{agent}/plans?page=1&offset=10")).await.ok();
        assert_eq!((&plans["total"], &plans["plans"][0]["planId"]), (&json!(1), &json!(plan)));
        assert_eq!(plans["plans"][0]["metadata"]["main"]["name"], "Basic");
        let agents = world.get_public(&format!("/api/v1/protocol/plans/{plan}/agents?page=1&offset=10")).await.ok();
        assert_eq!(agents["agents"][0]["id"], agent.as_str());
        world.order(&plan).await;
    }

    async fn plans_are_added_to_an_agent_and_removed(world: &World) {
        let plan = world.ordered_plan(5).await;
        let id = agent(world, &[], json!([])).await;
        let token = world.token(&plan).await;
        let call = for_agent(pay(&token, &plan, "1"), &id, "/ask");
        assert_eq!(world.verify(call.clone()).await.ok()["invalidCode"], "FBX.X402.AGENT");
        let path = format!("{AGENTS}/{id}/plan/{plan}");
        world.post_nothing(&path, &world.seller).await.ok();
        world.post_nothing(&path, &world.seller).await.ok();
        assert_eq!(world.verify(call.clone()).await.ok()["isValid"], true);
        let headers = [("authorization", &*bearer(&world.seller.key))];
        ask(world.router.clone(), Method::DELETE, &path, &headers, None).await.ok();
        world.settle(call).await.refused(403, "FBX.X402.AGENT");
        assert_eq!(world.credits(&plan).await, (5, 0));
    }

    async fn verify_tells_what_observability_needs(world: &World) {
        let plan = world.ordered_plan(5).await;
        let id = agent(world, &[&plan], json!([{"POST": "https://api.example/tasks/:id"}])).await;
        let token = world.token(&plan).await;
        let call = for_agent(pay(&token, &plan, "1"), &id, "/tasks/7");
        let answer = world.verify(call.clone()).await.ok();
        assert_eq!(answer["urlMatching"], "https://api.example/tasks/:id");
        let request = &answer["agentRequest"];
        assert_eq!(request["agentRequestId"], answer["agentRequestId"]);
        assert_eq!((&request["agentName"], &request["agentId"]), (&json!("Helper"), &json!(id)));
        assert_eq!((&request["urlMatching"], &request["verbMatching"]), (&json!("https://api.example/tasks/:id"), &json!("POST")));
        assert_eq!((&request["batch"], &request["balance"]["balance"]), (&json!(false), &json!(5)));
        for member in ["planId", "planName", "planType", "holderAddress", "creditsContract", "isSubscriber", "pricePerCredit"] {
            assert!(!request["balance"][member].is_null(), "{member}");
        }
        let held = world.verify(held(call, 60)).await.ok();
        assert_eq!(held["agentRequest"]["balance"]["balance"], 4);
        let plain = world.verify(pay(&token, &plan, "1")).await.ok();
        assert!(plain.get("agentRequest").is_none() && plain.get("urlMatching").is_none());
    }

    async fn an_unknown_or_foreign_agent_refuses_the_payment(world: &World) {
        let plan = world.ordered_plan(5).await;
        let token = world.token(&plan).await;
        let foreign = world.post(AGENTS, &world.stranger, agent_body(&[], json!([]))).await.ok();
        for id in ["7", "x", &text(&foreign["data"]["agentId"])] {
            let call = for_agent(pay(&token, &plan, "1"), id, "/ask");
            assert_eq!(world.verify(call.clone()).await.ok()["invalidCode"], "BCK.X402.0001");
            world.settle(call).await.refused(404, "BCK.X402.0001");
        }
        assert_eq!(world.credits(&plan).await, (5, 0));
    }

    async fn a_bound_token_keeps_to_its_agent_and_to_the_agents_endpoints(world: &World) {
        let plan = world.ordered_plan(5).await;
        let listed = agent(world, &[&plan], json!([{"verb": "POST", "url": "https://api.example/ask"}])).await;
        let closed = agent(world, &[&plan], json!([{"POST": "/other"}])).await;
        for (id, code) in [(&listed, None), (&closed, Some("BCK.PROTOCOL.0031"))] {
            let mut body = permission3(&plan);
            body["accepted"]["extra"]["agentId"] = id.as_str().into();
            let token = text(&world.mint_token(body).await.ok()["accessToken"]);
            let verdict = world.verify(for_agent(pay(&token, &plan, "1"), id, "/ask")).await.ok();
            assert_eq!(verdict["invalidCode"].as_str(), code, "{verdict}");
            let other = if id == &listed { &closed } else { &listed };
            let moved = world.verify(for_agent(pay(&token, &plan, "1"), other, "/ask")).await.ok();
            assert_eq!(moved["invalidCode"], "BCK.X402.0013");
            let without = world.verify(pay(&token, &plan, "1")).await.ok();
            assert_eq!(without["invalidCode"], "BCK.X402.0013");
        }
        let mut body = permission3(&plan);
        body["accepted"]["extra"]["agentId"] = "7".into();
        world.mint_token(body).await.refused(404, "BCK.X402.0001");
    }
}
