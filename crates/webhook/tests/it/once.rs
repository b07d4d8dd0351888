//! One event, one success.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use farebox_types::Timestamp;
use farebox_webhook::{Claim, Event, EventType, Memory, ReplayStore, StoreError};
use tokio::time::sleep;
use uuid::Uuid;

use crate::world::{App, Work, builder, event, signed, working};

const A_WHILE: Duration = Duration::from_millis(200);

#[tokio::test]
async fn an_event_that_comes_again_is_not_handled_again() {
    let work = Work::default();
    let app = App::start(working(&work, Duration::ZERO)).await;
    let body = event("evt_1", "invoice.paid");
    for _ in 0..5 {
        let answer = app.deliver(&body).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"received":true}"#));
    }
    assert_eq!(work.done(), (1, 1, 1));
    assert_eq!(app.deliver(&event("evt_2", "invoice.paid")).await.status, 200);
    assert_eq!(work.done(), (2, 2, 1));
}

#[tokio::test]
async fn of_many_deliveries_at_once_one_is_handled_and_the_others_may_come_again() {
    let work = Work::default();
    let store = Arc::new(Memory::default());
    // Two instances of one backend, with one store.
    let instance = || App::start(working(&work, A_WHILE).replay_store(store.clone()));
    let (one, other) = (instance().await, instance().await);
    let body = event("evt_1", "invoice.paid");
    let both = (0..8).map(|at| if at % 2 == 0 { &one } else { &other });
    let answers = futures_util::future::join_all(both.map(|app| app.deliver(&body))).await;
    let count = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((count(200), count(409)), (1, 7));
    assert!(answers.iter().filter(|answer| answer.status == 409).all(|answer| answer.head.contains("retry-after: 5")));
    assert_eq!(work.done(), (1, 1, 1));
    assert_eq!(other.deliver(&body).await.status, 200);
    assert_eq!(work.done(), (1, 1, 1));
}

#[tokio::test]
async fn what_failed_panicked_or_took_too_long_is_handled_when_it_comes_again() {
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    let receiver = builder().handler_timeout(A_WHILE).on(EventType::InvoicePaid, move |_: Event| {
        let attempt = counted.fetch_add(1, Ordering::SeqCst);
        async move {
            match attempt {
                0 => Err(std::io::Error::other("secret detail")),
                1 => panic!("secret detail"),
                2 => {
                    sleep(Duration::from_secs(60)).await;
                    Ok(())
                }
                _ => Ok(()),
            }
        }
    });
    let app = App::start(receiver).await;
    let body = event("evt_1", "invoice.paid");
    let mut statuses = Vec::new();
    for _ in 0..5 {
        let answer = app.deliver(&body).await;
        assert!(!answer.body.contains("secret detail"));
        statuses.push(answer.status);
    }
    assert_eq!(statuses, [500, 500, 500, 200, 200]);
    assert_eq!(tries.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_handler_that_panics_before_its_first_await_fails_like_any_other() {
    fn handler(_: Event) -> std::future::Ready<Result<(), std::io::Error>> {
        panic!("at once")
    }
    let app = App::start(builder().on(EventType::InvoicePaid, handler)).await;
    let body = event("evt_1", "invoice.paid");
    // Twice 500, not 409: the claim was given back.
    assert_eq!(app.deliver(&body).await.status, 500);
    assert_eq!(app.deliver(&body).await.status, 500);
}

#[tokio::test]
async fn a_sender_that_hangs_up_does_not_end_the_handler() {
    let work = Work::default();
    let app = App::start(working(&work, A_WHILE)).await;
    let body = event("evt_1", "invoice.paid");
    let stream = app.begin("POST", &[("paylera-signature", &signed(&body))], &body).await;
    while work.done().0 == 0 {
        sleep(Duration::from_millis(5)).await;
    }
    drop(stream);
    sleep(A_WHILE * 3).await;
    assert_eq!(work.done(), (1, 1, 1));
    assert_eq!(app.deliver(&body).await.status, 200);
    assert_eq!(work.done(), (1, 1, 1));
}

#[tokio::test]
async fn each_type_has_its_handler_and_unknown_ones_are_kept_whole() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = |name: &'static str| {
        let seen = Arc::clone(&seen);
        move |event: Event| {
            let object: serde_json::Value = event.object().unwrap();
            seen.lock().unwrap().push(format!("{name} {} {} {object}", event.id(), event.kind()));
            async { Ok::<_, std::io::Error>(()) }
        }
    };
    let receiver = builder()
        .on(EventType::InvoicePaid, note("paid"))
        .on(EventType::SubscriptionCanceled, note("canceled"))
        .on(EventType::from("moon.landed"), note("moon"))
        .otherwise(note("other"));
    let app = App::start(receiver).await;
    for (id, kind) in
        [("e1", "invoice.paid"), ("e2", "subscription.canceled"), ("e3", "moon.landed"), ("e4", "sun.set")]
    {
        assert_eq!(app.deliver(&event(id, kind)).await.status, 200);
    }
    let object = r#"{"id":"in_1"}"#;
    let expected = [
        format!("paid e1 invoice.paid {object}"),
        format!("canceled e2 subscription.canceled {object}"),
        format!("moon e3 moon.landed {object}"),
        format!("other e4 sun.set {object}"),
    ];
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[tokio::test]
async fn an_event_that_nobody_handles_is_taken() {
    let app = App::start(builder()).await;
    assert_eq!(app.deliver(&event("evt_1", "sun.set")).await.status, 200);
}

/// A store that is down, or goes down after the claim.
struct Down {
    claims: bool,
}

#[async_trait]
impl ReplayStore for Down {
    async fn claim(&self, _: &str, _: Uuid, _: Timestamp, _: Timestamp) -> Result<Claim, StoreError> {
        if self.claims { Ok(Claim::Granted) } else { Err(StoreError("db-7.internal is gone".into())) }
    }

    async fn done(&self, _: &str, _: Uuid, _: Timestamp) -> Result<(), StoreError> {
        Err(StoreError("db-7.internal is gone".into()))
    }

    async fn release(&self, _: &str, _: Uuid) -> Result<(), StoreError> {
        Err(StoreError("db-7.internal is gone".into()))
    }
}

#[tokio::test]
async fn without_its_store_nothing_runs_and_the_delivery_may_come_again() {
    let work = Work::default();
    let app = App::start(working(&work, Duration::ZERO).replay_store(Arc::new(Down { claims: false }))).await;
    let answer = app.deliver(&event("evt_1", "invoice.paid")).await;
    assert_eq!(answer.status, 503);
    assert!(answer.head.contains("retry-after: 5") && !answer.body.contains("internal"));
    assert_eq!(work.done(), (0, 0, 0));
}

#[tokio::test]
async fn a_success_that_cannot_be_written_down_is_still_a_success() {
    let work = Work::default();
    let app = App::start(working(&work, Duration::ZERO).replay_store(Arc::new(Down { claims: true }))).await;
    assert_eq!(app.deliver(&event("evt_1", "invoice.paid")).await.status, 200);
    assert_eq!(work.done(), (1, 1, 1));
}
