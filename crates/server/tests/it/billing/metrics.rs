//! Corrections and metrics over HTTP.

use axum::http::Method;
use serde_json::{Value, json};

use super::{customers::futures_join, shop::Shop};
use crate::world::World;

/// A feature counted by `metric`, ten of it included, and a customer who has it.
async fn counted(shop: &Shop, metric: Value) -> String {
    shop.put("/v1/admin/billable-metrics/m", metric).await.is(201);
    let feature = json!({"code": "calls", "kind": "metered", "billableMetric": "m"});
    shop.put("/v1/admin/features/calls", feature).await.is(201);
    let plan = json!({
        "code": "p", "name": "p", "prices": [{"amount": 0, "currency": "USD", "interval": "month"}],
        "features": {"calls": {"includedUsage": 10}},
    });
    let plan = super::shop::id_of(&shop.put("/v1/admin/plans/p", plan).await.is(201));
    let customer = shop.customer("ann@example.com").await;
    shop.attach(&customer, &plan).await;
    customer
}

async fn track(shop: &Shop, customer: &str, value: Value, properties: Value) -> Value {
    let body = json!({"customer_id": customer, "feature_code": "calls", "value": value, "properties": properties});
    let bearer = format!("Bearer {}", shop.token);
    let key = uuid::Uuid::now_v7().to_string();
    let headers = [
        ("authorization", bearer.as_str()),
        ("idempotency-key", &key),
        ("prefer", "wait=5, return=representation; x=1"),
    ];
    shop.send(Method::POST, "/v1/track", &headers, Some(&body.to_string())).await.is(200)
}

