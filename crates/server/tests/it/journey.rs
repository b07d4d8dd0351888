//! The whole way, from a seller's plan to the ledger, as an unpatched client walks it.

use serde_json::{Value, json};

use crate::world::{World, accept, charge_id, credits_config, named, pay, plan_body, text};

on_both! {
    async fn a_buyer_orders_pays_and_the_ledger_shows_it(world: &World) {
        let plan = world.plan(credits_config(true, 10, (1, 1), 0)).await;
        let ordered = world.order(&plan).await;
        assert_eq!((&ordered["success"], text(&ordered["txHash"]).len()), (&json!(true), 66));
        let token = world.token(&plan).await;

        let verified = world.verify(pay(&token, &plan, "1")).await.ok();
        assert_eq!(verified["isValid"], true);
        let request = text(&verified["agentRequestId"]);
        assert_eq!(world.credits(&plan).await, (10, 0));
        assert!(world.charge(&request).await.is_none(), "a plain verify writes nothing");

        let receipt = world.settle(named(pay(&token, &plan, "1"), &request)).await.ok();
        let transaction = text(&receipt["transaction"]);
        assert_eq!(transaction, format!("0x{:064x}", charge_id(&request).uuid().as_u128()));
        assert_eq!(receipt, json!({
            "success": true, "payer": world.buyer.account.to_string(), "transaction": transaction,
            "network": "eip155:84532", "creditsRedeemed": "1", "remainingBalance": "9",
        }));
        assert_eq!(world.credits(&plan).await, (9, 0));
        let charge = world.charge(&request).await.unwrap();
        assert_eq!((charge.state.as_str(), charge.settled.to_string().as_str()), ("posted", "1"));

        let path = format!("/api/v1/protocol/plans/{plan}/balance/{}", world.buyer.account);
        let balance = world.get_public(&path).await.ok();
        assert_eq!((&balance["balance"], &balance["isSubscriber"]), (&json!(9), &json!(true)));
    }

    async fn every_step_leaves_its_line_in_the_audit_trail_and_the_outbox(world: &World) {
        let plan = world.ordered_plan(10).await;
        let token = world.token(&plan).await;
        let request = world.hold(&token, &plan, "2").await;
        world.settle(named(pay(&token, &plan, "2"), &request)).await.ok();
        let other = world.hold(&token, &plan, "3").await;
        world.release(named(pay(&token, &plan, "3"), &other)).await.ok();

        let audit = world.audit().await;
        for (action, actor) in [
            ("merchant_created", "test"), ("api_key_created", "operator"), ("plan_registered", "key_"),
            ("granted", "key_"), ("held", "key_"), ("posted", "key_"), ("released", "key_"),
        ] {
            assert!(audit.iter().any(|(done, by)| done == action && by.starts_with(actor)), "{action}: {audit:?}");
        }
        let leased = world.store.lease_outbox(1000, farebox_types::Timestamp::from_seconds(i64::MAX / 2_000_000)).await;
        let published = leased.unwrap().into_iter().filter(|row| row.tenant == world.merchant);
        let published: String = published.map(|row| row.entries).collect();
        for action in ["granted", "held", "posted", "released"] {
            assert!(published.contains(action), "{action}: {published}");
        }
    }

    async fn a_plan_answers_with_what_clients_read(world: &World) {
        let mut body = plan_body(credits_config(true, 100, (2, 2), 0));
        body["priceConfig"]["amounts"] = json!(["10000000", "500000"]);
        body["priceConfig"]["isCrypto"] = false.into();
        let registered = world.post("/api/v1/protocol/plans", &world.seller, body).await.ok();
        let id = text(&registered["planId"]);
        assert!(id.bytes().all(|b| b.is_ascii_digit()));

        let plan = world.get_public(&format!("/api/v1/protocol/plans/{id}")).await.ok();
        assert_eq!(plan["id"], id.as_str());
        assert_eq!(plan["registry"]["price"]["isCrypto"], false);
        assert_eq!(plan["registry"]["price"]["amounts"], json!(["10000000", "500000"]));
        assert_eq!(plan["registry"]["credits"]["maxAmount"], "2");
        assert_eq!(plan["metadata"]["main"]["name"], "Basic");
        assert_eq!(plan["metadata"]["plan"], json!({"accessLimit": "credits", "isTrialPlan": false}));

        let path = format!("/api/v1/protocol/plans/{id}/balance/{}", world.buyer.account);
        let balance = world.get_public(&path).await.ok();
        assert_eq!(balance, json!({
            "planId": id, "planName": "Basic", "planType": "credits", "batch": false,
            "holderAddress": world.buyer.account.to_string(), "balance": 0, "isSubscriber": false,
            "creditsContract": "0x0000000000000000000000000000000000000000", "pricePerCredit": 0.105,
        }));
        assert!(balance["balance"].is_i64() && balance["pricePerCredit"].is_number());
    }

    async fn a_token_is_the_envelope_that_clients_decode(world: &World) {
        let plan = world.ordered_plan(5).await;
        let two = decode(&world.token(&plan).await);
        assert_eq!(two["x402Version"], 2);
        assert_eq!(two["accepted"]["planId"], plan.as_str());
        assert_eq!((&two["accepted"]["scheme"], &two["accepted"]["network"]), (&json!("nvm:erc4337"), &json!("eip155:84532")));
        let authorization = &two["payload"]["authorization"];
        assert_eq!(authorization["from"], world.buyer.account.to_string());
        assert!(text(&authorization["sessionKeysProvider"]).len() > 1);
        let keys: Vec<String> = authorization["sessionKeys"].as_array().unwrap().iter().map(|key| text(&key["id"])).collect();
        assert_eq!(keys, ["order", "redeem"]);
        assert!(text(&two["payload"]["signature"]).starts_with("0x"));
        assert!(authorization.get("nonce").is_none() && two.get("resource").is_none());
        assert_eq!(two["extensions"], json!({}));

        let three = decode(&world.token3(&plan).await);
        assert_eq!(three["resource"]["url"], "/ask");
        assert_eq!(three["accepted"]["extra"], json!({"httpVerb": "POST"}));
        let nonce = text(&three["payload"]["authorization"]["nonce"]);
        assert_eq!((nonce.len(), &nonce[..2]), (66, "0x"));
    }

    async fn plans_and_orders_are_listed_by_page(world: &World) {
        let mut made = Vec::new();
        for _ in 0..3 {
            made.push(world.ranged_plan(5).await);
            world.pass(1);
        }
        made.reverse();
        let page = world.get("/api/v1/protocol/plans?page=1&offset=2&sortOrder=desc", &world.seller).await.ok();
        let ids = |page: &Value| -> Vec<String> { page["plans"].as_array().unwrap().iter().map(|plan| text(&plan["id"])).collect() };
        assert_eq!((&page["total"], &page["page"], &page["offset"]), (&json!(3), &json!(1), &json!(2)));
        assert_eq!(ids(&page), made[..2]);
        let page = world.get("/api/v1/protocol/plans?page=2&offset=2", &world.buyer).await.ok();
        assert_eq!(ids(&page), made[2..]);
        let none = world.get("/api/v1/protocol/plans", &world.stranger).await.ok();
        assert_eq!((&none["total"], ids(&none).len()), (&json!(0), 0));
        for bad in ["page=0", "offset=0", "offset=1000", "page=x", "page=4294967295&offset=100"] {
            world.get(&format!("/api/v1/protocol/plans?{bad}"), &world.seller).await.refused(400, "FBX.REQUEST.FIELD");
        }
    }

    async fn plans_and_agents_are_listed_oldest_first_when_asked(world: &World) {
        let mut made = Vec::new();
        for _ in 0..5 {
            made.push(world.ranged_plan(5).await);
            world.pass(1);
        }
        let mut seen = Vec::new();
        for page in 1..=4 {
            let path = format!("/api/v1/protocol/plans?page={page}&offset=2&sortBy=created&sortOrder=asc");
            let page = world.get(&path, &world.seller).await.ok();
            assert_eq!(page["total"], 5);
            seen.extend(page["plans"].as_array().unwrap().iter().map(|plan| text(&plan["id"])));
        }
        assert_eq!(seen, made);
        let agents = world.get("/api/v1/protocol/agents?sortOrder=asc", &world.seller).await.ok();
        assert_eq!(agents["agents"], json!([]));
        world.get("/api/v1/protocol/plans?sortOrder=up", &world.seller).await.refused(400, "FBX.REQUEST.FIELD");
    }

    async fn an_offer_of_several_plans_is_paid_with_any_of_them(world: &World) {
        let (one, two) = (world.ordered_plan(5).await, world.ordered_plan(5).await);
        let token = world.token(&two).await;
        let mut call = pay(&token, &one, "1");
        call["paymentRequired"]["accepts"].as_array_mut().unwrap().push(accept(&two));
        world.settle(call).await.ok();
        assert_eq!((world.credits(&one).await, world.credits(&two).await), ((5, 0), (4, 0)));
    }
}

pub(crate) fn decode(token: &str) -> Value {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token).unwrap()).unwrap()
}

pub(crate) fn encode(token: &Value) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.encode(token.to_string())
}
