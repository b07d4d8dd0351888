//! Idempotency keys of typed calls.

use std::collections::BTreeSet;

use farebox_client::{Client, Holder, api::Check};
use uuid::{Uuid, Version};

use crate::{
    client,
    upstream::{Answer, Upstream},
};

const BALANCE: &str = r#"{"allowed":true,"customer_id":"00000000-0000-0000-0000-00000000000a",
    "feature_id":"00000000-0000-0000-0000-00000000000b","feature_code":"api","feature_name":"API","value_type":"metered",
    "unit":"call","balance":9876.000001,"included_usage":10000,"usage":124.0,"held":0,"unlimited":false,
    "interval":"calendar_month","cycle_start_at":"2026-05-01T00:00:00Z","next_reset_at":"2026-06-01T00:00:00Z",
    "source":"plan_grant","value":{"type":"metered","n":10000.0,"u":false}}"#;

fn track(api: &Client) -> farebox_client::Call<farebox_client::api::Track, ()> {
    api.track(Holder::Customer(Uuid::nil()), "api".parse().unwrap(), "1".parse().unwrap())
}

fn keys(upstream: &Upstream) -> Vec<String> {
    upstream.seen().iter().map(|seen| seen.headers["idempotency-key"].to_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn one_key_for_all_attempts_of_a_call_and_another_for_the_next_call() {
    let upstream = Upstream::start(vec![Answer::Status(503), Answer::HangUp, Answer::Status(204)]).await;
    let client = client(&upstream);
    track(&client).await.unwrap();
    let first = keys(&upstream);
    assert_eq!((first.len(), BTreeSet::from_iter(&first).len()), (3, 1));
    assert_eq!(first[0].parse::<Uuid>().unwrap().get_version(), Some(Version::SortRand));
    let _ = track(&client).await;
    assert_eq!(BTreeSet::from_iter(keys(&upstream)).len(), 2);
}

#[tokio::test]
async fn a_key_of_ones_own_wins_and_a_dedup_key_stands_in_for_it() {
    let upstream = Upstream::start(vec![Answer::Status(204); 3]).await;
    let client = client(&upstream);
    let key = |text: &str| text.parse().unwrap();
    track(&client).idempotency_key(key("mine")).await.unwrap();
    track(&client).dedup_key(key("event-1")).await.unwrap();
    track(&client).idempotency_key(key("mine")).dedup_key(key("event-1")).await.unwrap();
    assert_eq!(keys(&upstream), ["mine", "event-1", "mine"]);
    let bodies: Vec<bool> = upstream.seen().iter().map(|seen| seen.body.contains(r#""dedup_key":"event-1""#)).collect();
    assert_eq!(bodies, [false, true, true]);
}

#[tokio::test]
async fn reads_carry_none_and_are_tried_again_all_the_same() {
    let upstream = Upstream::start(vec![Answer::Status(503), Answer::Status(404)]).await;
    client(&upstream).customers().get(Uuid::nil()).await.unwrap_err();
    let seen = upstream.seen();
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|seen| !seen.headers.contains_key("idempotency-key")));
}

#[tokio::test]
async fn what_is_left_is_answered_when_it_is_asked_for_and_read_exactly() {
    let upstream = Upstream::start(vec![Answer::Json(200, BALANCE)]).await;
    let left: Check = track(&client(&upstream)).with_balance().await.unwrap();
    assert_eq!(left.balance.unwrap().to_string(), "9876.000001");
    assert_eq!(upstream.seen()[0].headers["prefer"], "return=representation");
}
