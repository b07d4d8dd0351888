//! The one error edge: refusals, faults and bugs become RFC 9457 answers that clients of the credits API can read too.

use std::{any::Any, time::Duration};

use axum::{
    Json,
    http::{HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use farebox_store::{Fault, Retry};
use farebox_x402::credits;
use problem_details::{JsonProblemDetails, ProblemDetails};
use serde::Serialize;

use crate::refusal::{Failure, Refusal};

const UNAVAILABLE: &str = "BCK.X402.0051";
const INTERNAL: &str = "FBX.INTERNAL";

/// An answer that is not a success.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    detail: String,
    hint: Option<&'static str>,
    retry_after: Option<Duration>,
}

/// What clients of the credits API read, beside the standard members.
#[derive(Serialize)]
struct Extension {
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'static str>,
}

/// The machine code of a refusal.
pub(crate) const fn code(refusal: &Refusal) -> &'static str {
    shape(refusal).1
}

/// Status, code and title of every refusal.
const fn shape(refusal: &Refusal) -> (StatusCode, &'static str, &'static str) {
    use StatusCode as S;
    match refusal {
        Refusal::BadBody(_) => (S::BAD_REQUEST, "FBX.REQUEST.BODY", "The body cannot be read"),
        Refusal::BadField { .. } => (S::BAD_REQUEST, "FBX.REQUEST.FIELD", "A value cannot be used"),
        Refusal::BadNumber { .. } => (S::BAD_REQUEST, "BCK.COMMON.0026", "A number cannot be used"),
        Refusal::UnknownVersion => (S::BAD_REQUEST, "BCK.VERSION.0001", "Unknown API version"),
        Refusal::TooLarge => (S::PAYLOAD_TOO_LARGE, "FBX.REQUEST.TOO_LARGE", "The body is too large"),
        Refusal::NoRoute => (S::NOT_FOUND, "FBX.REQUEST.NO_ROUTE", "Not found"),
        Refusal::WrongMethod => (S::METHOD_NOT_ALLOWED, "FBX.REQUEST.METHOD", "Method not allowed"),
        Refusal::KeyReused => (S::CONFLICT, "FBX.REQUEST.KEY_REUSED", "Idempotency key reused"),
        Refusal::NoKey => (S::UNAUTHORIZED, "BCK.AUTH.0002", "Not authenticated"),
        Refusal::BadKey => (S::UNAUTHORIZED, "BCK.AUTH.0002", "Not authenticated"),
        Refusal::WrongRole => (S::FORBIDDEN, "BCK.AUTH.0004", "Not allowed"),
        Refusal::NotOwner => (S::FORBIDDEN, "BCK.PROTOCOL.0017", "Not the plan's owner"),
        Refusal::NoPlan => (S::NOT_FOUND, "BCK.X402.0002", "Plan not found"),
        Refusal::NoAgent => (S::NOT_FOUND, "BCK.X402.0001", "Agent not found"),
        Refusal::NoPayment => (S::NOT_FOUND, "FBX.PAYMENT.NOT_FOUND", "Payment not found"),
        Refusal::MissingScope { .. } => (S::FORBIDDEN, "FBX.TOKEN.SCOPE", "Not allowed"),
        Refusal::PaymentState { .. } => (S::CONFLICT, "FBX.PAYMENT.STATE", "Not in this state"),
        Refusal::TooMuch { .. } => (S::UNPROCESSABLE_ENTITY, "FBX.PAYMENT.TOO_MUCH", "More than is left"),
        Refusal::PaymentBusy => (S::CONFLICT, "FBX.PAYMENT.BUSY", "Another call is under way"),
        Refusal::CheckoutOver => (S::CONFLICT, "FBX.CHECKOUT.OVER", "Too late"),
        Refusal::Simulated => (S::FORBIDDEN, "FBX.PAYMENT.SIMULATED", "Only in test mode"),
        Refusal::OthersAccount => (S::FORBIDDEN, "FBX.PAYMENT.OTHERS_ACCOUNT", "Another merchant's account"),
        Refusal::OtherMode => (S::FORBIDDEN, "FBX.PAYMENT.OTHER_MODE", "Test and live do not mix"),
        Refusal::Forged { .. } => (S::BAD_REQUEST, "FBX.WEBHOOK.FORGED", "Webhook not believed"),
        Refusal::NoDelegation => (S::NOT_FOUND, credits::CODE_DELEGATION, "Delegation not found"),
        Refusal::BadRules(_) => (S::BAD_REQUEST, "FBX.PLAN.RULES", "The plan contradicts itself"),
        Refusal::TooManyDelegations { .. } => (S::CONFLICT, "FBX.DELEGATION.TOO_MANY", "Too many delegations"),
        Refusal::Unsupported { .. } => (S::BAD_REQUEST, "FBX.REQUEST.UNSUPPORTED", "Not supported"),
        Refusal::Priced => (S::PAYMENT_REQUIRED, "FBX.PLAN.PRICED", "The plan has a price"),
        Refusal::Unpaid => (S::PAYMENT_REQUIRED, "FBX.PLAN.UNPAID", "The plan has a price"),
        Refusal::PaymentRefused { .. } => (S::PAYMENT_REQUIRED, "FBX.PLAN.PAYMENT", "Payment refused"),
        Refusal::PaymentUsed => (S::PAYMENT_REQUIRED, "FBX.PLAN.PAYMENT_USED", "Payment used before"),
        Refusal::TrialTaken => (S::CONFLICT, "BCK.PROTOCOL.0056", "Trial ordered before"),
        Refusal::TooManyLots => (S::CONFLICT, "FBX.LEDGER.LOTS", "Too many open lots"),
        Refusal::Overflow => (S::CONFLICT, "FBX.LEDGER.OVERFLOW", "Too large for the account"),
        Refusal::MalformedToken(_) => (S::BAD_REQUEST, credits::CODE_MALFORMED_TOKEN, "Malformed access token"),
        Refusal::InvalidToken => (S::PAYMENT_REQUIRED, credits::CODE_INVALID_TOKEN, "Invalid access token"),
        Refusal::NotAccepted { .. } => (S::BAD_REQUEST, credits::CODE_NOT_ACCEPTED, "Minted for another offer"),
        Refusal::Unbound => (S::BAD_REQUEST, "BCK.X402.0012", "A binding is missing"),
        Refusal::Delegation(_) => (S::PAYMENT_REQUIRED, credits::CODE_DELEGATION, "Delegation not in force"),
        Refusal::DelegationPlan => (S::BAD_REQUEST, "BCK.X402.0014", "Delegation of another plan"),
        Refusal::Spent => (S::PAYMENT_REQUIRED, credits::CODE_SPENT, "Access token spent"),
        Refusal::InUse => (S::PAYMENT_REQUIRED, credits::CODE_IN_USE, "Access token in use"),
        Refusal::Insufficient { .. } => (S::PAYMENT_REQUIRED, credits::CODE_INSUFFICIENT, "Not enough credits"),
        Refusal::NotHeld => (S::PAYMENT_REQUIRED, credits::CODE_INSUFFICIENT, "Plan not held"),
        Refusal::EndpointClosed => (S::FORBIDDEN, "BCK.PROTOCOL.0031", "Endpoint not listed"),
        Refusal::AgentClosed => (S::FORBIDDEN, "FBX.X402.AGENT", "Agent not in the plan"),
        Refusal::Released => (S::CONFLICT, "FBX.X402.RELEASED", "Hold given back"),
        Refusal::RequestReused => (S::CONFLICT, "FBX.X402.CONFLICT", "Request id reused"),
        Refusal::ExceedsHold { .. } => (S::CONFLICT, "FBX.X402.EXCEEDS_HOLD", "More than is held"),
    }
}

