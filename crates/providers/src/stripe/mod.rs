//! Stripe: PaymentIntents, refunds, signed webhooks.
//!
//! A payment is made in two steps, an intent that moves nothing and its confirmation. So whatever breaks, the intent can be
//! found by our id in its metadata, and its status tells how far it came.

mod client;
mod find;
mod types;
mod webhook;

use std::time::Duration;

use async_trait::async_trait;
use farebox_types::{Mode, Secret, Timestamp};
use http::HeaderMap;

use self::{
    client::{Client, Fields, refusal},
    types::{Charge, Intent, RefundObject},
};
use crate::{
    event::{Event, Forged},
    outcome::{Fault, Outcome, Refusal, RefusalClass},
    payment::{Action, Dispute, Disputed, ProviderPayment, ProviderRefund, ProviderState, RefundState},
    provider::{
        Cancel, Capabilities, Capture, CaptureMode, Confirm, Create, IN_BROWSER, Page, Provider, Refund, Whose, mode_of,
    },
    wire::{BadBaseUrl, segment},
};

const NAME: &str = "stripe";
/// Where an intent carries our payment's id.
const PAYMENT_KEY: &str = "farebox_payment";
/// Where an intent says that its payer's browser chooses the method.
const BROWSER_KEY: &str = "farebox_in_browser";
const BROWSER_FIELD: &str = "metadata[farebox_in_browser]";
/// Where a refund carries our refund's id.
const REFUND_KEY: &str = "farebox_refund";
/// Stripe counts these in other units than ISO 4217 does; an amount would be wrong by a hundred.
const OTHER_UNITS: [&str; 3] = ["ISK", "MGA", "UGX"];

/// Stripe, or a server that speaks its protocol.
#[derive(Clone)]
pub struct Stripe {
    client: Client,
    mode: Option<Mode>,
}

impl Stripe {
    /// Stripe's own address.
    pub const BASE: &'static str = "https://api.stripe.com";

    /// An account, by its secret key. A call that is not answered within `timeout` is unknown.
    ///
    /// # Errors
    /// The address or the key cannot be used.
    pub fn new(base: &str, key: &Secret, timeout: Duration) -> Result<Self, BadBaseUrl> {
        let mode = mode_of(key, &["sk_live_", "rk_live_"], &["sk_test_", "rk_test_"]);
        Ok(Self { client: Client::new(base, key, timeout)?, mode })
    }

    /// Confirms an intent that waits for it.
    async fn go(&self, intent: Intent, key: &str, return_url: Option<&str>) -> Outcome<Intent> {
        if intent.status != "requires_confirmation" || in_browser(&intent) {
            return Outcome::Seen(intent);
        }
        let fields = return_url.map(|url| ("return_url", url.to_owned())).into_iter().collect();
        let path = format!("/v1/payment_intents/{}/confirm", segment(&intent.id));
        match self.client.post(&path, &format!("{key}:confirm"), &fields).await {
            Outcome::Refused(no) => self.unless(no, &intent.id, |now| now.status != "requires_confirmation").await,
            other => other,
        }
    }

    /// A write that Stripe refuses as out of place may be one that was carried out before: then how things stand is the answer.
    async fn unless(&self, no: Refusal, id: &str, done: impl Fn(&Intent) -> bool) -> Outcome<Intent> {
        let no = Refusal { provider_id: Some(id.to_owned()), ..no };
        if no.class == RefusalClass::Declined {
            return Outcome::Refused(no);
        }
        match self.retrieve(id).await {
            Ok(Some(intent)) if done(&intent) => Outcome::Seen(intent),
            Ok(_) => Outcome::Refused(no),
            Err(fault) => Outcome::Unknown(fault),
        }
    }

    /// The id that a write is about.
    async fn id(&self, whose: &Whose) -> Outcome<String> {
        if let Some(id) = &whose.provider_id {
            return Outcome::Seen(id.clone());
        }
        match self.find(whose).await {
            Ok(Some(intent)) => Outcome::Seen(intent.id),
            Ok(None) => Outcome::NotDone(self.client.fault("the payment is not known there")),
            Err(fault) => Outcome::NotDone(fault),
        }
    }
}

/// The rest of an outcome that is not `Seen`.
macro_rules! seen {
    ($outcome:expr) => {
        match $outcome {
            Outcome::Seen(seen) => seen,
            Outcome::Refused(no) => return Outcome::Refused(no),
            Outcome::NotDone(fault) => return Outcome::NotDone(fault),
            Outcome::Unknown(fault) => return Outcome::Unknown(fault),
        }
    };
}

