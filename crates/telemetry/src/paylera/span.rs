//! Tracers, which are meters as well, and what their spans are called.

use crate::names::names;

names! {
    /// The typed client's tracer and meter.
    SDK = "Paylera.Sdk";
    /// The relay's tracer and meter.
    RELAY_TRACER = "Paylera.Relay";
    /// The webhook receiver's tracer and meter.
    WEBHOOK = "Paylera.Webhook";
}

/// What the client's spans begin with; the operation follows: `Paylera.Check`.
pub const SDK_SPAN: &str = "Paylera.";
/// What the relay's spans begin with; the operation follows: `Paylera.Relay.Check`.
pub const RELAY_SPAN: &str = "Paylera.Relay.";
/// What the receiver's spans begin with; the event's type follows: `Paylera.Webhook.invoice.paid`.
pub const WEBHOOK_SPAN: &str = "Paylera.Webhook.";
/// What follows it when the delivery was not the API's own: a forger chooses no span names.
pub const UNVERIFIED: &str = "unverified";
