//! What operators see of a payment, and what they must not.

use std::{
    io,
    sync::{Arc, LazyLock, Mutex},
};

use farebox_telemetry::server;
use serde_json::{Value, json};
use tracing_subscriber::fmt::{MakeWriter, format::FmtSpan};

use crate::world::{World, accept, held, named, pay, text};

/// Collects a JSON log.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(crate) fn read(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// The log of this whole process: a subscriber of one test's own would miss what other tests met first.
pub(crate) static LOG: LazyLock<Log> = LazyLock::new(|| {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::DEBUG)
        .with_span_events(FmtSpan::CLOSE)
        .with_writer(log.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    log
});

on_both! {
    async fn each_verb_has_its_span_and_no_span_holds_a_secret(world: &World) {
        LazyLock::force(&LOG);
        let plan = world.ordered_plan(5).await;
        let token = text(&world.mint_token(json!({"accepted": accept(&plan)})).await.ok()["accessToken"]);
        let bound = world.token3(&plan).await;
        let request = text(&world.verify(held(pay(&bound, &plan, "1"), 60)).await.ok()["agentRequestId"]);
        world.settle(named(pay(&bound, &plan, "1"), &request)).await.ok();
        world.release(named(pay(&token, &plan, "1"), "none")).await.ok();
        world.settle(pay(&token, &plan, "9")).await.refused(402, "BCK.CREDITS.0003");
        world.settle(json!({"x402AccessToken": token})).await.refused(400, "FBX.REQUEST.BODY");

        let log = LOG.read();
        let closed: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let closed: Vec<&Value> = closed.iter().map(|line| &line["span"]).filter(|span| span.is_object()).collect();
        let merchant = world.merchant.to_string();
        for name in [
            server::PLAN_REGISTER, server::PLAN_ORDER, server::PERMISSION, server::VERIFY, server::SETTLE, server::RELEASE,
        ] {
            let ours = |span: &&Value| span["name"] == name && span[server::MERCHANT] == merchant.as_str();
            assert!(closed.iter().any(ours), "{name}");
        }
        let settled = |span: &&Value| {
            span["name"] == server::REQUEST && span["route"] == "/api/v1/x402/settle" && span["status"] == 200
        };
        assert!(closed.iter().any(|span| settled(span) && span["request_id"].is_string()));
        for secret in [&token, &bound, &world.seller.key, &world.buyer.key, &plan] {
            assert!(!log.contains(secret.as_str()));
        }
    }
}
