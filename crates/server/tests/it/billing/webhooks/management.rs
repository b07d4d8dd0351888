//! Endpoints by the API: what is refused, what is kept secret, and whose they are.

use axum::http::Method;
use farebox_engine::ledger::Actor;
use farebox_server::{Keyring, Scope, Scopes, TokenTerms, issue_api_token};
use farebox_store::{Change, Merchant, OperationKey, Record, Recorded};
use farebox_types::{Id, Mode};
use serde_json::{Value, json};

use super::super::shop::{id_of, token_of};
use super::street::{Inbox, Manner, Street, until};
use crate::world::{MASTER, World};

/// A token of a merchant in live mode.
async fn live_merchant(world: &World) -> String {
    let (id, at) = (Id::generate(), world.now());
    let row = Merchant { id, name: "live".to_owned(), mode: Mode::Live, created_at: at };
    let record = Record {
        tenant: id,
        operation: OperationKey { scope: "test".to_owned(), key: "live".to_owned() },
        request_hash: [0; 32],
        changes: vec![Change::Merchant(row)],
        answer: "{}".to_owned(),
        actor: Actor::new("test"),
        at,
    };
    assert_eq!(world.store.record(record).await.unwrap(), Recorded::Fresh);
    let (ring, terms) = (Keyring::new(MASTER), TokenTerms::all("live"));
    let (token, _) = issue_api_token(&*world.store, &ring, id, Mode::Live, &terms, at).await.unwrap();
    token.expose().to_owned()
}

