//! Webhooks: endpoints, deliveries, and what events show that no other answer does.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Time;

/// Where events are posted to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WebhookEndpoint {
    /// The endpoint.
    pub id: Uuid,
    /// Where to.
    pub url: String,
    /// For people.
    pub description: String,
    /// Event types: `payment.succeeded`, `payment.*`, `*`.
    pub events: Vec<String>,
    /// Whether it gets events.
    pub enabled: bool,
    /// Since when it does not.
    pub disabled_at: Option<Time>,
    /// Why it does not.
    pub disabled_reason: Option<WebhookDisabledReason>,
    /// When it was made.
    pub created_at: Time,
    /// When it was changed.
    pub updated_at: Time,
}

/// Why an endpoint gets no events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum WebhookDisabledReason {
    /// At least ten attempts in a row failed, over a day or longer.
    Failing,
    /// Somebody wanted it.
    Asked,
}

/// An endpoint with its secret, which is shown once. No `Debug`.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CreatedWebhookEndpoint {
    /// The endpoint.
    pub id: Uuid,
    /// Where to.
    pub url: String,
    /// For people.
    pub description: String,
    /// Event types.
    pub events: Vec<String>,
    /// Whether it gets events.
    pub enabled: bool,
    /// What deliveries are signed with: `whsec_…`; null when the request is replayed.
    pub secret: Option<String>,
    /// Until when deliveries are signed with the secret before it, too.
    pub previous_secret_until: Option<Time>,
}

/// One event on its way to one endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WebhookDelivery {
    /// The delivery.
    pub id: Uuid,
    /// Where to.
    pub endpoint_id: Uuid,
    /// What: the id that receivers know it by.
    pub event_id: String,
    /// Its type.
    pub event_type: String,
    /// Where it stands.
    pub status: WebhookDeliveryStatus,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next.
    pub next_attempt_at: Option<Time>,
    /// What the receiver last answered.
    pub response_status: Option<u16>,
    /// How that answer began.
    pub response_body: Option<String>,
    /// What last went wrong: `status`, `redirected`, `timeout`, `unreachable`, `broken`, `address_refused`, ….
    pub failure: Option<String>,
    /// When it was made.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum WebhookDeliveryStatus {
    /// Not tried yet.
    Pending,
    /// Being tried.
    Delivering,
    /// Accepted.
    Succeeded,
    /// To be tried again.
    Waiting,
    /// Not to be tried again.
    Exhausted,
}

/// A first payment, as `checkout.*` events show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkout {
    /// The checkout.
    pub id: Uuid,
    /// Whose.
    pub customer_id: Uuid,
    /// What it starts.
    pub subscription_id: Uuid,
    /// Where it stands.
    pub status: CheckoutStatus,
    /// The payment that completed it.
    pub payment_id: Option<String>,
    /// Until when it can be paid.
    pub expires_at: Time,
}

/// Where a checkout stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckoutStatus {
    /// Can be paid.
    Open,
    /// Paid.
    Completed,
    /// Left until it was too late.
    Expired,
}
