//! The way to the simulated provider: a function call that behaves like a network, or the network.

use std::{sync::Arc, time::Duration};

use farebox_types::Secret;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;

use super::{
    NAME, refusal,
    remote::{Failing, Remote},
    types::{Answer, Ask, SimDispute, SimError, SimPage, SimPayment, SimRefund, SimState},
};
use crate::{
    outcome::{Fault, Outcome},
    payment::{Action, Dispute, Disputed, ProviderPayment, ProviderRefund, ProviderState, RefundState},
    wire::{BadBaseUrl, Broken, Call, Reply, Wire, form, segment},
};

#[derive(Clone)]
pub(super) enum Client {
    Embedded { remote: Arc<Remote>, timeout: Duration },
    Remote(Box<Wire>),
}

impl Client {
    pub(super) const fn embedded(remote: Arc<Remote>, timeout: Duration) -> Self {
        Self::Embedded { remote, timeout }
    }

    pub(super) fn remote(base: &str, key: &Secret, timeout: Duration) -> Result<Self, BadBaseUrl> {
        Wire::new(NAME, base, Some(&format!("Bearer {}", key.expose())), timeout)
            .map(|wire| Self::Remote(Box::new(wire)))
    }

    /// A write under its key; `read` takes the answer that it must get.
    pub(super) async fn write<T>(&self, key: &str, ask: Ask, read: impl FnOnce(Answer) -> Option<T>) -> Outcome<T> {
        let answer = match self {
            Self::Embedded { remote, timeout } => here(remote, *timeout, key, &ask).await,
            Self::Remote(wire) => there(wire, key, ask).await,
        };
        match answer {
            Ok(Answer::Error(error)) => Outcome::Refused(refusal(error)),
            Ok(answer) => match read(answer) {
                Some(seen) => Outcome::Seen(seen),
                None => Outcome::Unknown(Fault::new(NAME, "an answer to another question")),
            },
            Err(Broken::NotSent(fault)) => Outcome::NotDone(fault),
            Err(Broken::Unknown(fault)) => Outcome::Unknown(fault),
        }
    }

    pub(super) async fn payment(&self, id: &str) -> Result<Option<SimPayment>, Fault> {
        match self {
            Self::Embedded { remote, .. } => Ok(remote.payment(id)),
            Self::Remote(wire) => find(wire, format!("/v1/payments/{}", segment(id))).await,
        }
    }

    pub(super) async fn refund(&self, payment: &str, refund: &str) -> Result<Option<SimRefund>, Fault> {
        match self {
            Self::Embedded { remote, .. } => Ok(remote.refund(payment, refund)),
            Self::Remote(wire) => {
                find(wire, format!("/v1/payments/{}/refunds/{}", segment(payment), segment(refund))).await
            }
        }
    }

    pub(super) async fn list(&self, since: i64, after: Option<&str>) -> Result<SimPage, Fault> {
        let wire = match self {
            Self::Embedded { remote, .. } => return Ok(remote.list(since, after)),
            Self::Remote(wire) => wire,
        };
        let mut query = vec![("since", since.to_string())];
        query.extend(after.map(|after| ("after", after.to_owned())));
        let page = find(wire, format!("/v1/payments?{}", form(&query))).await?;
        page.ok_or_else(|| wire.fault("there is no list of payments"))
    }
}

async fn here(remote: &Remote, timeout: Duration, key: &str, ask: &Ask) -> Result<Answer, Broken> {
    let late = || Broken::Unknown(Fault::new(NAME, "no answer in time"));
    match tokio::time::timeout(timeout, remote.call(key, ask)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(Failing::Hang)) => {
            tokio::time::sleep(timeout).await;
            Err(late())
        }
        Ok(Err(Failing::Status)) => Err(Broken::Unknown(Fault::new(NAME, "status 500"))),
        Ok(Err(Failing::Reset)) => Err(Broken::Unknown(Fault::new(NAME, "the connection broke"))),
        Err(_) => Err(late()),
    }
}