on_both! {
    async fn an_endpoint_is_made_read_changed_and_removed(world: &World) {
        let street = Street::new(world).await;
        let shop = &street.shop;
        let body = json!({"url": "https://example.com/hooks?x=1", "description": "ours"});
        let made = shop.post_named("/v1/webhook-endpoints", "one", body.clone()).await.is(201);
        let secret = made["secret"].as_str().unwrap().to_owned();
        assert!(secret.starts_with("whsec_") && secret.len() == 70, "{}", secret.len());
        let repeated = shop.post_named("/v1/webhook-endpoints", "one", body).await;
        assert_eq!(repeated.headers["idempotency-replayed"], "true");
        let repeated = repeated.is(201);
        assert_eq!((&repeated["id"], &repeated["secret"]), (&made["id"], &Value::Null), "shown once");
        shop.post_named("/v1/webhook-endpoints", "one", json!({"url": "https://example.com/"})).await
            .refused(409, "paylera.idempotency_conflict");

        let path = format!("/v1/webhook-endpoints/{}", id_of(&made));
        let shown = shop.get(&path).await.is(200);
        assert_eq!((&shown["events"], &shown["enabled"], &shown["description"]), (&json!(["*"]), &json!(true), &json!("ours")));
        assert_eq!(shop.get("/v1/webhook-endpoints").await.is(200)["data"], json!([shown]));
        assert!(!shop.get(&path).await.text.contains("whsec_"));
        world.pass(5);
        let patch = json!({"events": ["payment.*", "customer.created"], "enabled": false});
        let changed = shop.call(Method::PATCH, &path, "", Some(patch)).await.is(200);
        assert_eq!((&changed["enabled"], &changed["disabled_reason"]), (&json!(false), &json!("asked")));
        assert_eq!(changed["events"], json!(["payment.*", "customer.created"]));
        assert_eq!(shop.get(&path).await.is(200), changed);
        assert_ne!(changed["updated_at"], changed["created_at"]);
        shop.call(Method::DELETE, &path, "", None).await.is(204);
        shop.get(&path).await.refused(404, "paylera.not_found");
        shop.call(Method::DELETE, &path, "", None).await.refused(404, "paylera.not_found");
        let mut done: Vec<_> = world.audit().await.into_iter().map(|(action, _)| action).collect();
        done.retain(|action| action.starts_with("webhook_endpoint"));
        assert_eq!(done, ["webhook_endpoint_created", "webhook_endpoint_changed", "webhook_endpoint_removed"]);
        let trail = world.store.audit(world.merchant, farebox_store::Page::first(1000)).await.unwrap();
        assert!(trail.iter().all(|line| !line.entries.contains("whsec_") && !line.entries.contains("example.com")));
    }

    async fn what_no_event_can_be_posted_to_is_refused(world: &World) {
        let street = Street::new(world).await;
        for (body, pointer) in [
            (json!({}), "/url"),
            (json!({"url": "example.com"}), "/url"),
            (json!({"url": "ftp://example.com/"}), "/url"),
            (json!({"url": "https://user:word@example.com/"}), "/url"),
            (json!({"url": "http://169.254.169.254/latest/meta-data"}), "/url"),
            (json!({"url": "https://example.com/", "events": ["payment.*", "everything"]}), "/events/1"),
            (json!({"url": "https://example.com/", "description": "x".repeat(201)}), "/description"),
            (json!({"url": "https://example.com/", "secret": "mine"}), "/secret"),
        ] {
            let problem = street.shop.post("/v1/webhook-endpoints", body.clone()).await.refused(422, "paylera.invalid");
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
        }
        for query in ["status=lost", "endpoint_id=x", "limit=0"] {
            let answer = street.shop.get(&format!("/v1/webhook-deliveries?{query}")).await;
            assert_eq!(answer.status, 400, "{query}: {}", answer.text);
        }
        for at in 0..16 {
            street.endpoint(&format!("https://example.com/{at}"), &["*"]).await;
        }
        street.shop.post("/v1/webhook-endpoints", json!({"url": "https://example.com/17"})).await.refused(409, "paylera.conflict");
    }

    async fn another_merchants_endpoints_and_deliveries_are_not_there(world: &World) {
        let street = Street::new(world).await;
        let (inbox, endpoint) = street.inbox(&["payment.*"]).await;
        let worker = street.worker();
        street.pay("pm_sim_ok").await;
        until("the event", async || inbox.handled().len() == 1).await;
        let delivery = id_of(&street.only_delivery().await);
        let bearer = format!("Bearer {}", street.shop.stranger);
        let headers = [("authorization", bearer.as_str())];
        for (method, path) in [
            (Method::GET, format!("/v1/webhook-endpoints/{endpoint}")),
            (Method::DELETE, format!("/v1/webhook-endpoints/{endpoint}")),
            (Method::POST, format!("/v1/webhook-endpoints/{endpoint}/rotate-secret")),
            (Method::GET, format!("/v1/webhook-deliveries/{delivery}")),
            (Method::POST, format!("/v1/webhook-deliveries/{delivery}/replay")),
        ] {
            street.shop.send(method, &path, &headers, None).await.refused(404, "paylera.not_found");
        }
        let body = Some(r#"{"enabled":false}"#);
        street.shop.send(Method::PATCH, &format!("/v1/webhook-endpoints/{endpoint}"), &headers, body).await
            .refused(404, "paylera.not_found");
        for list in ["webhook-endpoints", "webhook-deliveries"] {
            let answer = street.shop.send(Method::GET, &format!("/v1/{list}"), &headers, None).await.is(200);
            assert_eq!(answer["data"], json!([]));
        }
        // Nor does it hear of this merchant's payments.
        let theirs = Inbox::open(Manner::Answer(200)).await;
        let body = json!({"url": theirs.url}).to_string();
        street.shop.send(Method::POST, "/v1/webhook-endpoints", &headers, Some(&body)).await.is(201);
        street.pay("pm_sim_ok").await;
        until("the second event", async || inbox.handled().len() == 2).await;
        worker.stop().await;
        assert!(theirs.posts().is_empty());
    }

    async fn a_token_needs_the_scope(world: &World) {
        let street = Street::new(world).await;
        let (_, endpoint) = street.inbox(&["*"]).await;
        let reader = token_of(world, world.merchant, Scopes::new(vec![Scope::BillingRead])).await;
        let bearer = format!("Bearer {reader}");
        let headers = [("authorization", bearer.as_str())];
        let path = format!("/v1/webhook-endpoints/{endpoint}");
        street.shop.send(Method::GET, "/v1/webhook-deliveries", &headers, None).await.is(200);
        for (method, path) in [(Method::GET, path.as_str()), (Method::DELETE, &path), (Method::GET, "/v1/webhook-endpoints")] {
            street.shop.send(method, path, &headers, None).await.refused(403, "paylera.forbidden");
        }
    }

    async fn a_live_merchants_events_do_not_reach_this_machine_by_whatever_name(world: &World) {
        let street = Street::new(world).await;
        let live = live_merchant(world).await;
        let bearer = format!("Bearer {live}");
        let headers = [("authorization", bearer.as_str())];
        let make = async |url: &str| {
            let body = json!({"url": url}).to_string();
            street.shop.send(Method::POST, "/v1/webhook-endpoints", &headers, Some(&body)).await
        };
        for url in ["http://example.com/hooks", "https://127.0.0.1/hooks", "https://[::1]/hooks", "https://10.0.0.1/hooks"] {
            make(url).await.refused(422, "paylera.invalid");
        }
        let inbox = Inbox::open(Manner::Answer(200)).await;
        let port = inbox.url.trim_end_matches("/hooks").rsplit(':').next().unwrap().to_owned();
        make(&format!("https://localhost:{port}/hooks")).await.is(201);
        let body = json!({"email": "ann@example.com"}).to_string();
        street.shop.send(Method::POST, "/v1/customers", &headers, Some(&body)).await.is(201);
        let worker = street.worker();
        let failed = async || {
            let list = street.shop.send(Method::GET, "/v1/webhook-deliveries?status=waiting", &headers, None).await.is(200);
            list["data"].as_array().unwrap().clone()
        };
        until("a refusal", async || !failed().await.is_empty()).await;
        worker.stop().await;
        let delivery = failed().await.remove(0);
        assert_eq!((&delivery["failure"], &delivery["event_type"]), (&json!("address_refused"), &json!("customer.created")));
        assert_eq!(inbox.connections(), 0, "nobody has knocked");
    }

    async fn what_waits_for_a_removed_endpoint_is_given_up(world: &World) {
        let street = Street::new(world).await;
        let inbox = Inbox::open(Manner::Answer(500)).await;
        let (endpoint, _) = street.endpoint(&inbox.url, &["*"]).await;
        let worker = street.worker();
        street.pay("pm_sim_ok").await;
        until("a failed attempt", async || !street.deliveries("&status=waiting").await.is_empty()).await;
        street.shop.call(Method::DELETE, &format!("/v1/webhook-endpoints/{endpoint}"), "", None).await.is(204);
        let delivery = street.only_delivery().await;
        assert_eq!((&delivery["status"], &delivery["failure"]), (&json!("exhausted"), &json!("endpoint_removed")));
        world.pass(60);
        tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
        worker.stop().await;
        assert_eq!(inbox.posts().len(), 1);
        let path = format!("/v1/webhook-deliveries/{}/replay", id_of(&delivery));
        street.shop.call(Method::POST, &path, "", None).await.refused(422, "paylera.invalid_state");
    }

    async fn events_are_forgotten_after_a_month(world: &World) {
        let street = Street::new(world).await;
        let (inbox, _) = street.inbox(&["payment.*"]).await;
        let worker = street.worker();
        street.pay("pm_sim_ok").await;
        until("the event", async || inbox.handled().len() == 1).await;
        worker.stop().await;
        world.pass(29 * 24 * 60 * 60);
        street.worker().stop().await;
        assert_eq!(street.deliveries("").await.len(), 1);
        world.pass(2 * 24 * 60 * 60);
        let worker = street.worker();
        until("nothing", async || street.deliveries("").await.is_empty()).await;
        worker.stop().await;
    }
}
