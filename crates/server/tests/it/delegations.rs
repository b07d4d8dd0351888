//! Delegations: limits a payer sets.

use farebox_engine::ledger::Actor;
use farebox_store::{Change, OperationKey, Record};
use farebox_types::Id;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{World, accept, held, named, pay, text};

const CREATE: &str = "/api/v1/delegation/create";

fn body(changes: Value) -> Value {
    let mut body =
        json!({"provider": "erc4337", "spendingLimitCents": 10_000, "durationSecs": 604_800, "currency": "usdc"});
    body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    body
}

async fn create(world: &World, changes: Value) -> String {
    text(&world.post(CREATE, &world.buyer, body(changes)).await.ok()["delegationId"])
}

async fn token_under(world: &World, plan: &str, delegation: &str) -> String {
    let body = json!({"accepted": accept(plan), "delegationConfig": {"delegationId": delegation}});
    text(&world.mint_token(body).await.ok()["accessToken"])
}

async fn revoke(world: &World, delegation: &str) {
    let record = Record {
        tenant: world.merchant,
        operation: OperationKey { scope: "test.revoke".into(), key: delegation.into() },
        request_hash: [0; 32],
        changes: vec![Change::RevokeDelegation(Id::from_uuid(Uuid::try_parse(delegation).unwrap()))],
        answer: "{}".into(),
        actor: Actor::new("test"),
        at: world.now(),
    };
    world.store.record(record).await.unwrap();
}

