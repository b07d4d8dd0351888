//! A payment as the wire shows it: the seed's fields, and the rest.

use farebox_engine::payment::{DisputeRow, Payment, Refund, is_known};
use farebox_types::Money;
use serde::Serialize;
use serde_json::value::RawValue;

#[derive(Serialize)]
pub(super) struct PaymentView<'a> {
    payment_id: &'a str,
    id: String,
    status: &'static str,
    customer_id: &'a str,
    payment_provider_id: Option<&'a str>,
    amount: Box<RawValue>,
    amount_minor: i64,
    currency: String,
    captured_minor: i64,
    refunded_minor: i64,
    provider: &'a str,
    payment_method_id: &'a str,
    capture: &'static str,
    description: Option<&'a str>,
    metadata: Box<RawValue>,
    action: Option<ActionView<'a>>,
    failure: Option<FailureView<'a>>,
    disputes: Vec<DisputeView>,
    created_at: i64,
    updated_at: i64,
}

#[derive(Serialize)]
struct DisputeView {
    amount_minor: i64,
    status: &'static str,
}

#[derive(Serialize)]
struct ActionView<'a> {
    r#type: &'a str,
    url: Option<&'a str>,
    client_secret: Option<&'a str>,
}

#[derive(Serialize)]
struct FailureView<'a> {
    code: &'a str,
    decline_code: Option<&'a str>,
    message: &'a str,
}

#[derive(Serialize)]
pub(super) struct RefundView<'a> {
    refund_id: String,
    status: &'static str,
    amount: Box<RawValue>,
    amount_minor: i64,
    currency: String,
    payment_id: &'a str,
    payment_status: &'static str,
    refunded_minor: i64,
    reason: Option<&'a str>,
    failure: Option<&'a str>,
    created_at: i64,
}

/// A decimal number, never through a float.
fn number(money: Money) -> Box<RawValue> {
    RawValue::from_string(money.to_string()).unwrap_or_default()
}

fn payment_id(row: &Payment) -> String {
    row.provider_id.clone().unwrap_or_else(|| row.id.to_string())
}

impl<'a> PaymentView<'a> {
    fn of(row: &'a Payment, payment_id: &'a str) -> Self {
        let details = &row.details;
        let metadata = details.metadata.clone().unwrap_or_else(|| "{}".to_owned());
        Self {
            payment_id,
            id: row.id.to_string(),
            status: row.state.as_str(),
            customer_id: &row.customer_id,
            payment_provider_id: row.provider_id.as_deref(),
            amount: number(row.money),
            amount_minor: row.money.minor,
            currency: row.money.currency.to_string(),
            captured_minor: row.captured,
            refunded_minor: row.refunded,
            provider: &row.provider,
            payment_method_id: &details.method,
            capture: if details.manual_capture { "manual" } else { "automatic" },
            description: details.description.as_deref(),
            metadata: RawValue::from_string(metadata).unwrap_or_default(),
            action: details.action.as_ref().map(|action| ActionView {
                r#type: &action.kind,
                url: action.url.as_deref(),
                client_secret: action.client_secret.as_deref(),
            }),
            failure: details.refusal.as_ref().map(|refused| FailureView {
                code: &refused.code,
                decline_code: refused.decline_code.as_deref(),
                message: &refused.message,
            }),
            disputes: details.disputes.iter().map(dispute).collect(),
            created_at: row.created_at.seconds(),
            updated_at: row.updated_at.seconds(),
        }
    }
}

const fn dispute(row: &DisputeRow) -> DisputeView {
    let status = match row.won {
        None => "open",
        Some(true) => "won",
        Some(false) => "lost",
    };
    DisputeView { amount_minor: row.minor, status }
}

/// The payment as JSON.
pub(super) fn payment(row: &Payment) -> String {
    let id = payment_id(row);
    serde_json::to_string(&PaymentView::of(row, &id)).unwrap_or_default()
}

/// The payment as JSON, without what the payer's browser needs to pay it.
pub(super) fn without_secret(row: &Payment) -> String {
    let id = payment_id(row);
    let mut view = PaymentView::of(row, &id);
    view.action = view.action.map(|action| ActionView { client_secret: None, ..action });
    serde_json::to_string(&view).unwrap_or_default()
}

/// The refund as JSON.
pub(super) fn refund(payment: &Payment, row: &Refund) -> String {
    let id = payment_id(payment);
    let view = RefundView {
        refund_id: row.id.to_string(),
        status: row.state.as_str(),
        amount: number(Money { minor: row.minor, currency: payment.money.currency }),
        amount_minor: row.minor,
        currency: payment.money.currency.to_string(),
        payment_id: &id,
        payment_status: payment.state.as_str(),
        refunded_minor: payment.refunded,
        reason: row.reason.as_deref(),
        failure: row.failure.as_deref(),
        created_at: row.created_at.seconds(),
    };
    serde_json::to_string(&view).unwrap_or_default()
}

/// How a payment is answered: 202 while nobody knows, else 200.
pub(super) fn answer(row: &Payment, refund_row: Option<&Refund>) -> (i16, String) {
    let status = if is_known(row, refund_row) { 200 } else { 202 };
    (status, refund_row.map_or_else(|| payment(row), |back| refund(row, back)))
}
