//! What requests are made of. Unknown members are errors, except under `metadata`.

mod access;
mod attach;
mod customer;
mod usage;
mod webhook;

pub use access::{AdvanceTestClock, DeviceCodeRequest, NewTestClock, NewToken, TokenRequest};
pub use attach::{Attach, BillingCycleAnchor, Cancel, ChangePlan, Nothing, PaymentProvider, ProrationBehavior};
pub use customer::{CustomerPatch, NewCustomer};
pub use usage::{
    BatchResult, BatchResults, BatchStatus, CheckRequest, Commit, Consume, NewCredit, NewOverride, NewReservation,
    OnInsufficient, Track, TrackBatch,
};
pub use webhook::{NewWebhookEndpoint, RotateWebhookSecret, WebhookEndpointPatch};
