//! Whether a payment is what was asked: everything that needs no chain, cheapest first.

use alloy_primitives::{Address, U256};
use farebox_types::Timestamp;
use farebox_x402::{EXACT, Refusal, Requirements, UPTO};

use super::{Authorization, Payment, number};
use crate::{
    contracts::{EXACT_PROXY, PERMIT2, UPTO_PROXY},
    refusal::refuse,
    typed::{Permit2Transfer, TransferAuthorization},
};

/// A payment must hold for this much longer, so that its transaction can be in a block in time.
pub const MARGIN_SECONDS: u64 = 6;

/// Whether the amount is the most that may be taken, or what is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// `requirements.amount` must be what was authorized.
    Verify,
    /// For `upto`, `requirements.amount` is what is to be taken, at most what was authorized.
    Settle,
}

impl Payment {
    /// Checks recipient, amounts and times against `requirements`. `signers` are the facilitator's own.
    ///
    /// # Errors
    /// The first thing that is wrong, with the wire's code.
    pub fn check(
        &self,
        requirements: &Requirements,
        signers: &[farebox_types::Address],
        phase: Phase,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let now = U256::from(u64::try_from(now.seconds()).unwrap_or(0));
        let Some(pay_to) = number::address(&requirements.pay_to) else {
            return refuse("invalid_payment_requirements", "payTo is not an address");
        };
        match (&*requirements.scheme, &self.authorization) {
            (EXACT, Authorization::Transfer(transfer)) => check_transfer(self, transfer, requirements, pay_to, now),
            (EXACT, Authorization::Permit2(transfer)) if transfer.witness.facilitator.is_none() => {
                let taken = Taken::All(requirements.amount.units());
                check_permit2(self, transfer, pay_to, EXACT_PROXY, taken, now)
            }
            (UPTO, Authorization::Permit2(transfer)) => {
                let Some(facilitator) = transfer.witness.facilitator else {
                    return refuse("invalid_upto_evm_scheme", "the witness names no facilitator");
                };
                let asked = requirements.amount.units();
                let taken = if phase == Phase::Verify { Taken::All(asked) } else { Taken::Some(asked) };
                check_permit2(self, transfer, pay_to, UPTO_PROXY, taken, now)?;
                let ours = signers.iter().any(|signer| signer.bytes() == facilitator.as_slice());
                if ours { Ok(()) } else { refuse("upto_facilitator_mismatch", "the witness names another facilitator") }
            }
            (UPTO, _) => refuse("invalid_upto_evm_scheme", "`upto` is paid by Permit2"),
            (EXACT, _) => refuse("invalid_payload", "the payload is not of scheme `exact`"),
            _ => refuse("unsupported_scheme", "only `exact` and `upto` are settled here"),
        }
    }
}

fn check_transfer(
    payment: &Payment,
    transfer: &TransferAuthorization,
    requirements: &Requirements,
    pay_to: Address,
    now: U256,
) -> Result<(), Refusal> {
    if payment.token_domain.is_none() {
        return refuse("missing_eip712_domain", "extra.name and extra.version are needed to check the signature");
    }
    if transfer.to != pay_to {
        return refuse("invalid_exact_evm_payload_recipient_mismatch", "the authorization pays somebody else");
    }
    if transfer.value != requirements.amount.units() {
        return refuse(
            "invalid_exact_evm_payload_authorization_value_mismatch",
            "the authorization is for another amount",
        );
    }
    if transfer.valid_before < now.saturating_add(U256::from(MARGIN_SECONDS)) {
        return refuse(
            "invalid_exact_evm_payload_authorization_valid_before",
            "the authorization has expired, or is about to",
        );
    }
    if transfer.valid_after > now {
        return refuse("invalid_exact_evm_payload_authorization_valid_after", "the authorization is not valid yet");
    }
    Ok(())
}

/// What is to be taken of what was permitted.
#[derive(Clone, Copy)]
enum Taken {
    All(U256),
    Some(U256),
}

fn check_permit2(
    payment: &Payment,
    transfer: &Permit2Transfer,
    pay_to: Address,
    proxy: Address,
    taken: Taken,
    now: U256,
) -> Result<(), Refusal> {
    let soonest = now.saturating_add(U256::from(MARGIN_SECONDS));
    if transfer.spender != proxy {
        return refuse("invalid_permit2_spender", "the spender is not the proxy of this scheme");
    }
    if transfer.witness.to != pay_to {
        return refuse("invalid_permit2_recipient_mismatch", "the permit pays somebody else");
    }
    if transfer.deadline < soonest {
        return refuse("permit2_deadline_expired", "the permit has expired, or is about to");
    }
    if transfer.witness.valid_after > now {
        return refuse("permit2_not_yet_valid", "the permit is not valid yet");
    }
    match taken {
        Taken::All(amount) if transfer.amount != amount => {
            return refuse("permit2_amount_mismatch", "the permit is for another amount");
        }
        Taken::Some(amount) if transfer.amount < amount => {
            return refuse(
                "invalid_upto_evm_payload_settlement_exceeds_amount",
                "more is to be taken than was permitted",
            );
        }
        Taken::All(_) | Taken::Some(_) => {}
    }
    if transfer.token != payment.asset {
        return refuse("permit2_token_mismatch", "the permit is for another token");
    }
    check_sponsoring(payment, transfer, soonest)
}

fn check_sponsoring(payment: &Payment, transfer: &Permit2Transfer, soonest: U256) -> Result<(), Refusal> {
    let Some(sponsoring) = &payment.sponsoring else { return Ok(()) };
    if sponsoring.permit.owner != payment.payer {
        return refuse("eip2612_from_mismatch", "the allowance is another owner's");
    }
    if sponsoring.asset != payment.asset {
        return refuse("eip2612_asset_mismatch", "the allowance is for another token");
    }
    if sponsoring.permit.spender != PERMIT2 {
        return refuse("eip2612_spender_not_permit2", "the allowance is not for Permit2");
    }
    if sponsoring.permit.deadline < soonest {
        return refuse("eip2612_deadline_expired", "the allowance has expired, or is about to");
    }
    if sponsoring.permit.value != transfer.amount {
        return refuse("permit2_2612_amount_mismatch", "the allowance is for another amount than the permit");
    }
    Ok(())
}
