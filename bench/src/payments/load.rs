//! Customers who each wait for their answer before they pay again.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::ensure;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

pub(super) struct Load {
    pub(super) address: SocketAddr,
    /// Sent to both, so that both read the same headers.
    pub(super) bearer: String,
    pub(super) connections: usize,
    pub(super) duration: Duration,
}

pub(super) struct Answers {
    /// Sorted.
    pub(super) latencies_us: Vec<u32>,
    pub(super) elapsed: Duration,
}

impl Load {
    /// Every answer must be a payment that has succeeded.
    pub(super) async fn run(self) -> anyhow::Result<Answers> {
        let started = Instant::now();
        let until = started + self.duration;
        let customer = |at| tokio::spawn(pay(self.address, self.bearer.clone(), at, until));
        let tasks: Vec<_> = (0..self.connections).map(customer).collect();
        let mut latencies_us = Vec::new();
        for task in tasks {
            latencies_us.extend(task.await??);
        }
        latencies_us.sort_unstable();
        Ok(Answers { latencies_us, elapsed: started.elapsed() })
    }
}

async fn pay(address: SocketAddr, bearer: String, customer: usize, until: Instant) -> anyhow::Result<Vec<u32>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let body = Bytes::from(format!(
        "{{\"customer_id\":\"cust_{customer}\",\"amount\":49.99,\"currency\":\"USD\",\"payment_method_id\":\"pm_test_001\"}}"
    ));
    let mut latencies = Vec::new();
    while Instant::now() < until {
        let request = Request::post("/payments")
            .header("host", "bench")
            .header("authorization", format!("Bearer {bearer}"))
            .header("content-type", "application/json");
        let asked = Instant::now();
        let answer = sender.send_request(request.body(Full::new(body.clone()))?).await?;
        let status = answer.status();
        let bytes = answer.into_body().collect().await?.to_bytes();
        latencies.push(u32::try_from(asked.elapsed().as_micros()).unwrap_or(u32::MAX));
        let said: Value = serde_json::from_slice(&bytes)?;
        ensure!(status == 200 && said["status"] == "succeeded", "answered {status}: {said}");
    }
    Ok(latencies)
}
