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
    error InvalidSignatureLength();
    error InvalidContractSignature();
}

/// Whether it tells what a contract did, and not that the node could not run it.
pub(super) fn is_one(error: &RpcError) -> bool {
    const WORDS: [&str; 6] =
        ["revert", "out of gas", "invalid opcode", "bad instruction", "vm execution error", "vm exception"];
    let message = error.message.to_lowercase();
    error.code == 3 || !data(error).is_empty() || WORDS.iter().any(|words| message.contains(words))
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
        InvalidSigner::SELECTOR
        | InvalidSignature::SELECTOR
        | InvalidSignatureLength::SELECTOR
        | InvalidContractSignature::SELECTOR => "invalid_permit2_signature",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_contract_did_is_told_from_what_a_node_could_not_do() {
        let error = |code: i64, message: &str| RpcError { code, message: message.into(), data: None };
        assert!(is_one(&error(3, "execution reverted: used")));
        assert!(is_one(&error(-32_000, "execution reverted")));
        assert!(is_one(&error(-32_015, "VM execution error.")));
        assert!(!is_one(&error(-32_005, "daily request count exceeded")));
        assert!(!is_one(&error(-32_000, "header not found")));
        assert!(!is_one(&error(-32_603, "internal error")));
    }

    #[test]
    fn a_refusal_tells_the_most_that_is_known_in_a_bounded_number_of_plain_characters() {
        let told = |text: &str| refusal(&Revert { reason: text.into() }.abi_encode().into(), false);
        assert_eq!(told("FiatTokenV2: authorization is used or canceled").code, "invalid_exact_evm_nonce_already_used");
        let long = told(&format!("\u{0}\n{}", "x".repeat(10_000)));
        assert_eq!(long.code, "invalid_exact_evm_transaction_simulation_failed");
        assert_eq!(long.reason, "x".repeat(200));
        let by_selector = refusal(&InvalidNonce {}.abi_encode().into(), true);
        assert_eq!(by_selector.code, "permit2_invalid_nonce");
        assert_eq!(refusal(&Bytes::new(), true).reason, "the settlement would be reverted");
    }
}
