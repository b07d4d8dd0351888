//! The relay protocol's own names. They are the wire: dashboards in every language rely on them.

/// Name of the relay's tracer.
pub const RELAY_TRACER: &str = "Paylera.Relay";
/// What the relay's spans begin with; the operation follows.
pub const RELAY_SPAN: &str = "Paylera.Relay.";

/// The upstream route: `/v1/check`.
pub const ENDPOINT: &str = "paylera.endpoint";
/// The merchant's tenant, when known.
pub const TENANT_ID: &str = "paylera.tenant_id";
/// The customer, when known; never from a browser's input.
pub const CUSTOMER_ID: &str = "paylera.customer_id";
/// The subscription, when known.
pub const SUBSCRIPTION_ID: &str = "paylera.subscription_id";
/// The feature, when known.
pub const FEATURE_CODE: &str = "paylera.feature_code";
/// The first [`KEY_CHARACTERS`] of a write's idempotency key.
pub const IDEMPOTENCY_KEY: &str = "paylera.idempotency_key";
/// `test` or `live`, by the token's prefix.
pub const API_MODE: &str = "paylera.api_mode";
/// The `type` of a problem.
pub const PROBLEM_TYPE: &str = "paylera.problem.type";

/// How much of an idempotency key a span may hold.
pub const KEY_CHARACTERS: usize = 8;
