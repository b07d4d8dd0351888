//! Pages that each wait for their answer before they ask again.

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

use super::subject::PATH;

pub(super) struct Load<'a> {
    pub(super) address: SocketAddr,
    /// Sent to both subjects, so that both read the same headers.
    pub(super) token: Option<&'a str>,
    pub(super) connections: usize,
    pub(super) duration: Duration,
}

pub(super) struct Answers {
    /// Sorted.
    pub(super) latencies_us: Vec<u32>,
    pub(super) elapsed: Duration,
}

impl Load<'_> {
    /// Every answer must be a 200.
    pub(super) async fn run(&self) -> anyhow::Result<Answers> {
        let started = Instant::now();
        let until = started + self.duration;
        let token = self.token.unwrap_or_default().to_owned();
        let tasks: Vec<_> =
            (0..self.connections).map(|_| tokio::spawn(connection(self.address, token.clone(), until))).collect();
        let mut latencies_us = Vec::new();
        for task in tasks {
            latencies_us.extend(task.await??);
        }
        latencies_us.sort_unstable();
        Ok(Answers { latencies_us, elapsed: started.elapsed() })
    }
}

async fn connection(address: SocketAddr, token: String, until: Instant) -> anyhow::Result<Vec<u32>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let cookie = format!("session=5d41402abc4b2a76b9719d911017c592; paylera_csrf={token}");
    let mut latencies = Vec::new();
    while Instant::now() < until {
        let request = Request::post(PATH)
            .header("host", "bench")
            .header("origin", "http://bench")
            .header("sec-fetch-site", "same-origin")
            .header("content-type", "application/json")
            .header("cookie", &cookie)
            .header("paylera-csrf-token", &token)
            .header("x-user", "cus_0190c8a2");
        let body = Full::new(Bytes::from_static(br#"{"feature_code":"api_calls","required_usage":1}"#));
        let asked = Instant::now();
        let answer = sender.send_request(request.body(body)?).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        ensure!(status == 200, "answered {status}: {}", String::from_utf8_lossy(&body));
        latencies.push(u32::try_from(asked.elapsed().as_micros()).unwrap_or(u32::MAX));
    }
    Ok(latencies)
}
