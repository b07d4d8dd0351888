//! What a facilitator's word is worth. It is believed about a payment only if it speaks of that payment.

use std::time::Duration;

use super::{Asking, LATEST, SOON, fault};
use crate::{
    Broadcast, Fault, Identity, Refusal, Retry, Settlement,
    assets::same_address,
    client::FacilitatorError,
    facilitation::{PAYS_FOR_SOMETHING_ELSE, SettleResponse, VerifyResponse},
    networks,
};

/// Answers to settle that leave it open.
const OPEN: [&str; 4] = ["settlement_pending", "unexpected_settle_error", "unexpected_error", ""];
/// A refusal that is final even after a settle whose answer was lost: the chain has refused the transaction.
const REVERTED: &str = "transaction_failed";

/// The payer of a good payment, or why it is none. A fault if the answer is about somebody else.
pub(super) fn verified(answer: VerifyResponse, identity: &Identity) -> Result<Result<Option<String>, Refusal>, Fault> {
    if !answer.is_valid {
        return Ok(Err(refusal(answer.invalid_reason.as_deref(), answer.invalid_message.as_deref())));
    }
    match (&answer.payer, &identity.payer) {
        (Some(said), Some(payer)) if !same_address(said, payer) => {
            Err(fault("the facilitator verified a payment of somebody else", Retry::After(SOON)))
        }
        _ => Ok(Ok(answer.payer.or_else(|| identity.payer.clone()))),
    }
}

/// Nothing has happened.
pub(super) fn unverified(error: FacilitatorError) -> Fault {
    let retry = match &error {
        FacilitatorError::Facilitator { status: 400 | 401 | 403 | 404 | 405, .. } => Retry::Never,
        FacilitatorError::Facilitator { retry_after: Some(wait), .. } => Retry::After((*wait).min(LATEST)),
        _ => Retry::After(SOON),
    };
    Fault { what: error.to_string(), retry, source: Some(error.into()) }
}

/// No answer to settle. Only a call that was turned away at the door has certainly had no effect.
pub(super) fn silence(error: FacilitatorError, sent_before: bool) -> Fault {
    let retry = match &error {
        _ if sent_before => Retry::Unknown,
        _ if error.is_unsent() => Retry::After(SOON),
        FacilitatorError::Facilitator { status: 401 | 403 | 404 | 405 | 413, .. } => Retry::Never,
        FacilitatorError::Facilitator { status: 429, retry_after, .. } => {
            Retry::After(retry_after.unwrap_or(Duration::from_secs(1)).min(LATEST))
        }
        _ => Retry::Unknown,
    };
    Fault { what: error.to_string(), retry, source: Some(error.into()) }
}

/// What an answer to settle means for this payment.
pub(super) fn settled(answer: SettleResponse, asking: &Asking<'_>, sent_before: bool) -> Result<Settlement, Fault> {
    if answer.success {
        return match contradiction(&answer, asking) {
            None => Ok(Settlement::Settled(receipt(answer, asking))),
            Some(what) => Err(fault(&format!("the facilitator claims a settlement {what}"), Retry::Unknown)),
        };
    }
    let code = answer.error_reason.as_deref().unwrap_or_default();
    let reverted = code == REVERTED && !answer.transaction.is_empty();
    if OPEN.contains(&code) {
        let open = fault(&format!("the facilitator has not finished settling: {}", named(code)), Retry::Unknown);
        return Err(Fault { source: broadcast(&answer.transaction), ..open });
    }
    // What the payment's one row says holds for the call whose answer was lost, too.
    if sent_before && !reverted && code != PAYS_FOR_SOMETHING_ELSE {
        // The call whose answer was lost may be the very reason: the nonce is used, the balance is gone.
        let what = format!("the facilitator refuses what it may have settled: {}", named(code));
        return Err(fault(&what, Retry::Unknown));
    }
    Ok(Settlement::Refused(refusal(answer.error_reason.as_deref(), answer.error_message.as_deref())))
}

/// Why a claimed settlement cannot be this payment's.
fn contradiction(answer: &SettleResponse, asking: &Asking<'_>) -> Option<&'static str> {
    let required = asking.question.requirements();
    let network = networks::resolve(&answer.network);
    if network.as_deref() != Some(&*required.network) {
        return Some("on another network");
    }
    if let (Some(said), Some(payer)) = (&answer.payer, &asking.identity.payer)
        && !same_address(said, payer)
    {
        return Some("by another payer");
    }
    if let Some(amount) = &answer.amount
        && amount.parse() != Ok(required.amount)
    {
        return Some("of another amount");
    }
    let needs_one = !required.amount.is_zero();
    let evm = required.network.starts_with("eip155:");
    let hash = &answer.transaction;
    let looks_right = hash.len() <= 256 && (!evm || hash.is_empty() || is_hash(hash));
    (!looks_right || (needs_one && hash.is_empty())).then_some("without a transaction")
}

fn broadcast(hash: &str) -> Option<Box<dyn std::error::Error + Send + Sync>> {
    is_hash(hash).then(|| Broadcast { transaction: hash.to_owned() }.into())
}

fn is_hash(text: &str) -> bool {
    text.len() == 66 && text.starts_with("0x") && text[2..].bytes().all(|b| b.is_ascii_hexdigit())
}

/// The receipt, with what the facilitator left out and we know.
fn receipt(answer: SettleResponse, asking: &Asking<'_>) -> SettleResponse {
    let required = asking.question.requirements();
    SettleResponse {
        payer: answer.payer.or_else(|| asking.identity.payer.clone()),
        network: required.network.clone(),
        amount: Some(required.amount.to_string()),
        credits_redeemed: None,
        remaining_balance: None,
        order_tx: None,
        ..answer
    }
}

/// A refusal whose texts are short and printable.
fn refusal(code: Option<&str>, message: Option<&str>) -> Refusal {
    let good = |code: &&str| (1..=96).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_graphic());
    let code = code.filter(good).unwrap_or("invalid_payload").to_owned();
    let message: String = message.unwrap_or_default().chars().filter(|c| !c.is_control()).take(300).collect();
    let reason = if message.trim().is_empty() { format!("the payment was refused: {code}") } else { message };
    Refusal { code, reason }
}

