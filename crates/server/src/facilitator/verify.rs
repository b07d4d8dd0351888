//! Verifying: would it settle now?

use farebox_engine::settlement::{Terms, countable};
use farebox_evm::{Payment, Phase, chain::Good};
use farebox_types::{Address, AtomicAmount, Timestamp};
use farebox_x402::{
    Refusal,
    facilitation::{Request, VerifyResponse},
};

use super::{Facilitating, Trouble};

/// What a look at a payment found.
pub(super) enum Checked {
    Good(Good),
    Refused(Refusal),
}

impl Facilitating {
    /// Whether the payment would settle now. Nothing is written, no gas is spent.
    ///
    /// # Errors
    /// [`Trouble`] when the chain cannot be asked: that says nothing about the payment.
    pub async fn verify(&self, request: &Request) -> Result<VerifyResponse, Trouble> {
        let payment = match self.read(request) {
            Ok(payment) => payment,
            Err(refusal) => return Ok(invalid(&refusal, None)),
        };
        let payer = payment.payer().to_string();
        Ok(match self.check(&payment, request, Phase::Verify).await? {
            Checked::Good(_) => VerifyResponse { is_valid: true, payer: Some(payer), ..VerifyResponse::default() },
            Checked::Refused(refusal) => invalid(&refusal, Some(payer)),
        })
    }

    pub(super) async fn check(&self, payment: &Payment, request: &Request, phase: Phase) -> Result<Checked, Trouble> {
        if let Err(refusal) = agrees(request) {
            return Ok(Checked::Refused(refusal));
        }
        if countable(payment.authorized()).is_none() {
            let reason = "the amount is more than this facilitator keeps accounts of".to_owned();
            return Ok(Checked::Refused(Refusal { code: "invalid_payment_requirements".to_owned(), reason }));
        }
        let rail = self.rail(payment)?;
        let found = rail.chain().verify(payment, &request.requirements, phase, self.now()).await;
        Ok(match found.map_err(|fault| Trouble::soon(fault.to_string()))? {
            Ok(good) => Checked::Good(good),
            Err(refusal) => Checked::Refused(refusal),
        })
    }

    /// What is to be settled, from what was signed and what was asked.
    pub(super) fn terms(payment: &Payment, request: &Request, amount: AtomicAmount) -> Terms {
        Terms {
            chain: payment.chain(),
            scheme: request.requirements.scheme.clone(),
            asset: payment.asset(),
            payer: payment.payer(),
            pay_to: payment.pay_to(),
            amount,
            valid_until: Timestamp::from_seconds(payment.valid_until()),
        }
    }
}

/// What the payer says it accepted is what is required.
fn agrees(request: &Request) -> Result<(), Refusal> {
    let differs = |code: &str, what: &str| {
        Err(Refusal { code: code.to_owned(), reason: format!("the payment is for another {what}") })
    };
    if request.payload.scheme != request.requirements.scheme {
        return differs("unsupported_scheme", "scheme than is required");
    }
    if request.payload.network != request.requirements.network {
        return differs("network_mismatch", "network than is required");
    }
    let Some(accepted) = &request.payload.accepted else { return Ok(()) };
    let same = |one: &str, other: &str| match (one.parse::<Address>(), other.parse::<Address>()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    };
    if !same(&accepted.asset, &request.requirements.asset) {
        return differs("invalid_payment_requirements", "asset than is required");
    }
    Ok(())
}

fn invalid(refusal: &Refusal, payer: Option<String>) -> VerifyResponse {
    VerifyResponse {
        is_valid: false,
        invalid_reason: Some(refusal.code.clone()),
        invalid_message: Some(refusal.reason.clone()),
        payer,
        ..VerifyResponse::default()
    }
}
