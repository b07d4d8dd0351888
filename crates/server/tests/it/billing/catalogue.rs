//! What is sold: written by code, once; changes are versions.

use axum::http::Method;
use serde_json::json;

use super::shop::Shop;
use crate::world::World;

on_both! {
    async fn writing_the_same_again_changes_nothing_and_a_change_is_a_new_version(world: &World) {
        let shop = Shop::open(world).await;
        let (free, _) = shop.stock().await;
        assert_eq!(shop.plan("free", 10).await, free);
        let customer = shop.customer("ann@example.com").await;
        shop.attach(&customer, &free).await;
        let newer = shop.plan("free", 20).await;
        assert_ne!(newer, free);
        let plans = shop.get("/v1/plans").await.is(200);
        let listed = plans["data"].as_array().unwrap().iter().find(|plan| plan["code"] == "free").unwrap().clone();
        assert_eq!((&listed["id"], &listed["version"], plans["data"].as_array().unwrap().len()), (&json!(newer), &json!(2), 2));
        assert_eq!(shop.check(&customer, "calls", 0).await["balance"], 10);
    }

    async fn a_plan_of_what_is_not_there_is_refused_at_its_place(world: &World) {
        let shop = Shop::open(world).await;
        shop.stock().await;
        let plan = |features: serde_json::Value| json!({"code": "p", "name": "p", "features": features,
            "prices": [{"amount": 0, "currency": "USD", "interval": "month"}]});
        for (features, pointer) in [
            (json!({"nothing": {}}), "/features/nothing"),
            (json!({"calls": {"value": 1}}), "/features/calls/value"),
            (json!({"calls": {"includedUsage": -1}}), "/features/calls/includedUsage"),
            (json!({"calls": {"included": 1}}), "/features/calls/included"),
        ] {
            let problem = shop.put("/v1/admin/plans/p", plan(features)).await.refused(422, "paylera.invalid");
            assert_eq!(problem["errors"][0]["pointer"], pointer);
        }
        let kind = json!({"code": "calls", "kind": "boolean"});
        shop.put("/v1/admin/features/calls", kind).await.refused(422, "paylera.invalid");
    }

    async fn what_is_archived_is_no_longer_sold(world: &World) {
        let shop = Shop::open(world).await;
        let (free, _) = shop.stock().await;
        shop.call(Method::DELETE, "/v1/admin/plans/free", "", None).await.is(204);
        shop.call(Method::DELETE, "/v1/admin/plans/free", "", None).await.is(204);
        assert_eq!(shop.get("/v1/plans").await.is(200)["data"].as_array().unwrap().len(), 1);
        let customer = shop.customer("ann@example.com").await;
        let attach = json!({"customer_id": customer, "plan_id": free});
        shop.post("/v1/attach", attach).await.refused(422, "paylera.invalid");
    }
}
