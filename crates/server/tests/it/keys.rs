//! Who may ask what.

use axum::http::Method;
use farebox_server::{
    Keyring, TokenTerms, check_api_token, issue_api_token, new_api_key, revoke_api_key, revoke_api_token,
};
use farebox_store::Role;
use farebox_types::{Id, Mode};
use serde_json::json;

use crate::world::{MASTER, Person, World, accept, ask, bearer, credits_config, pay, plan_body, text};

on_both! {
    async fn a_request_without_a_good_key_is_refused(world: &World) {
        let ring = Keyring::new(MASTER);
        let other_ring = Keyring::new([1; 32]);
        let unstored = new_api_key(&ring, world.merchant, Role::Seller, world.now()).unwrap().0;
        let foreign = new_api_key(&other_ring, world.merchant, Role::Seller, world.now()).unwrap().0;
        let key = &world.seller.key;
        let jwt = key.strip_prefix("local:").unwrap();
        let headers = [
            "".to_owned(), "Bearer".to_owned(), bearer(""), bearer("x"), format!("Basic {key}"), bearer(jwt),
            bearer(&format!("nvm:{jwt}")), bearer(&key[..key.len() - 2]), bearer(unstored.expose()), bearer(foreign.expose()),
            bearer("pl_test_AAAA"), bearer("pl_live_"),
        ];
        for header in headers {
            let headers = [("authorization", header.as_str())];
            let answer = ask(world.router.clone(), Method::GET, "/api/v1/protocol/plans", &headers, None).await;
            answer.refused(401, "BCK.AUTH.0002");
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
        }
        ask(world.router.clone(), Method::GET, "/api/v1/protocol/plans", &[], None).await.refused(401, "BCK.AUTH.0002");
        world.get("/api/v1/protocol/plans", &world.seller).await.ok();
    }

    async fn a_buyer_may_not_sell(world: &World) {
        let plan = world.ordered_plan(5).await;
        let token = world.token(&plan).await;
        for path in ["verify", "settle", "release"] {
            let answer = world.post(&format!("/api/v1/x402/{path}"), &world.buyer, pay(&token, &plan, "1")).await;
            answer.refused(403, "BCK.AUTH.0004");
        }
        let body = plan_body(credits_config(true, 5, (1, 1), 0));
        world.post("/api/v1/protocol/plans", &world.buyer, body).await.refused(403, "BCK.AUTH.0004");
        let body = json!({"metadataAttributes": {"name": "a"}, "agentApiAttributes": {}, "plans": []});
        world.post("/api/v1/protocol/agents", &world.buyer, body).await.refused(403, "BCK.AUTH.0004");
        let mint = json!({"planId": plan, "amount": 5, "creditsReceiver": world.buyer.account.to_string()});
        world.post("/api/v1/protocol/plans/mint", &world.buyer, mint).await.refused(403, "BCK.PROTOCOL.0017");
        assert_eq!(world.credits(&plan).await, (5, 0));
    }

    async fn a_seller_may_buy_too(world: &World) {
        let plan = world.ranged_plan(5).await;
        world.post_nothing(&format!("/api/v1/protocol/plans/{plan}/order"), &world.seller).await.ok();
        let token = world.post("/api/v1/x402/permissions", &world.seller, json!({"accepted": accept(&plan)})).await.ok();
        let token = text(&token["accessToken"]);
        let receipt = world.settle(pay(&token, &plan, "1")).await.ok();
        assert_eq!(receipt["payer"], world.seller.account.to_string());
        let account = world.account_of(&plan, world.seller.account).await.unwrap();
        assert_eq!(account.posted, 4_000_000);
    }

    async fn a_token_spends_its_own_holders_credits_only(world: &World) {
        let plan = world.ordered_plan(5).await;
        let other = crate::world::person(&*world.store, world.merchant, Role::Buyer).await;
        let token = world.post("/api/v1/x402/permissions", &other, json!({"accepted": accept(&plan)})).await.ok();
        let token = text(&token["accessToken"]);
        world.settle(pay(&token, &plan, "1")).await.refused(402, "BCK.CREDITS.0003");
        assert_eq!(world.credits(&plan).await, (5, 0));
    }

    async fn a_revoked_key_is_refused(world: &World) {
        let ring = Keyring::new(MASTER);
        let (key, row) = farebox_server::issue_api_key(&*world.store, &ring, world.merchant, Role::Seller, world.now()).await.unwrap();
        let headers = [("authorization", &*bearer(key.expose()))];
        let list = |router| ask(router, Method::GET, "/api/v1/protocol/plans", &headers, None);
        list(world.router.clone()).await.ok();
        for _ in 0..2 {
            revoke_api_key(&*world.store, world.merchant, row.id, world.now()).await.unwrap();
        }
        list(world.another_process()).await.refused(401, "BCK.AUTH.0002");
        assert_eq!(world.count("api_key_revoked").await, 1);
    }

    async fn a_management_token_acts_as_its_merchants_seller(world: &World) {
        let ring = Keyring::new(MASTER);
        let (secret, row) = issue_api_token(&*world.store, &ring, world.merchant, Mode::Test, &TokenTerms::all("ci"), world.now()).await.unwrap();
        let stored = world.store.api_token(world.merchant, row.id).await.unwrap().unwrap();
        assert!(stored == row && !format!("{:?}", stored.hash).contains(secret.expose()));
        let who = Person::from(secret.clone());
        let body = plan_body(credits_config(true, 5, (1, 1), 0));
        let plan = text(&world.post("/api/v1/protocol/plans", &who, body).await.ok()["planId"]);
        let ordered = world.post_nothing(&format!("/api/v1/protocol/plans/{plan}/order"), &who).await.ok();
        assert_eq!(ordered["balance"], 5);
        assert!(world.audit().await.iter().any(|(done, by)| done == "granted" && *by == row.id.to_string()));

        let check = |text: String| {
            let store = world.store.clone();
            let now = world.now();
            async move { check_api_token(&*store, &Keyring::new(MASTER), &text, now).await.unwrap() }
        };
        assert!(check(secret.expose().to_owned()).await.is_some());
        assert!(check(secret.expose().replace("pl_test_", "pl_live_")).await.is_none());
        revoke_api_token(&*world.store, world.merchant, row.id, world.now()).await.unwrap();
        assert!(check(secret.expose().to_owned()).await.is_none());
        let headers = [("authorization", &*bearer(&who.key))];
        ask(world.another_process(), Method::GET, "/api/v1/protocol/plans", &headers, None).await.refused(401, "BCK.AUTH.0002");
    }

    async fn another_merchants_things_do_not_exist(world: &World) {
        let plan = world.ordered_plan(5).await;
        let body = json!({"metadataAttributes": {"name": "a"}, "agentApiAttributes": {}, "plans": [plan]});
        let agent = text(&world.post("/api/v1/protocol/agents", &world.seller, body.clone()).await.ok()["data"]["agentId"]);
        let who = &world.stranger;
        let mint = json!({"planId": plan, "amount": 5, "creditsReceiver": who.account.to_string()});
        let expirable = json!({"planId": plan, "creditsAmount": 5, "creditsReceiver": who.account.to_string(), "creditsDuration": 9});
        let delegation = json!({"provider": "erc4337", "spendingLimitCents": 1, "durationSecs": 9, "currency": "usdc", "planId": plan});
        for (path, body, code) in [
            (format!("plans/{plan}/order"), json!(null), "BCK.X402.0002"),
            ("plans/mint".to_owned(), mint, "BCK.X402.0002"),
            ("plans/mintExpirable".to_owned(), expirable, "BCK.X402.0002"),
            ("plans/burn".to_owned(), json!({"planId": plan, "creditsAmount": 1}), "BCK.X402.0002"),
            ("agents".to_owned(), body, "BCK.X402.0002"),
            (format!("agents/{agent}/plan/{plan}"), json!(null), "BCK.X402.0001"),
        ] {
            world.post(&format!("/api/v1/protocol/{path}"), who, body).await.refused(404, code);
        }
        world.post("/api/v1/delegation/create", who, delegation).await.refused(404, "BCK.X402.0002");
        world.post("/api/v1/x402/permissions", who, json!({"accepted": accept(&plan)})).await.refused(404, "BCK.X402.0002");
        let headers = [("authorization", &*bearer(&who.key))];
        let update = json!({"metadataAttributes": {"name": "b"}, "agentApiAttributes": {}});
        let path = format!("/api/v1/protocol/agents/{agent}");
        ask(world.router.clone(), Method::PUT, &path, &headers, Some(update)).await.refused(404, "BCK.X402.0001");
        let path = format!("{path}/plan/{plan}");
        ask(world.router.clone(), Method::DELETE, &path, &headers, None).await.refused(404, "BCK.X402.0001");
        assert_eq!(world.get("/api/v1/delegation", who).await.ok(), json!([]));
        assert_eq!(world.credits(&plan).await, (5, 0));
    }

    async fn a_well_formed_id_of_nothing_is_404_and_a_malformed_one_400(world: &World) {
        let nothing = farebox_types::PublicId::<farebox_types::Plan>::new(world.merchant, Id::generate()).to_string();
        let nobody = farebox_types::PublicId::<farebox_types::Plan>::new(Id::generate(), Id::generate()).to_string();
        for id in [&nothing, &nobody, "0", "7"] {
            world.get_public(&format!("/api/v1/protocol/plans/{id}")).await.refused(404, "BCK.X402.0002");
            world.get_public(&format!("/api/v1/protocol/agents/{id}")).await.refused(404, "BCK.X402.0001");
            let path = format!("/api/v1/protocol/plans/{id}/balance/{}", world.buyer.account);
            world.get_public(&path).await.refused(404, "BCK.X402.0002");
            world.post_nothing(&format!("/api/v1/protocol/plans/{id}/order"), &world.buyer).await.refused(404, "BCK.X402.0002");
        }
        for id in ["x", "-1", "01", "1e9", "%FF", &"9".repeat(79)] {
            let answer = world.get_public(&format!("/api/v1/protocol/plans/{id}")).await;
            assert_eq!(answer.status, 400, "{id}: {}", answer.json);
        }
        let plan = world.ranged_plan(1).await;
        world.get_public(&format!("/api/v1/protocol/plans/{plan}/balance/0x12")).await.refused(400, "FBX.REQUEST.FIELD");
    }
}
