//! Callers that each wait for their answer before they ask again, at full speed or at an even pace.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::MissedTickBehavior};
use uuid::Uuid;

use crate::process::Process;

#[derive(Clone, Copy)]
pub(super) struct Load<'a> {
    pub(super) verb: &'a str,
    /// Everybody asks for the same customer.
    pub(super) hot: bool,
    pub(super) connections: usize,
    pub(super) duration: Duration,
    /// From one request of a connection to its next.
    pub(super) pace: Option<Duration>,
}

pub(super) struct Answers {
    /// Sorted.
    latencies_us: Vec<u32>,
    elapsed: Duration,
}

impl Answers {
    pub(super) fn rate(&self) -> f64 {
        f64::from(u32::try_from(self.latencies_us.len()).unwrap_or(u32::MAX)) / self.elapsed.as_secs_f64()
    }

    /// Milliseconds at a hundredth.
    pub(super) fn at(&self, share: usize) -> f64 {
        let at = (self.latencies_us.len() * share / 100).min(self.latencies_us.len().saturating_sub(1));
        f64::from(self.latencies_us.get(at).copied().unwrap_or_default()) / 1000.0
    }
}

struct Caller {
    sender: SendRequest<Full<Bytes>>,
    path: String,
    bearer: String,
    customers: Arc<Vec<String>>,
}

impl Load<'_> {
    /// Every answer must be a success.
    pub(super) async fn run(self, subject: &Process) -> anyhow::Result<Answers> {
        let (address, token) = (subject.address(), subject.header().unwrap_or("none"));
        let mut customers: Vec<String> = listed(address).await?;
        if self.hot {
            customers.truncate(1);
        }
        let customers = Arc::new(customers);
        let started = Instant::now();
        let until = started + self.duration;
        let tasks: Vec<_> = (0..self.connections)
            .map(|at| {
                let (path, bearer, customers) =
                    (format!("/v1/{}", self.verb), format!("Bearer {token}"), Arc::clone(&customers));
                let first = self.pace.map(|pace| pace.mul_f64(at as f64 / self.connections as f64));
                tokio::spawn(async move {
                    let caller = Caller { sender: connected(address).await?, path, bearer, customers };
                    caller.ask_until(until, self.pace.zip(first), at).await
                })
            })
            .collect();
        let mut latencies_us = Vec::new();
        for task in tasks {
            latencies_us.extend(task.await??);
        }
        latencies_us.sort_unstable();
        Ok(Answers { latencies_us, elapsed: started.elapsed() })
    }
}

impl Caller {
    async fn ask_until(
        mut self,
        until: Instant,
        pace: Option<(Duration, Duration)>,
        mut turn: usize,
    ) -> anyhow::Result<Vec<u32>> {
        let mut beat = pace.map(|(pace, first)| tokio::time::interval_at((Instant::now() + first).into(), pace));
        if let Some(beat) = &mut beat {
            beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        }
        let mut latencies = Vec::new();
        while Instant::now() < until {
            if let Some(beat) = &mut beat {
                beat.tick().await;
            }
            turn += 1;
            let asked = Instant::now();
            self.ask(turn).await?;
            latencies.push(u32::try_from(asked.elapsed().as_micros()).unwrap_or(u32::MAX));
        }
        Ok(latencies)
    }

    async fn ask(&mut self, turn: usize) -> anyhow::Result<()> {
        let customer = self.customers.get(turn % self.customers.len()).context("no customers")?;
        let amount = if self.path.ends_with("check") { "required_usage" } else { "value" };
        let body = format!(r#"{{"customer_id":"{customer}","feature_code":"calls","{amount}":1}}"#);
        let request = Request::post(&self.path)
            .header("host", "bench")
            .header("authorization", &self.bearer)
            .header("content-type", "application/json")
            .header("idempotency-key", Uuid::new_v4().to_string())
            .body(Full::new(Bytes::from(body)))?;
        let answer = self.sender.send_request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        ensure!(status.is_success(), "answered {status}: {}", String::from_utf8_lossy(&body));
        Ok(())
    }
}

async fn connected(address: SocketAddr) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn listed(address: SocketAddr) -> anyhow::Result<Vec<String>> {
    let request = Request::get("/bench/customers").header("host", "bench").body(Full::default())?;
    let answer = connected(address).await?.send_request(request).await?;
    Ok(serde_json::from_slice(&answer.into_body().collect().await?.to_bytes())?)
}
