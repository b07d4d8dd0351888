//! What a payment's outcome does to what it was for.

use std::time::Duration;

use farebox_engine::payment::{Answer, Collects, Command};
use farebox_store::{Fault, Retry, billing::BillingError};

use crate::{payments::Payments, refusal::impossible};

/// Writes what a provider said of a payment, and what follows from it, in one commit.
pub(crate) async fn settle(payments: &Payments, collects: Collects, observe: Command) -> Result<Answer, Fault> {
    let Collects::Checkout(checkout) = collects;
    let billing = payments.backend().billing();
    billing.settle_checkout(checkout, observe).await.map_err(|error| match error {
        BillingError::Fault(fault) => fault,
        BillingError::Busy => Fault { what: error.to_string(), retry: Retry::After(Duration::from_secs(1)) },
        other => impossible(format!("a payment could not be settled for checkout {checkout}: {other}")),
    })
}