/// What to do about it, where that is not obvious.
const fn hint(refusal: &Refusal) -> Option<&'static str> {
    Some(match refusal {
        Refusal::NoKey | Refusal::BadKey => "create a key with `farebox key create`",
        Refusal::NoRoute => {
            "the credits API is under /api/v1; its organizations, cards, fiat and MPP are not served here"
        }
        Refusal::OthersAccount => {
            "use a token of the merchant that --payments-merchant names, or serve this one on its own"
        }
        Refusal::OtherMode => {
            "use a live merchant with a live key of the provider, and a test merchant with a test key"
        }
        Refusal::Simulated => "serve with --provider stripe or toss, or use a merchant in test mode",
        Refusal::InvalidToken => "mint a new access token",
        Refusal::Spent => "a version 3 token pays once: mint a new one",
        Refusal::InUse => "wait for the other request to end, or mint a new token",
        Refusal::Insufficient { .. } | Refusal::NotHeld => "order the plan again, or ask its owner for credits",
        Refusal::Delegation(_) => "create a new delegation and mint a token under it",
        Refusal::NotAccepted { .. } => "mint a token for exactly what the offer names",
        Refusal::Priced => {
            "its owner can mint credits to you; a price in one known token can be paid where a facilitator runs"
        }
        Refusal::Unpaid => "repeat the order with the payment in a payment-signature header",
        Refusal::PaymentRefused { .. } | Refusal::PaymentUsed => "sign a new payment for one of the offers",
        Refusal::TooManyDelegations { .. } => "use one that you have, or wait until one ends",
        Refusal::KeyReused => "use a new key for a new request",
        _ => return None,
    })
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let (status, code, title) = shape(&refusal);
        Self { status, code, title, detail: refusal.to_string(), hint: hint(&refusal), retry_after: None }
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        tracing::error!(error = %fault, retry = ?fault.retry, "a request failed");
        match fault.retry {
            Retry::Never => Self::internal(),
            Retry::After(wait) => Self::unavailable(wait, "nothing has happened: repeat the request"),
            Retry::Unknown => Self::unavailable(
                Duration::from_secs(1),
                "it may have happened: repeat it under the same name to find out",
            ),
        }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(refusal) => refusal.into(),
            Failure::Broken(fault) => fault.into(),
        }
    }
}

