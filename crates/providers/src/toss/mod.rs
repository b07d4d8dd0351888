//! Toss Payments: the payer pays in Toss's own window under our order id, then the payment is confirmed from here. KRW.
//!
//! Toss finds a payment by our order id, so that is the provider's id too: it is known before the payer has begun.

mod client;
mod date;
mod types;
mod webhook;

use std::{collections::BTreeSet, time::Duration};

use async_trait::async_trait;
use farebox_types::{Mode, Secret, Timestamp};
use http::HeaderMap;
use serde_json::json;

use self::{
    client::{Client, refusal},
    types::{CancelEntry, Payment},
};
use crate::{
    event::{Event, Forged},
    outcome::{Fault, Outcome, Refusal, RefusalClass},
    payment::{Action, ProviderPayment, ProviderRefund, ProviderState, RefundState},
    provider::{Cancel, Capabilities, Capture, CaptureMode, Confirm, Create, Page, Provider, Refund, Whose, mode_of},
    wire::{BadBaseUrl, form, segment},
};

const NAME: &str = "toss";
const CURRENCY: &str = "KRW";
/// Transactions on one page of the list.
const PAGE: usize = 100;
/// How far ahead of its start a list of transactions looks.
const SPAN: Duration = Duration::from_secs(31 * 86_400);
/// A cancel's reason may be this long, our id and its brackets included.
const MAX_REASON: usize = 120;

/// Toss Payments, or a server that speaks its protocol.
#[derive(Clone)]
pub struct Toss {
    client: Client,
    mode: Option<Mode>,
}

impl Toss {
    /// Toss's own address.
    pub const BASE: &'static str = "https://api.tosspayments.com";

    /// A shop, by its secret key. A call that is not answered within `timeout` is unknown.
    ///
    /// # Errors
    /// The address or the key cannot be used.
    pub fn new(base: &str, key: &Secret, timeout: Duration) -> Result<Self, BadBaseUrl> {
        let mode = mode_of(key, &["live_"], &["test_"]);
        Ok(Self { client: Client::new(base, key, timeout)?, mode })
    }

    async fn order(&self, order: &str) -> Result<Option<Payment>, Fault> {
        if !is_order_id(order) {
            return Ok(None);
        }
        self.client.get(&format!("/v1/payments/orders/{order}")).await
    }
}

#[async_trait]
impl Provider for Toss {
    fn name(&self) -> &'static str {
        NAME
    }

    fn mode(&self) -> Option<Mode> {
        self.mode
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            manual_capture: false,
            currencies: Some(&[CURRENCY]),
            failed_is_payable: false,
            signed_webhooks: false,
        }
    }

    /// Asks nobody: the payer begins, in Toss's window, under our order id.
    async fn create(&self, ask: &Create) -> Outcome<ProviderPayment> {
        if ask.currency != CURRENCY {
            return invalid("currency_not_supported", "Toss Payments takes KRW");
        }
        if ask.capture == CaptureMode::Manual {
            return invalid("capture_not_supported", "Toss Payments takes the money at once");
        }
        if !is_order_id(&ask.our_id) || ask.minor <= 0 {
            return invalid("invalid_order", "an order has an id of 6 to 64 letters and digits and an amount");
        }
        Outcome::Seen(waiting(&ask.our_id, ask.minor, ProviderState::RequiresAction))
    }

    async fn confirm(&self, ask: &Confirm) -> Outcome<ProviderPayment> {
        let Some(token) = &ask.token else {
            return invalid("payment_key_missing", "a confirm needs the paymentKey that Toss's window gave back");
        };
        let body = json!({"paymentKey": token, "orderId": ask.whose.our_id, "amount": ask.minor});
        match self.client.post("/v1/payments/confirm", &ask.idempotency_key, &body).await.map(payment_of) {
            Outcome::Seen(seen) if seen.minor != ask.minor || seen.currency != ask.currency => {
                Outcome::Unknown(self.client.fault("another amount was confirmed"))
            }
            other => other,
        }
    }

    async fn capture(&self, _: &Capture) -> Outcome<ProviderPayment> {
        invalid("capture_not_supported", "Toss Payments takes the money at once")
    }

    /// Without our confirm nothing is ever taken; what Toss itself holds open for a deposit is closed there.
    async fn cancel(&self, ask: &Cancel) -> Outcome<ProviderPayment> {
        let payment = match self.order(&ask.whose.our_id).await {
            Ok(Some(payment)) => payment,
            Ok(None) => return Outcome::Seen(waiting(&ask.whose.our_id, 0, ProviderState::Canceled)),
            Err(fault) => return Outcome::NotDone(fault),
        };
        match payment.status.as_str() {
            "READY" | "IN_PROGRESS" | "ABORTED" | "EXPIRED" => {
                Outcome::Seen(ProviderPayment { state: ProviderState::Canceled, action: None, ..payment_of(payment) })
            }
            "WAITING_FOR_DEPOSIT" => {
                let path = format!("/v1/payments/{}/cancel", segment(&payment.payment_key));
                self.client
                    .post(&path, &ask.idempotency_key, &json!({"cancelReason": "canceled"}))
                    .await
                    .map(payment_of)
            }
            "CANCELED" if payment.approved_at.is_none() => Outcome::Seen(payment_of(payment)),
            _ => invalid("already_paid", "a paid payment is refunded, not canceled"),
        }
    }

    async fn refund(&self, ask: &Refund) -> Outcome<ProviderRefund> {
        let payment = match self.order(&ask.whose.our_id).await {
            Ok(Some(payment)) => payment,
            Ok(None) => return Outcome::NotDone(self.client.fault("the payment is not known there")),
            Err(fault) => return Outcome::NotDone(fault),
        };
        // A repeat, perhaps long after its key was forgotten there.
        if let Some(done) = refund_in(&payment, &ask.our_refund) {
            return Outcome::Seen(done);
        }
        let words: String = ask.reason.as_deref().unwrap_or("refund").chars().take(MAX_REASON).collect();
        let reason = format!("{words} {}", mark(&ask.our_refund));
        let path = format!("/v1/payments/{}/cancel", segment(&payment.payment_key));
        let body = json!({"cancelReason": reason, "cancelAmount": ask.minor});
        match self.client.post(&path, &ask.idempotency_key, &body).await {
            Outcome::Seen(payment) => match refund_in(&payment, &ask.our_refund) {
                Some(done) => Outcome::Seen(done),
                None => Outcome::Unknown(self.client.fault("the refund is not in the answer")),
            },
            Outcome::Refused(no) => Outcome::Refused(Refusal { class: RefusalClass::Invalid, ..no }),
            Outcome::NotDone(fault) => Outcome::NotDone(fault),
            Outcome::Unknown(fault) => Outcome::Unknown(fault),
        }
    }

    async fn lookup(&self, whose: &Whose) -> Result<Option<ProviderPayment>, Fault> {
        Ok(self.order(&whose.our_id).await?.map(payment_of))
    }

    async fn lookup_refund(&self, whose: &Whose, our_refund: &str) -> Result<Option<ProviderRefund>, Fault> {
        Ok(self.order(&whose.our_id).await?.and_then(|payment| refund_in(&payment, our_refund)))
    }

    async fn list(&self, since: Timestamp, after: Option<&str>) -> Result<Page, Fault> {
        let mut query = vec![
            ("startDate", date::korean(since)),
            ("endDate", date::korean(since.after(SPAN))),
            ("limit", PAGE.to_string()),
        ];
        query.extend(after.map(|after| ("startingAfter", after.to_owned())));
        let all = self.client.transactions(&form(&query)).await?;
        let next = all.last().filter(|_| all.len() >= PAGE).map(|last| last.transaction_key.clone());
        // A payment has a transaction for itself and one for each refund.
        let orders: BTreeSet<String> = all.into_iter().map(|transaction| transaction.order_id).collect();
        let mut payments = Vec::with_capacity(orders.len());
        for order in orders {
            payments.extend(self.order(&order).await?.map(payment_of));
        }
        Ok(Page { payments, next })
    }

    fn event(&self, headers: &HeaderMap, body: &[u8], _: &[Secret], _: Timestamp) -> Result<Event, Forged> {
        webhook::read(headers, body)
    }
}

