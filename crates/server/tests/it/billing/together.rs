//! Credits of a plan are one balance, however they are spent: through the gate's facilitator and through check and track.

use axum::http::Method;
use serde_json::json;

use super::shop::Shop;
use crate::world::{World, pay};

on_both! {
    async fn credits_of_a_plan_are_spent_through_a_fare_and_through_track_alike(world: &World) {
        let shop = Shop::open(world).await;
        let plan = world.ordered_plan(10).await;
        let feature = json!({"code": "asks", "kind": "metered", "creditsPlan": plan});
        shop.put("/v1/admin/features/asks", feature).await.is(201);
        let customer = json!({"email": "ann@example.com", "payer": world.buyer.account.to_string()});
        let customer = shop.post("/v1/customers", customer).await.is(201)["id"].as_str().unwrap().to_owned();
        assert_eq!(shop.check(&customer, "asks", 10).await["balance"], 10);

        let token = world.token(&plan).await;
        world.settle(pay(&token, &plan, "4")).await.ok();
        assert_eq!(shop.check(&customer, "asks", 0).await["balance"], 6);
        let consume = json!({"customer_id": customer, "feature_code": "asks", "value": 5});
        assert_eq!(shop.post("/v1/consume", consume).await.is(200)["allowed"], true);
        assert_eq!(world.credits(&plan).await, (1, 0));
        let refused = world.settle(pay(&token, &plan, "2")).await;
        assert_eq!(refused.status, 402, "{}", refused.json);
        let over = json!({"customer_id": customer, "feature_code": "asks", "value": 2});
        assert_eq!(shop.post("/v1/consume", over).await.is(200)["allowed"], false);
        assert_eq!(world.credits(&plan).await, (1, 0));
        let ledger = shop.call(Method::GET, &format!("/v1/customers/{customer}/ledger"), "", None).await.is(200);
        assert_eq!(ledger["data"][0]["amount"], 5);
    }
}
