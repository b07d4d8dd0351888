//! Verifying a payment: what needs no chain first, then everything else in one look.

use alloy_primitives::{Address, B256};
use farebox_types::{AtomicAmount, Timestamp};
use farebox_x402::{Refusal, Requirements};
use serde_json::json;

use super::{
    Chain, Fault, calls,
    calls::Unwrapped,
    probe::{Found, Question},
    quantity::hex_bytes,
    revert,
    rpc::{Call, unreadable},
};
use crate::{
    contracts::PERMIT2,
    payload::{Authorization, Payment, Phase},
    refusal::{refuse, refused},
    signature::{BadSignature, Signature},
    typed::Domain,
};

/// A payment that would be settled now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Good {
    /// What would be taken.
    pub amount: AtomicAmount,
    /// Nothing of the payer's own runs when it settles, so it may share a transaction with others.
    pub plain: bool,
}

impl Chain {
    /// Checks a payment against what was asked, and against the chain as it is now. No gas is spent.
    ///
    /// # Errors
    /// [`Fault`] if the chain cannot be asked: that says nothing about the payment.
    pub async fn verify(
        &self,
        payment: &Payment,
        requirements: &Requirements,
        phase: Phase,
        now: Timestamp,
    ) -> Result<Result<Good, Refusal>, Fault> {
        if payment.chain != self.id() {
            return Ok(refuse("network_mismatch", "the payment is for another chain"));
        }
        if let Err(refusal) = payment.check(requirements, self.signers(), phase, now) {
            return Ok(Err(refusal));
        }
        let Some(unwrapped) = calls::unwrap(&payment.signature) else {
            return Ok(refuse(bad_signature(payment), "the ERC-6492 wrapper cannot be read"));
        };
        if let Some((factory, _)) = &unwrapped.factory
            && !self.allows_factory(factory)
        {
            return Ok(refuse("eip6492_factory_not_allowed", "accounts of this factory are not deployed here"));
        }
        let domain = match &payment.authorization {
            Authorization::Permit2(_) => self.permit2_domain(),
            Authorization::Transfer(_) => match self.token_domain(payment).await? {
                Ok(domain) => domain,
                Err(refusal) => return Ok(Err(refusal)),
            },
        };
        let signed = Signed::of(payment, &unwrapped, &domain);
        let amount = if payment.is_upto() { payment.authorized() } else { requirements.amount };
        let found = self.look_into(payment, &unwrapped, signed.digest, amount).await?;
        Ok(judge(payment, &unwrapped, &signed, &found).map(|()| {
            let key = matches!(payment.authorization, Authorization::Transfer(_)) && !found.payer_has_code;
            Good { amount: requirements.amount, plain: key && unwrapped.factory.is_none() }
        }))
    }

    /// Everything there is to know of the chain. Only the named facilitator may settle `upto`, so that one's simulation is
    /// a call of its own.
    async fn look_into(
        &self,
        payment: &Payment,
        unwrapped: &Unwrapped,
        digest: B256,
        amount: AtomicAmount,
    ) -> Result<Found, Fault> {
        let settlement = calls::simulation(payment, unwrapped, amount.units());
        let spender = match &payment.authorization {
            Authorization::Permit2(_) => Some(PERMIT2),
            Authorization::Transfer(_) => None,
        };
        let bound = payment.bound_to().map(|signer| Address::new(*signer.bytes()));
        let question = Question {
            asset: payment.asset,
            payer: payment.payer,
            spender,
            nonce: calls::nonce_state(payment),
            digest,
            signature: unwrapped.inner.clone(),
            factory: unwrapped.factory.clone().filter(|_| bound.is_none()),
            simulate: settlement.clone(),
        };
        let Some(signer) = bound else { return self.probe().ask(question).await };
        let gas = format!("0x{:x}", settlement.limit());
        let call = json!({"from": signer, "to": settlement.to, "data": hex_bytes(&settlement.data), "gas": gas});
        let simulation = [Call { method: "eth_call", params: json!([call, "latest"]) }];
        let (found, simulated) = tokio::join!(self.probe().ask(question), self.rpc().batch(&simulation));
        let mut found = found?;
        match simulated?.pop() {
            Some(Ok(_)) => found.simulated = true,
            Some(Err(error)) if revert::is_one(&error) => {
                found.simulated = false;
                found.reverted = revert::data(&error);
            }
            Some(Err(error)) => return Err(error.of("eth_call")),
            None => return Err(unreadable("eth_call", "no answer")),
        }
        Ok(found)
    }
}

