//! `sim`, in this process and in another one's place.

use std::{future::pending, sync::Arc};

use farebox_providers::{
    Dispute, Outcome, Provider, ProviderState, RefundState, RefusalClass,
    sim::{
        Sim,
        remote::{self, Remote},
        types::SimDispute,
    },
};
use farebox_types::{ManualClock, Secret, SystemClock, Timestamp};
use rstest::rstest;
use tokio::net::TcpListener;

use crate::asks::{self, PATIENCE, fresh_id, of, refused, seen, whose};

/// How the provider is reached.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    Embedded,
    Http,
}

pub(crate) async fn reach(remote: &Arc<Remote>, way: Way) -> Sim {
    match way {
        Way::Embedded => Sim::embedded(Arc::clone(remote), PATIENCE),
        Way::Http => {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let key = || Secret::new("sk_sim_test".to_owned());
            tokio::spawn(remote::serve(listener, Arc::clone(remote), key(), pending()));
            Sim::remote(&url, &key(), PATIENCE).unwrap()
        }
    }
}

pub(crate) fn in_memory() -> Arc<Remote> {
    Arc::new(Remote::in_memory(Arc::new(SystemClock)))
}

#[rstest]
#[case::here(Way::Embedded)]
#[case::there(Way::Http)]
#[tokio::test]
async fn a_payment_is_paid_once_per_key(#[case] way: Way) {
    let remote = in_memory();
    let sim = reach(&remote, way).await;
    let our_id = fresh_id();
    let ask = asks::create(&our_id, 4_999, "pm_test_001");
    let first = seen(sim.create(&ask).await);
    assert_eq!((first.state, first.captured_minor, first.currency.as_str()), (ProviderState::Succeeded, 4_999, "USD"));
    assert_eq!(first.our_id.as_deref(), Some(our_id.as_str()));
    assert_eq!(seen(sim.create(&ask).await), first, "the same key has the same answer");
    assert_eq!(remote.payments_of(&our_id).len(), 1);
    assert_eq!(sim.lookup(&whose(&our_id)).await.unwrap(), Some(first));
    assert_eq!(sim.lookup(&whose("pay_nobody")).await.unwrap(), None);
}

#[rstest]
#[case::here(Way::Embedded)]
#[case::there(Way::Http)]
#[tokio::test]
async fn a_key_is_not_taken_for_another_request(#[case] way: Way) {
    let remote = in_memory();
    let sim = reach(&remote, way).await;
    let our_id = fresh_id();
    seen(sim.create(&asks::create(&our_id, 100, "pm_sim_ok")).await);
    let no = refused(sim.create(&asks::create(&our_id, 200, "pm_sim_ok")).await);
    assert_eq!((no.code.as_str(), no.class), ("idempotency_error", RefusalClass::Invalid));
    assert_eq!(remote.payments_of(&our_id)[0].minor, 100);
}

#[rstest]
#[case("pm_sim_declined", "generic_decline")]
#[case("pm_sim_insufficient_funds", "insufficient_funds")]
#[case("4000000000000069", "expired_card")]
#[case("pm_sim_stolen_card", "stolen_card")]
#[tokio::test]
async fn a_decline_has_its_reason(
    #[case] method: &str,
    #[case] reason: &str,
    #[values(Way::Embedded, Way::Http)] way: Way,
) {
    let remote = in_memory();
    let sim = reach(&remote, way).await;
    let our_id = fresh_id();
    let no = refused(sim.create(&asks::create(&our_id, 100, method)).await);
    assert_eq!((no.code.as_str(), no.decline_code.as_deref()), ("card_declined", Some(reason)));
    assert_eq!(no.class, RefusalClass::Declined);
    let known = sim.lookup(&whose(&our_id)).await.unwrap().unwrap();
    assert_eq!((known.state, known.captured_minor), (ProviderState::Failed, 0));
    assert_eq!(no.provider_id, Some(known.provider_id));
}

#[tokio::test]
async fn an_unknown_method_is_refused_and_leaves_nothing() {
    let remote = in_memory();
    let sim = reach(&remote, Way::Http).await;
    let our_id = fresh_id();
    let no = refused(sim.create(&asks::create(&our_id, 100, "pm_elsewhere")).await);
    assert_eq!(no.class, RefusalClass::Invalid);
    assert_eq!(sim.lookup(&whose(&our_id)).await.unwrap(), None);
}

