//! Keep-alive connections that send one signed payment after another, and look at every answer.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpStream;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Verify,
    Settle,
}

impl Verb {
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Verify => "/verify",
            Self::Settle => "/settle",
        }
    }
}

/// What became of the payments.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) good: usize,
    /// How many, by reason.
    pub(super) refused: BTreeMap<String, usize>,
    pub(super) elapsed: Duration,
}

impl Outcome {
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    pub(super) fn per_second(&self) -> f64 {
        self.good as f64 / self.elapsed.as_secs_f64()
    }

    pub(super) fn refusals(&self) -> usize {
        self.refused.values().sum()
    }
}

/// Members of both kinds of answer that matter here.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Answer {
    is_valid: bool,
    success: bool,
    invalid_reason: Option<String>,
    error_reason: Option<String>,
}

/// Sends every body once, over `connections` connections.
pub(super) async fn send(
    address: SocketAddr,
    verb: Verb,
    bodies: Vec<Bytes>,
    connections: usize,
) -> anyhow::Result<Outcome> {
    let (bodies, next) = (Arc::new(bodies), Arc::new(AtomicUsize::new(0)));
    let started = Instant::now();
    let tasks: Vec<_> = (0..connections)
        .map(|_| tokio::spawn(connection(address, verb, Arc::clone(&bodies), Arc::clone(&next))))
        .collect();
    let mut all = Outcome::default();
    for task in tasks {
        let one = task.await??;
        all.good += one.good;
        for (reason, count) in one.refused {
            *all.refused.entry(reason).or_default() += count;
        }
    }
    Ok(Outcome { elapsed: started.elapsed(), ..all })
}

async fn connection(
    address: SocketAddr,
    verb: Verb,
    bodies: Arc<Vec<Bytes>>,
    next: Arc<AtomicUsize>,
) -> anyhow::Result<Outcome> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut outcome = Outcome::default();
    while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
        let request = Request::post(verb.path()).header("host", "bench").header("content-type", "application/json");
        let answer =
            sender.send_request(request.body(Full::new(body.clone()))?).await.context("the facilitator hung up")?;
        let status = answer.status();
        let text = answer.into_body().collect().await?.to_bytes();
        let answer: Answer = serde_json::from_slice(&text).unwrap_or_default();
        let good = match verb {
            Verb::Verify => answer.is_valid,
            Verb::Settle => answer.success,
        };
        if status == 200 && good {
            outcome.good += 1;
        } else {
            let reason = answer.invalid_reason.or(answer.error_reason).unwrap_or_else(|| status.to_string());
            *outcome.refused.entry(reason).or_default() += 1;
        }
    }
    Ok(outcome)
}
