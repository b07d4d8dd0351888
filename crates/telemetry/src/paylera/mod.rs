//! The relay protocol's own names. They are the wire: dashboards in every language rely on them.

pub mod attribute;
pub mod label;
pub mod metric;
pub mod span;

pub use attribute::{
    API_MODE, CUSTOMER_ID, ENDPOINT, FEATURE_CODE, IDEMPOTENCY_KEY, KEY_CHARACTERS, PROBLEM_TYPE, PROVIDER,
    SUBSCRIPTION_ID, TENANT_ID,
};
pub use metric::{Instrument, Metric};
pub use span::{RELAY_SPAN, RELAY_TRACER, SDK, SDK_SPAN, WEBHOOK, WEBHOOK_SPAN};
