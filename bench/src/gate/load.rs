//! Keep-alive connections that each wait for their answer before they ask again.

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
use tokio::net::TcpStream;

use super::payment::Payment;

pub(super) struct Load {
    pub(super) address: SocketAddr,
    pub(super) payment: Payment,
    pub(super) connections: usize,
    pub(super) duration: Duration,
}

pub(super) struct Answers {
    /// Sorted.
    pub(super) latencies_us: Vec<u32>,
    pub(super) elapsed: Duration,
}

impl Load {
    /// Every answer must be a 200.
    pub(super) async fn run(&self) -> anyhow::Result<Answers> {
        let started = Instant::now();
        let until = started + self.duration;
        let tasks: Vec<_> = (0..self.connections)
            .map(|_| tokio::spawn(connection(self.address, self.payment.clone(), until)))
            .collect();
        let mut latencies_us = Vec::new();
        for task in tasks {
            latencies_us.extend(task.await??);
        }
        latencies_us.sort_unstable();
        Ok(Answers { latencies_us, elapsed: started.elapsed() })
    }
}

async fn connection(address: SocketAddr, payment: Payment, until: Instant) -> anyhow::Result<Vec<u32>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut latencies = Vec::new();
    while Instant::now() < until {
        let mut request = Request::post("/paid").header("host", "bench").header("content-type", "application/json");
        if let Some(header) = payment.header()? {
            request = request.header("payment-signature", header);
        }
        let asked = Instant::now();
        let answer = sender.send_request(request.body(Full::new(Bytes::from_static(b"{\"q\":\"hi\"}")))?).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        ensure!(status == 200, "answered {status}: {}", String::from_utf8_lossy(&body));
        latencies.push(u32::try_from(asked.elapsed().as_micros()).unwrap_or(u32::MAX));
    }
    Ok(latencies)
}