on_both! {
    async fn a_negative_value_takes_back_once_and_says_so_in_the_ledger(world: &World) {
        let shop = Shop::open(world).await;
        let (customer, _) = shop.subscribed(10).await;
        shop.track(&customer, json!(6), "a").await.is(204);
        for replayed in [false, true] {
            let answer = shop.track(&customer, json!(-2.5), "b").await;
            assert_eq!((answer.status, answer.headers.contains_key("idempotency-replayed")), (204, replayed));
        }
        let check = shop.check(&customer, "calls", 0).await;
        assert_eq!((&check["balance"], &check["usage"]), (&json!(6.5), &json!(3.5)));
        shop.track(&customer, json!(-2), "b").await.refused(409, "paylera.idempotency_conflict");
        let problem = shop.track(&customer, json!(-3.6), "c").await.refused(422, "paylera.invalid");
        assert_eq!(problem["errors"][0]["pointer"], "/value");
        let ledger = shop.get(&format!("/v1/customers/{customer}/ledger")).await.is(200);
        let amounts: Vec<&Value> = ledger["data"].as_array().unwrap().iter().map(|entry| &entry["amount"]).collect();
        assert!(amounts.contains(&&json!(-2.5)) && amounts.len() == 2, "{amounts:?}");
        let back = ledger["data"].as_array().unwrap().iter().find(|entry| entry["kind"] == "correction").unwrap();
        assert_eq!(back["amount"], -2.5);
    }

    async fn corrections_ride_in_batches_with_uses(world: &World) {
        let shop = Shop::open(world).await;
        let (customer, _) = shop.subscribed(10).await;
        shop.track(&customer, json!(5), "a").await.is(204);
        let event = |value: i64, key: &str| json!({"customer_id": customer, "feature_code": "calls", "value": value, "dedup_key": key});
        let batch = json!({"events": [event(-2, "less"), event(-2, "less"), event(-100, "far-too-much"), event(1, "more")]});
        let results = shop.post("/v1/track/batch", batch).await.is(200);
        let statuses: Vec<&str> = results["results"].as_array().unwrap().iter().map(|r| r["status"].as_str().unwrap()).collect();
        assert_eq!(statuses, ["recorded", "duplicate", "rejected", "recorded"]);
        assert_eq!(results["results"][2]["problem"]["errors"][0]["pointer"], "/value");
        assert_eq!(shop.check(&customer, "calls", 0).await["usage"], 4);
    }

    async fn a_correction_sent_many_times_at_once_takes_back_once(world: &World) {
        let shop = Shop::open(world).await;
        let elsewhere = shop.elsewhere(world);
        let (customer, _) = shop.subscribed(100).await;
        shop.track(&customer, json!(50), "a").await.is(204);
        let asking = (0..100).map(|at| if at % 2 == 0 { &shop } else { &elsewhere });
        let answers = futures_join(asking.map(|shop| shop.track(&customer, json!(-7), "same"))).await;
        assert!(answers.iter().all(|answer| answer.status == 204));
        let fresh = answers.iter().filter(|answer| !answer.headers.contains_key("idempotency-replayed")).count();
        assert_eq!((fresh, &shop.check(&customer, "calls", 0).await["usage"]), (1, &json!(43)));
    }

    async fn different_users_are_counted_once_each_where_the_filter_lets_them(world: &World) {
        let shop = Shop::open(world).await;
        let metric = json!({"code": "m", "aggregation": "unique", "property": "user.id", "filter": {"live": ["true"]}});
        let customer = counted(&shop, metric.clone()).await;
        let user = |id: Value, live: bool| json!({"user": {"id": id}, "live": live});
        for (id, live, usage) in [(json!("ann"), true, 1), (json!("ann"), true, 1), (json!(7), true, 2), (json!(7.0), true, 2), (json!("bob"), false, 2)] {
            assert_eq!(track(&shop, &customer, json!(1), user(id, live)).await["usage"], usage);
        }
        let nameless = json!({"customer_id": customer, "feature_code": "calls", "value": 1, "properties": {"live": true}});
        let problem = shop.post("/v1/track", nameless).await.refused(422, "paylera.invalid");
        assert_eq!(problem["errors"][0]["pointer"], "/properties");
        let listed = shop.get("/v1/admin/billable-metrics").await.is(200);
        assert_eq!(listed["data"][0]["filter"], metric["filter"]);
        assert_eq!(listed["data"][0]["property"], "user.id");
    }

    async fn a_maximum_and_a_last_value_say_what_they_are_in_checks(world: &World) {
        let shop = Shop::open(world).await;
        let customer = counted(&shop, json!({"code": "m", "aggregation": "max"})).await;
        for (value, balance) in [(4, 6), (2, 6), (9, 1)] {
            assert_eq!(track(&shop, &customer, json!(value), json!({})).await["balance"], balance);
        }
        shop.track(&customer, json!(-1), "back").await.refused(422, "paylera.invalid");
        let hold = json!({"customer_id": customer, "feature_code": "calls", "amount": 1, "ttl_seconds": 60});
        shop.post("/v1/reservations", hold).await.refused(422, "paylera.invalid");
        let balances = shop.get(&format!("/v1/customers/{customer}/balances")).await.is(200);
        assert_eq!((&balances["data"][0]["balance"], &balances["data"][0]["usage"]), (&json!(1), &json!(9)));
    }

    async fn a_metric_says_what_is_wrong_with_it_and_never_counts_otherwise(world: &World) {
        let shop = Shop::open(world).await;
        let path = "/v1/admin/billable-metrics/m";
        for (metric, pointer) in [
            (json!({"code": "m", "aggregation": "unique"}), "/property"),
            (json!({"code": "m", "aggregation": "count", "property": "x"}), "/property"),
            (json!({"code": "m", "property": "a..b"}), "/property"),
            (json!({"code": "m", "filter": {"x": []}}), "/filter"),
        ] {
            let problem = shop.put(path, metric).await.refused(422, "paylera.invalid");
            assert_eq!(problem["errors"][0]["pointer"], pointer);
        }
        shop.put(path, json!({"code": "m", "aggregation": "count"})).await.is(201);
        shop.put(path, json!({"code": "m", "aggregation": "count", "filter": {"x": ["1"]}})).await.is(200);
        let problem = shop.put(path, json!({"code": "m"})).await.refused(422, "paylera.invalid");
        assert_eq!(problem["errors"][0]["pointer"], "/aggregation");
        let list = json!({"customer_id": uuid::Uuid::now_v7(), "feature_code": "calls", "value": 1, "properties": {"a": [1]}});
        let answer = shop.post("/v1/track", list).await;
        assert!([400, 422].contains(&answer.status), "{}", answer.text);
    }

    async fn names_of_requests_batches_and_events_do_not_meet(world: &World) {
        let shop = Shop::open(world).await;
        let (customer, _) = shop.subscribed(100).await;
        shop.track(&customer, json!(1), "k/0").await.is(204);
        let plain = json!({"customer_id": customer, "feature_code": "calls", "value": 1});
        let results = shop.post_named("/v1/track/batch", "k", json!({"events": [plain]})).await.is(200);
        assert_eq!(results["results"][0]["status"], "recorded");
        for name in ["k/0", "key:k/0"] {
            let event = json!({"customer_id": customer, "feature_code": "calls", "value": 1, "dedup_key": name});
            assert!(!shop.post("/v1/track", event).await.headers.contains_key("idempotency-replayed"), "{name}");
        }
        assert_eq!(shop.check(&customer, "calls", 0).await["usage"], 4);
    }
}
