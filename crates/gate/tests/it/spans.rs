//! What a paid request leaves in the log.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use axum::body::Body;
use farebox_x402::{Retry, credits::CODE_INSUFFICIENT};
use tower::{Layer, ServiceExt, service_fn};
use tracing_subscriber::fmt::{MakeWriter, format::FmtSpan};

use crate::{
    fake::{Act, Fake, PAYER},
    harness::gate,
};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Everything logged, to the last detail, while one request is paid.
async fn logged(fake: Fake) -> String {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(log.clone())
        .with_ansi(false)
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::CLOSE)
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let goods = service_fn(|_: http::Request<Body>| async {
        Ok::<_, std::convert::Infallible>(http::Response::new(Body::from("goods")))
    });
    let gated = gate(&Arc::new(fake), "GET /x", |route| route).layer(goods);
    let request = http::Request::get("/x").header("payment-signature", "tok3n").body(Body::empty()).unwrap();
    gated.oneshot(request).await.unwrap();
    String::from_utf8(log.0.lock().unwrap().clone()).unwrap()
}

#[tokio::test]
async fn a_paid_request_is_one_span_with_the_charges_name_and_end() {
    let log = logged(Fake::default()).await;
    let close = log.lines().find(|line| line.contains("farebox.paid_request") && line.contains("close")).unwrap();
    for field in
        ["farebox.route=\"GET /x\"", "farebox.credits=1", "farebox.request_id=\"r-0\"", "farebox.outcome=\"settled\""]
    {
        assert!(close.contains(field), "{field} in {close}");
    }
    assert!(close.contains("farebox.payer=0xabcd…1234"), "{close}");
}

#[tokio::test]
async fn a_refusal_leaves_its_code() {
    let log = logged(Fake::default().verifying([Act::Refuse(CODE_INSUFFICIENT)])).await;
    assert!(log.contains("farebox.outcome=\"refused\"") && log.contains("farebox.code=\"BCK.CREDITS.0003\""), "{log}");
}

#[tokio::test]
async fn a_fault_is_logged_with_its_cause() {
    let log = logged(Fake::default().verifying([Act::Fail(Retry::Never)])).await;
    assert!(log.contains("db-7.internal") && log.contains("a cause") && log.contains("ERROR"), "{log}");
}

#[tokio::test]
async fn no_log_shows_a_token_or_a_whole_payer() {
    for fake in [
        Fake::default(),
        Fake::default().verifying([Act::Refuse(CODE_INSUFFICIENT)]),
        Fake::default().verifying([Act::Fail(Retry::Unknown)]),
        Fake::default().settling([Act::Fail(Retry::Never)]),
    ] {
        let log = logged(fake).await;
        assert!(log.contains("farebox.paid_request"));
        assert!(!log.contains("tok3n") && !log.contains(PAYER), "{log}");
    }
}
