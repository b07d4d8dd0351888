//! `sim`'s webhooks, taken by a program that listens.

use std::{future::pending, sync::Arc, time::Duration};

use farebox_providers::{About, Event, Forged, Provider, ProviderState, sim::Sim, sim::remote::Remote};
use farebox_types::{Clock, Secret, SystemClock, Timestamp};
use http::HeaderMap;

use crate::{
    asks::{self, PATIENCE, fresh_id, seen},
    fake::Listener,
    sim::in_memory,
};

fn secret() -> Secret {
    Secret::new("whsec_sim".to_owned())
}

async fn world() -> (Arc<Remote>, Sim, Listener) {
    let (remote, listener) = (in_memory(), Listener::start().await);
    remote.send_events_to(&listener.url, secret()).unwrap();
    tokio::spawn(Arc::clone(&remote).deliver(pending()));
    let sim = Sim::embedded(Arc::clone(&remote), PATIENCE);
    (remote, sim, listener)
}

fn read(sim: &Sim, (headers, body): &(HeaderMap, Vec<u8>)) -> Event {
    sim.event(headers, body, &[secret()], SystemClock.now()).unwrap()
}

fn kinds(sim: &Sim, taken: &[(HeaderMap, Vec<u8>)]) -> Vec<String> {
    taken.iter().map(|one| read(sim, one).kind).collect()
}

#[tokio::test]
async fn an_event_is_signed_and_tells_how_the_payment_stands() {
    let (_, sim, listener) = world().await;
    let paid = seen(sim.create(&asks::create(&fresh_id(), 100, "pm_sim_ok")).await);
    let taken = listener.take(1).await;
    let event = read(&sim, &taken[0]);
    assert_eq!((event.kind.as_str(), event.signed), ("payment_intent.succeeded", true));
    assert_eq!(event.about, About::Payment(Box::new(paid)));

    let (headers, body) = &taken[0];
    let now = SystemClock.now();
    let believed = |headers: &HeaderMap, body: &[u8], secret: &str, now: Timestamp| {
        sim.event(headers, body, &[Secret::new(secret.to_owned())], now).map(|event| event.id)
    };
    assert_eq!(believed(headers, body, "whsec_sim", now), Ok(event.id));
    assert_eq!(believed(headers, body, "other", now), Err(Forged::Signature));
    assert_eq!(believed(&HeaderMap::new(), body, "whsec_sim", now), Err(Forged::Unsigned));
    assert_eq!(believed(headers, body, "whsec_sim", now.after(Duration::from_secs(600))), Err(Forged::Age));
    let more = String::from_utf8(body.clone()).unwrap().replace("\"minor\":100", "\"minor\":999");
    assert_ne!(more.as_bytes(), body.as_slice());
    assert_eq!(believed(headers, more.as_bytes(), "whsec_sim", now), Err(Forged::Signature));
}

#[tokio::test]
async fn a_duplicate_comes_twice_under_one_id() {
    let (_, sim, listener) = world().await;
    seen(sim.create(&asks::create(&fresh_id(), 100, "pm_sim_webhook_duplicate")).await);
    let taken = listener.take(2).await;
    assert_eq!(read(&sim, &taken[0]).id, read(&sim, &taken[1]).id);
}

#[tokio::test]
async fn out_of_order_the_older_state_comes_last() {
    let (_, sim, listener) = world().await;
    seen(sim.create(&asks::create(&fresh_id(), 100, "pm_sim_webhook_out_of_order")).await);
    let taken = listener.take(2).await;
    assert_eq!(kinds(&sim, &taken), ["payment_intent.succeeded", "payment_intent.processing"]);
    let About::Payment(last) = read(&sim, &taken[1]).about else { panic!("not about a payment") };
    assert_eq!(last.state, ProviderState::Processing);
}

#[tokio::test]
async fn a_lost_one_never_comes_and_a_refund_has_its_own() {
    let (_, sim, listener) = world().await;
    seen(sim.create(&asks::create(&fresh_id(), 100, "pm_sim_webhook_lost")).await);
    let paid = seen(sim.create(&asks::create(&fresh_id(), 100, "pm_sim_ok")).await);
    seen(sim.refund(&asks::refund(asks::of(&paid), "ref_1", 40)).await);
    let taken = listener.take(2).await;
    assert_eq!(kinds(&sim, &taken), ["payment_intent.succeeded", "refund.created"]);
    let About::Refund(refund) = read(&sim, &taken[1]).about else { panic!("not about a refund") };
    assert_eq!((refund.our_refund.as_deref(), refund.minor), (Some("ref_1"), 40));
    assert_eq!(refund.payment_provider_id, Some(paid.provider_id));
}

#[tokio::test]
async fn an_endpoint_that_fails_is_tried_again() {
    let (_, sim, listener) = world().await;
    listener.fail_next(1);
    seen(sim.create(&asks::create(&fresh_id(), 100, "pm_sim_ok")).await);
    let taken = listener.take(2).await;
    assert_eq!(read(&sim, &taken[0]).id, read(&sim, &taken[1]).id);
}

#[tokio::test]
async fn what_was_not_delivered_before_a_crash_is_delivered_after() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sim.jsonl");
    let listener = Listener::start().await;
    {
        let remote = Arc::new(Remote::open(&file, Arc::new(SystemClock)).unwrap());
        remote.send_events_to(&listener.url, secret()).unwrap();
        seen(Sim::embedded(remote, PATIENCE).create(&asks::create(&fresh_id(), 100, "pm_sim_ok")).await);
    }
    let remote = Arc::new(Remote::open(&file, Arc::new(SystemClock)).unwrap());
    remote.send_events_to(&listener.url, secret()).unwrap();
    tokio::spawn(Arc::clone(&remote).deliver(pending()));
    let sim = Sim::embedded(remote, PATIENCE);
    assert_eq!(kinds(&sim, &listener.take(1).await), ["payment_intent.succeeded"]);
}