#[async_trait]
impl Provider for Stripe {
    fn name(&self) -> &'static str {
        NAME
    }

    fn mode(&self) -> Option<Mode> {
        self.mode
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { manual_capture: true, currencies: None, failed_is_payable: true, signed_webhooks: true }
    }

    async fn create(&self, ask: &Create) -> Outcome<ProviderPayment> {
        if OTHER_UNITS.contains(&ask.currency.as_str()) {
            return Outcome::Refused(other_units(&ask.currency));
        }
        let key = format!("{}:create", ask.idempotency_key);
        let intent = seen!(self.client.post("/v1/payment_intents", &key, &new_intent(ask)).await);
        let gone = self.go(intent, &ask.idempotency_key, ask.return_url.as_deref()).await;
        declined_or_seen(gone)
    }

    async fn confirm(&self, ask: &Confirm) -> Outcome<ProviderPayment> {
        let id = seen!(self.id(&ask.whose).await);
        let intent = match self.retrieve(&id).await {
            Ok(Some(intent)) => intent,
            Ok(None) => return Outcome::NotDone(self.client.fault("the payment is not known there")),
            Err(fault) => return Outcome::NotDone(fault),
        };
        declined_or_seen(self.go(intent, &ask.idempotency_key, None).await)
    }

    async fn capture(&self, ask: &Capture) -> Outcome<ProviderPayment> {
        let id = seen!(self.id(&ask.whose).await);
        let path = format!("/v1/payment_intents/{}/capture", segment(&id));
        let fields = vec![("amount_to_capture", ask.minor.to_string())];
        let intent: Intent = match self.client.post(&path, &ask.idempotency_key, &fields).await {
            Outcome::Refused(no) => seen!(self.unless(no, &id, |now| now.status == "succeeded").await),
            other => seen!(other),
        };
        let told = intent.amount_received.is_some();
        let mut payment = intent_of(intent);
        if !told && payment.state == ProviderState::Succeeded {
            payment.captured_minor = ask.minor;
        }
        Outcome::Seen(payment)
    }

    async fn cancel(&self, ask: &Cancel) -> Outcome<ProviderPayment> {
        let id = seen!(self.id(&ask.whose).await);
        let path = format!("/v1/payment_intents/{}/cancel", segment(&id));
        match self.client.post(&path, &ask.idempotency_key, &Fields::new()).await {
            Outcome::Refused(no) => self.unless(no, &id, |now| now.status == "canceled").await,
            other => other,
        }
        .map(intent_of)
    }

    async fn refund(&self, ask: &Refund) -> Outcome<ProviderRefund> {
        let id = seen!(self.id(&ask.whose).await);
        let fields = vec![
            ("payment_intent", id.clone()),
            ("amount", ask.minor.to_string()),
            ("metadata[farebox_refund]", ask.our_refund.clone()),
        ];
        match self.client.post::<RefundObject>("/v1/refunds", &ask.idempotency_key, &fields).await {
            // Nothing is left to refund, perhaps because this very refund was made before.
            Outcome::Refused(no) => match self.find_refund(&id, &ask.our_refund).await {
                Ok(Some(done)) => Outcome::Seen(done),
                Ok(None) => Outcome::Refused(no),
                Err(fault) => Outcome::Unknown(fault),
            },
            other => other,
        }
        .map(refund_of)
    }

    async fn lookup(&self, whose: &Whose) -> Result<Option<ProviderPayment>, Fault> {
        let intent = match &whose.provider_id {
            Some(id) => self.retrieve(id).await?,
            None => self.find(whose).await?,
        };
        match intent.map(intent_of) {
            Some(payment) => self.with_dispute(payment).await.map(Some),
            None => Ok(None),
        }
    }

    async fn lookup_refund(&self, whose: &Whose, our_refund: &str) -> Result<Option<ProviderRefund>, Fault> {
        let id = match &whose.provider_id {
            Some(id) => id.clone(),
            None => match self.find(whose).await? {
                Some(intent) => intent.id,
                None => return Ok(None),
            },
        };
        Ok(self.find_refund(&id, our_refund).await?.map(refund_of))
    }

    async fn list(&self, since: Timestamp, after: Option<&str>) -> Result<Page, Fault> {
        let list = self.page(Some(since.seconds()), after).await?;
        let next = list.data.last().filter(|_| list.has_more).map(|last| last.id.clone());
        let mut payments = Vec::with_capacity(list.data.len());
        for intent in list.data {
            payments.push(self.with_dispute(intent_of(intent)).await?);
        }
        Ok(Page { payments, next })
    }

    fn event(&self, headers: &HeaderMap, body: &[u8], secrets: &[Secret], now: Timestamp) -> Result<Event, Forged> {
        webhook::read(headers, body, secrets, now)
    }
}