#[rstest]
#[case("approve", "pm_sim_3ds", ProviderState::Succeeded, 100)]
#[case("reject", "pm_sim_3ds", ProviderState::Failed, 0)]
#[case("approve", "pm_sim_3ds_declined", ProviderState::Failed, 0)]
#[tokio::test]
async fn the_payer_decides_on_the_hosted_page(
    #[case] outcome: &str,
    #[case] method: &str,
    #[case] state: ProviderState,
    #[case] captured: i64,
) {
    let remote = in_memory();
    remote.serve_pages_at("http://127.0.0.1:1/sim/pay/");
    let sim = reach(&remote, Way::Http).await;
    let our_id = fresh_id();
    let return_url = Some("https://shop.example/back".to_owned());
    let asked = seen(sim.create(&farebox_providers::Create { return_url, ..asks::create(&our_id, 100, method) }).await);
    assert_eq!((asked.state, asked.captured_minor), (ProviderState::RequiresAction, 0));
    let url = asked.action.clone().unwrap().url.unwrap();
    assert_eq!(url, format!("http://127.0.0.1:1/sim/pay/{}", asked.provider_id));
    assert_eq!(
        seen(sim.confirm(&asks::confirm(of(&asked), 100, "USD", None)).await).state,
        ProviderState::RequiresAction
    );

    assert!(remote.pay_page(&asked.provider_id, None).html.contains("Approve the payment"));
    let page = remote.pay_page(&asked.provider_id, Some(format!("outcome={outcome}").as_bytes()));
    assert_eq!((page.status, page.location.as_deref()), (303, Some("https://shop.example/back")));
    let now = sim.lookup(&of(&asked)).await.unwrap().unwrap();
    assert_eq!((now.state, now.captured_minor), (state, captured));
    let again = remote.pay_page(&asked.provider_id, Some(b"outcome=approve"));
    assert_eq!(again.status, 200, "a decision is final");
    assert_eq!(sim.lookup(&of(&asked)).await.unwrap().unwrap(), now);
}

#[rstest]
#[case::here(Way::Embedded)]
#[case::there(Way::Http)]
#[tokio::test]
async fn an_authorized_payment_is_captured_in_part_or_canceled(#[case] way: Way) {
    let remote = in_memory();
    let sim = reach(&remote, way).await;
    let held = seen(sim.create(&asks::manual(&fresh_id(), 1_000, "pm_sim_ok")).await);
    assert_eq!((held.state, held.captured_minor), (ProviderState::RequiresCapture, 0));
    assert_eq!(refused(sim.capture(&asks::capture(of(&held), 1_001)).await).class, RefusalClass::Invalid);
    let other_key = farebox_providers::Capture { idempotency_key: "k2".to_owned(), ..asks::capture(of(&held), 600) };
    let paid = seen(sim.capture(&other_key).await);
    assert_eq!((paid.state, paid.captured_minor), (ProviderState::Succeeded, 600));
    assert_eq!(refused(sim.cancel(&asks::cancel(of(&held))).await).class, RefusalClass::Invalid);

    let other = seen(sim.create(&asks::manual(&fresh_id(), 1_000, "pm_sim_ok")).await);
    assert_eq!(seen(sim.cancel(&asks::cancel(of(&other))).await).state, ProviderState::Canceled);
    assert_eq!(refused(sim.capture(&asks::capture(of(&other), 1)).await).class, RefusalClass::Invalid);
}

#[rstest]
#[case::here(Way::Embedded)]
#[case::there(Way::Http)]
#[tokio::test]
async fn refunds_never_exceed_what_was_captured(#[case] way: Way) {
    let remote = in_memory();
    let sim = reach(&remote, way).await;
    let paid = seen(sim.create(&asks::create(&fresh_id(), 1_000, "pm_sim_ok")).await);
    let back = seen(sim.refund(&asks::refund(of(&paid), "ref_1", 700)).await);
    assert_eq!((back.minor, back.state), (700, RefundState::Succeeded));
    assert_eq!(seen(sim.refund(&asks::refund(of(&paid), "ref_1", 700)).await), back, "the same key pays back once");
    assert_eq!(refused(sim.refund(&asks::refund(of(&paid), "ref_2", 301)).await).code, "amount_too_large");
    seen(sim.refund(&asks::refund(of(&paid), "ref_3", 300)).await);
    let now = sim.lookup(&of(&paid)).await.unwrap().unwrap();
    assert_eq!((now.state, now.refunded_minor), (ProviderState::Succeeded, Some(1_000)));
    assert_eq!(sim.lookup_refund(&of(&paid), "ref_1").await.unwrap(), Some(back));
    assert_eq!(sim.lookup_refund(&of(&paid), "ref_2").await.unwrap(), None);
}

#[tokio::test]
async fn fifty_parallel_refunds_pay_back_what_was_captured_and_no_more() {
    let remote = in_memory();
    let sim = Arc::new(reach(&remote, Way::Http).await);
    let paid = seen(sim.create(&asks::create(&fresh_id(), 1_000, "pm_sim_ok")).await);
    let all = (0..50).map(|n| {
        let (sim, ask) = (Arc::clone(&sim), asks::refund(of(&paid), &format!("ref_{n}"), 30));
        tokio::spawn(async move { matches!(sim.refund(&ask).await, Outcome::Seen(_)) })
    });
    let mut done = 0;
    for one in all.collect::<Vec<_>>() {
        done += i64::from(one.await.unwrap());
    }
    assert_eq!(done, 33);
    assert_eq!(remote.payment(&paid.provider_id).unwrap().refunded_minor, 990);
}

