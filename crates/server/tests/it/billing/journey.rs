//! What a merchant does first, end to end.

use serde_json::json;

use super::shop::Shop;
use crate::world::World;

on_both! {
    async fn a_customer_attaches_uses_a_plan_up_and_changes_to_a_larger_one(world: &World) {
        let shop = Shop::open(world).await;
        let (free, more) = shop.stock().await;
        let customer = shop.customer("ann@example.com").await;

        let attached = shop.attach(&customer, &free).await;
        assert_eq!((&attached["customer_id"], &attached["checkout_url"]), (&json!(customer), &json!(null)));
        let id = attached["subscription_id"].as_str().unwrap();
        let subscription = shop.get(&format!("/v1/subscriptions/{id}")).await.is(200);
        assert_eq!((&subscription["status"], &subscription["plan_code"]), (&json!("active"), &json!("free")));

        let entitlements = shop.get(&format!("/v1/subscriptions/{id}/entitlements")).await.is(200);
        let of = |code: &str| {
            let list = entitlements["features"].as_array().unwrap();
            list.iter().find(|feature| feature["feature_code"] == code).unwrap().clone()
        };
        assert_eq!((&of("calls")["balance"], &of("calls")["value_type"]), (&json!(10), &json!("metered")));
        assert_eq!((&of("seats")["value"], &of("export")["value"]), (&json!(5), &json!(true)));
        assert_eq!(entitlements["privileges"], json!([{"code": "export_csv"}]));

        assert_eq!(shop.track(&customer, json!(4), "one").await.status, 204);
        let check = shop.check(&customer, "calls", 6).await;
        assert_eq!((&check["allowed"], &check["balance"], &check["usage"]), (&json!(true), &json!(6), &json!(4)));
        let consume = json!({"customer_id": customer, "feature_code": "calls", "value": 7});
        let refused = shop.post("/v1/consume", consume).await.is(200);
        assert_eq!((&refused["allowed"], &refused["reason"]), (&json!(false), &json!("insufficient_balance")));
        let consume = json!({"customer_id": customer, "feature_code": "calls", "value": 6});
        let taken = shop.post("/v1/consume", consume).await.is(200);
        assert_eq!((&taken["allowed"], &taken["balance"]), (&json!(true), &json!(0)));
        assert_eq!(shop.check(&customer, "calls", 0).await["allowed"], false);

        let change = json!({"new_plan_id": more});
        let changed = shop.post(&format!("/v1/subscriptions/{id}/change-plan"), change).await.is(200);
        assert_eq!((&changed["plan_id"], &changed["plan_code"]), (&json!(more), &json!("more")));
        let check = shop.check(&customer, "calls", 1).await;
        assert_eq!((&check["allowed"], &check["balance"], &check["usage"]), (&json!(true), &json!(90), &json!(10)));
        assert!(world.count("subscription_created").await == 1 && world.count("customer_created").await == 1);
    }

    async fn a_check_has_every_field_of_the_protocol(world: &World) {
        let shop = Shop::open(world).await;
        let (customer, _) = shop.subscribed(10_000).await;
        shop.track(&customer, json!(0.5), "half").await.is(204);
        let check = shop.check(&customer, "calls", 1).await;
        let feature = check["feature_id"].clone();
        assert_eq!(check, json!({
            "allowed": true, "customer_id": customer, "feature_id": feature, "feature_code": "calls",
            "feature_name": "CALLS", "value_type": "metered", "unit": "call", "balance": 9999.5,
            "included_usage": 10000, "usage": 0.5, "held": 0, "unlimited": false, "interval": "calendar_month",
            "cycle_start_at": "2027-01-01T00:00:00Z", "next_reset_at": "2027-02-01T00:00:00Z", "source": "plan_grant",
            "value": {"type": "metered", "n": 10000, "u": false},
        }));
    }
}
