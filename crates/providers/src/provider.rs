//! What the payments service asks of a card provider, and what it may hear back.

use async_trait::async_trait;
use farebox_types::{Mode, Secret, Timestamp};
use http::HeaderMap;

use crate::{
    event::{Event, Forged},
    outcome::{Fault, Outcome},
    payment::{ProviderPayment, ProviderRefund},
};

/// A card provider.
///
/// Every write carries an idempotency key of ours: sent twice with the same key it has one effect. Whatever a write's outcome
/// is, [`lookup`](Provider::lookup) tells later how things stand, by our own id. No call is made inside a database transaction.
#[async_trait]
pub trait Provider: Send + Sync {
    /// The provider's name in settings, routes and rows: `sim`, `stripe`, `toss`.
    fn name(&self) -> &'static str;

    /// Whose money it moves: real people's, or nobody's. `None` where its key does not say.
    fn mode(&self) -> Option<Mode>;

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Takes a payment up to its first resting point: paid, authorized, waiting for the payer, refused.
    async fn create(&self, ask: &Create) -> Outcome<ProviderPayment>;

    /// Goes on after the payer has acted, or where an earlier `create` broke off.
    async fn confirm(&self, ask: &Confirm) -> Outcome<ProviderPayment>;

    /// Takes an authorized payment's money, at most what was authorized; the rest is let go.
    async fn capture(&self, ask: &Capture) -> Outcome<ProviderPayment>;

    /// Gives up a payment that has not been paid.
    async fn cancel(&self, ask: &Cancel) -> Outcome<ProviderPayment>;

    /// Pays back some or all of a paid payment.
    async fn refund(&self, ask: &Refund) -> Outcome<ProviderRefund>;

    /// How the payment stands now; `None` when the provider has never heard of it. A request that is still on its way may
    /// arrive after a `None`: ask again before giving up.
    async fn lookup(&self, whose: &Whose) -> Result<Option<ProviderPayment>, Fault>;

    /// How the refund `our_refund` of that payment stands now; `None` as for [`lookup`](Provider::lookup).
    async fn lookup_refund(&self, whose: &Whose, our_refund: &str) -> Result<Option<ProviderRefund>, Fault>;

    /// Payments created at or after `since`, a page at a time: pass the last page's `next` to get the following one.
    async fn list(&self, since: Timestamp, after: Option<&str>) -> Result<Page, Fault>;

    /// Reads a webhook: the signature first, over the raw bytes, then the body.
    ///
    /// # Errors
    /// [`Forged`] when no secret fits, when it is too old, or when it is no event.
    fn event(&self, headers: &HeaderMap, body: &[u8], secrets: &[Secret], now: Timestamp) -> Result<Event, Forged>;
}

/// What a provider can do; a request that needs more is refused before anything is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Authorize now, capture later.
    pub manual_capture: bool,
    /// The only currencies it takes; `None` for all.
    pub currencies: Option<&'static [&'static str]>,
    /// What it shows as failed can still be paid by a page that was given its secret, until it is canceled.
    pub failed_is_payable: bool,
    /// Its webhooks are signed. Where they are not, an event is only a reason to look up.
    pub signed_webhooks: bool,
}

/// The method of a payment whose payer chooses one in the provider's own script, in his browser. Such a payment waits for its
/// payer from the beginning, and goes on waiting after a decline there: he may try another card.
pub const IN_BROWSER: &str = "in_browser";

/// When the money is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaptureMode {
    /// With the payment.
    Automatic,
    /// By a later [`Provider::capture`].
    Manual,
}

/// A payment to take.
#[derive(Debug, Clone)]
pub struct Create {
    /// Our payment's id: what [`Provider::lookup`] finds it by.
    pub our_id: String,
    /// Our key for this write.
    pub idempotency_key: String,
    /// The merchant's customer.
    pub customer_id: String,
    /// Minor units of the currency, above zero.
    pub minor: i64,
    /// ISO 4217, upper case.
    pub currency: String,
    /// The provider's id of the card or method.
    pub method: String,
    /// When the money is taken.
    pub capture: CaptureMode,
    /// For the payer's statement or receipt.
    pub description: Option<String>,
    /// Where the payer's browser returns to after an action.
    pub return_url: Option<String>,
}

/// One payment, by our id and, once we know it, the provider's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whose {
    /// Our payment's id.
    pub our_id: String,
    /// The provider's id.
    pub provider_id: Option<String>,
    /// When we wrote the payment's intent: it cannot be older at the provider.
    pub created: Timestamp,
}

/// Goes on with a payment.
#[derive(Clone)]
pub struct Confirm {
    /// Which.
    pub whose: Whose,
    /// Our key for this write.
    pub idempotency_key: String,
    /// What the payer's browser brought back from the provider, where the provider needs it (Toss: `paymentKey`).
    pub token: Option<String>,
    /// The amount we expect, in minor units; providers that are told it refuse another one.
    pub minor: i64,
    /// ISO 4217, upper case.
    pub currency: String,
}

/// Takes an authorized payment's money.
#[derive(Debug, Clone)]
pub struct Capture {
    /// Which.
    pub whose: Whose,
    /// Our key for this write.
    pub idempotency_key: String,
    /// Minor units, at most what was authorized.
    pub minor: i64,
}

/// Gives a payment up.
#[derive(Debug, Clone)]
pub struct Cancel {
    /// Which.
    pub whose: Whose,
    /// Our key for this write.
    pub idempotency_key: String,
}

/// Pays back.
#[derive(Debug, Clone)]
pub struct Refund {
    /// Which payment.
    pub whose: Whose,
    /// Our refund's id: what [`Provider::lookup_refund`] finds it by.
    pub our_refund: String,
    /// Our key for this write.
    pub idempotency_key: String,
    /// Minor units, at most what was captured and not paid back yet.
    pub minor: i64,
    /// ISO 4217, upper case.
    pub currency: String,
    /// Shown to the payer where the provider does so.
    pub reason: Option<String>,
}

/// Some of a provider's payments.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// In the provider's order.
    pub payments: Vec<ProviderPayment>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<String>,
}

/// What a secret key says by its beginning.
pub(crate) fn mode_of(key: &Secret, live: &[&str], test: &[&str]) -> Option<Mode> {
    let begins = |with: &[&str]| with.iter().any(|prefix| key.expose().starts_with(prefix));
    match (begins(live), begins(test)) {
        (true, _) => Some(Mode::Live),
        (false, true) => Some(Mode::Test),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_says_by_its_beginning_whose_money_it_moves() {
        let mode = |key: &str| mode_of(&Secret::new(key.into()), &["sk_live_", "rk_live_"], &["sk_test_"]);
        assert_eq!(mode("sk_live_1"), Some(Mode::Live));
        assert_eq!(mode("rk_live_1"), Some(Mode::Live));
        assert_eq!(mode("sk_test_1"), Some(Mode::Test));
        assert_eq!(mode("other"), None);
    }
}
