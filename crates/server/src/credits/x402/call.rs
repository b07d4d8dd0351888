//! What a seller asks about: a token, an offer, an amount.

use farebox_types::{IdempotencyKey, Quantity};
use farebox_x402::{Payment, PaymentRequired, credits::PaymentCall};

use crate::refusal::Refusal;

/// One question about a payment, from HTTP or from a gate in this process.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) token: &'a str,
    /// The seller's own offer.
    pub(super) required: &'a PaymentRequired,
    pub(super) amount: Quantity,
}

impl<'a> Call<'a> {
    /// Reads the amount of an HTTP call: 1 credit when it names none.
    pub(super) fn read(body: &'a PaymentCall) -> Result<Self, Refusal> {
        let amount = body.max_amount.as_ref().map_or(Ok(Quantity::ONE), |text| text.parse());
        let rule = "a decimal number of credits, at most 9223372036854, with at most 6 places";
        let amount = amount.map_err(|_| Refusal::number("maxAmount", rule))?;
        Ok(Self { token: &body.x402_access_token, required: &body.payment_required, amount })
    }
}

impl<'a> Call<'a> {
    /// The question of a gate in this process; `None` for a payment that is not in credits.
    pub(super) fn of(payment: &'a Payment) -> Option<Self> {
        let amount = payment.amount.credits()?;
        Some(Self { token: &payment.token, required: &payment.required, amount })
    }
}

/// A request id as a name that can be kept.
pub(crate) fn request_id(text: &str) -> Result<IdempotencyKey, Refusal> {
    text.parse().map_err(|_| Refusal::field("agentRequestId", "1 to 255 visible ASCII characters"))
}
