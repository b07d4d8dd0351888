//! Checks that are answered from memory, when the merchant wants it.

use std::time::Duration;

use axum::http::request::Parts;
use farebox_relay::{BadRelay, CustomerIdentity, Identified, Relay, RelayBuilder};

use crate::world::{Answer, World, by_headers, signed, upstream};

const ANN: &[(&str, &str)] = &[("x-customer", "cus_ann")];
const BOB: &[(&str, &str)] = &[("x-customer", "cus_bob")];
const CHECK: &str = "/check?feature_code=api";

fn keeping(relay: RelayBuilder) -> RelayBuilder {
    relay.check_cache(Duration::from_secs(1))
}

fn checks(world: &World) -> usize {
    world.billing.lines().iter().filter(|line| *line == "POST /v1/check").count()
}

#[tokio::test]
async fn without_being_asked_to_nothing_is_kept() {
    let world = World::new().await;
    world.get(CHECK, ANN).await;
    world.get(CHECK, ANN).await;
    assert_eq!(checks(&world), 2);
}

#[tokio::test]
async fn the_same_check_of_the_same_customer_is_asked_once_until_the_time_is_up() {
    let world = World::with(keeping).await;
    let first = world.get(CHECK, ANN).await;
    let again = world.post("/check", ANN, r#"{"feature_code":"api","required_usage":0}"#).await;
    assert_eq!((checks(&world), first.status, &first.body), (1, again.status, &again.body));
    assert_eq!(again.header("cache-control"), Some("no-store"), "kept here, and nowhere else");
    world.get(CHECK, BOB).await;
    assert_eq!(checks(&world), 2, "another customer");
    world.post("/check", ANN, r#"{"feature_code":"api","required_usage":1}"#).await;
    assert_eq!(checks(&world), 3, "another question");
    tokio::time::sleep(Duration::from_millis(1050)).await;
    world.get(CHECK, ANN).await;
    assert_eq!(checks(&world), 4);
}

#[tokio::test]
async fn a_write_of_the_customer_forgets_what_is_kept_of_that_customer_only() {
    let world = World::with(keeping).await;
    world.billing.subscribe("cus_ann", "sub_1", "active");
    let writes = [
        ("/track", r#"{"feature_code":"other","value":1}"#),
        ("/attach", r#"{"plan_id":"p"}"#),
        ("/subscriptions/sub_1/upgrade", r#"{"new_plan_id":"p"}"#),
        ("/subscriptions/sub_1/cancel", "{}"),
    ];
    for (path, body) in writes {
        for who in [ANN, BOB] {
            world.get(CHECK, who).await;
        }
        let before = checks(&world);
        assert!(world.post(path, ANN, body).await.status.is_success(), "{path}");
        world.get(CHECK, ANN).await;
        assert_eq!(checks(&world), before + 1, "{path}");
        world.get(CHECK, BOB).await;
        assert_eq!(checks(&world), before + 1, "bob has written nothing");
        tokio::time::sleep(Duration::from_millis(1050)).await;
    }
}

#[tokio::test]
async fn a_write_that_ends_while_a_check_is_on_its_way_keeps_its_answer_out() {
    let world = World::with(keeping).await;
    world.billing.hold_checks(Duration::from_millis(300));
    let check = async { world.get(CHECK, ANN).await };
    let track = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        world.post("/track", ANN, r#"{"feature_code":"api","value":1}"#).await
    };
    let (checked, tracked): (Answer, Answer) = tokio::join!(check, track);
    assert_eq!((checked.status.as_u16(), tracked.status.as_u16()), (200, 204));
    world.get(CHECK, ANN).await;
    assert_eq!(checks(&world), 2);
}

#[tokio::test]
async fn neither_refusals_nor_checks_under_a_key_are_kept() {
    let world = World::with(keeping).await;
    let headers = vec![("content-type", "application/problem+json")];
    world.billing.answer("POST /v1/check", (404, headers, br#"{"type":"paylera.not_found","status":404}"#.to_vec()));
    world.get(CHECK, ANN).await;
    world.get(CHECK, ANN).await;
    assert_eq!(checks(&world), 2);
    let world = World::with(keeping).await;
    let keyed = [ANN[0], ("idempotency-key", "mine")];
    for _ in 0..2 {
        world.post("/check", &keyed, r#"{"feature_code":"api"}"#).await;
    }
    assert_eq!(checks(&world), 2);
}

#[tokio::test]
async fn more_than_a_second_is_refused_at_start() {
    async fn nobody(_: &Parts) -> Identified {
        Ok(None::<CustomerIdentity>)
    }
    for lasts in [Duration::ZERO, Duration::from_millis(1001)] {
        let client = upstream(([127, 0, 0, 1], 9).into());
        let relay = Relay::builder(client).identify(nobody).csrf(signed()).check_cache(lasts).build();
        assert_eq!(relay.err(), Some(BadRelay::CheckCache), "{lasts:?}");
    }
    let client = upstream(([127, 0, 0, 1], 9).into());
    assert!(keeping(Relay::builder(client).identify(by_headers).csrf(signed())).build().is_ok());
}
