//! Attributes of the protocol's spans.

use crate::names::names;

/// How much of an idempotency key a span may hold.
pub const KEY_CHARACTERS: usize = 8;

names! {
    /// The upstream route, with names for its ids: `/v1/check`, `/v1/customers/{id}`.
    ENDPOINT = "paylera.endpoint";
    /// The merchant's tenant, when known.
    TENANT_ID = "paylera.tenant_id";
    /// The customer, when known; never from a browser's input.
    CUSTOMER_ID = "paylera.customer_id";
    /// The subscription, when known.
    SUBSCRIPTION_ID = "paylera.subscription_id";
    /// The feature, when known.
    FEATURE_CODE = "paylera.feature_code";
    /// The first 8 characters of a write's idempotency key.
    IDEMPOTENCY_KEY = "paylera.idempotency_key";
    /// `test` or `live`, by the token's prefix; absent for tokens of another form.
    API_MODE = "paylera.api_mode";
    /// Who takes the money, `stripe` or `toss`, where a payment is involved.
    PROVIDER = "paylera.provider";
    /// The `type` of a problem.
    PROBLEM_TYPE = "paylera.problem.type";
}
