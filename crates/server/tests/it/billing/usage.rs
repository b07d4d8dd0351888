//! Usage: once under its key, exactly, and never more than there is.

use serde_json::json;

use super::{customers::futures_join, shop::Shop};
use crate::world::World;

on_both! {
    async fn the_same_key_a_thousand_times_is_one_event_with_one_answer(world: &World) {
        let shop = Shop::open(world).await;
        let elsewhere = shop.elsewhere(world);
        let (customer, _) = shop.subscribed(10_000).await;
        let asking = (0..1000).map(|at| if at % 2 == 0 { &shop } else { &elsewhere });
        let answers = futures_join(asking.map(|shop| shop.track(&customer, json!(3), "same"))).await;
        assert!(answers.iter().all(|answer| answer.status == 204 && answer.text.is_empty()));
        let fresh = answers.iter().filter(|answer| !answer.headers.contains_key("idempotency-replayed")).count();
        assert_eq!((fresh, &shop.check(&customer, "calls", 0).await["usage"]), (1, &json!(3)));
        let ledger = shop.get(&format!("/v1/customers/{customer}/ledger")).await.is(200);
        assert_eq!(ledger["data"].as_array().unwrap().len(), 1);
    }

    async fn concurrent_consumers_get_what_there_is_and_not_one_more(world: &World) {
        let shop = Shop::open(world).await;
        let (customer, _) = shop.subscribed(100).await;
        let body = json!({"customer_id": customer, "feature_code": "calls", "value": 1});
        let asking = (0..256).map(|_| shop.post("/v1/consume", body.clone()));
        let answers = futures_join(asking).await;
        let taken = answers.iter().filter(|answer| answer.is(200)["allowed"] == true).count();
        assert_eq!((taken, &shop.check(&customer, "calls", 0).await["balance"]), (100, &json!(0)));
    }

    async fn track_records_what_happened_and_reject_records_nothing(world: &World) {
        let shop = Shop::open(world).await;
        let (customer, _) = shop.subscribed(10).await;
        let mut body = json!({"customer_id": customer, "feature_code": "calls", "value": 12, "on_insufficient": "reject"});
        shop.post("/v1/track", body.clone()).await.refused(422, "paylera.insufficient_balance");
        assert_eq!(shop.check(&customer, "calls", 0).await["balance"], 10);
        body.as_object_mut().unwrap().remove("on_insufficient");
        shop.post("/v1/track", body).await.is(204);
        let check = shop.check(&customer, "calls", 0).await;
        assert_eq!((&check["balance"], &check["allowed"]), (&json!(-2), &json!(false)));
    }

    async fn a_key_of_another_value_is_a_conflict_and_a_dedup_key_outlives_requests(world: &World) {
        let shop = Shop::open(world).await;
        let (customer, _) = shop.subscribed(100).await;
        shop.track(&customer, json!(1), "k").await.is(204);
        shop.track(&customer, json!(2), "k").await.refused(409, "paylera.idempotency_conflict");
        let body = json!({"customer_id": customer, "feature_code": "calls", "value": 5, "dedup_key": "event-1"});
        shop.post("/v1/track", body.clone()).await.is(204);
        world.pass(3 * 86_400);
        let again = shop.post("/v1/track", body).await;
        assert_eq!((again.status, again.headers["idempotency-replayed"].to_str().unwrap()), (204, "true"));
        assert_eq!(shop.check(&customer, "calls", 0).await["usage"], 6);
    }

    async fn a_batch_answers_each_event_in_order(world: &World) {
        let shop = Shop::open(world).await;
        let (customer, _) = shop.subscribed(100).await;
        let event = |feature: &str, key: &str| json!({"customer_id": customer, "feature_code": feature, "value": 1, "dedup_key": key});
        shop.post("/v1/track", event("calls", "a")).await.is(204);
        let batch = json!({"events": [event("calls", "a"), event("calls", "b"), event("nothing", "c"), event("seats", "d")]});
        let results = shop.post("/v1/track/batch", batch).await.is(200);
        let statuses: Vec<&str> = results["results"].as_array().unwrap().iter().map(|r| r["status"].as_str().unwrap()).collect();
        assert_eq!(statuses, ["duplicate", "recorded", "rejected", "rejected"]);
        assert_eq!(results["results"][2]["problem"]["type"], "paylera.not_found");
        assert_eq!(shop.check(&customer, "calls", 0).await["usage"], 2);
    }

    async fn a_reservation_is_held_then_used_in_part_and_the_rest_comes_back(world: &World) {
        let shop = Shop::open(world).await;
        let (customer, _) = shop.subscribed(10).await;
        let body = json!({"customer_id": customer, "feature_code": "calls", "amount": 8, "ttl_seconds": 60});
        let held = shop.post("/v1/reservations", body.clone()).await.is(201);
        assert_eq!((&held["state"], &shop.check(&customer, "calls", 0).await["balance"]), (&json!("held"), &json!(2)));
        shop.post("/v1/reservations", body.clone()).await.refused(422, "paylera.insufficient_balance");
        let path = format!("/v1/reservations/{}", held["id"].as_str().unwrap());
        let committed = shop.post(&format!("{path}/commit"), json!({"amount": 3})).await.is(200);
        assert_eq!((&committed["state"], &committed["committed_amount"]), (&json!("committed"), &json!(3)));
        assert_eq!(shop.post(&format!("{path}/commit"), json!({"amount": 3})).await.is(200), committed);
        assert_eq!(shop.check(&customer, "calls", 0).await["balance"], 7);
        let other = shop.post("/v1/reservations", body.as_object().map(|_| json!({"customer_id": customer, "feature_code": "calls", "amount": 1, "ttl_seconds": 60})).unwrap()).await.is(201);
        let released = shop.post(&format!("/v1/reservations/{}/release", other["id"].as_str().unwrap()), json!({})).await.is(200);
        assert_eq!((&released["state"], &shop.check(&customer, "calls", 0).await["balance"]), (&json!("released"), &json!(7)));
    }

    async fn credits_come_after_the_plan_and_an_override_in_its_place(world: &World) {
        let shop = Shop::open(world).await;
        let (customer, _) = shop.subscribed(10).await;
        let credit = json!({"customer_id": customer, "feature_code": "calls", "amount": 2.5});
        let credit = shop.post("/v1/credits", credit).await.is(201);
        assert_eq!((&credit["amount"], &shop.check(&customer, "calls", 0).await["balance"]), (&json!(2.5), &json!(12.5)));
        shop.track(&customer, json!(10), "plan").await.is(204);
        let check = shop.check(&customer, "calls", 2).await;
        assert_eq!((&check["source"], &check["balance"]), (&json!("credit_grant"), &json!(2.5)));
        let set = json!({"customer_id": customer, "feature_code": "seats", "value": 50});
        assert_eq!(shop.put("/v1/overrides", set).await.is(200)["value"], 50);
        let seats = shop.check(&customer, "seats", 49).await;
        assert_eq!((&seats["allowed"], &seats["source"]), (&json!(true), &json!("override")));
        let balances = shop.get(&format!("/v1/customers/{customer}/balances")).await.is(200);
        assert_eq!(balances["data"][0]["balance"], 2.5);
    }

    async fn what_is_not_given_or_not_known_is_told_apart(world: &World) {
        let shop = Shop::open(world).await;
        shop.stock().await;
        let customer = shop.customer("bob@example.com").await;
        let check = shop.check(&customer, "export", 0).await;
        assert_eq!((&check["allowed"], &check["reason"]), (&json!(false), &json!("no_grant")));
        let unknown = json!({"customer_id": customer, "feature_code": "nothing"});
        shop.post("/v1/check", unknown).await.refused(404, "paylera.not_found");
        let zero = json!({"customer_id": customer, "feature_code": "calls", "value": 0});
        shop.post("/v1/track", zero).await.refused(422, "paylera.invalid");
    }
}
