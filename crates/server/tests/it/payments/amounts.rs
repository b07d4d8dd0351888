//! What is no amount is answered 400, and neither written nor sent.

use crate::payments::town::{Town, order};
use crate::world::World;
use serde_json::{Value, json};

on_both! {
    async fn amounts_are_read_exactly_or_refused(world: &World) {
        let town = Town::new(world);
        let good = [
            (json!("49.99"), "USD", 4999), (json!(0.29), "USD", 29), (json!(100), "KRW", 100), (json!(100.0), "KRW", 100),
            (json!("1.500"), "KWD", 1500), (json!(1.10), "USD", 110), (json!("1e2"), "USD", 10_000), (json!(2.675), "KWD", 2675),
        ];
        for (amount, currency, minor) in good {
            let answer = town.post("/payments", None, with(amount.clone(), currency)).await.ok();
            assert_eq!(answer["amount_minor"], minor, "{amount} {currency}");
        }
        for (amount, currency) in [
            (json!(1.001), "USD"), (json!(0.5), "KRW"), (json!(0), "USD"), (json!(-1), "USD"), (json!("x"), "USD"), (json!(null), "USD"),
            (json!(true), "USD"), (json!("1,00"), "USD"), (json!(1), "XXX"), (json!(1), "DOLLAR"), (json!(1_000_001), "USD"), (json!("1e400"), "USD"),
        ] {
            let answer = town.post("/payments", None, with(amount.clone(), currency)).await;
            assert_eq!(answer.status, 400, "{amount} {currency}: {}", answer.json);
        }
        let both = json!({"customer_id": "c", "amount": 1.5, "amount_minor": 150, "payment_method_id": "pm_sim_ok"});
        assert_eq!(town.post("/payments", None, both).await.ok()["amount_minor"], 150);
        let apart = json!({"customer_id": "c", "amount": 1.5, "amount_minor": 151, "payment_method_id": "pm_sim_ok"});
        assert_eq!(town.post("/payments", None, apart).await.status, 400);
        assert_eq!(world.count("payment_created").await, good_count() + 1);
    }
}

fn with(amount: Value, currency: &str) -> Value {
    let mut body = order("pm_sim_ok");
    body["amount"] = amount;
    body["currency"] = currency.into();
    body
}

const fn good_count() -> usize {
    8
}
