//! What is no amount is answered 400, and neither written nor sent.

use axum::http::Method;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::payments::town::{Town, order};
use crate::world::{World, bearer, send};

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

    async fn two_hundred_decimals_are_taken_exactly_or_answered_400_as_an_independent_library_says(world: &World) {
        let town = Town::new(world);
        let bearer = bearer(&world.seller.key);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let (mut taken, mut sent) = (0, 0);
        for (at, text) in decimals().into_iter().enumerate() {
            let (currency, exponent) = [("USD", 2), ("KRW", 0), ("KWD", 3)][at % 3];
            // As a JSON number, and as a string.
            for amount in [text.clone(), format!("\"{text}\"")] {
                let body = format!(
                    "{{\"customer_id\":\"c\",\"payment_method_id\":\"pm_sim_ok\",\"currency\":\"{currency}\",\"amount\":{amount}}}"
                );
                let answer = send(town.router.clone(), Method::POST, "/payments", &headers, body).await;
                sent += 1;
                match independently(&text, exponent) {
                    Some(minor) => {
                        taken += 1;
                        assert_eq!(answer.ok()["amount_minor"], minor, "{amount} {currency}");
                    }
                    None => assert_eq!(answer.status, 400, "{amount} {currency}: {}", answer.json),
                }
            }
        }
        assert!(sent >= 400 && taken >= 150 && sent - taken >= 100, "{taken} of {sent} were taken");
        assert_eq!(world.count("payment_created").await, taken, "the rest left nothing");
    }
}

/// Minor units, whole, above zero and within the ceiling, as another decimal library has it; else nothing.
fn independently(text: &str, exponent: u32) -> Option<i64> {
    let decimal =
        if text.contains(['e', 'E']) { Decimal::from_scientific(text) } else { Decimal::from_str_exact(text) };
    let minor = decimal.ok()?.checked_mul(Decimal::from(10_i64.pow(exponent)))?.normalize();
    let minor: i64 = minor.to_string().parse().ok()?;
    (1..=100_000_000).contains(&minor).then_some(minor)
}

/// Whole numbers, places, exponents, signs: two hundred and more.
fn decimals() -> Vec<String> {
    let mut texts = Vec::new();
    for whole in ["0", "1", "2", "9", "19", "49", "100", "1234", "99999", "1000000", "1000001", "9007199254740993"] {
        for places in
            ["", ".0", ".00", ".1", ".29", ".50", ".99", ".01", ".10", ".005", ".675", ".999", ".000", ".0001"]
        {
            texts.push(format!("{whole}{places}"));
        }
    }
    for power in ["e0", "e1", "E2", "e+1", "e-1", "e-2", "e-3"] {
        texts.extend(["1", "4.99", "0.01", "1200", "7.5"].map(|mantissa| format!("{mantissa}{power}")));
    }
    texts.extend(["-1", "-0.01", "-49.99", "0.0", "-0"].map(ToOwned::to_owned));
    assert!(texts.len() >= 200, "{}", texts.len());
    texts
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
