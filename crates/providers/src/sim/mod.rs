//! `sim`: a provider that is not one. It behaves like a remote: a state of its own, idempotency, refund limits, signed
//! webhooks, a hosted page, and on request (by method id) everything that goes wrong between two machines.

mod client;
pub mod remote;
pub mod types;
mod webhook;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use farebox_types::{Mode, Secret, Timestamp};
use http::HeaderMap;

use self::{
    client::{Client, payment_of, refund_of},
    remote::Remote,
    types::{Answer, Ask, NewPayment},
};
use crate::{
    event::{Event, Forged},
    outcome::{Fault, Outcome, Refusal, RefusalClass},
    payment::{ProviderPayment, ProviderRefund},
    provider::{Cancel, Capabilities, Capture, CaptureMode, Confirm, Create, Page, Provider, Refund, Whose},
    wire::BadBaseUrl,
};

const NAME: &str = "sim";

/// The simulated provider as the payments service sees it.
#[derive(Clone)]
pub struct Sim(Client);

impl Sim {
    /// One in this process. A call that is not answered within `timeout` is unknown, as over a network.
    #[must_use]
    pub const fn embedded(remote: Arc<Remote>, timeout: Duration) -> Self {
        Self(Client::embedded(remote, timeout))
    }

    /// One in another process: `farebox sim-provider`.
    ///
    /// # Errors
    /// The address or the key cannot be used.
    pub fn remote(base: &str, key: &Secret, timeout: Duration) -> Result<Self, BadBaseUrl> {
        Client::remote(base, key, timeout).map(Self)
    }

    async fn payment(&self, key: &str, ask: Ask) -> Outcome<ProviderPayment> {
        self.0
            .write(key, ask, |answer| match answer {
                Answer::Payment(payment) => Some(payment_of(*payment)),
                _ => None,
            })
            .await
    }
}

#[async_trait]
impl Provider for Sim {
    fn name(&self) -> &'static str {
        NAME
    }

    fn mode(&self) -> Option<Mode> {
        Some(Mode::Test)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { manual_capture: true, currencies: None, failed_is_payable: false, signed_webhooks: true }
    }

    async fn create(&self, ask: &Create) -> Outcome<ProviderPayment> {
        let new = NewPayment {
            currency: ask.currency.clone(),
            customer_id: ask.customer_id.clone(),
            manual_capture: ask.capture == CaptureMode::Manual,
            method: ask.method.clone(),
            minor: ask.minor,
            our_id: ask.our_id.clone(),
            return_url: ask.return_url.clone(),
        };
        self.payment(&ask.idempotency_key, Ask::Create(new)).await
    }

    async fn confirm(&self, ask: &Confirm) -> Outcome<ProviderPayment> {
        self.payment(&ask.idempotency_key, Ask::Confirm { payment: id(&ask.whose) }).await
    }

    async fn capture(&self, ask: &Capture) -> Outcome<ProviderPayment> {
        self.payment(&ask.idempotency_key, Ask::Capture { payment: id(&ask.whose), minor: ask.minor }).await
    }

    async fn cancel(&self, ask: &Cancel) -> Outcome<ProviderPayment> {
        self.payment(&ask.idempotency_key, Ask::Cancel { payment: id(&ask.whose) }).await
    }

    async fn refund(&self, ask: &Refund) -> Outcome<ProviderRefund> {
        let refund = Ask::Refund { payment: id(&ask.whose), our_refund: ask.our_refund.clone(), minor: ask.minor };
        let read = |answer| match answer {
            Answer::Refund(refund) => Some(refund_of(refund)),
            _ => None,
        };
        self.0.write(&ask.idempotency_key, refund, read).await
    }

    async fn lookup(&self, whose: &Whose) -> Result<Option<ProviderPayment>, Fault> {
        Ok(self.0.payment(&id(whose)).await?.map(payment_of))
    }

    async fn lookup_refund(&self, whose: &Whose, our_refund: &str) -> Result<Option<ProviderRefund>, Fault> {
        Ok(self.0.refund(&id(whose), our_refund).await?.map(refund_of))
    }

    async fn list(&self, since: Timestamp, after: Option<&str>) -> Result<Page, Fault> {
        let page = self.0.list(since.seconds(), after).await?;
        Ok(Page { payments: page.data.into_iter().map(payment_of).collect(), next: page.next })
    }

    fn event(&self, headers: &HeaderMap, body: &[u8], secrets: &[Secret], now: Timestamp) -> Result<Event, Forged> {
        webhook::read(headers, body, secrets, now)
    }
}

/// The provider knows a payment by either id.
fn id(whose: &Whose) -> String {
    whose.provider_id.clone().unwrap_or_else(|| whose.our_id.clone())
}

fn refusal(error: types::SimError) -> Refusal {
    let class = if error.decline_code.is_some() { RefusalClass::Declined } else { RefusalClass::Invalid };
    let types::SimError { code, decline_code, message, payment } = error;
    Refusal { code, decline_code, message, class, provider_id: payment }
}
