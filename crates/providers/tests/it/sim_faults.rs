//! Every way a call to `sim` can go wrong: what the caller hears, and that the next try with the same key has one effect.

use farebox_providers::{Outcome, Provider, ProviderState};
use rstest::rstest;

use crate::{
    asks::{self, fresh_id, of, seen, whose},
    sim::{Way, in_memory, reach},
};

#[rstest]
#[tokio::test]
async fn a_create_that_goes_wrong_is_unknown_and_a_lookup_tells(
    #[values("timeout", "500", "reset")] failing: &str,
    #[values(false, true)] after: bool,
    #[values(Way::Embedded, Way::Http)] way: Way,
) {
    let remote = in_memory();
    let sim = reach(&remote, way).await;
    let our_id = fresh_id();
    let when = if after { "after" } else { "before" };
    let ask = asks::create(&our_id, 700, &format!("pm_sim_{failing}_{when}"));
    let first = sim.create(&ask).await;
    assert!(matches!(first, Outcome::Unknown(_)), "{first:?}");

    let found = sim.lookup(&whose(&our_id)).await.unwrap();
    assert_eq!(found.map(|payment| payment.state), after.then_some(ProviderState::Succeeded));
    let paid = seen(sim.create(&ask).await);
    assert_eq!((paid.state, paid.captured_minor), (ProviderState::Succeeded, 700));
    assert_eq!(remote.payments_of(&our_id).len(), 1, "one charge, however often it is tried");
}

#[rstest]
#[tokio::test]
async fn a_refund_that_goes_wrong_is_unknown_and_a_lookup_tells(
    #[values("timeout", "500", "reset")] failing: &str,
    #[values(false, true)] after: bool,
) {
    let remote = in_memory();
    let sim = reach(&remote, Way::Http).await;
    let when = if after { "after" } else { "before" };
    let method = format!("pm_sim_refund_{failing}_{when}");
    let paid = seen(sim.create(&asks::create(&fresh_id(), 700, &method)).await);
    let ask = asks::refund(of(&paid), "ref_1", 300);
    let first = sim.refund(&ask).await;
    assert!(matches!(first, Outcome::Unknown(_)), "{first:?}");

    let found = sim.lookup_refund(&of(&paid), "ref_1").await.unwrap();
    assert_eq!(found.map(|refund| refund.minor), after.then_some(300));
    seen(sim.refund(&ask).await);
    assert_eq!(remote.payment(&paid.provider_id).unwrap().refunded_minor, 300);
}

#[rstest]
#[tokio::test]
async fn a_capture_or_cancel_that_goes_wrong_is_unknown_and_is_done_once(
    #[values("capture", "cancel")] op: &str,
    #[values("500_before", "500_after", "reset_after", "timeout_before")] how: &str,
) {
    let remote = in_memory();
    let sim = reach(&remote, Way::Http).await;
    let held = seen(sim.create(&asks::manual(&fresh_id(), 700, &format!("pm_sim_{op}_{how}"))).await);
    let call = || async {
        if op == "capture" {
            sim.capture(&asks::capture(of(&held), 700)).await
        } else {
            sim.cancel(&asks::cancel(of(&held))).await
        }
    };
    let first = call().await;
    assert!(matches!(first, Outcome::Unknown(_)), "{first:?}");
    let done = if op == "capture" { ProviderState::Succeeded } else { ProviderState::Canceled };
    let now = sim.lookup(&of(&held)).await.unwrap().unwrap().state;
    assert_eq!(now, if how.ends_with("after") { done } else { ProviderState::RequiresCapture });
    assert_eq!(seen(call().await).state, done);
}

#[tokio::test]
async fn nobody_at_the_other_end_means_nothing_was_sent() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let key = farebox_types::Secret::new("k".to_owned());
    let sim = farebox_providers::sim::Sim::remote(&url, &key, asks::PATIENCE).unwrap();
    assert!(matches!(sim.create(&asks::create(&fresh_id(), 5, "pm_sim_ok")).await, Outcome::NotDone(_)));
    assert!(sim.lookup(&whose("pay_x")).await.is_err());
}

#[tokio::test]
async fn a_slow_answer_is_an_unknown_one_for_the_impatient() {
    let remote = in_memory();
    let sim = reach(&remote, Way::Http).await;
    let our_id = fresh_id();
    let first = sim.create(&asks::create(&our_id, 5, "pm_sim_slow")).await;
    assert!(matches!(first, Outcome::Unknown(_)), "{first:?}");
    assert_eq!(sim.lookup(&whose(&our_id)).await.unwrap().unwrap().state, ProviderState::Succeeded);
}
