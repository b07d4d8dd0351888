//! Each kind of feature, each length of window, and what plans do to them, over HTTP.

use serde_json::{Value, json};

use super::shop::{Shop, id_of};
use crate::world::World;

/// A plan of these features, each made of its kind; free, by the month.
async fn plan(shop: &Shop, code: &str, features: &[(&str, &str, Value)]) -> String {
    for (feature, kind, _) in features {
        let body = json!({"code": feature, "kind": kind});
        let status = shop.put(&format!("/v1/admin/features/{feature}"), body).await.status;
        assert!([200, 201].contains(&status));
    }
    let grants: serde_json::Map<String, Value> =
        features.iter().map(|(code, _, grant)| ((*code).into(), grant.clone())).collect();
    let body = json!({
        "code": code, "name": code, "features": grants, "privileges": ["see_reports", "export_csv"],
        "prices": [{"amount": 0, "currency": "USD", "interval": "month"}],
    });
    id_of(&shop.put(&format!("/v1/admin/plans/{code}"), body).await.is(201))
}

async fn track(shop: &Shop, customer: &str, feature: &str, value: u64) {
    shop.post("/v1/track", json!({"customer_id": customer, "feature_code": feature, "value": value})).await.is(204);
}

async fn advance(shop: &Shop, clock: &Value, to: &str) {
    let path = format!("/v1/test-clocks/{}/advance", clock["id"].as_str().unwrap());
    shop.post(&path, json!({"frozen_time": to})).await.is(200);
}

