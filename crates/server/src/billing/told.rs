//! What webhooks tell of billing: which writes are events, and their objects as the wire shows them.

use farebox_api as api;
use farebox_engine::subscription::Status;
use farebox_store::{
    Disabled, Fault, WebhookEndpoint,
    billing::{Checkout, CheckoutState, Customer, Kind, Row, Subscription},
};
use farebox_types::{Id, Payment, Timestamp};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::view;
use crate::refusal::impossible;

/// A row as a write left it.
pub(crate) struct Told<'a> {
    pub(crate) kind: Kind,
    pub(crate) document: &'a str,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// The event that a write of a row is, if it is one; `action` is the audit trail's word.
pub(crate) fn kind_of(kind: &str, action: &str, document: Option<&RawValue>) -> Option<&'static str> {
    Some(match (kind, action) {
        ("customer", "customer_created") => "customer.created",
        ("customer", _) => "customer.updated",
        ("subscription", "subscription_created") => "subscription.created",
        ("subscription", "subscription_renewed" | "subscription_trial_ended" | "subscription_past_due")
            if is_past_due(document?) =>
        {
            "subscription.past_due"
        }
        ("subscription", "subscription_renewed") => "subscription.renewed",
        ("subscription", "subscription_canceled") => "subscription.canceled",
        ("subscription", _) => "subscription.updated",
        ("checkout", "checkout_completed") => "checkout.completed",
        ("checkout", "checkout_expired") => "checkout.expired",
        _ => return None,
    })
}

fn is_past_due(document: &RawValue) -> bool {
    serde_json::from_str::<Subscription>(document.get()).is_ok_and(|row| row.term.status == Status::PastDue)
}

/// The object of such an event.
pub(crate) fn object(told: &Told<'_>) -> Result<Option<String>, Fault> {
    let (created_at, updated_at) = (told.created_at, told.updated_at);
    Ok(Some(match told.kind {
        Kind::Customer => {
            let value: Customer = read(told)?;
            json(&view::customer(&Row { value, revision: 0, created_at, updated_at })?)
        }
        Kind::Subscription => json(&view::subscription(&read::<Subscription>(told)?, created_at)?),
        Kind::Checkout => json(&checkout(&read(told)?)),
        _ => return Ok(None),
    }))
}

/// An endpoint, as an event shows it.
pub(crate) fn endpoint(row: &WebhookEndpoint) -> String {
    json(&endpoint_view(row))
}

/// An endpoint, as an answer shows it.
pub(super) fn endpoint_view(row: &WebhookEndpoint) -> api::WebhookEndpoint {
    api::WebhookEndpoint {
        id: row.id,
        url: row.url.clone(),
        description: row.description.clone(),
        events: row.events.split_ascii_whitespace().map(str::to_owned).collect(),
        enabled: row.disabled.is_none(),
        disabled_at: row.disabled.map(|(at, _)| at.into()),
        disabled_reason: row.disabled.map(|(_, why)| match why {
            Disabled::Failing => api::WebhookDisabledReason::Failing,
            Disabled::Asked => api::WebhookDisabledReason::Asked,
        }),
        created_at: row.created_at.into(),
        updated_at: row.updated_at.into(),
    }
}

fn checkout(row: &Checkout) -> api::Checkout {
    api::Checkout {
        id: row.id,
        customer_id: row.customer,
        subscription_id: row.subscription,
        status: match row.state {
            CheckoutState::Open => api::CheckoutStatus::Open,
            CheckoutState::Completed => api::CheckoutStatus::Completed,
            CheckoutState::Expired => api::CheckoutStatus::Expired,
        },
        payment_id: row.paid_by.map(|id| Id::<Payment>::from_uuid(id).to_string()),
        expires_at: row.expires_at.into(),
    }
}

fn read<T: DeserializeOwned>(told: &Told<'_>) -> Result<T, Fault> {
    serde_json::from_str(told.document).map_err(|_| impossible("a written document cannot be read"))
}

fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
