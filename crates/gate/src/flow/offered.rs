//! Before the handler: an offer, a payment presented for it, and the check.

use std::{fmt, sync::Arc};

use farebox_types::Quantity;
use farebox_x402::{Amount, Facilitator, Fault, Hold, Offer, Payment, Refusal, Retry, Verdict};

use super::{Outcome, Verified, facts::Charged, outcome};

/// What a request would have to pay in credits, and who would check it. Nothing is written anywhere.
pub struct Offered {
    facilitator: Arc<dyn Facilitator>,
    offer: Arc<Offer>,
    amount: Quantity,
}

impl Offered {
    /// Offers `offer` for `amount`.
    #[must_use]
    pub const fn new(facilitator: Arc<dyn Facilitator>, offer: Arc<Offer>, amount: Quantity) -> Self {
        Self { facilitator, offer, amount }
    }

    /// Takes the payer's header value, unread, for the first way to pay, in credits.
    #[must_use]
    pub fn present(self, token: Arc<str>) -> Presented {
        Presented::new(self.facilitator, Payment::credits(token, self.offer, self.amount))
    }
}

/// A payment that nobody has looked at.
pub struct Presented {
    facilitator: Arc<dyn Facilitator>,
    payment: Payment,
}

/// Why a payment was not verified.
#[derive(Debug)]
pub enum Declined {
    /// It is no good; nothing is reserved.
    Refused(Refusal),
    /// It could not be checked. What may be reserved ends by itself.
    Fault(Fault),
}

impl Presented {
    /// A payment for any way to pay. For one on a chain nothing here keeps a second request from bringing it too: a
    /// [`Gate`](crate::Gate) does.
    #[must_use]
    pub const fn new(facilitator: Arc<dyn Facilitator>, payment: Payment) -> Self {
        Self { facilitator, payment }
    }

    /// Asks the facilitator to check the payment and reserve its amount.
    ///
    /// # Errors
    /// [`Declined`]; nothing was charged.
    pub async fn verify(self, hold: Hold) -> Result<Verified, Declined> {
        let Self { facilitator, payment } = self;
        let found = match facilitator.verify(&payment, Some(hold)).await.map_err(Declined::Fault)? {
            Verdict::Valid(found) => found,
            Verdict::Refused(refusal) => return Err(Declined::Refused(refusal)),
        };
        if found.request_id.is_empty() {
            return Err(Declined::Fault(nameless()));
        }
        Ok(Verified::new(Charged::new(facilitator, payment, found)))
    }

    /// Asks what became of a charge that was asked for before, under the same request id and for the same amount.
    pub(crate) async fn resume(self, request_id: String, amount: Amount) -> Outcome {
        outcome::ask(Charged::resumed(self.facilitator, self.payment, request_id, amount)).await
    }
}

/// Settle could not be repeated safely on a charge without a name.
fn nameless() -> Fault {
    Fault { what: "verify named no request id".to_owned(), retry: Retry::Unknown, source: None }
}

impl fmt::Debug for Offered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Offered").field("offer", &self.offer).field("amount", &self.amount).finish_non_exhaustive()
    }
}

impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented").field("amount", &self.payment.amount).finish_non_exhaustive()
    }
}