#[tokio::test]
async fn what_is_processing_is_decided_in_time() {
    let clock = Arc::new(ManualClock::new(Timestamp::from_seconds(1_000)));
    let remote = Arc::new(Remote::in_memory(clock.clone()));
    let sim = Sim::embedded(Arc::clone(&remote), PATIENCE);
    let paid = seen(sim.create(&asks::create(&fresh_id(), 5, "pm_sim_processing")).await);
    let lost = seen(sim.create(&asks::create(&fresh_id(), 5, "pm_sim_processing_declined")).await);
    assert_eq!(paid.state, ProviderState::Processing);
    clock.advance(std::time::Duration::from_millis(1_999));
    assert_eq!(sim.lookup(&of(&paid)).await.unwrap().unwrap().state, ProviderState::Processing);
    clock.advance(std::time::Duration::from_millis(1));
    assert_eq!(sim.lookup(&of(&paid)).await.unwrap().unwrap().state, ProviderState::Succeeded);
    assert_eq!(sim.lookup(&of(&lost)).await.unwrap().unwrap().state, ProviderState::Failed);
}

#[tokio::test]
async fn a_dispute_opens_and_ends() {
    let remote = in_memory();
    let sim = reach(&remote, Way::Http).await;
    let paid = seen(sim.create(&asks::create(&fresh_id(), 5, "pm_sim_disputed")).await);
    assert_eq!(sim.lookup(&of(&paid)).await.unwrap().unwrap().dispute.unwrap().dispute, Dispute::Open);
    remote.dispute(&paid.provider_id, SimDispute::Won).unwrap();
    assert_eq!(sim.lookup(&of(&paid)).await.unwrap().unwrap().dispute.unwrap().dispute, Dispute::Won);
    assert!(remote.dispute("pi_nobody", SimDispute::Open).is_err());
}

#[rstest]
#[case::here(Way::Embedded)]
#[case::there(Way::Http)]
#[tokio::test]
async fn a_list_pages_through_every_payment_once(#[case] way: Way) {
    let remote = in_memory();
    let sim = reach(&remote, way).await;
    let mut made = Vec::new();
    for _ in 0..205 {
        made.push(seen(sim.create(&asks::create(&fresh_id(), 5, "pm_sim_ok")).await).provider_id);
    }
    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let page = sim.list(Timestamp::from_seconds(0), after.as_deref()).await.unwrap();
        listed.extend(page.payments.into_iter().map(|payment| payment.provider_id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    made.sort();
    assert_eq!(listed, made);
    let later = Timestamp::from_seconds(4_000_000_000);
    assert!(sim.list(later, None).await.unwrap().payments.is_empty());
}

#[tokio::test]
async fn a_wrong_key_is_turned_away_at_the_door() {
    let remote = in_memory();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(remote::serve(listener, Arc::clone(&remote), Secret::new("right".to_owned()), pending()));
    let sim = Sim::remote(&url, &Secret::new("wrong".to_owned()), PATIENCE).unwrap();
    let our_id = fresh_id();
    let Outcome::NotDone(fault) = sim.create(&asks::create(&our_id, 5, "pm_sim_ok")).await else { panic!("taken") };
    assert!(fault.settings);
    assert!(remote.payments_of(&our_id).is_empty());
}

#[tokio::test]
async fn a_provider_that_is_killed_comes_back_knowing_what_it_did() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sim.jsonl");
    let open = || Arc::new(Remote::open(&file, Arc::new(SystemClock)).unwrap());
    let our_id = fresh_id();
    let ask = asks::create(&our_id, 900, "pm_sim_ok");
    let before = {
        let sim = Sim::embedded(open(), PATIENCE);
        let paid = seen(sim.create(&ask).await);
        seen(sim.refund(&asks::refund(of(&paid), "ref_1", 100)).await);
        sim.lookup(&of(&paid)).await.unwrap().unwrap()
    };
    // A write that was cut off has not happened.
    let whole = std::fs::metadata(&file).unwrap().len();
    let mut torn = std::fs::OpenOptions::new().append(true).open(&file).unwrap();
    std::io::Write::write_all(&mut torn, b"[{\"troubled\":{\"ke").unwrap();
    let remote = open();
    assert_eq!(std::fs::metadata(&file).unwrap().len(), whole);
    let sim = Sim::embedded(Arc::clone(&remote), PATIENCE);
    assert_eq!(sim.lookup(&whose(&our_id)).await.unwrap(), Some(before));
    seen(sim.create(&ask).await);
    assert_eq!(remote.payments_of(&our_id).len(), 1, "keys are remembered too");
    assert_eq!(refused(sim.refund(&asks::refund(whose(&our_id), "ref_2", 801)).await).code, "amount_too_large");
}