async fn there(wire: &Wire, key: &str, ask: Ask) -> Result<Answer, Broken> {
    let payment = |payment: &str, what: &str| format!("/v1/payments/{}/{what}", segment(payment));
    let is_refund = matches!(ask, Ask::Refund { .. });
    let (path, body) = match ask {
        Ask::Create(new) => ("/v1/payments".to_owned(), json!(new)),
        Ask::Confirm { payment: id } => (payment(&id, "confirm"), json!({})),
        Ask::Capture { payment: id, minor } => (payment(&id, "capture"), json!({"minor": minor})),
        Ask::Cancel { payment: id } => (payment(&id, "cancel"), json!({})),
        Ask::Refund { payment: id, our_refund, minor } => {
            (payment(&id, "refunds"), json!({"our_refund": our_refund, "minor": minor}))
        }
    };
    let call = Call::post(path, "application/json", body.to_string()).with("idempotency-key", key);
    let reply = wire.send(call).await?;
    match reply.status {
        200 if is_refund => read(wire, &reply).map(Answer::Refund).map_err(Broken::Unknown),
        200 => read(wire, &reply).map(|payment| Answer::Payment(Box::new(payment))).map_err(Broken::Unknown),
        400 | 402 | 404 | 409 => {
            read::<Refused>(wire, &reply).map(|body| Answer::Error(body.error)).map_err(Broken::Unknown)
        }
        401 | 403 => Err(Broken::NotSent(Fault { settings: true, ..wire.fault("this key is not known there") })),
        429 => Err(Broken::NotSent(Fault { retry_after: reply.retry_after(), ..wire.fault("too many requests") })),
        status => Err(Broken::Unknown(wire.fault(format!("status {status}")))),
    }
}

#[derive(Deserialize)]
struct Refused {
    error: SimError,
}

async fn find<T: DeserializeOwned>(wire: &Wire, path: String) -> Result<Option<T>, Fault> {
    let reply = wire.send(Call::get(path)).await.map_err(Broken::fault)?;
    match reply.status {
        200 => read(wire, &reply).map(Some),
        404 => Ok(None),
        status => Err(wire.fault(format!("status {status}"))),
    }
}

fn read<T: DeserializeOwned>(wire: &Wire, reply: &Reply) -> Result<T, Fault> {
    serde_json::from_slice(&reply.body).map_err(|_| wire.fault("the answer cannot be read"))
}

pub(super) fn payment_of(payment: SimPayment) -> ProviderPayment {
    let state = match payment.state {
        SimState::RequiresAction => ProviderState::RequiresAction,
        SimState::Processing => ProviderState::Processing,
        SimState::RequiresCapture => ProviderState::RequiresCapture,
        SimState::Succeeded => ProviderState::Succeeded,
        SimState::Failed => ProviderState::Failed,
        SimState::Canceled => ProviderState::Canceled,
    };
    let action = payment.action_url.map(|url| Action { kind: "redirect", url: Some(url), client_secret: None });
    ProviderPayment {
        action,
        captured_minor: payment.captured_minor,
        created_seconds: Some(payment.created),
        currency: payment.currency,
        dispute: payment
            .dispute
            .map(|dispute| Disputed { dispute: dispute_of(dispute), minor: Some(payment.disputed_minor) }),
        minor: payment.minor,
        our_id: Some(payment.our_id),
        provider_id: payment.id,
        refunded_minor: Some(payment.refunded_minor),
        refusal: payment.error.map(refusal),
        state,
    }
}

pub(super) const fn dispute_of(dispute: SimDispute) -> Dispute {
    match dispute {
        SimDispute::Open => Dispute::Open,
        SimDispute::Won => Dispute::Won,
        SimDispute::Lost => Dispute::Lost,
    }
}

pub(super) fn refund_of(refund: SimRefund) -> ProviderRefund {
    ProviderRefund {
        minor: refund.minor,
        our_refund: Some(refund.our_refund),
        payment_provider_id: Some(refund.payment),
        provider_id: refund.id,
        state: if refund.failed { RefundState::Failed } else { RefundState::Succeeded },
    }
}
