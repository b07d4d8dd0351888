//! The guides' own files and requests, as a reader would use them.

use serde_json::{Value, json};

use crate::{plans::Shop, world::Engine};

const PLANS_AS_CODE: &str = include_str!("../../../../docs/guides/plans-as-code.md");
const MEASURE_USAGE: &str = include_str!("../../../../docs/guides/measure-usage.md");

/// The guide's first block in this language.
fn block(guide: &'static str, language: &str) -> &'static str {
    let start = guide.split_once(&format!("```{language}\n")).unwrap().1;
    start.split_once("```").unwrap().0
}

#[tokio::test]
async fn the_guides_files_do_what_the_guide_says() {
    let shop = Shop::new(Engine::Sqlite).await.unwrap();
    shop.write("plans.toml", block(PLANS_AS_CODE, "toml"));
    assert_eq!(shop.json(&["apply", "--yes"])["applied"], 4);
    shop.write("plans.toml", &block(PLANS_AS_CODE, "toml").replace("amount = 1900", "amount = 2400"));
    let said = String::from_utf8(shop.run(&["plan"]).stdout).unwrap();
    for line in [
        "~ plan pro: a new version, subscriptions keep theirs\n    prices[0].amount: 1900 → 2400",
        "0 to create, 1 to change, 0 to archive, 3 as they are",
    ] {
        assert!(said.contains(line), "{said}");
    }
    shop.write("plans.toml", &block(PLANS_AS_CODE, "toml").replace("includedUsage = 1000 ", "includedUse = 1000 "));
    let said = shop.refused(&["plan"]);
    assert!(said.contains("plans.toml:21: plans[0].features.api_calls.includedUse: unknown field"), "{said}");
    shop.write("plans.yaml", block(PLANS_AS_CODE, "yaml"));
    assert_eq!(shop.json(&["plan", "plans.yaml"])["unchanged"], 1);
}

const USERS: &str = r#"
[[plans]]
code = "free"
name = "Free"

[[plans.prices]]
amount = 0
currency = "USD"
interval = "month"

[plans.features]
users = { includedUsage = 10 }
"#;

#[tokio::test]
async fn the_guide_to_usage_counts_what_it_says() {
    let shop = Shop::new(Engine::Sqlite).await.unwrap();
    let file = format!("apiVersion = \"2026-05-01\"\n{}{USERS}", block(MEASURE_USAGE, "toml"));
    shop.write("plans.toml", &file);
    assert_eq!(shop.json(&["apply", "--yes"])["applied"], 3);
    let post = async |path: &str, body: Value| shop.post(path, &body).await;
    let plan = shop.plans().await[0]["id"].clone();
    let customer = post("customers", json!({"email": "ann@example.com"})).await["id"].clone();
    post("attach", json!({"customer_id": customer, "plan_id": plan})).await;
    let event: Value =
        serde_json::from_str(&block(MEASURE_USAGE, "json").replace("0198…", customer.as_str().unwrap())).unwrap();
    for key in ["first", "again"] {
        let mut event = event.clone();
        event["dedup_key"] = json!(key);
        post("track", event).await;
    }
    let check = post("check", json!({"customer_id": customer, "feature_code": "users"})).await;
    assert_eq!((&check["usage"], &check["balance"]), (&json!(1), &json!(9)));
}
