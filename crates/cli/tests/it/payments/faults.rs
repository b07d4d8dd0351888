//! What goes wrong between our server and the provider, on each kind of write.

use serde_json::json;

use super::{
    street::{Caller, Said, Street, approve, held_order, on_both_streets, order},
    wire::Flow,
};

on_both_streets! {
    async fn a_time_out_after_success_is_one_charge(street: &Street) {
        every_write_survives(street, "timeout_after").await;
    }

    async fn a_time_out_before_anything_happened_is_one_charge(street: &Street) {
        every_write_survives(street, "timeout_before").await;
    }

    async fn a_500_is_one_charge_whether_it_took_effect_or_not(street: &Street) {
        tokio::join!(every_write_survives(street, "500_after"), every_write_survives(street, "500_before"));
    }

    async fn a_broken_connection_is_one_charge_whether_it_took_effect_or_not(street: &Street) {
        tokio::join!(every_write_survives(street, "reset_after"), every_write_survives(street, "reset_before"));
    }

    async fn a_provider_that_is_not_there_is_asked_until_it_is(street: &Street) {
        let caller = street.caller();
        street.wire.set(Flow::Cut);
        let said = caller.post("/payments", Some("tea"), &order("pm_sim_ok")).await.unwrap();
        assert_eq!((said.status, &said.body["status"]), (202, &json!("processing")), "{said:?}");
        street.wire.set(Flow::Open);
        caller.until(&said.id(), "succeeded").await;
        assert_eq!(street.charges(&said.id()).await, 1);
    }
}

async fn every_write_survives(street: &Street, fault: &str) {
    let caller = street.caller();
    tokio::join!(
        creates(street, &caller, fault),
        confirms(&caller, fault),
        captures(&caller, fault),
        cancels(&caller, fault),
        refunds(&caller, fault),
    );
}

/// 202 and no end, or 200 if a webhook has told meanwhile.
fn unknown_or_found_out(said: &Said) -> bool {
    let open = ["processing", "pending", "requires_capture"];
    said.status == 200 || (said.status == 202 && open.iter().any(|word| said.body["status"] == *word))
}

async fn creates(street: &Street, caller: &Caller, fault: &str) {
    let (key, body) = (format!("create-{fault}"), order(&format!("pm_sim_{fault}")));
    let first = caller.post("/payments", Some(&key), &body).await.unwrap();
    assert!(unknown_or_found_out(&first), "{fault}: {first:?}");
    let read = caller.until(&first.id(), "succeeded").await;
    assert_eq!((&read["captured_minor"], street.charges(&first.id()).await), (&json!(4999), 1), "{fault}");
    let again = caller.post("/payments", Some(&key), &body).await.unwrap();
    assert!(again.replayed && again.id() == first.id(), "{fault}: {again:?}");
    assert_eq!(street.charges(&first.id()).await, 1, "{fault}");
}

async fn confirms(caller: &Caller, fault: &str) {
    let asked = caller.pay(&format!("pm_sim_confirm_{fault}")).await;
    let id = asked.id();
    let path = format!("/payments/{id}/confirm");
    let said = caller.post(&path, Some("go"), &json!({})).await.unwrap();
    assert!(unknown_or_found_out(&said), "{fault}: {said:?}");
    approve(asked.body["action"]["url"].as_str().unwrap()).await;
    let read = caller.until(&id, "succeeded").await;
    assert_eq!(read["captured_minor"], 4999, "{fault}");
}

async fn captures(caller: &Caller, fault: &str) {
    let body = held_order(&format!("pm_sim_capture_{fault}"));
    let id = caller.post("/payments", None, &body).await.unwrap().id();
    let path = format!("/payments/{id}/capture");
    let said = caller.post(&path, Some("take"), &json!({"amount_minor": 1000})).await.unwrap();
    assert!(unknown_or_found_out(&said), "{fault}: {said:?}");
    let read = caller.until(&id, "succeeded").await;
    assert_eq!(read["captured_minor"], 1000, "{fault}");
}

async fn cancels(caller: &Caller, fault: &str) {
    let body = held_order(&format!("pm_sim_cancel_{fault}"));
    let id = caller.post("/payments", None, &body).await.unwrap().id();
    let said = caller.post(&format!("/payments/{id}/cancel"), Some("drop"), &json!({})).await.unwrap();
    assert!(unknown_or_found_out(&said), "{fault}: {said:?}");
    let read = caller.until(&id, "canceled").await;
    assert_eq!(read["captured_minor"], 0, "{fault}");
}

async fn refunds(caller: &Caller, fault: &str) {
    let id = caller.pay(&format!("pm_sim_refund_{fault}")).await.id();
    let path = format!("/payments/{id}/refunds");
    let said = caller.post(&path, Some("back"), &json!({"amount_minor": 999})).await.unwrap();
    assert!(unknown_or_found_out(&said), "{fault}: {said:?}");
    let read = caller.until(&id, "partially_refunded").await;
    assert_eq!(read["refunded_minor"], 999, "{fault}");
    let again = caller.post(&path, Some("back"), &json!({"amount_minor": 999})).await.unwrap();
    assert_eq!((&again.body["refund_id"], again.replayed), (&said.body["refund_id"], true), "{fault}");
}
