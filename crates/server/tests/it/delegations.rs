//! Delegations: limits a payer sets.

use farebox_engine::ledger::{AccountSpec, Actor, Command, Leg, Operation, TransferId};
use farebox_store::{Change, OperationKey, Record};
use farebox_types::{Id, Quantity};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{World, accept, held, named, pay, plan_body, ranged, text};

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

/// A plan of 100 credits at this price, with all of them minted to the buyer.
async fn priced_plan(world: &World, price: Value) -> String {
    let mut plan = plan_body(ranged(100));
    plan["priceConfig"] = price;
    let plan = text(&world.post("/api/v1/protocol/plans", &world.seller, plan).await.ok()["planId"]);
    let mint = json!({"planId": plan, "amount": 100, "creditsReceiver": world.buyer.account.to_string()});
    world.post("/api/v1/protocol/plans/mint", &world.seller, mint).await.ok();
    plan
}

fn held_call(token: &str, plan: &str) -> Value {
    held(pay(token, plan, "1"), 60)
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
            "id": id, "delegationId": id, "provider": "erc4337", "providerPaymentMethodId": world.buyer.account.to_string(),
            "spendingLimitCents": 10_000, "spentCents": 0, "amountSpentCents": "0", "remainingBudgetCents": "10000",
            "durationSecs": 604_800, "currency": "usdc", "status": "Active", "planId": plan,
            "maxTransactions": 3, "remainingTransactions": 3, "transactionCount": 0, "apiKeyId": null,
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

    async fn a_delegation_spends_no_more_than_its_limit_in_money(world: &World) {
        // 100 credits for 10 dollars: 10 cents each.
        let plan = priced_plan(world, json!({"isCrypto": false, "amounts": ["10000000"]})).await;
        let id = create(world, json!({"spendingLimitCents": 45, "currency": "usd"})).await;
        let token = token_under(world, &plan, &id).await;
        world.settle(named(pay(&token, &plan, "3"), "r-1")).await.ok();
        let over = world.settle(named(pay(&token, &plan, "2"), "r-2")).await;
        over.refused(402, "BCK.X402.0019");
        assert_eq!(over.json["message"], "the delegation behind the access token does not let so much more be spent");
        let verdict = world.verify(pay(&token, &plan, "2")).await.ok();
        assert_eq!((&verdict["isValid"], &verdict["invalidCode"]), (&json!(false), &json!("BCK.X402.0019")));
        let held = world.hold(&token, &plan, "1").await;
        let busy = world.verify(held_call(&token, &plan)).await.ok();
        assert_eq!(busy["invalidCode"], "FBX.X402.IN_USE", "what the hold has reserved may come back: {busy}");
        world.release(named(pay(&token, &plan, "1"), &held)).await.ok();
        world.settle(named(pay(&token, &plan, "1"), "r-3")).await.ok();
        world.settle(named(pay(&token, &plan, "1"), "r-1")).await.refused(409, "FBX.X402.CONFLICT");
        let listed = &world.get("/api/v1/delegation", &world.buyer).await.ok()[0];
        assert_eq!((&listed["spentCents"], &listed["remainingBudgetCents"]), (&json!(40), &json!("5")), "{listed}");
        assert_eq!(world.credits(&plan).await, (96, 0));
        // Another token under the same delegation finds the same limit.
        let other = token_under(world, &plan, &id).await;
        world.settle(pay(&other, &plan, "1")).await.refused(402, "BCK.X402.0019");
        // Without a delegation nothing is limited but the credits.
        world.settle(pay(&world.token(&plan).await, &plan, "6")).await.ok();
        assert_eq!(world.credits(&plan).await, (90, 0));
    }

    async fn many_at_once_do_not_pass_a_limit_in_money(world: &World) {
        let plan = priced_plan(world, json!({"isCrypto": false, "amounts": ["10000000"]})).await;
        let id = create(world, json!({"spendingLimitCents": 50, "currency": "usd"})).await;
        let token = token_under(world, &plan, &id).await;
        let mut charges = tokio::task::JoinSet::new();
        for number in 0..12 {
            let (router, call) = (world.router.clone(), named(pay(&token, &plan, "1"), &format!("r-{number}")));
            let key = crate::world::bearer(&world.seller.key);
            charges.spawn(async move {
                let headers = [("authorization", key.as_str())];
                let post = axum::http::Method::POST;
                crate::world::ask(router, post, "/api/v1/x402/settle", &headers, Some(call)).await.status.as_u16()
            });
        }
        let mut settled = 0;
        while let Some(status) = charges.join_next().await {
            settled += u32::from(status.unwrap() == 200);
        }
        assert_eq!((settled, world.credits(&plan).await), (5, (95, 0)));
        assert_eq!(world.get("/api/v1/delegation", &world.buyer).await.ok()[0]["status"], "Exhausted");
    }

    async fn a_limit_in_other_money_than_the_price_pays_for_nothing(world: &World) {
        let zero = "0x0000000000000000000000000000000000000000";
        let id = create(world, json!({"currency": "usd"})).await;
        for price in [
            json!({"isCrypto": false, "amounts": ["10000000"], "currency": "EUR"}),
            json!({"isCrypto": true, "amounts": ["10000000"], "tokenAddress": zero}),
        ] {
            let plan = priced_plan(world, price).await;
            let body = json!({"accepted": accept(&plan), "delegationConfig": {"delegationId": id}});
            let answer = world.mint_token(body).await;
            answer.refused(402, "BCK.X402.0019");
            assert!(text(&answer.json["message"]).contains("other money"), "{}", answer.json);
        }
        let usdc = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";
        let plan = priced_plan(world, json!({"isCrypto": true, "amounts": ["10000000"], "tokenAddress": usdc})).await;
        let token = token_under(world, &plan, &id).await;
        world.settle(pay(&token, &plan, "2")).await.ok();
        assert_eq!(world.get("/api/v1/delegation", &world.buyer).await.ok()[0]["spentCents"], 20);
    }

    async fn an_account_has_a_thousand_delegations_in_force_and_no_more(world: &World) {
        let places = AccountSpec::limit(world.merchant, &format!("delegations:{}", world.buyer.account), 1_000);
        let hold = |_| {
            let leg = Leg::charge(places.clone(), AccountSpec::used(world.merchant), Quantity::ONE).unwrap();
            let id = TransferId::from_uuid(Uuid::now_v7());
            let operation = Operation::new(id, vec![leg], Actor::new("test")).unwrap();
            Command::Hold { operation, expires_at: world.now().after(std::time::Duration::from_secs(60)) }
        };
        let held = world.store.execute((0..999).map(hold).collect()).await.unwrap();
        assert!(held.iter().all(Result::is_ok));
        let last = world.post_named(CREATE, &world.buyer, "d-1", body(json!({"durationSecs": 600}))).await.ok();
        let refused = world.post(CREATE, &world.buyer, body(json!({}))).await;
        refused.refused(409, "FBX.DELEGATION.TOO_MANY");
        let plan = world.ordered_plan(1).await;
        let config = json!({"spendingLimitCents": 100, "durationSecs": 60, "currency": "usdc"});
        let inline = json!({"accepted": accept(&plan), "delegationConfig": config});
        world.mint_token(inline).await.refused(409, "FBX.DELEGATION.TOO_MANY");
        let again = world.post_named(CREATE, &world.buyer, "d-1", body(json!({"durationSecs": 600}))).await.ok();
        assert_eq!((again, world.count("delegation_created").await), (last.clone(), 1));
        world.post(CREATE, &world.seller, body(json!({}))).await.ok();
        // Places come back when their delegations end; a name keeps its answer even then.
        world.pass(60);
        world.post(CREATE, &world.buyer, body(json!({}))).await.ok();
        world.pass(600);
        let late = world.post_named(CREATE, &world.buyer, "d-1", body(json!({"durationSecs": 600}))).await.ok();
        assert_eq!((late, world.count("delegation_created").await), (last, 3));
    }

    async fn delegations_are_listed_by_page_beyond_a_hundred(world: &World) {
        let mut made = Vec::new();
        for _ in 0..103 {
            made.push(create(world, json!({})).await);
        }
        made.reverse();
        let ids = |list: &Value| -> Vec<String> { list.as_array().unwrap().iter().map(|row| text(&row["id"])).collect() };
        assert_eq!(ids(&world.get("/api/v1/delegation", &world.buyer).await.ok()), made[..100]);
        let page = world.get("/api/v1/delegation?page=2&offset=100", &world.buyer).await.ok();
        assert_eq!((ids(&page["delegations"]).as_slice(), &page["totalResults"]), (&made[100..], &json!(103)));
        for bad in ["page=0", "offset=101", "page=x", "accessible=maybe"] {
            let path = format!("/api/v1/delegation?{bad}");
            world.get(&path, &world.buyer).await.refused(400, "FBX.REQUEST.FIELD");
        }
    }

    async fn each_known_client_gets_the_shape_of_list_that_it_reads(world: &World) {
        let gone = create(world, json!({"durationSecs": 1})).await;
        let id = create(world, json!({})).await;
        world.pass(1);
        let key = crate::world::bearer(&world.buyer.key);
        let path = "/api/v1/delegation";
        for (agent, is_array) in [("python-requests/2.33.1", true), ("node", false)] {
            let headers = [("authorization", key.as_str()), ("user-agent", agent)];
            let answer = crate::world::ask(world.router.clone(), axum::http::Method::GET, path, &headers, None).await.ok();
            assert_eq!(answer.is_array(), is_array, "{agent}: {answer}");
            assert!(answer.to_string().contains(&gone) && answer.to_string().contains(&id));
        }
        let usable = world.get(&format!("{path}?accessible=true"), &world.buyer).await.ok();
        assert_eq!(usable["delegations"].as_array().unwrap().len(), 1);
        assert_eq!(usable["delegations"][0]["delegationId"], id);
        assert_eq!(usable["delegations"][0]["remainingBudgetCents"], "10000");
    }

    async fn the_only_payment_method_is_the_account_itself(world: &World) {
        let methods = world.get("/api/v1/payment-methods", &world.buyer).await.ok();
        let account = world.buyer.account.to_string();
        assert_eq!(methods.as_array().unwrap().len(), 1);
        assert_eq!((&methods[0]["id"], &methods[0]["provider"]), (&json!(account), &json!("erc4337")));
        assert_eq!(methods[0]["last4"], account[38..]);
        let cards = world.get("/api/v1/payment-methods?provider=stripe&accessible=true", &world.buyer).await.ok();
        assert_eq!(cards, json!([]));
        world.get_public("/api/v1/payment-methods").await.refused(401, "BCK.AUTH.0002");
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

    async fn what_was_held_is_not_finished_hours_after_its_hold_for_who_could_not_begin_it_any_more(world: &World) {
        let plan = world.ordered_plan(10).await;
        let id = create(world, json!({})).await;
        let token = token_under(world, &plan, &id).await;
        let (soon, late) = (world.hold(&token, &plan, "1").await, world.hold(&token, &plan, "1").await);
        revoke(world, &id).await;
        let router = world.another_process();
        let headers = [("authorization", &*crate::world::bearer(&world.seller.key))];
        let settle = |call| crate::world::ask(router.clone(), axum::http::Method::POST, "/api/v1/x402/settle", &headers, Some(call));
        world.pass(600);
        settle(named(pay(&token, &plan, "1"), &soon)).await.ok();
        world.pass(2 * 3_600);
        settle(named(pay(&token, &plan, "1"), &late)).await.refused(402, "BCK.X402.0019");
        settle(named(pay(&token, &plan, "1"), &soon)).await.ok();
        assert_eq!(world.credits(&plan).await, (9, 0), "and what was taken is answered again");
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
