//! Webhooks as the provider really sends them, over HTTP.

use std::{sync::Arc, time::Duration};

use axum::http::Method;
use farebox_server::payments::step;
use farebox_types::Secret;
use serde_json::json;
use tokio::net::TcpListener;

use crate::payments::town::{SECRET, Town};
use crate::world::{World, send};

impl Town<'_> {
    /// Serves our endpoint and names it to the provider: what happens from now on is told there.
    pub(crate) async fn listening(&self) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/webhooks/sim", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, self.router.clone()).into_future());
        self.remote.send_events_to(&url, Secret::new(SECRET.to_owned())).unwrap();
    }

    /// Lets the provider deliver for a while, and the worker apply what has come.
    pub(crate) async fn delivered(&self) {
        let until = tokio::time::sleep(Duration::from_millis(1200));
        let delivering = tokio::spawn(Arc::clone(&self.remote).deliver(until));
        for _ in 0..4 {
            tokio::time::sleep(Duration::from_millis(250)).await;
            self.world.pass(10);
        }
        delivering.await.unwrap();
        step(&self.payments).await.unwrap();
    }
}

on_both! {
    async fn events_late_twice_and_out_of_order_are_applied_once_and_move_nothing_back(world: &World) {
        let town = Town::new(world);
        town.listening().await;
        let mut ids = Vec::new();
        for method in ["pm_sim_ok", "pm_sim_webhook_duplicate", "pm_sim_webhook_late", "pm_sim_webhook_out_of_order"] {
            ids.push(town.pay(method).await.ok()["id"].as_str().unwrap().to_owned());
        }
        let before = world.count("provider_event").await;
        town.delivered().await;
        assert!(world.count("provider_event").await >= before + 4, "{}", world.count("provider_event").await);
        for id in &ids {
            assert_eq!(town.get(&format!("/payments/{id}")).await["status"], "succeeded");
            assert_eq!(town.trail(id).await, ["payment_created", "provider_answered"], "an old event changes nothing");
        }
        assert_eq!(town.differences().await, Vec::<String>::new());
    }

    async fn a_webhook_tells_that_the_payer_has_acted(world: &World) {
        let town = Town::new(world);
        town.listening().await;
        let answer = town.pay("pm_sim_3ds").await.ok();
        let id = answer["payment_id"].as_str().unwrap();
        town.remote.payer_answers(id, true).unwrap();
        town.delivered().await;
        assert_eq!(town.get(&format!("/payments/{id}")).await["status"], "succeeded");
        assert_eq!(town.trail(id).await, ["payment_created", "provider_answered", "provider_answered"]);
    }

    async fn a_dispute_posts_back_and_a_won_one_returns(world: &World) {
        use farebox_providers::sim::types::SimDispute;
        let town = Town::new(world);
        town.listening().await;
        let answer = town.pay("pm_sim_ok").await.ok();
        let id = answer["payment_id"].as_str().unwrap();
        town.remote.dispute(id, SimDispute::Open).unwrap();
        town.delivered().await;
        assert_eq!(town.get(&format!("/payments/{id}")).await["status"], "disputed");
        town.remote.dispute(id, SimDispute::Won).unwrap();
        town.delivered().await;
        assert_eq!(town.get(&format!("/payments/{id}")).await["status"], "succeeded");
    }

    async fn a_part_in_dispute_is_shown_and_lost(world: &World) {
        use farebox_providers::sim::types::SimDispute;
        let town = Town::new(world);
        town.listening().await;
        let answer = town.pay("pm_sim_ok").await.ok();
        let id = answer["payment_id"].as_str().unwrap();
        for (status, word) in [(SimDispute::Open, "open"), (SimDispute::Lost, "lost")] {
            town.remote.dispute_of(id, status, Some(1000)).unwrap();
            town.delivered().await;
            let read = town.get(&format!("/payments/{id}")).await;
            assert_eq!((&read["status"], &read["disputes"]), (&json!("disputed"), &json!([{"amount_minor": 1000, "status": word}])));
        }
        assert_eq!(town.trail(id).await, ["payment_created", "provider_answered", "dispute_opened", "dispute_lost"]);
        assert_eq!(town.differences().await, Vec::<String>::new());
    }

    async fn a_refund_that_the_bank_sends_back_is_taken_back(world: &World) {
        let town = Town::new(world);
        town.listening().await;
        let answer = town.pay("pm_sim_ok").await.ok();
        let id = answer["payment_id"].as_str().unwrap();
        let path = format!("/payments/{id}/refunds");
        let back = town.post(&path, None, json!({"amount": "10.00"})).await.ok();
        town.delivered().await;
        town.remote.refund_comes_back(id, back["refund_id"].as_str().unwrap()).unwrap();
        assert_eq!(town.differences().await.len(), 1, "the provider has it, we do not yet");
        town.delivered().await;
        let read = town.get(&format!("/payments/{id}")).await;
        assert_eq!((&read["status"], &read["refunded_minor"]), (&json!("succeeded"), &json!(0)));
        assert_eq!(town.trail(id).await.last().unwrap(), "refund_returned");
        assert_eq!(town.differences().await, Vec::<String>::new());
        let again = town.post(&path, None, json!({})).await.ok();
        assert_eq!((&again["status"], &again["amount_minor"]), (&json!("succeeded"), &json!(4999)));
    }

    async fn a_forged_webhook_is_turned_away_unread(world: &World) {
        let town = Town::new(world);
        let body = json!({"id": "evt_1", "type": "payment.succeeded"}).to_string();
        for headers in [vec![], vec![("sim-signature", "t=1800000000,v1=00")], vec![("sim-signature", "nonsense")]] {
            for path in ["/webhooks/payments", "/webhooks/sim"] {
                let answer = send(town.router.clone(), Method::POST, path, &headers, body.clone()).await;
                answer.refused(400, "FBX.WEBHOOK.FORGED");
            }
        }
        assert_eq!(world.count("provider_event").await, 0);
        let unknown = send(town.router.clone(), Method::POST, "/webhooks/paypal", &[], body).await;
        assert_eq!(unknown.status, 404);
    }
}