impl Problem {
    /// Something broke, and trying again will not help.
    pub(super) fn internal() -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code: INTERNAL,
            title: "Internal error",
            detail: "something broke in this server; its log says what, under this answer's Request-Id".to_owned(),
            hint: None,
            retry_after: None,
        }
    }

    pub(super) fn unavailable(wait: Duration, hint: &'static str) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            code: UNAVAILABLE,
            title: "Not available right now",
            detail: "this server cannot answer right now".to_owned(),
            hint: Some(hint),
            retry_after: Some(wait),
        }
    }

    /// The answer to a panic, whose text stays in the log.
    #[expect(clippy::needless_pass_by_value, reason = "the panic layer hands it over")]
    pub(super) fn panicked(payload: Box<dyn Any + Send>) -> Response {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        tracing::error!(panic = text.unwrap_or("unknown"), "a request handler panicked");
        Self::internal().into_response()
    }

    /// `/problems/<code>`, relative to the server: stable, one per code.
    fn kind(&self) -> Uri {
        let path = format!("/problems/{}", self.code.to_ascii_lowercase().replace(['.', '_'], "-"));
        path.parse().unwrap_or_default()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let extension = Extension { code: self.code, message: self.detail.clone(), hint: self.hint };
        let details = ProblemDetails::new()
            .with_type(self.kind())
            .with_status(self.status)
            .with_title(self.title)
            .with_detail(self.detail)
            .with_extensions(extension);
        let content_type = JsonProblemDetails::<Extension>::CONTENT_TYPE;
        let mut answer = (self.status, [(header::CONTENT_TYPE, content_type)], Json(details)).into_response();
        if let Some(wait) = self.retry_after {
            answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        answer
    }
}
