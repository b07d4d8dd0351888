//! What a simulation reverted with, in the wire's words.

use alloy_primitives::Bytes;
use alloy_sol_types::{Revert, SolError, sol};
use farebox_x402::Refusal;
use serde_json::Value;

use super::rpc::RpcError;
use crate::refusal::refused;

sol! {
    error InvalidPermit2Address();
    error InvalidDestination();
    error InvalidOwner();
    error PaymentTooEarly();
    error InvalidAmount();
    error Permit2612AmountMismatch();
    error AmountExceedsPermitted();
    error UnauthorizedFacilitator();
    error InvalidNonce();
    error SignatureExpired(uint256 deadline);
    error InvalidSigner();
    error InvalidSignature();
}

/// The data of a node's "execution reverted".
pub(super) fn data(error: &RpcError) -> Bytes {
    let text = match &error.data {
        Some(Value::String(text)) => Some(text.as_str()),
        Some(Value::Object(object)) => object.get("data").and_then(Value::as_str),
        _ => None,
    };
    text.and_then(|text| text.strip_prefix("0x")).and_then(|digits| hex::decode(digits).ok()).unwrap_or_default().into()
}

/// The refusal that the data tells, as far as it tells one.
pub(super) fn refusal(reverted: &Bytes, permit2: bool) -> Refusal {
    let text = Revert::abi_decode(reverted).map(|revert| revert.reason).unwrap_or_default();
    let lower = text.to_lowercase();
    let code = if permit2 { by_selector(reverted).or_else(|| token_words(&lower)) } else { token_words(&lower) };
    let reason: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
    let reason = if reason.is_empty() { "the settlement would be reverted".to_owned() } else { reason };
    refused(code.unwrap_or("invalid_exact_evm_transaction_simulation_failed"), reason)
}

/// The words of well-known tokens.
fn token_words(text: &str) -> Option<&'static str> {
    const WORDS: [(&str, &str); 6] = [
        ("not yet valid", "invalid_exact_evm_payload_authorization_valid_after"),
        ("expired", "invalid_exact_evm_payload_authorization_valid_before"),
        ("used or canceled", "invalid_exact_evm_nonce_already_used"),
        ("exceeds balance", "invalid_exact_evm_insufficient_balance"),
        ("exceeds allowance", "permit2_allowance_required"),
        ("invalid signature", "invalid_exact_evm_payload_signature"),
    ];
    WORDS.iter().find(|(words, _)| text.contains(words)).map(|(_, code)| *code)
}

fn by_selector(reverted: &Bytes) -> Option<&'static str> {
    let selector: [u8; 4] = reverted.get(..4)?.try_into().ok()?;
    Some(match selector {
        InvalidDestination::SELECTOR => "invalid_permit2_destination",
        InvalidOwner::SELECTOR => "invalid_permit2_owner",
        PaymentTooEarly::SELECTOR => "permit2_payment_too_early",
        InvalidAmount::SELECTOR => "invalid_permit2_amount",
        Permit2612AmountMismatch::SELECTOR => "permit2_2612_amount_mismatch",
        AmountExceedsPermitted::SELECTOR => "upto_amount_exceeds_permitted",
        UnauthorizedFacilitator::SELECTOR => "upto_unauthorized_facilitator",
        InvalidNonce::SELECTOR => "permit2_invalid_nonce",
        SignatureExpired::SELECTOR => "permit2_deadline_expired",
        InvalidSigner::SELECTOR | InvalidSignature::SELECTOR => "invalid_permit2_signature",
        _ => return None,
    })
}
