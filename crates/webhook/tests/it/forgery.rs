//! What is not the API's own.

use std::{sync::Arc, time::Duration};

use farebox_types::{Clock, ManualClock, SystemClock};
use farebox_webhook::{BadReceiver, Event, EventType, Receiver, sign};

use crate::world::{App, SECRET, Work, builder, event, secret, signed, working};

#[tokio::test]
async fn whatever_is_wrong_the_answer_is_the_same_and_nothing_runs() {
    let work = Work::default();
    let app = App::start(working(&work, Duration::ZERO)).await;
    let body = event("evt_1", "invoice.paid");
    let other = event("evt_2", "invoice.paid");
    let now = SystemClock.now();
    let early = now.after(Duration::from_secs(400));
    let late = farebox_types::Timestamp::from_seconds(now.seconds() - 400);
    let good = signed(&body);
    let cases = [
        ("no header", Vec::new(), body.as_str()),
        ("another secret", vec![("paylera-signature", sign(&[secret("other")], now, body.as_bytes()))], &body),
        ("another body", vec![("paylera-signature", good.clone())], &other),
        ("too old", vec![("paylera-signature", sign(&[secret(SECRET)], late, body.as_bytes()))], &body),
        ("too new", vec![("paylera-signature", sign(&[secret(SECRET)], early, body.as_bytes()))], &body),
        ("nonsense", vec![("paylera-signature", "yes".to_owned())], &body),
        ("too long", vec![("paylera-signature", format!("{good},x={}", "y".repeat(1024)))], &body),
        ("two headers", vec![("paylera-signature", good.clone()), ("paylera-signature", good.clone())], &body),
        ("signed, but no event", vec![("paylera-signature", signed("{}"))], "{}"),
    ];
    let mut answers = Vec::new();
    for (what, headers, body) in &cases {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = app.post(&headers, body).await;
        assert_eq!(answer.status, 400, "{what}");
        assert!(answer.head.contains("content-type: application/problem+json"));
        answers.push(answer.body);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
    assert_eq!(work.done(), (0, 0, 0));
    assert_eq!(app.deliver(&body).await.status, 200);
    assert_eq!(work.done(), (1, 1, 1));
}

#[tokio::test]
async fn a_secret_is_replaced_without_losing_a_delivery() {
    let both = Receiver::builder([secret("new"), secret("old")]);
    let app = App::start(both.on(EventType::InvoicePaid, async |_: Event| Ok::<_, std::io::Error>(()))).await;
    for (id, secrets, status) in [
        ("evt_1", &["old"][..], 200),
        ("evt_2", &["old", "new"], 200),
        ("evt_3", &["new"], 200),
        ("evt_4", &["older"], 400),
    ] {
        let body = event(id, "invoice.paid");
        let secrets: Vec<_> = secrets.iter().map(|text| secret(text)).collect();
        let header = sign(&secrets, SystemClock.now(), body.as_bytes());
        assert_eq!(app.post(&[("paylera-signature", &header)], &body).await.status, status, "{id}");
    }
}

#[tokio::test]
async fn the_receivers_own_clock_decides() {
    let clock = Arc::new(ManualClock::new(SystemClock.now().after(Duration::from_secs(290))));
    let app = App::start(builder().clock(clock.clone())).await;
    let body = event("evt_1", "invoice.paid");
    let header = signed(&body);
    assert_eq!(app.post(&[("paylera-signature", &header)], &body).await.status, 200);
    clock.advance(Duration::from_secs(20));
    assert_eq!(app.post(&[("paylera-signature", &header)], &body).await.status, 400);
}

#[tokio::test]
async fn only_posts_of_a_reasonable_length_are_read() {
    let app = App::start(builder()).await;
    let answer = app.send("GET", &[], "").await;
    assert_eq!(answer.status, 405);
    assert!(answer.head.contains("allow: post"));
    let huge = "x".repeat(1024 * 1024 + 1);
    assert_eq!(app.deliver(&huge).await.status, 413);
}

#[test]
fn a_receiver_that_cannot_work_is_not_built_and_none_shows_its_secret() {
    let build = |secrets: &[&str]| Receiver::builder(secrets.iter().map(|text| secret(text))).build();
    assert!(matches!(build(&[]), Err(BadReceiver::Secrets(_))));
    assert!(matches!(build(&["a", ""]), Err(BadReceiver::Secrets(_))));
    let on = |builder: farebox_webhook::ReceiverBuilder| {
        builder.on(EventType::InvoicePaid, async |_: Event| Ok::<_, std::io::Error>(()))
    };
    let twice = on(on(builder())).build().unwrap_err();
    assert_eq!(twice, BadReceiver::Twice(EventType::InvoicePaid));
    assert!(!format!("{:?} {twice}", on(builder()).build().unwrap()).contains(SECRET));
}
