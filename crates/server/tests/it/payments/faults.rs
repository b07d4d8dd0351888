//! Whatever goes wrong on the way to the provider: one charge or none, and everybody agrees which.

use serde_json::json;

use crate::payments::town::{Town, order};
use crate::world::World;

const FAULTS: [&str; 6] = ["timeout_before", "timeout_after", "500_before", "500_after", "reset_before", "reset_after"];

on_both! {
    async fn a_create_that_goes_wrong_is_one_charge_in_the_end(world: &World) {
        let town = Town::new(world);
        for fault in FAULTS {
            let key = format!("key-{fault}");
            let answer = town.post("/payments", Some(&key), order(&format!("pm_sim_{fault}"))).await;
            assert!([200, 202].contains(&answer.status.as_u16()), "{fault}: {}", answer.json);
            let id = answer.json["id"].as_str().unwrap().to_owned();
            town.settle().await;
            let read = town.get(&format!("/payments/{id}")).await;
            assert_eq!((&read["status"], town.charged(&id)), (&json!("succeeded"), 1), "{fault}: {read}");
            let again = town.post("/payments", Some(&key), order(&format!("pm_sim_{fault}"))).await;
            assert_eq!(again.json["id"], id.as_str(), "{fault}");
        }
        assert_eq!(town.differences().await, Vec::<String>::new());
    }

    async fn a_capture_that_goes_wrong_takes_the_money_once(world: &World) {
        let town = Town::new(world);
        for fault in FAULTS {
            let mut body = order(&format!("pm_sim_capture_{fault}"));
            body["capture"] = "manual".into();
            let id = town.post("/payments", None, body).await.ok()["id"].as_str().unwrap().to_owned();
            town.post(&format!("/payments/{id}/capture"), None, json!({"amount_minor": 1000})).await;
            town.settle().await;
            let read = town.get(&format!("/payments/{id}")).await;
            assert_eq!((&read["status"], &read["captured_minor"]), (&json!("succeeded"), &json!(1000)), "{fault}: {read}");
        }
        assert_eq!(town.differences().await, Vec::<String>::new());
    }

    async fn a_cancellation_that_goes_wrong_takes_nothing(world: &World) {
        let town = Town::new(world);
        for fault in FAULTS {
            let mut body = order(&format!("pm_sim_cancel_{fault}"));
            body["capture"] = "manual".into();
            let id = town.post("/payments", None, body).await.ok()["id"].as_str().unwrap().to_owned();
            town.post(&format!("/payments/{id}/cancel"), None, json!({})).await;
            town.settle().await;
            let read = town.get(&format!("/payments/{id}")).await;
            assert_eq!((&read["status"], &read["captured_minor"]), (&json!("canceled"), &json!(0)), "{fault}: {read}");
        }
        assert_eq!(town.differences().await, Vec::<String>::new());
    }

    async fn a_refund_that_goes_wrong_pays_back_once(world: &World) {
        let town = Town::new(world);
        for fault in FAULTS {
            let id = town.pay(&format!("pm_sim_refund_{fault}")).await.ok()["id"].as_str().unwrap().to_owned();
            town.post(&format!("/payments/{id}/refunds"), None, json!({"amount_minor": 999})).await;
            town.settle().await;
            let read = town.get(&format!("/payments/{id}")).await;
            assert_eq!((&read["status"], &read["refunded_minor"]), (&json!("partially_refunded"), &json!(999)), "{fault}: {read}");
        }
        assert_eq!(town.differences().await, Vec::<String>::new());
    }

    async fn what_a_caller_has_begun_goes_on_when_he_goes_away(world: &World) {
        let town = Town::new(world);
        let answer = {
            let asking = town.post("/payments", Some("dies"), order("pm_sim_timeout_before"));
            // The caller goes away in the middle; what it began goes on.
            tokio::time::timeout(std::time::Duration::from_millis(100), asking).await
        };
        assert!(answer.is_err(), "it hangs");
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        town.settle().await;
        let again = town.post("/payments", Some("dies"), order("pm_sim_timeout_before")).await;
        let id = again.json["id"].as_str().unwrap().to_owned();
        let read = town.get(&format!("/payments/{id}")).await;
        assert_eq!((&read["status"], town.charged(&id)), (&json!("succeeded"), 1));
        assert_eq!(world.count("payment_created").await, 1);
    }

    async fn what_the_provider_decides_later_is_found_out_without_a_webhook(world: &World) {
        let town = Town::new(world);
        let answer = town.pay("pm_sim_processing_webhook_lost").await;
        assert_eq!((answer.status.as_u16(), &answer.json["status"]), (202, &json!("processing")));
        town.settle().await;
        let read = town.get(&format!("/payments/{}", answer.json["id"].as_str().unwrap())).await;
        assert_eq!(read["status"], "succeeded");
        assert_eq!(town.differences().await, Vec::<String>::new());
    }

    async fn what_nobody_knew_is_told_in_the_end_and_then_always_alike(world: &World) {
        let town = Town::new(world);
        let (key, body) = (Some("order-9"), order("pm_sim_timeout_after"));
        let first = town.post("/payments", key, body.clone()).await;
        assert_eq!((first.status.as_u16(), &first.json["status"]), (202, &json!("processing")));
        town.settle().await;
        let known = town.post("/payments", key, body.clone()).await;
        assert_eq!((known.status.as_u16(), &known.json["status"]), (200, &json!("succeeded")), "what was unknown is not kept");
        let path = format!("/payments/{}/refunds", known.json["id"].as_str().unwrap());
        town.post(&path, None, json!({"amount_minor": 999})).await.ok();
        let later = town.post("/payments", key, body).await;
        assert_eq!(later.headers["idempotency-replayed"], "true");
        assert_eq!(later.json, known.json, "nothing that came later changes it");
    }

    async fn a_refund_that_nobody_knew_of_is_told_in_the_end_and_then_always_alike(world: &World) {
        let town = Town::new(world);
        let id = town.pay("pm_sim_refund_timeout_after").await.ok()["id"].as_str().unwrap().to_owned();
        let (path, key) = (format!("/payments/{id}/refunds"), Some("r-9"));
        let first = town.post(&path, key, json!({"amount_minor": 999})).await;
        assert_eq!((first.status.as_u16(), &first.json["status"]), (202, &json!("pending")));
        town.settle().await;
        let known = town.post(&path, key, json!({"amount_minor": 999})).await.ok();
        assert_eq!((&known["status"], &known["refunded_minor"]), (&json!("succeeded"), &json!(999)));
        town.post(&path, None, json!({})).await;
        town.settle().await;
        assert_eq!(town.get(&format!("/payments/{id}")).await["status"], "refunded");
        town.post(&path, None, json!({})).await;
        town.settle().await;
        assert_eq!(town.get(&format!("/payments/{id}")).await["status"], "refunded");
        assert_eq!(town.post(&path, key, json!({"amount_minor": 999})).await.ok(), known);
    }

    async fn what_the_provider_is_still_at_is_told_as_such_until_it_is_decided(world: &World) {
        let town = Town::new(world);
        let (key, body) = (Some("slow-1"), order("pm_sim_processing_webhook_lost"));
        for _ in 0..2 {
            let answer = town.post("/payments", key, body.clone()).await;
            assert_eq!((answer.status.as_u16(), &answer.json["status"]), (202, &json!("processing")));
        }
        town.settle().await;
        let known = town.post("/payments", key, body).await;
        assert_eq!((known.status.as_u16(), &known.json["status"]), (200, &json!("succeeded")));
    }
}
