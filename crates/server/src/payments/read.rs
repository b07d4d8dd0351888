//! Reading payments.

use axum::{
    extract::{Query, State},
    http::header,
    response::{IntoResponse, Response},
};
use farebox_engine::payment::{Payment, State as PaymentState};
use farebox_store::PaymentFilter;
use farebox_types::{Id, Merchant, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::{Payments, caller::Reader, view};
use crate::{
    http::{Problem, Segments},
    refusal::{Failure, Refusal},
};

/// The payment of this tenant that has this id, ours or the provider's.
pub(super) async fn find(payments: &Payments, tenant: Id<Merchant>, id: &str) -> Result<Payment, Failure> {
    let store = payments.store();
    let found = match id.parse() {
        Ok(id) => store.payment(tenant, id).await?,
        Err(_) => store.payment_at(tenant, id).await?,
    };
    found.ok_or_else(|| Refusal::NoPayment.into())
}

/// What the payer's browser pays with is for those who may take payments.
fn shown(reader: &Reader, row: &Payment) -> String {
    if reader.pays { view::payment(row) } else { view::without_secret(row) }
}

fn json(body: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// One payment.
pub(super) async fn get(
    State(payments): State<Payments>,
    reader: Reader,
    Segments(id): Segments<String>,
) -> Result<Response, Problem> {
    Ok(json(shown(&reader, &find(&payments, reader.tenant, &id).await?)))
}

#[derive(Deserialize)]
pub(super) struct ListQuery {
    customer_id: Option<String>,
    status: Option<String>,
    created_after: Option<i64>,
    created_before: Option<i64>,
    limit: Option<u32>,
    cursor: Option<String>,
}

impl ListQuery {
    fn filter(self) -> Result<PaymentFilter, Refusal> {
        let state = self.status.as_deref().map(|word| PaymentState::read(word).ok_or(word));
        let state = state.transpose().map_err(|_| Refusal::field("status", "a status of payments"))?;
        let after = self.cursor.map(|cursor| cursor.parse()).transpose();
        Ok(PaymentFilter {
            customer: self.customer_id.map(visible).transpose()?,
            state,
            since: self.created_after.map(Timestamp::from_seconds),
            until: self.created_before.map(Timestamp::from_seconds),
            after: after.map_err(|_| Refusal::field("cursor", "the next_cursor of an earlier page"))?,
            limit: self.limit.unwrap_or(20).clamp(1, 100),
        })
    }
}

fn visible(customer: String) -> Result<String, Refusal> {
    if customer.contains(char::is_control) {
        return Err(Refusal::field("customer_id", "visible characters"));
    }
    Ok(customer)
}

/// A page of payments, newest first.
pub(super) async fn list(
    State(payments): State<Payments>,
    reader: Reader,
    query: Result<Query<ListQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query.map_err(|_| Refusal::field("the query", "one that this list knows"))?;
    let filter = query.filter()?;
    let rows = payments.store().payments(reader.tenant, &filter).await?;
    let full = rows.len() == usize::try_from(filter.limit).unwrap_or(usize::MAX);
    let next = rows.last().filter(|_| full).map(|row| row.id.to_string());
    let rows: Vec<Box<RawValue>> =
        rows.iter().filter_map(|row| RawValue::from_string(shown(&reader, row)).ok()).collect();
    let rows = serde_json::to_string(&rows).unwrap_or_default();
    Ok(json(format!("{{\"data\":{rows},\"next_cursor\":{}}}", Value::from(next))))
}

/// The trail: everything that happened, tied together by hashes.
pub(super) async fn events(
    State(payments): State<Payments>,
    reader: Reader,
    Segments(id): Segments<String>,
) -> Result<Response, Problem> {
    let row = find(&payments, reader.tenant, &id).await?;
    let trail = payments.store().payment_trail(row.tenant, row.id).await?;
    let entry = |entry: &farebox_engine::payment::TrailEntry| {
        json!({
            "seq": entry.seq,
            "type": entry.kind,
            "actor": entry.actor,
            "before": entry.before,
            "after": entry.after,
            "detail": serde_json::from_str::<Value>(&entry.detail).unwrap_or_default(),
            "at": entry.at.seconds(),
            "hash": hex::encode(entry.hash),
        })
    };
    Ok(json(json!({"data": trail.iter().map(entry).collect::<Vec<_>>()}).to_string()))
}

/// Whether a customer has paid, in one read.
pub(super) async fn status(
    State(payments): State<Payments>,
    reader: Reader,
    Segments(customer): Segments<String>,
) -> Result<Response, Problem> {
    let of = |state, limit| PaymentFilter {
        customer: Some(customer.clone()),
        state: Some(state),
        limit,
        ..PaymentFilter::default()
    };
    // However many tries have failed since, the newest that was paid counts.
    let (mut last, mut open): (Option<Payment>, usize) = (None, 0);
    for state in PaymentState::ALL {
        let is_paid = matches!(state, PaymentState::Succeeded | PaymentState::PartiallyRefunded);
        if is_paid {
            last = last
                .into_iter()
                .chain(payments.store().payments(reader.tenant, &of(state, 1)).await?)
                .max_by_key(|row| row.created_at);
        } else if state.is_open() {
            open += payments.store().payments(reader.tenant, &of(state, 100)).await?.len();
        }
    }
    let paid = last.is_some();
    let last = last.as_ref().map(view::without_secret).and_then(|text| RawValue::from_string(text).ok());
    let last = serde_json::to_string(&last).unwrap_or_default();
    let customer = Value::from(customer);
    Ok(json(format!(
        "{{\"customer_id\":{customer},\"has_paid\":{paid},\"open_payments\":{open},\"last_paid\":{last}}}"
    )))
}
