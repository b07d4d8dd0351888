//! Receivers that are slow, broken, gone, or lead elsewhere.

use std::time::Duration;

use serde_json::{Value, json};

use super::street::{Inbox, Manner, Street, until};
use crate::world::World;

/// The failure of the only delivery's first attempt.
async fn failure_of(world: &World, manner: Manner) -> Value {
    let street = Street::new(world).await;
    let inbox = Inbox::open(manner).await;
    street.endpoint(&inbox.url, &["payment.*"]).await;
    let worker = street.worker();
    street.pay("pm_sim_ok").await;
    until("a failed attempt", async || !street.deliveries("&status=waiting").await.is_empty()).await;
    let delivery = street.only_delivery().await;
    worker.stop().await;
    assert_eq!(inbox.posts().len(), 1);
    assert_eq!(delivery["attempts"], 1);
    assert!(delivery["next_attempt_at"].is_string(), "{delivery}");
    delivery
}

on_both! {
    async fn what_answers_500_is_tried_again_under_the_same_id_until_it_accepts(world: &World) {
        let street = Street::new(world).await;
        let (inbox, _) = street.inbox(&["payment.*"]).await;
        inbox.behave(Manner::Answer(500));
        let worker = street.worker();
        street.pay("pm_sim_ok").await;
        for attempt in 1..=3 {
            until("an attempt", async || inbox.posts().len() == attempt).await;
            until("its record", async || street.only_delivery().await["attempts"] == attempt).await;
            let delivery = street.only_delivery().await;
            assert_eq!((&delivery["status"], &delivery["failure"]), (&json!("waiting"), &json!("status")));
            assert_eq!((&delivery["response_status"], &delivery["response_body"]), (&json!(500), &json!("sorry")));
            if attempt == 3 {
                inbox.behave(Manner::Accept);
            }
            world.pass(60);
        }
        until("success", async || inbox.handled().len() == 1).await;
        until("its record", async || street.only_delivery().await["status"] == "succeeded").await;
        worker.stop().await;
        let posts = inbox.posts();
        assert_eq!(posts.len(), 4);
        assert!(posts.iter().all(|(_, body)| *body == posts[0].1), "the same bytes each time");
        let signatures: std::collections::BTreeSet<_> = posts.iter().map(|(headers, _)| headers["paylera-signature"].to_str().unwrap()).collect();
        assert!(signatures.len() > 1, "signed anew for the receiver's clock");
    }

    async fn a_redirect_is_not_followed(world: &World) {
        let delivery = failure_of(world, Manner::Redirect).await;
        assert_eq!((&delivery["failure"], &delivery["response_status"]), (&json!("redirected"), &json!(307)));
    }

    async fn a_connection_that_breaks_is_a_failure(world: &World) {
        let delivery = failure_of(world, Manner::Reset).await;
        assert_eq!((&delivery["failure"], &delivery["response_status"]), (&json!("broken"), &Value::Null));
    }

    async fn a_receiver_that_is_gone_is_a_failure(world: &World) {
        let street = Street::new(world).await;
        street.endpoint("http://127.0.0.1:9/hooks", &["*"]).await;
        let worker = street.worker();
        street.pay("pm_sim_ok").await;
        until("a failed attempt", async || !street.deliveries("&status=waiting").await.is_empty()).await;
        worker.stop().await;
        assert_eq!(street.only_delivery().await["failure"], "unreachable");
    }

    async fn what_was_accepted_stays_accepted_however_the_answer_goes_on(world: &World) {
        let street = Street::new(world).await;
        let inbox = Inbox::open(Manner::AcceptAndLinger).await;
        street.endpoint(&inbox.url, &["payment.*"]).await;
        let worker = street.worker();
        street.pay("pm_sim_ok").await;
        until("success", async || !street.deliveries("&status=succeeded").await.is_empty()).await;
        worker.stop().await;
        assert_eq!(street.only_delivery().await["response_body"], "well");
        assert_eq!(inbox.posts().len(), 1);
    }

    async fn one_that_hangs_holds_up_no_other_and_is_left_after_ten_seconds(world: &World) {
        let street = Street::new(world).await;
        let hanging = Inbox::open(Manner::Hang).await;
        street.endpoint(&hanging.url, &["*"]).await;
        let (quick, _) = street.inbox(&["*"]).await;
        let worker = street.worker();
        for _ in 0..20 {
            street.pay("pm_sim_ok").await;
        }
        let began = tokio::time::Instant::now();
        until("the quick one's events", async || quick.handled().len() == 20).await;
        assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
        assert!(hanging.posts().len() <= 8, "no more than its share was begun: {}", hanging.posts().len());
        until("the first time-outs", async || !street.deliveries("&status=waiting").await.is_empty()).await;
        worker.stop().await;
        let waiting = street.deliveries("&status=waiting").await;
        assert!(waiting.iter().all(|delivery| delivery["failure"] == "timeout"), "{waiting:?}");
    }

    async fn a_delivery_is_given_up_after_ten_attempts(world: &World) {
        let street = Street::new(world).await;
        let inbox = Inbox::open(Manner::Answer(503)).await;
        street.endpoint(&inbox.url, &["payment.*"]).await;
        let worker = street.worker();
        street.pay("pm_sim_ok").await;
        until("the delivery", async || !street.deliveries("").await.is_empty()).await;
        for (attempt, cap) in (1..).zip([5, 17, 57, 194, 657, 2_226, 7_537, 25_521, 86_400, 0]) {
            until("an attempt", async || street.only_delivery().await["attempts"] == attempt).await;
            world.pass(cap);
        }
        worker.stop().await;
        let delivery = street.only_delivery().await;
        assert_eq!((&delivery["status"], &delivery["next_attempt_at"]), (&json!("exhausted"), &Value::Null));
        assert_eq!(inbox.posts().len(), 10);
    }

    async fn an_endpoint_that_fails_ten_times_and_for_a_day_is_disabled_and_the_others_are_told(world: &World) {
        let street = Street::new(world).await;
        let broken = Inbox::open(Manner::Answer(500)).await;
        let (endpoint, secret) = street.endpoint(&broken.url, &["payment.*"]).await;
        let (watching, _) = street.inbox(&["webhook_endpoint.disabled"]).await;
        let worker = street.worker();
        let path = format!("/v1/webhook-endpoints/{endpoint}");
        // Ten failures within a moment are not enough.
        for _ in 0..10 {
            street.pay("pm_sim_ok").await;
        }
        until("ten failures", async || broken.posts().len() >= 10).await;
        until("their records", async || street.deliveries("&status=waiting").await.len() == 10).await;
        assert_eq!(street.shop.get(&path).await.is(200)["enabled"], true);

        world.pass(24 * 60 * 60);
        until("the end of it", async || street.shop.get(&path).await.is(200)["enabled"] == false).await;
        let shown = street.shop.get(&path).await.is(200);
        assert_eq!(shown["disabled_reason"], "failing");
        until("the event", async || watching.handled().len() == 1).await;
        let (kind, object) = watching.handled().remove(0);
        assert_eq!((kind.as_str(), &object), ("webhook_endpoint.disabled", &shown));
        assert_eq!(world.count("webhook_endpoint_disabled").await, 1);

        // It hears nothing until it is enabled; then what waited comes.
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let told = broken.posts().len();
        street.pay("pm_sim_ok").await;
        world.pass(24 * 60 * 60);
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert_eq!(broken.posts().len(), told);
        broken.trust(world, &[&secret]);
        broken.behave(Manner::Accept);
        assert_eq!(street.patch(&endpoint, json!({"enabled": true})).await["disabled_at"], Value::Null);
        until("what waited", async || broken.handled().len() == 10).await;
        worker.stop().await;
    }

    async fn a_process_that_is_killed_after_posting_leaves_the_event_to_another_and_it_has_one_effect(world: &World) {
        let street = Street::new(world).await;
        let (inbox, _) = street.inbox(&["payment.*"]).await;
        inbox.behave(Manner::AcceptInSilence);
        street.pay("pm_sim_ok").await;
        let worker = street.worker();
        until("the post", async || inbox.handled().len() == 1).await;
        worker.kill().await;
        assert_eq!(street.only_delivery().await["status"], "delivering");
        inbox.behave(Manner::Accept);
        let worker = street.worker();
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert_eq!(inbox.posts().len(), 1, "its lease is not over");
        world.pass(60);
        until("the second post", async || inbox.posts().len() == 2).await;
        until("its record", async || street.only_delivery().await["status"] == "succeeded").await;
        worker.stop().await;
        assert_eq!(inbox.posts()[0].1, inbox.posts()[1].1, "the same event");
        assert_eq!(inbox.handled().len(), 1);
    }
}