fn invalid<T>(code: &str, message: &str) -> Outcome<T> {
    Outcome::Refused(refusal(code, message, RefusalClass::Invalid))
}

/// What Toss takes as an order's id; anything else could reach another path.
fn is_order_id(text: &str) -> bool {
    let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'=');
    (6..=64).contains(&text.len()) && text.bytes().all(good)
}

/// An order that Toss need not know of yet.
fn waiting(order: &str, minor: i64, state: ProviderState) -> ProviderPayment {
    let action =
        (state == ProviderState::RequiresAction).then_some(Action { kind: "widget", url: None, client_secret: None });
    ProviderPayment {
        action,
        captured_minor: 0,
        created_seconds: None,
        currency: CURRENCY.to_owned(),
        dispute: None,
        minor,
        our_id: Some(order.to_owned()),
        provider_id: order.to_owned(),
        refunded_minor: Some(0),
        refusal: None,
        state,
    }
}

fn payment_of(payment: Payment) -> ProviderPayment {
    let paid = payment.approved_at.is_some();
    let state = match payment.status.as_str() {
        "READY" | "IN_PROGRESS" | "WAITING_FOR_DEPOSIT" => ProviderState::RequiresAction,
        "DONE" | "PARTIAL_CANCELED" => ProviderState::Succeeded,
        "CANCELED" if paid => ProviderState::Succeeded,
        "CANCELED" | "EXPIRED" => ProviderState::Canceled,
        "ABORTED" => ProviderState::Failed,
        _ => ProviderState::Processing,
    };
    let captured_minor = if state == ProviderState::Succeeded { payment.total_amount } else { 0 };
    let left = payment.balance_amount.filter(|_| state == ProviderState::Succeeded);
    let refusal = payment.failure.filter(|_| state == ProviderState::Failed);
    let refusal = refusal.map(|failure| client::refusal(&failure.code, &failure.message, RefusalClass::Declined));
    let refunded_minor = left.map(|left| captured_minor.saturating_sub(left));
    let currency = payment.currency;
    ProviderPayment {
        captured_minor,
        currency,
        refunded_minor,
        refusal,
        ..waiting(&payment.order_id, payment.total_amount, state)
    }
}

/// Our refund's id, at the end of a cancel's reason: the one thing of ours that Toss gives back with it.
fn mark(our_refund: &str) -> String {
    format!("[{our_refund}]")
}

fn refund_in(payment: &Payment, our_refund: &str) -> Option<ProviderRefund> {
    let mark = mark(our_refund);
    let ours = |entry: &&CancelEntry| entry.cancel_reason.as_deref().is_some_and(|reason| reason.ends_with(&mark));
    let entry = payment.cancels.iter().flatten().find(ours)?;
    let state = match entry.cancel_status.as_deref() {
        None | Some("DONE") => RefundState::Succeeded,
        Some("ABORTED") => RefundState::Failed,
        Some(_) => RefundState::Pending,
    };
    Some(ProviderRefund {
        minor: entry.cancel_amount,
        our_refund: Some(our_refund.to_owned()),
        payment_provider_id: Some(payment.order_id.clone()),
        provider_id: entry.transaction_key.clone().unwrap_or_default(),
        state,
    })
}
