//! The gate's own answers. Nothing in them comes from a fault: what broke is for the log.

use std::time::Duration;

use bytes::Bytes;
use farebox_x402::{Fault, Receipt, Refusal, Retry, credits::CODE_IN_USE, offer_v1};
use http::{
    HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER},
};
use serde::Serialize;

use crate::{
    answers::{BAD, MISSING},
    body::{GateBody, Whole},
    headers::{self, NO_STORE, REQUIRED},
    hooks::PaymentError,
    menu::Quote,
    paying::OTHER_REQUEST,
};

/// A small JSON answer.
pub(crate) type Own = Response<Whole>;

/// What the receipt of an unknown outcome says.
pub(crate) const PENDING: &str = "settlement_pending";

const NO_TOKEN: &[u8] =
    br#"{"error":"Payment Required","message":"Missing x402 payment token. Send token in payment-signature header."}"#;

/// 402 for a request without a payment: written at start-up, copied here.
pub(crate) fn unpaid(quote: &Quote) -> Own {
    let body = if quote.body.is_empty() { Bytes::from_static(NO_TOKEN) } else { quote.body.clone() };
    offering(StatusCode::PAYMENT_REQUIRED, body, quote.header.clone())
}

/// 402 for a payment that cannot be read.
pub(crate) fn unreadable(quote: &Quote, why: &str) -> Own {
    refused(quote, &Refusal { code: String::new(), reason: why.to_owned() })
}

/// The allowance that Permit2 needs is missing.
const NO_ALLOWANCE: &str = "permit2_allowance_required";

/// 402 with the reason and a fresh offer, 412 if the payer has something to do first; 409 without an offer while another
/// request holds the same payment, or has paid with it, so that nobody is asked to pay again for what is under way.
pub(crate) fn refused(quote: &Quote, refusal: &Refusal) -> Own {
    let code = Some(&*refusal.code).filter(|code| !code.is_empty());
    let said = |error| json(&Said { error, code, message: &refusal.reason });
    if [CODE_IN_USE, OTHER_REQUEST].contains(&&*refusal.code) {
        let mut answer = own(StatusCode::CONFLICT, said("Conflict"));
        if refusal.code == CODE_IN_USE {
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        return because(answer, &refusal.code, &refusal.reason);
    }
    if [MISSING, BAD].contains(&&*refusal.code) {
        return because(own(StatusCode::BAD_REQUEST, said("Bad Request")), &refusal.code, &refusal.reason);
    }
    let (status, error) = match &*refusal.code {
        NO_ALLOWANCE => (StatusCode::PRECONDITION_FAILED, "Precondition Failed"),
        _ => (StatusCode::PAYMENT_REQUIRED, "Payment Required"),
    };
    let older = if quote.body.is_empty() { None } else { offer_v1::write(&quote.offer, &refusal.reason, code) };
    let offer = offering(status, older.map_or_else(|| said(error), Bytes::from), quote.header_saying(&refusal.reason));
    because(offer, &refusal.code, &refusal.reason)
}

/// Says why, for a hook that wants to know.
fn because(mut answer: Own, code: &str, reason: &str) -> Own {
    let (status, code, reason) = (answer.status(), code.to_owned(), reason.to_owned());
    answer.extensions_mut().insert(PaymentError { status, code, reason });
    answer
}

fn offering(status: StatusCode, body: Bytes, offer: HeaderValue) -> Own {
    let mut answer = own(status, body);
    answer.headers_mut().insert(REQUIRED, offer);
    headers::expose(answer.headers_mut());
    answer
}

/// 402 or 409 after the handler ran: its answer is withheld, the receipt says nothing was taken.
pub(crate) fn unsettled(quote: &Quote, refusal: &Refusal, receipt: &Receipt, v1: bool) -> Own {
    with_receipt(refused(quote, refusal), receipt, v1)
}

/// 503: the payment could not be checked.
pub(crate) fn unavailable(fault: &Fault) -> Own {
    let message = "The payment could not be checked, and nothing was charged. Try again later with the same payment.";
    later(message, fault.retry)
}

/// 503: the handler ran, the route withholds what nobody can say is paid.
pub(crate) fn pending(fault: &Fault, receipt: &Receipt, v1: bool) -> Own {
    let message = "It is not known yet whether this payment went through. Do not make a new payment: \
                   try again later with the same one.";
    let mut answer = with_receipt(later(message, fault.retry), receipt, v1);
    headers::expose(answer.headers_mut());
    answer
}

/// 414: a path that no offer can carry.
pub(crate) fn path_too_long() -> Own {
    let message = "The path of a paid route has at most 4096 bytes.";
    own(StatusCode::URI_TOO_LONG, json(&Said { error: "URI Too Long", code: None, message }))
}

/// 413: a body that is too long to tell its price, or to tell it from another.
pub(crate) fn request_too_long(most: usize) -> Own {
    let message = format!("The body of a paid request has at most {most} bytes. Nothing was charged.");
    own(StatusCode::PAYLOAD_TOO_LARGE, json(&Said { error: "Payload Too Large", code: None, message: &message }))
}

/// 408: a body that takes too long.
pub(crate) fn request_too_slow() -> Own {
    let message = "The body of the request did not arrive in time. Nothing was charged.";
    own(StatusCode::REQUEST_TIMEOUT, json(&Said { error: "Request Timeout", code: None, message }))
}

/// 400: a body that never arrived.
pub(crate) fn request_broken() -> Own {
    let message = "The body of the request did not arrive. Nothing was charged.";
    own(StatusCode::BAD_REQUEST, json(&Said { error: "Bad Request", code: None, message }))
}

/// 500: the handler's answer never became whole.
pub(crate) fn broken() -> Own {
    internal("broken_answer", "The answer could not be produced, and nothing was charged.")
}

/// 500: the same, where the money was taken before.
pub(crate) fn broken_after_payment() -> Own {
    internal("broken_answer", "The answer could not be produced. It was paid for before: the receipt says so.")
}

/// 500: the route's price function names no price.
pub(crate) fn no_price() -> Own {
    internal("no_price", "The price of this request could not be told, and nothing was charged.")
}

fn internal(code: &str, message: &str) -> Own {
    let answer = json(&Said { error: "Internal Server Error", code: Some(code), message });
    because(own(StatusCode::INTERNAL_SERVER_ERROR, answer), code, message)
}

/// The receipt of a charge: 202 while its money is open, 404 where there is none.
pub(crate) fn receipt(found: Option<Option<Receipt>>) -> Own {
    match found {
        Some(Some(receipt)) => own(StatusCode::OK, serde_json::to_vec(&receipt).unwrap_or_default().into()),
        Some(None) => {
            let message = "It is not known yet whether this payment went through. Ask again later.";
            let mut answer = own(StatusCode::ACCEPTED, json(&Said { error: "Accepted", code: Some(PENDING), message }));
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("2"));
            answer
        }
        None => {
            let message = "There is no receipt of this name, or it is no longer kept.";
            own(StatusCode::NOT_FOUND, json(&Said { error: "Not Found", code: None, message }))
        }
    }
}