on_both! {
    async fn a_delegation_is_created_and_listed_as_clients_read_it(world: &World) {
        let plan = world.ranged_plan(5).await;
        let id = create(world, json!({"planId": plan, "maxTransactions": 3})).await;
        let list = world.get("/api/v1/delegation", &world.buyer).await.ok();
        assert_eq!(list, json!([{
            "id": id, "provider": "erc4337", "spendingLimitCents": 10_000, "spentCents": 0, "durationSecs": 604_800,
            "currency": "usdc", "status": "Active", "planId": plan, "maxTransactions": 3, "remainingTransactions": 3,
            "createdAt": "2027-01-15T08:00:00Z", "expiresAt": "2027-01-22T08:00:00Z",
        }]));
        assert_eq!(world.get("/api/v1/delegation", &world.seller).await.ok(), json!([]));
        world.pass(604_800);
        assert_eq!(world.get("/api/v1/delegation", &world.buyer).await.ok()[0]["status"], "Expired");
    }

    async fn the_same_name_creates_one_delegation(world: &World) {
        let first = world.post_named(CREATE, &world.buyer, "d-1", body(json!({}))).await.ok();
        assert_eq!(world.post_named(CREATE, &world.buyer, "d-1", body(json!({}))).await.ok(), first);
        let other = body(json!({"durationSecs": 5}));
        world.post_named(CREATE, &world.buyer, "d-1", other).await.refused(409, "FBX.REQUEST.KEY_REUSED");
        assert_eq!(world.count("delegation_created").await, 1);
    }

    async fn a_delegation_is_used_no_more_often_than_it_says(world: &World) {
        let plan = world.ordered_plan(10).await;
        let id = create(world, json!({"maxTransactions": 2})).await;
        let token = token_under(world, &plan, &id).await;
        let first = world.hold(&token, &plan, "1").await;
        world.hold(&token, &plan, "1").await;
        let busy = world.verify(held(pay(&token, &plan, "1"), 60)).await.ok();
        assert_eq!(busy["invalidCode"], "FBX.X402.IN_USE");
        world.settle(named(pay(&token, &plan, "1"), &first)).await.ok();
        world.pass(60);
        world.settle(pay(&token, &plan, "1")).await.ok();
        world.settle(pay(&token, &plan, "1")).await.refused(402, "BCK.X402.0019");
        let verdict = world.verify(pay(&token_under(world, &plan, &id).await, &plan, "1")).await.ok();
        assert_eq!(verdict["invalidCode"], "BCK.X402.0019");
        assert_eq!(verdict["invalidReason"], "the delegation behind the access token has been used up");
        assert_eq!(world.credits(&plan).await, (8, 0));
        assert_eq!(world.get("/api/v1/delegation", &world.buyer).await.ok()[0]["status"], "Exhausted");
    }

    async fn a_single_use_token_under_a_delegation_obeys_both(world: &World) {
        let plan = world.ordered_plan(10).await;
        let id = create(world, json!({"maxTransactions": 1})).await;
        let mut request = crate::world::permission3(&plan);
        request["delegationConfig"] = json!({"delegationId": id});
        let one = text(&world.mint_token(request.clone()).await.ok()["accessToken"]);
        let two = text(&world.mint_token(request).await.ok()["accessToken"]);
        world.settle(named(pay(&one, &plan, "1"), "r-1")).await.ok();
        world.settle(named(pay(&one, &plan, "1"), "r-2")).await.refused(402, "BCK.X402.0059");
        world.settle(named(pay(&two, &plan, "1"), "r-3")).await.refused(402, "BCK.X402.0019");
        assert_eq!(world.credits(&plan).await, (9, 0));
    }

    async fn a_token_ends_with_its_delegation(world: &World) {
        let plan = world.ordered_plan(10).await;
        let id = create(world, json!({"durationSecs": 100})).await;
        let token = token_under(world, &plan, &id).await;
        world.pass(99);
        world.settle(pay(&token, &plan, "1")).await.ok();
        world.pass(1);
        world.settle(pay(&token, &plan, "1")).await.refused(402, "BCK.X402.0005");
        let body = json!({"accepted": accept(&plan), "delegationConfig": {"delegationId": id}});
        world.mint_token(body).await.refused(402, "BCK.X402.0019");
        assert_eq!(world.credits(&plan).await, (9, 0));
    }

    async fn a_revoked_delegation_pays_for_nothing_new_but_for_what_was_held(world: &World) {
        let plan = world.ordered_plan(10).await;
        let id = create(world, json!({})).await;
        let token = token_under(world, &plan, &id).await;
        let request = world.hold(&token, &plan, "1").await;
        revoke(world, &id).await;
        let router = world.another_process();
        let headers = [("authorization", &*crate::world::bearer(&world.seller.key))];
        let settle = |call| crate::world::ask(router.clone(), axum::http::Method::POST, "/api/v1/x402/settle", &headers, Some(call));
        settle(pay(&token, &plan, "1")).await.refused(402, "BCK.X402.0019");
        settle(named(pay(&token, &plan, "1"), &request)).await.ok();
        assert_eq!(world.credits(&plan).await, (9, 0));
        assert_eq!(world.get("/api/v1/delegation", &world.buyer).await.ok()[0]["status"], "Revoked");
    }

    async fn a_delegation_of_another_plan_account_or_merchant_is_refused(world: &World) {
        let (plan, other) = (world.ordered_plan(10).await, world.ordered_plan(10).await);
        let bound = create(world, json!({"planId": other})).await;
        let ask = |id: &str| json!({"accepted": accept(&plan), "delegationConfig": {"delegationId": id}});
        world.mint_token(ask(&bound)).await.refused(400, "BCK.X402.0014");
        for who in [&world.seller, &world.stranger] {
            let theirs = text(&world.post(CREATE, who, body(json!({}))).await.ok()["delegationId"]);
            world.mint_token(ask(&theirs)).await.refused(404, "BCK.X402.0019");
        }
        world.mint_token(ask(&Uuid::now_v7().to_string())).await.refused(404, "BCK.X402.0019");
        world.mint_token(ask("x")).await.refused(404, "BCK.X402.0019");
    }

    async fn a_delegation_described_while_minting_is_created(world: &World) {
        let plan = world.ordered_plan(10).await;
        let config = json!({"spendingLimitCents": 100, "durationSecs": 60, "currency": "usdc", "maxTransactions": 1});
        let minted = world.mint_token(json!({"accepted": accept(&plan), "delegationConfig": config})).await.ok();
        let token = text(&minted["accessToken"]);
        world.settle(pay(&token, &plan, "1")).await.ok();
        world.settle(pay(&token, &plan, "1")).await.refused(402, "BCK.X402.0019");
        assert_eq!(world.count("delegation_created").await, 1);
        let bad = json!({"accepted": accept(&plan), "delegationConfig": {"durationSecs": 60}});
        world.mint_token(bad).await.refused(400, "FBX.REQUEST.BODY");
    }

    async fn a_delegation_that_cannot_be_kept_is_refused_by_name(world: &World) {
        for (changes, code, says) in [
            (json!({"provider": "stripe"}), "FBX.REQUEST.UNSUPPORTED", "provider"),
            (json!({"durationSecs": 0}), "BCK.COMMON.0026", "durationSecs"),
            (json!({"durationSecs": "315576001"}), "BCK.COMMON.0026", "durationSecs"),
            (json!({"spendingLimitCents": -1}), "BCK.COMMON.0026", "spendingLimitCents"),
            (json!({"maxTransactions": 0}), "BCK.COMMON.0026", "maxTransactions"),
            (json!({"maxTransactions": 1.5}), "FBX.REQUEST.BODY", "maxTransactions"),
            (json!({"currency": "btc"}), "FBX.REQUEST.FIELD", "currency"),
        ] {
            let answer = world.post(CREATE, &world.buyer, body(changes)).await;
            answer.refused(400, code);
            assert!(text(&answer.json["message"]).contains(says), "{}", answer.json);
        }
    }
}