fn named(code: &str) -> &str {
    let plain = code.len() <= 96 && code.bytes().all(|b| b.is_ascii_graphic());
    if plain && !code.is_empty() { code } else { "no reason given" }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::facilitation::{Question, Request};

    const HASH: &str = "0x1234567890abcdef1234567890abcdef1234567890abcdef1234567890abcdef";

    fn request() -> Request {
        let required = json!({"scheme": "exact", "network": "eip155:84532", "amount": "10000", "asset": "0x1",
            "payTo": "0x2", "maxTimeoutSeconds": 60});
        let body = json!({"paymentRequirements": required, "paymentPayload": {"x402Version": 2, "accepted": required,
            "payload": {"authorization": {"from": "0xAb", "nonce": "0x1"}}}});
        Request::read(body.to_string().as_bytes()).unwrap()
    }

    fn judged(answer: SettleResponse, request: &Request, sent_before: bool) -> Result<Settlement, Fault> {
        let identity = request.payload.identity("0x1").unwrap();
        let question = Question::new(&request.payload, &request.requirements);
        settled(answer, &Asking { question, identity: &identity }, sent_before)
    }

    fn said(changes: &Value) -> SettleResponse {
        let mut answer = json!({"success": true, "transaction": HASH, "network": "eip155:84532", "payer": "0xaB"});
        answer.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        serde_json::from_value(answer).unwrap()
    }

    #[test]
    fn a_settlement_is_believed_if_it_is_of_this_payment() {
        for changes in [json!({}), json!({"network": "base-sepolia"}), json!({"payer": null, "amount": "10000"})] {
            let Ok(Settlement::Settled(receipt)) = judged(said(&changes), &request(), false) else {
                panic!("{changes}")
            };
            assert_eq!((&*receipt.network, receipt.amount.as_deref()), ("eip155:84532", Some("10000")));
            assert!(receipt.payer.is_some());
        }
    }

    #[test]
    fn a_settlement_of_something_else_decides_nothing() {
        for changes in [
            json!({"network": "eip155:1"}),
            json!({"network": ""}),
            json!({"payer": "0xcd"}),
            json!({"amount": "9999"}),
            json!({"amount": "1e4"}),
            json!({"transaction": ""}),
            json!({"transaction": "0x12"}),
            json!({"transaction": "x".repeat(66)}),
        ] {
            let fault = judged(said(&changes), &request(), false).unwrap_err();
            assert_eq!(fault.retry, Retry::Unknown, "{changes}");
        }
    }

    #[test]
    fn a_charge_of_nothing_needs_no_transaction() {
        let mut free = request();
        free.requirements.amount = 0.into();
        let answer = said(&json!({"transaction": "", "amount": "0"}));
        assert!(matches!(judged(answer, &free, false), Ok(Settlement::Settled(_))));
    }

    #[test]
    fn a_refusal_is_final_unless_it_may_come_from_our_own_first_try() {
        let refused = |reason: &str, before| {
            judged(said(&json!({"success": false, "errorReason": reason, "transaction": HASH})), &request(), before)
        };
        assert!(matches!(refused("insufficient_funds", false), Ok(Settlement::Refused(_))));
        assert!(matches!(refused("transaction_failed", true), Ok(Settlement::Refused(_))));
        assert!(matches!(refused(PAYS_FOR_SOMETHING_ELSE, true), Ok(Settlement::Refused(_))));
        for (reason, before) in [
            ("settlement_pending", false),
            ("unexpected_settle_error", false),
            ("", false),
            ("invalid_exact_evm_nonce_already_used", true),
            ("insufficient_funds", true),
        ] {
            assert_eq!(refused(reason, before).unwrap_err().retry, Retry::Unknown, "{reason}");
        }
    }

    #[test]
    fn silence_is_unknown_unless_the_call_was_turned_away() {
        let answered =
            |status| FacilitatorError::Facilitator { status, code: None, body: String::new(), retry_after: None };
        let lost = || FacilitatorError::Network { what: "did not answer in time", unsent: false, source: None };
        for (error, retry) in [
            (answered(502), Retry::Unknown),
            (answered(500), Retry::Unknown),
            (answered(409), Retry::Unknown),
            (answered(200), Retry::Unknown),
            (answered(401), Retry::Never),
            (answered(429), Retry::After(SOON)),
            (lost(), Retry::Unknown),
        ] {
            assert_eq!(silence(error, false).retry, retry);
        }
        assert_eq!(silence(answered(401), true).retry, Retry::Unknown);
    }

    #[test]
    fn a_payment_verified_for_somebody_else_is_not_verified() {
        let identity = request().payload.identity("0x1").unwrap();
        let answer = |payer: Option<&str>| VerifyResponse {
            is_valid: true,
            payer: payer.map(ToOwned::to_owned),
            ..VerifyResponse::default()
        };
        assert_eq!(verified(answer(None), &identity).unwrap().unwrap().as_deref(), Some("0xAb"));
        assert!(verified(answer(Some("0xAB")), &identity).unwrap().is_ok());
        assert!(verified(answer(Some("0xcd")), &identity).is_err());
    }
}