fn other_units(currency: &str) -> Refusal {
    Refusal {
        code: "currency_not_supported".to_owned(),
        decline_code: None,
        message: format!("{currency} is not taken through Stripe"),
        class: RefusalClass::Invalid,
        provider_id: None,
    }
}

fn new_intent(ask: &Create) -> Fields<'static> {
    let capture = if ask.capture == CaptureMode::Manual { "manual" } else { "automatic" };
    let mut fields = vec![
        ("amount", ask.minor.to_string()),
        ("currency", ask.currency.to_ascii_lowercase()),
        ("payment_method_types[]", "card".to_owned()),
        ("capture_method", capture.to_owned()),
        ("metadata[farebox_payment]", ask.our_id.clone()),
        ("metadata[farebox_customer]", ask.customer_id.clone()),
    ];
    fields.push(match ask.method.as_str() {
        IN_BROWSER => (BROWSER_FIELD, "1".to_owned()),
        method => ("payment_method", method.to_owned()),
    });
    fields.extend(ask.description.clone().map(|text| ("description", text)));
    fields
}

/// An intent that was declined waits for another method; for us that payment is over.
fn declined_or_seen(outcome: Outcome<Intent>) -> Outcome<ProviderPayment> {
    let payment = seen!(outcome.map(intent_of));
    match payment.refusal {
        Some(no) if payment.state == ProviderState::Failed => Outcome::Refused(no),
        _ => Outcome::Seen(payment),
    }
}

fn intent_of(intent: Intent) -> ProviderPayment {
    let state = state_of(&intent);
    let charge = intent.latest_charge.and_then(|charge| serde_json::from_value::<Charge>(charge).ok());
    let paid = if state == ProviderState::Succeeded { intent.amount } else { 0 };
    let captured = intent.amount_received.or(charge.as_ref().and_then(|charge| charge.amount_captured));
    let captured_minor = captured.unwrap_or(paid);
    let url = intent.next_action.and_then(|action| action.redirect_to_url).and_then(|redirect| redirect.url);
    let action = (state == ProviderState::RequiresAction).then(|| Action {
        kind: if url.is_some() { "redirect" } else { "client" },
        url,
        client_secret: intent.client_secret,
    });
    // What a partial capture let go may be counted as refunded, or not: then the refunds themselves must be asked.
    let refunded_minor =
        charge.as_ref().and_then(|charge| charge.amount_refunded).filter(|_| captured_minor == intent.amount);
    let dispute =
        charge.filter(|charge| charge.disputed == Some(true)).map(|_| Disputed { dispute: Dispute::Open, minor: None });
    let error = intent.last_payment_error.filter(|_| state == ProviderState::Failed);
    let refused = error.map(|error| refusal(error, RefusalClass::Declined));
    ProviderPayment {
        action,
        captured_minor,
        created_seconds: intent.created,
        currency: intent.currency.to_ascii_uppercase(),
        dispute,
        minor: intent.amount,
        our_id: intent.metadata.and_then(|mut all| all.remove(PAYMENT_KEY)),
        refunded_minor,
        refusal: refused.map(|no| Refusal { provider_id: Some(intent.id.clone()), ..no }),
        provider_id: intent.id,
        state,
    }
}

fn in_browser(intent: &Intent) -> bool {
    intent.metadata.as_ref().is_some_and(|all| all.contains_key(BROWSER_KEY))
}

fn state_of(intent: &Intent) -> ProviderState {
    match intent.status.as_str() {
        "requires_payment_method" | "requires_confirmation" if in_browser(intent) => ProviderState::RequiresAction,
        "requires_payment_method" if intent.last_payment_error.is_some() => ProviderState::Failed,
        "requires_payment_method" | "requires_confirmation" => ProviderState::Created,
        "requires_action" => ProviderState::RequiresAction,
        "requires_capture" => ProviderState::RequiresCapture,
        "succeeded" => ProviderState::Succeeded,
        "canceled" => ProviderState::Canceled,
        // A status of a later version is not an end.
        _ => ProviderState::Processing,
    }
}

fn refund_of(refund: RefundObject) -> ProviderRefund {
    let state = match refund.status.as_deref() {
        Some("succeeded") => RefundState::Succeeded,
        Some("failed" | "canceled") => RefundState::Failed,
        _ => RefundState::Pending,
    };
    ProviderRefund {
        minor: refund.amount,
        our_refund: refund.metadata.and_then(|mut all| all.remove(REFUND_KEY)),
        payment_provider_id: refund.payment_intent,
        provider_id: refund.id,
        state,
    }
}
