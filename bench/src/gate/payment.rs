//! What a request presents: the same header each time, or an authorization that nobody has seen.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use anyhow::Context;
use bytes::Bytes;
use farebox_x402::{Accept, PaymentRequired, header};
use http::{HeaderValue, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpStream;

use crate::process::Process;

#[derive(Clone)]
pub(super) enum Payment {
    /// Nothing, or this.
    Same(Option<HeaderValue>),
    /// EIP-3009 for what the subject offers; a stub believes any signature.
    Fresh { template: Arc<str>, next: Arc<AtomicU64> },
}

const NONCE: &str = "0xNONCE";

impl Payment {
    /// The header that a subject named when it started.
    pub(super) fn of(subject: &Process) -> anyhow::Result<Self> {
        Ok(Self::Same(subject.header().map(HeaderValue::from_str).transpose()?))
    }

    /// A new authorization for each request, for the first way to pay that the subject offers.
    pub(super) async fn fresh(subject: &Process) -> anyhow::Result<Self> {
        let offer = offer(subject).await.with_context(|| format!("{} offers nothing", subject.url()))?;
        let accepted = offer.accepts.first().and_then(Accept::chain).context("no way to pay on a chain")?;
        let authorization = json!({
            "from": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8", "to": accepted.pay_to,
            "value": accepted.amount.to_string(), "validAfter": "0", "validBefore": "4102444800", "nonce": NONCE,
        });
        let signature = format!("0x{}1b", "11".repeat(64));
        let payment = json!({
            "x402Version": 2, "accepted": accepted, "resource": offer.resource,
            "payload": {"signature": signature, "authorization": authorization},
        });
        Ok(Self::Fresh { template: payment.to_string().into(), next: Arc::default() })
    }

    pub(super) fn header(&self) -> anyhow::Result<Option<HeaderValue>> {
        match self {
            Self::Same(header) => Ok(header.clone()),
            Self::Fresh { template, next } => {
                let (high, low) = (std::process::id(), next.fetch_add(1, Ordering::Relaxed));
                let payment = template.replacen(NONCE, &format!("0x{high:032x}{low:032x}"), 1);
                Ok(Some(header::encode(&serde_json::value::RawValue::from_string(payment)?)))
            }
        }
    }
}

async fn offer(subject: &Process) -> anyhow::Result<PaymentRequired> {
    let stream = TcpStream::connect(subject.address()).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::post("/paid").header("host", "bench").header("content-type", "application/json");
    let answer = sender.send_request(request.body(Full::new(Bytes::from_static(b"{}")))?).await?;
    let header = answer.headers().get(header::PAYMENT_REQUIRED).cloned();
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    let header = header.with_context(|| format!("{status}: {}", String::from_utf8_lossy(&body)))?;
    Ok(header::decode(header.as_bytes())?)
}
