//! What settle answers, in the words of the request.

use farebox_engine::settlement::{Outcome, TxHash};
use farebox_types::{Address, AtomicAmount};
use farebox_x402::{
    Refusal, Version,
    facilitation::{Request, SettleResponse},
    networks,
};

/// Broadcast, or about to be; nobody knows yet what becomes of it.
const PENDING: &str = "settlement_pending";

/// The answer for an outcome.
pub(super) fn of(request: &Request, payer: Address, outcome: &Outcome, amount: AtomicAmount) -> SettleResponse {
    match outcome {
        Outcome::Settled { transaction, .. } => SettleResponse {
            success: true,
            payer: Some(payer.to_string()),
            transaction: transaction.as_ref().map(ToString::to_string).unwrap_or_default(),
            network: network(request),
            amount: Some(amount.to_string()),
            ..SettleResponse::default()
        },
        Outcome::Failed { reason } => failure(request, Some(payer), reason, "the chain did not take the payment"),
        Outcome::Unknown => pending(request, payer, None),
    }
}

/// A payment that is not good; nothing was written.
pub(super) fn refused(request: &Request, refusal: &Refusal, payer: Option<Address>) -> SettleResponse {
    failure(request, payer, &refusal.code, &refusal.reason)
}

/// The outcome is not known yet: the same request asks again.
pub(super) fn pending(request: &Request, payer: Address, hash: Option<TxHash>) -> SettleResponse {
    let answer = failure(request, Some(payer), PENDING, "not known yet: send the same request again");
    SettleResponse { transaction: hash.as_ref().map(ToString::to_string).unwrap_or_default(), ..answer }
}

fn failure(request: &Request, payer: Option<Address>, code: &str, message: &str) -> SettleResponse {
    SettleResponse {
        success: false,
        error_reason: Some(code.to_owned()),
        error_message: Some(message.to_owned()),
        payer: payer.map(|payer| payer.to_string()),
        network: network(request),
        ..SettleResponse::default()
    }
}

/// As the request's version writes it.
fn network(request: &Request) -> String {
    let caip2 = &request.requirements.network;
    match request.dialect().version {
        Version::V1 => networks::short_name(caip2).unwrap_or(caip2).to_owned(),
        Version::V2 => caip2.clone(),
    }
}
