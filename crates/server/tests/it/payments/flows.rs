//! Payments, captures, cancellations, refunds, and who may see them.

use axum::http::Method;
use serde_json::json;

use crate::payments::town::{Town, order, post_to, real};
use crate::world::{World, ask};

on_both! {
    async fn a_payment_is_answered_as_the_seed_says_and_stands_in_ledger_audit_and_view(world: &World) {
        let town = Town::new(world);
        let answer = town.pay("pm_test_001").await.ok();
        assert_eq!((answer["status"].as_str(), answer["amount"].to_string().as_str()), (Some("succeeded"), "49.99"));
        let id = answer["payment_id"].as_str().unwrap();
        let read = town.get(&format!("/payments/{id}")).await;
        assert_eq!(read["payment_provider_id"], id);
        assert_eq!((&read["customer_id"], &read["currency"], &read["status"]), (&json!("cust_123"), &json!("USD"), &json!("succeeded")));
        let own = town.get(&format!("/payments/{}", read["id"].as_str().unwrap())).await;
        assert_eq!(own, read, "our id and the provider's lead to the same payment");
        assert_eq!(town.trail(id).await, ["payment_created", "provider_answered"]);
        assert_eq!((world.count("payment_created").await, world.count("post").await + world.count("posted").await), (1, 1));
        assert_eq!(town.get("/customers/cust_123/payment-status").await["has_paid"], true);
        assert_eq!(town.get("/customers/cust_124/payment-status").await["has_paid"], false);
        assert_eq!(town.differences().await, Vec::<String>::new());
    }

    async fn another_merchants_payment_is_not_there(world: &World) {
        let town = Town::new(world);
        let answer = town.pay("pm_sim_ok").await.ok();
        for id in [answer["payment_id"].as_str().unwrap(), answer["id"].as_str().unwrap(), "pi_unknown"] {
            assert_eq!(town.get_as(&world.stranger, &format!("/payments/{id}")).await.status, 404);
            assert_eq!(town.get_as(&world.stranger, &format!("/payments/{id}/events")).await.status, 404);
            let answer = town.post_as(&world.stranger, &format!("/payments/{id}/refunds"), None, json!({})).await;
            assert_eq!(answer.status, 404);
        }
        assert_eq!(town.get_as(&world.stranger, "/payments").await.ok()["data"], json!([]));
        assert_eq!(town.get_as(&world.buyer, "/payments").await.status, 403);
        let nobody = ask(town.router.clone(), Method::GET, "/payments", &[], None).await;
        assert_eq!(nobody.status, 401);
    }

    async fn a_real_account_takes_what_is_its_merchants_and_of_its_mode(world: &World) {
        let before = world.count("payment_created").await;
        // The merchant is in test mode: a live key would charge real cards.
        for key in ["sk_live_x", "rk_live_x"] {
            let live = real(world, world.merchant, key);
            let refused = post_to(live, &world.seller, "/payments", None, order("pm_card_visa")).await;
            refused.refused(403, "FBX.PAYMENT.OTHER_MODE");
        }
        let anothers = real(world, farebox_types::Id::generate(), "sk_test_x");
        let refused = post_to(anothers, &world.seller, "/payments", None, order("pm_card_visa")).await;
        refused.refused(403, "FBX.PAYMENT.OTHERS_ACCOUNT");
        assert_eq!(world.count("payment_created").await, before, "nothing was begun");
        // With a key of its mode it is begun; whether it was taken, nobody answers.
        let own = real(world, world.merchant, "sk_test_x");
        let asked = post_to(own, &world.seller, "/payments", None, order("pm_card_visa")).await;
        assert!(matches!(asked.status.as_u16(), 202 | 503), "{}", asked.status);
    }

    async fn the_same_key_is_one_payment_and_the_same_answer(world: &World) {
        let town = Town::new(world);
        let first = town.post("/payments", Some("order-1"), order("pm_sim_ok")).await.ok();
        let again = town.post("/payments", Some("order-1"), order("pm_sim_ok")).await;
        assert_eq!(again.headers["idempotency-replayed"], "true");
        assert_eq!(again.ok(), first);
        town.post("/payments", Some("order-1"), order("pm_sim_declined")).await.refused(409, "FBX.REQUEST.KEY_REUSED");
        let other = town.pay("pm_sim_ok").await.ok();
        assert_ne!(other["id"], first["id"], "without a key two posts are two payments");
        assert_eq!(town.charged(first["id"].as_str().unwrap()), 1);
        world.pass(24 * 3600 + 1);
        let later = town.post("/payments", Some("order-1"), order("pm_sim_ok")).await.ok();
        assert_ne!(later["id"], first["id"], "a name is remembered for a day");
    }

    async fn twenty_submits_at_once_with_one_key_are_one_payment(world: &World) {
        let town = Town::new(world);
        let asks: Vec<_> = (0..20)
            .map(|at| {
                let router = if at % 2 == 0 { town.router.clone() } else { town.another_router() };
                let key = world.seller.key.clone();
                tokio::spawn(async move {
                    let who = crate::world::Person { key, account: farebox_types::Address::from_bytes([0; 20]) };
                    post_to(router, &who, "/payments", Some("one"), order("pm_sim_ok")).await.ok()
                })
            })
            .collect();
        let mut ids = Vec::new();
        for one in asks {
            ids.push(one.await.unwrap()["id"].as_str().unwrap().to_owned());
        }
        ids.dedup();
        assert_eq!(ids.len(), 1, "{ids:?}");
        assert_eq!((town.charged(&ids[0]), world.count("payment_created").await), (1, 1));
    }

    async fn what_the_payer_must_do_is_told_and_done(world: &World) {
        let town = Town::new(world);
        let answer = town.pay("pm_sim_3ds").await.ok();
        assert_eq!((&answer["status"], &answer["action"]["type"]), (&json!("requires_action"), &json!("redirect")));
        let id = answer["payment_id"].as_str().unwrap();
        town.remote.payer_answers(id, true).unwrap();
        town.settle().await;
        let read = town.get(&format!("/payments/{id}")).await;
        assert_eq!((&read["status"], &read["captured_minor"]), (&json!("succeeded"), &json!(4999)));
        assert_eq!(town.differences().await, Vec::<String>::new());
    }

    async fn a_declined_card_is_a_failed_payment_and_nothing_is_posted(world: &World) {
        let town = Town::new(world);
        let answer = town.pay("pm_sim_insufficient_funds").await.ok();
        assert_eq!((&answer["status"], &answer["failure"]["decline_code"]), (&json!("failed"), &json!("insufficient_funds")));
        let id = answer["id"].as_str().unwrap();
        town.post(&format!("/payments/{id}/refunds"), None, json!({})).await.refused(409, "FBX.PAYMENT.STATE");
        assert_eq!(town.differences().await, Vec::<String>::new());
    }

    async fn an_authorized_payment_is_captured_in_part_or_canceled(world: &World) {
        let town = Town::new(world);
        let mut body = order("pm_sim_ok");
        body["capture"] = "manual".into();
        let held = town.post("/payments", None, body.clone()).await.ok();
        assert_eq!(held["status"], "requires_capture");
        let path = format!("/payments/{}", held["id"].as_str().unwrap());
        town.post(&format!("{path}/capture"), None, json!({"amount": 50})).await.refused(422, "FBX.PAYMENT.TOO_MUCH");
        let done = town.post(&format!("{path}/capture"), Some("c"), json!({"amount": 20.5})).await.ok();
        assert_eq!((&done["status"], &done["captured_minor"]), (&json!("succeeded"), &json!(2050)));
        let again = town.post(&format!("{path}/capture"), Some("c"), json!({"amount": 20.5})).await;
        assert_eq!(again.headers["idempotency-replayed"], "true");
        town.post(&format!("{path}/cancel"), None, json!({})).await.refused(409, "FBX.PAYMENT.STATE");
        let other = town.post("/payments", None, body).await.ok();
        let path = format!("/payments/{}", other["id"].as_str().unwrap());
        assert_eq!(town.post(&format!("{path}/cancel"), None, json!({})).await.ok()["status"], "canceled");
        assert_eq!(town.differences().await, Vec::<String>::new());
    }

    async fn refunds_add_up_and_never_beyond_what_was_captured(world: &World) {
        let town = Town::new(world);
        let id = town.pay("pm_sim_ok").await.ok()["id"].as_str().unwrap().to_owned();
        let path = format!("/payments/{id}/refunds");
        let part = town.post(&path, Some("r1"), json!({"amount": "10.00"})).await.ok();
        assert_eq!((&part["status"], &part["payment_status"]), (&json!("succeeded"), &json!("partially_refunded")));
        let again = town.post(&path, Some("r1"), json!({"amount": "10.00"})).await.ok();
        assert_eq!(again["refund_id"], part["refund_id"]);
        town.post(&path, None, json!({"amount": "40.00"})).await.refused(422, "FBX.PAYMENT.TOO_MUCH");
        let rest = town.post(&path, None, json!({})).await.ok();
        assert_eq!((&rest["amount_minor"], &rest["payment_status"]), (&json!(3999), &json!("refunded")));
        assert_eq!(world.count("refund_succeeded").await, 2);
        assert_eq!(town.differences().await, Vec::<String>::new());
    }

    async fn fifty_refunds_at_once_never_pay_back_more_than_was_captured(world: &World) {
        let town = Town::new(world);
        let id = town.pay("pm_sim_ok").await.ok()["id"].as_str().unwrap().to_owned();
        let asks: Vec<_> = (0..50)
            .map(|_| {
                let (router, path, key) = (town.another_router(), format!("/payments/{id}/refunds"), world.seller.key.clone());
                tokio::spawn(async move {
                    let who = crate::world::Person { key, account: farebox_types::Address::from_bytes([0; 20]) };
                    post_to(router, &who, &path, None, json!({"amount": "3.00"})).await.status.as_u16()
                })
            })
            .collect();
        let mut statuses = Vec::new();
        for one in asks {
            statuses.push(one.await.unwrap());
        }
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 16, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|status| **status == 422).count(), 34, "{statuses:?}");
        assert_eq!(town.get(&format!("/payments/{id}")).await["refunded_minor"], 4800);
        assert_eq!(town.differences().await, Vec::<String>::new());
    }

    async fn a_planted_difference_is_found_and_noted(world: &World) {
        let town = Town::new(world);
        let answer = town.pay("pm_sim_3ds").await.ok();
        assert_eq!(town.differences().await, Vec::<String>::new());
        town.remote.payer_answers(answer["payment_id"].as_str().unwrap(), true).unwrap();
        let found = town.differences().await;
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("0 captured, the provider 4999"), "{found:?}");
        assert_eq!(world.count("payment_differs").await, 1);
    }

    async fn lists_are_filtered_and_paged(world: &World) {
        let town = Town::new(world);
        for method in ["pm_sim_ok", "pm_sim_declined", "pm_sim_ok"] {
            town.pay(method).await.ok();
        }
        let page = town.get("/payments?limit=2").await;
        assert_eq!(page["data"].as_array().unwrap().len(), 2);
        let rest = town.get(&format!("/payments?limit=2&cursor={}", page["next_cursor"].as_str().unwrap())).await;
        assert_eq!((rest["data"].as_array().unwrap().len(), &rest["next_cursor"]), (1, &json!(null)));
        assert_eq!(town.get("/payments?status=failed").await["data"].as_array().unwrap().len(), 1);
        assert_eq!(town.get("/payments?customer_id=nobody").await["data"], json!([]));
        assert_eq!(town.get_as(&world.seller, "/payments?status=paid").await.status, 400);
    }
}