fn later(message: &str, retry: Retry) -> Own {
    let error = "Service Unavailable";
    let mut answer = own(StatusCode::SERVICE_UNAVAILABLE, json(&Said { error, code: None, message }));
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds(retry)));
    because(answer, "unavailable", message)
}

/// When another try makes sense: 1 second to 1 hour.
fn seconds(retry: Retry) -> u64 {
    let wait = match retry {
        Retry::After(wait) => wait,
        Retry::Unknown => Duration::from_secs(2),
        Retry::Never => Duration::from_secs(60),
    };
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).clamp(1, 3600)
}

fn with_receipt(mut answer: Own, receipt: &Receipt, v1: bool) -> Own {
    let (name, value) = headers::receipt(receipt, v1);
    answer.headers_mut().insert(name, value);
    answer
}

#[derive(Serialize)]
struct Said<'a> {
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    message: &'a str,
}

fn json(said: &Said<'_>) -> Bytes {
    serde_json::to_vec(said).unwrap_or_default().into()
}

fn own(status: StatusCode, body: Bytes) -> Own {
    let mut answer = Response::new(Whole::from(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    answer
}

/// A whole answer as the service returns it.
pub(crate) fn whole<B>(answer: Response<Whole>) -> Response<GateBody<B>> {
    answer.map(GateBody::whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_whole_seconds_within_an_hour() {
        for (retry, expected) in [
            (Retry::After(Duration::ZERO), 1),
            (Retry::After(Duration::from_millis(1_001)), 2),
            (Retry::After(Duration::MAX), 3600),
            (Retry::Unknown, 2),
            (Retry::Never, 60),
        ] {
            assert_eq!(seconds(retry), expected, "{retry:?}");
        }
    }
}
