//! The same order many times at once, and many refunds at once; on PostgreSQL through two processes.

use serde_json::json;

use super::street::{Caller, Running, Street, on_both_streets, order};

on_both_streets! {
    async fn a_double_submit_with_one_key_is_one_charge(street: &Street) {
        let (ways, _second) = ways(street);
        let asks: Vec<_> = (0..20).map(|at| submit(ways[at % ways.len()].clone(), Some("order-1"))).collect();
        let mut ids = Vec::new();
        for ask in asks {
            ids.push(ask.await.unwrap());
        }
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 1, "{ids:?}");
        assert_eq!(street.charges(&ids[0]).await, 1);
        let listed = street.caller().get("/payments").await.body;
        assert_eq!(listed["data"].as_array().unwrap().len(), 1, "{listed}");
        let other = street.caller().post("/payments", Some("order-1"), &order("pm_sim_declined")).await.unwrap();
        assert_eq!((other.status, &other.body["code"]), (409, &json!("FBX.REQUEST.KEY_REUSED")));
    }

    async fn a_double_submit_without_a_key_is_two_payments(street: &Street) {
        let (one, other) = tokio::join!(submit(street.caller(), None), submit(street.caller(), None));
        let (one, other) = (one.unwrap(), other.unwrap());
        assert_ne!(one, other);
        assert_eq!((street.charges(&one).await, street.charges(&other).await), (1, 1));
    }

    async fn fifty_refunds_at_once_pay_back_at_most_what_was_captured(street: &Street) {
        let (ways, _second) = ways(street);
        let said = street.caller().pay("pm_sim_ok").await;
        let asks: Vec<_> = (0..50).map(|at| refund(ways[at % ways.len()].clone(), said.id())).collect();
        let mut statuses = Vec::new();
        for ask in asks {
            statuses.push(ask.await.unwrap());
        }
        let count = |wanted: u16| statuses.iter().filter(|status| **status == wanted).count();
        assert_eq!((count(200), count(422)), (16, 34), "{statuses:?}");
        let read = street.caller().get(&format!("/payments/{}", said.id())).await.body;
        assert_eq!((&read["captured_minor"], &read["refunded_minor"]), (&json!(4999), &json!(4800)));
        let theirs = street.provider().get(&format!("/v1/payments/{}", said.body["payment_id"].as_str().unwrap())).await;
        assert_eq!(theirs.body["refunded_minor"], 4800, "{theirs:?}");
    }
}

/// The ways to the merchant's payments: two processes, where the database can be shared.
fn ways(street: &Street) -> (Vec<Caller>, Option<Running>) {
    if street.world.database_url.starts_with("sqlite:") {
        return (vec![street.caller()], None);
    }
    let (second, url) = street.another();
    (vec![street.caller(), street.caller_at(&url)], Some(second))
}

fn submit(caller: Caller, key: Option<&'static str>) -> tokio::task::JoinHandle<String> {
    tokio::spawn(async move {
        let said = caller.post("/payments", key, &order("pm_sim_ok")).await.unwrap();
        assert_eq!((said.status, &said.body["status"]), (200, &json!("succeeded")), "{said:?}");
        said.id()
    })
}

fn refund(caller: Caller, id: String) -> tokio::task::JoinHandle<u16> {
    let body = json!({"amount": "3.00"});
    tokio::spawn(async move { caller.post(&format!("/payments/{id}/refunds"), None, &body).await.unwrap().status })
}
