//! Webhooks to merchants: what the outbox says becomes events, and events are posted to whoever asked for them.

mod address;
mod envelope;
mod events;
mod fan_out;
mod post;
mod sender;
mod settle;
mod url;

pub use self::address::WebhookTargets;
pub(crate) use self::{envelope::event_id, fan_out::fan_out, sender::run, url::checked};