/// What was signed, and by whose key, if by a key.
struct Signed {
    digest: B256,
    by: Result<Address, BadSignature>,
}

impl Signed {
    fn of(payment: &Payment, unwrapped: &Unwrapped, domain: &Domain) -> Self {
        let digest = payment.digest(domain);
        let by = Signature::read(&unwrapped.inner).and_then(|signature| signature.recover(digest));
        Self { digest, by }
    }
}

/// In the order of the specification; the most telling reason first.
fn judge(payment: &Payment, unwrapped: &Unwrapped, signed: &Signed, found: &Found) -> Result<(), Refusal> {
    if !found.asset_has_code {
        return refuse("asset_not_deployed_contract", "there is no contract at the asset's address");
    }
    judge_signature(payment, unwrapped, signed, found)?;
    let permit2 = matches!(payment.authorization, Authorization::Permit2(_));
    if found.used == Some(true) {
        let code = if permit2 { "permit2_invalid_nonce" } else { "invalid_exact_evm_nonce_already_used" };
        return refuse(code, "the authorization has been used or cancelled");
    }
    let amount = payment.authorized().units();
    if permit2 && found.allowance.is_some_and(|allowed| allowed < amount) && payment.sponsoring.is_none() {
        return refuse("permit2_allowance_required", "the payer has not allowed Permit2 to take this much");
    }
    match found.balance {
        Some(balance) if balance < amount => {
            let code = if permit2 { "permit2_insufficient_balance" } else { "invalid_exact_evm_insufficient_balance" };
            return refuse(code, format!("the payer has {balance} of {amount}"));
        }
        None if permit2 => return refuse("balance_check_failed", "the token does not tell the payer's balance"),
        _ => {}
    }
    if !found.simulated && found.used.is_none() && !permit2 {
        return refuse("invalid_exact_evm_eip3009_not_supported", "the token knows no authorizations (EIP-3009)");
    }
    if !found.simulated {
        return Err(revert::refusal(&found.reverted, permit2));
    }
    Ok(())
}

/// Accounts with code answer for themselves, whatever their signature looks like (EIP-1271, EIP-7702).
fn judge_signature(payment: &Payment, unwrapped: &Unwrapped, signed: &Signed, found: &Found) -> Result<(), Refusal> {
    let transfer = matches!(payment.authorization, Authorization::Transfer(_));
    match (found.payer_has_code, &unwrapped.factory) {
        // The token asks the account itself: the simulation decides.
        (true, _) if found.confirmed || (transfer && found.simulated) => Ok(()),
        (true, _) => refuse(bad_signature(payment), "the payer's account does not confirm the signature"),
        // Deployed by the settlement; the simulation decides.
        (false, Some(_)) if found.simulated => Ok(()),
        (false, Some(_)) => {
            refuse(bad_signature(payment), "the account does not confirm the signature once it is deployed")
        }
        (false, None) => match signed.by {
            Ok(signer) if signer == payment.payer => Ok(()),
            Ok(_) => refuse(bad_signature(payment), "the signature is another address's"),
            Err(BadSignature::Length) if transfer => {
                refuse("invalid_exact_evm_payload_undeployed_smart_wallet", "the payer's account is not deployed")
            }
            Err(bad) => Err(refused(bad_signature(payment), bad.to_string())),
        },
    }
}

const fn bad_signature(payment: &Payment) -> &'static str {
    match payment.authorization {
        Authorization::Transfer(_) => "invalid_exact_evm_payload_signature",
        Authorization::Permit2(_) => "invalid_permit2_signature",
    }
}
