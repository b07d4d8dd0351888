//! What comes in at the edges: characters that no id has, bodies that are too long, readers who may not pay.

use axum::http::Method;
use farebox_server::{Scope, Scopes};
use serde_json::json;

use crate::billing::shop::token_of;
use crate::payments::{stripe::Shop, town::Town};
use crate::world::{World, ask, bearer, send};

on_both! {
    async fn control_characters_are_refused_before_any_database_sees_them(world: &World) {
        let town = Town::new(world);
        for path in [
            "/payments/%00",
            "/payments/pi_%1f/events",
            "/payments/pi%7F",
            "/customers/%00/payment-status",
            "/payments?customer_id=a%00",
            "/payments?cursor=%00",
            "/payments?status=%00",
        ] {
            assert_eq!(town.get_as(&world.seller, path).await.status, 400, "{path}");
        }
        let id = town.pay("pm_sim_3ds").await.ok()["id"].as_str().unwrap().to_owned();
        for (path, body) in [
            (format!("/payments/{id}/confirm"), json!({"token": "a\0"})),
            (format!("/payments/{id}/refunds"), json!({"reason": "a\0"})),
            ("/payments".to_owned(), json!({"customer_id": "a\0", "amount": 1, "payment_method_id": "pm_sim_ok"})),
        ] {
            assert_eq!(town.post(&path, None, body).await.status, 400, "{path}");
        }
        let mut metadata = crate::payments::town::order("pm_sim_ok");
        metadata["metadata"] = json!({"note": "a\0b"});
        let kept = town.post("/payments", None, metadata).await.ok();
        assert_eq!(kept["metadata"]["note"], "a\0b", "what is the caller's own is kept as it is");
    }

    async fn a_body_that_is_too_long_is_a_problem_and_an_event_may_be_longer(world: &World) {
        let town = Town::new(world);
        let bearer = bearer(&world.seller.key);
        let long = format!("{{\"reason\": \"{}\"}}", "x".repeat(70_000));
        for path in ["/payments", "/payments/pi_1/refunds", "/payments/pi_1/confirm"] {
            let headers = [("authorization", bearer.as_str())];
            let answer = send(town.router.clone(), Method::POST, path, &headers, long.clone()).await;
            answer.refused(413, "FBX.REQUEST.TOO_LARGE");
        }
        let event = send(town.router.clone(), Method::POST, "/webhooks/sim", &[], "x".repeat(300_000)).await;
        event.refused(400, "FBX.WEBHOOK.FORGED");
        let event = send(town.router.clone(), Method::POST, "/webhooks/sim", &[], "x".repeat(600_000)).await;
        event.refused(413, "FBX.REQUEST.TOO_LARGE");
    }

    async fn what_the_payers_browser_pays_with_is_not_for_readers(world: &World) {
        let shop = Shop::new(world).await;
        let order = crate::payments::town::order("pm_card_threeDSecureRequired");
        let answer = shop.post("/payments", order).await.ok();
        assert_eq!(answer["action"]["client_secret"], "pi_secret");
        let id = answer["id"].as_str().unwrap();
        assert_eq!(shop.get(id).await["action"]["client_secret"], "pi_secret", "who may pay may hand it on");
        let token = token_of(world, world.merchant, Scopes::new([Scope::PaymentsRead])).await;
        for path in [format!("/payments/{id}"), "/payments".to_owned()] {
            let authorization = format!("Bearer {token}");
            let read = ask(shop.router(), Method::GET, &path, &[("authorization", &authorization)], None).await.ok();
            assert!(!read.to_string().contains("pi_secret"), "{read}");
            assert!(read.to_string().contains("requires_action"), "{read}");
        }
    }
}