on_both! {
    async fn each_kind_of_feature_answers_in_its_own_way(world: &World) {
        let shop = Shop::open(world).await;
        let features = [
            ("calls", "metered", json!({"includedUsage": 2.5, "overage": {"cap": 1}})), ("exports", "unlimited", json!({})),
            ("seats", "numeric", json!({"value": 5})), ("tier", "text", json!({"value": "gold"})), ("sso", "boolean", json!({})),
        ];
        let plan = plan(&shop, "all", &features).await;
        let customer = shop.customer("ann@example.com").await;
        let subscription = shop.attach(&customer, &plan).await["subscription_id"].as_str().unwrap().to_owned();
        track(&shop, &customer, "exports", 700).await;
        let exports = shop.check(&customer, "exports", 1_000_000).await;
        assert_eq!((&exports["allowed"], &exports["unlimited"], &exports["balance"]), (&json!(true), &json!(true), &json!(null)));
        assert_eq!((&exports["usage"], &exports["value"]), (&json!(700), &json!({"type": "unlimited", "u": true})));
        for (required, allowed) in [(5, true), (6, false)] {
            let seats = shop.check(&customer, "seats", required).await;
            assert_eq!((&seats["allowed"], &seats["value"]), (&json!(allowed), &json!({"type": "numeric", "n": 5})));
        }
        let tier = shop.check(&customer, "tier", 0).await;
        assert_eq!((&tier["allowed"], &tier["value"]), (&json!(true), &json!({"type": "text", "t": "gold"})));
        for (required, allowed) in [(3, true), (4, false)] {
            assert_eq!(shop.check(&customer, "calls", required).await["allowed"], allowed, "up to one beyond the 2.5");
        }
        for (feature, expected) in [("seats", 422), ("tier", 422), ("sso", 422), ("nothing", 404)] {
            let body = json!({"customer_id": customer, "feature_code": feature, "value": 1});
            assert_eq!(shop.post("/v1/track", body).await.status, expected, "{feature}");
        }
        let given = shop.get(&format!("/v1/subscriptions/{subscription}/entitlements")).await.is(200);
        let values: Vec<(&str, &Value)> = given["features"].as_array().unwrap().iter().map(|f| (f["feature_code"].as_str().unwrap(), &f["value"])).collect();
        let expected = [("calls", json!(2.5)), ("exports", json!(null)), ("seats", json!(5)), ("sso", json!(true)), ("tier", json!("gold"))];
        assert_eq!(values, expected.iter().map(|(code, value)| (*code, value)).collect::<Vec<_>>());
        assert_eq!(given["privileges"], json!([{"code": "export_csv"}, {"code": "see_reports"}]));
    }

    async fn each_length_of_window_begins_anew_in_its_own_time(world: &World) {
        let shop = Shop::open(world).await;
        let clock = shop.post("/v1/test-clocks", json!({"frozen_time": "2028-12-15T00:00:00Z"})).await.is(201);
        let cycles = ["subscription_period", "calendar_month", "calendar_year", "never"];
        let features: Vec<_> = cycles.iter().map(|cycle| (*cycle, "metered", json!({"includedUsage": 10, "usageCycle": cycle}))).collect();
        let plan = plan(&shop, "cycles", &features).await;
        let customer = shop.customer("ann@example.com").await;
        shop.attach(&customer, &plan).await;
        for cycle in cycles {
            track(&shop, &customer, cycle, 4).await;
        }
        let left = async || {
            let mut left = Vec::new();
            for cycle in cycles {
                let check = shop.check(&customer, cycle, 0).await;
                left.push((check["balance"].as_i64().unwrap(), check["next_reset_at"].as_str().unwrap_or("never").to_owned()));
            }
            left
        };
        let at = |all: [(i64, &str); 4]| all.map(|(left, reset)| (left, reset.to_owned())).to_vec();
        assert_eq!(left().await, at([(6, "2029-01-15T00:00:00Z"), (6, "2029-01-01T00:00:00Z"), (6, "2029-01-01T00:00:00Z"), (6, "never")]));
        advance(&shop, &clock, "2029-01-01T00:00:00Z").await;
        assert_eq!(left().await, at([(6, "2029-01-15T00:00:00Z"), (10, "2029-02-01T00:00:00Z"), (10, "2030-01-01T00:00:00Z"), (6, "never")]));
        advance(&shop, &clock, "2029-02-20T00:00:00Z").await;
        assert_eq!(left().await, at([(10, "2029-03-15T00:00:00Z"), (10, "2029-03-01T00:00:00Z"), (10, "2030-01-01T00:00:00Z"), (6, "never")]));
    }

    async fn a_change_of_plan_begins_when_it_is_asked_to(world: &World) {
        let shop = Shop::open(world).await;
        let clock = shop.post("/v1/test-clocks", json!({"frozen_time": "2028-01-10T00:00:00Z"})).await.is(201);
        let small = plan(&shop, "small", &[("calls", "metered", json!({"includedUsage": 10}))]).await;
        let large = plan(&shop, "large", &[("calls", "metered", json!({"includedUsage": 100}))]).await;
        let customer = shop.customer("ann@example.com").await;
        let id = shop.attach(&customer, &large).await["subscription_id"].as_str().unwrap().to_owned();
        track(&shop, &customer, "calls", 30).await;
        let path = format!("/v1/subscriptions/{id}/change-plan");
        let later = json!({"new_plan_id": small, "proration_behavior": "next_period"});
        let changed = shop.post(&path, later).await.is(200);
        assert_eq!((&changed["plan_code"], &changed["pending_change"]["plan_id"]), (&json!("large"), &json!(small)));
        assert_eq!(changed["pending_change"]["at"], "2028-02-10T00:00:00Z");
        assert_eq!(shop.check(&customer, "calls", 0).await["balance"], 70);
        advance(&shop, &clock, "2028-02-10T00:00:00Z").await;
        let subscription = shop.get(&format!("/v1/subscriptions/{id}")).await.is(200);
        assert_eq!((&subscription["plan_code"], &subscription["pending_change"]), (&json!("small"), &json!(null)));
        assert_eq!(shop.check(&customer, "calls", 0).await["balance"], 10);
        advance(&shop, &clock, "2028-02-20T00:00:00Z").await;
        track(&shop, &customer, "calls", 4).await;
        let now = json!({"new_plan_id": large, "proration_behavior": "full_immediately"});
        let changed = shop.post(&path, now).await.is(200);
        assert_eq!((&changed["current_period_start"], &changed["current_period_end"]), (&json!("2028-02-20T00:00:00Z"), &json!("2028-03-20T00:00:00Z")));
        let check = shop.check(&customer, "calls", 0).await;
        assert_eq!((&check["balance"], &check["usage"]), (&json!(100), &json!(0)), "a new period, from nothing");
    }

    async fn add_ons_add_their_quantity_to_what_the_plan_gives(world: &World) {
        let shop = Shop::open(world).await;
        let base = plan(&shop, "base", &[("calls", "metered", json!({"includedUsage": 10})), ("seats", "numeric", json!({"value": 5}))]).await;
        let pack = plan(&shop, "pack", &[("calls", "metered", json!({"includedUsage": 5})), ("seats", "numeric", json!({"value": 2}))]).await;
        let customer = shop.customer("ann@example.com").await;
        let body = json!({"customer_id": customer, "plan_id": base, "add_ons": [{"id": pack, "quantity": 3}]});
        let id = shop.post("/v1/attach", body).await.is(200)["subscription_id"].as_str().unwrap().to_owned();
        assert_eq!(shop.check(&customer, "calls", 25).await["allowed"], true);
        assert_eq!(shop.check(&customer, "calls", 26).await["allowed"], false);
        assert_eq!(shop.check(&customer, "seats", 11).await["value"]["n"], 11, "five, and three times two");
        let subscription = shop.get(&format!("/v1/subscriptions/{id}")).await.is(200);
        assert_eq!(subscription["add_ons"], json!([{"id": pack, "quantity": 3}]));
    }

    async fn a_merchants_settings_are_its_own_and_hold_at_once(world: &World) {
        let shop = Shop::open(world).await;
        let unset = json!({"strict_redirects": false, "redirect_domains": [], "past_due_grace_seconds": 604_800});
        assert_eq!(shop.get("/v1/admin/settings").await.is(200), unset);
        let settings = |strict: bool, domains: &[&str], grace: u32| json!({"strict_redirects": strict, "redirect_domains": domains, "past_due_grace_seconds": grace});
        let set = shop.put("/v1/admin/settings", settings(true, &["Shop.example.com"], 60)).await.is(200);
        assert_eq!(set["redirect_domains"], json!(["shop.example.com"]));
        for wrong in [settings(true, &[], 0), settings(false, &["https://a.b"], 0), settings(false, &[], 99_999_999), json!({"strict_redirects": true})] {
            shop.put("/v1/admin/settings", wrong).await.refused(422, "paylera.invalid");
        }
        assert_eq!(shop.get("/v1/admin/settings").await.is(200), set);
        let stranger = Shop { token: shop.stranger.clone(), ..Shop::open(world).await };
        assert_eq!(stranger.get("/v1/admin/settings").await.is(200), unset);
        assert_eq!(shop.put("/v1/admin/settings", unset.clone()).await.is(200), unset);
        assert_eq!(world.count("settings_changed").await, 2);
    }
}
