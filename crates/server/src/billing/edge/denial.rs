//! The edge of `/v1`: why something did not happen, as the relay protocol's problems.

use std::time::Duration;

use farebox_api::{Amount, FieldError, Problem, ProblemCode};
use farebox_engine::{entitlement::Uncountable, ledger::Refusal};
use farebox_store::{Fault, Retry, billing::BillingError};

/// Why not.
#[derive(Debug, Clone)]
pub(in crate::billing) struct Denial {
    pub(in crate::billing) code: ProblemCode,
    pub(in crate::billing) detail: String,
    pub(in crate::billing) errors: Vec<FieldError>,
    pub(in crate::billing) wait: Option<Duration>,
}

impl Denial {
    /// With a text that is safe to show.
    pub(in crate::billing) fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), errors: Vec::new(), wait: None }
    }

    /// No such thing, or another tenant's.
    pub(in crate::billing) fn not_found(what: &str) -> Self {
        Self::new(ProblemCode::NotFound, format!("there is no such {what}"))
    }

    /// A member of the body that cannot be used.
    pub(in crate::billing) fn member(pointer: &str, detail: impl Into<String>) -> Self {
        Self::invalid(pointer, "invalid", detail)
    }

    /// Something wrong in the body.
    pub(in crate::billing) fn invalid(pointer: &str, code: &str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let place = if pointer.is_empty() { "the body" } else { pointer };
        let errors = vec![FieldError { pointer: pointer.to_owned(), code: code.to_owned(), detail: detail.clone() }];
        Self { errors, ..Self::new(ProblemCode::Invalid, format!("{place}: {detail}")) }
    }

    /// A header or query parameter that cannot be used.
    pub(in crate::billing) fn parameter(name: &str, rule: &str) -> Self {
        Self::new(ProblemCode::BadParameter, format!("{name} must be {rule}"))
    }

    /// As it goes out.
    pub(in crate::billing) fn problem(&self, instance: &str, request_id: &str) -> Problem {
        Problem {
            code: self.code.as_str().to_owned(),
            title: self.code.title().to_owned(),
            status: self.code.status(),
            detail: self.detail.clone(),
            instance: instance.to_owned(),
            request_id: request_id.to_owned(),
            errors: self.errors.clone(),
        }
    }
}

impl From<Fault> for Denial {
    fn from(fault: Fault) -> Self {
        tracing::error!(error = %fault, retry = ?fault.retry, "a request failed");
        let (code, detail, wait) = match fault.retry {
            Retry::Never => (ProblemCode::Internal, "something broke in this server; its log says what", None),
            Retry::After(wait) => (ProblemCode::Unavailable, "nothing has happened: repeat the request", Some(wait)),
            Retry::Unknown => {
                let detail = "it may have happened: repeat the request with the same Idempotency-Key to find out";
                (ProblemCode::Unavailable, detail, Some(Duration::from_secs(1)))
            }
        };
        Self { wait, ..Self::new(code, detail) }
    }
}

impl From<BillingError> for Denial {
    fn from(error: BillingError) -> Self {
        let detail = error.to_string();
        let code = match error {
            BillingError::Fault(fault) => return fault.into(),
            BillingError::NotFound(kind) => return Self::not_found(&kind.as_str().replace('_', " ")),
            BillingError::Conflict => ProblemCode::IdempotencyConflict,
            BillingError::Taken(..) => ProblemCode::Conflict,
            BillingError::Busy => {
                let wait = Some(Duration::from_secs(1));
                return Self { wait, ..Self::new(ProblemCode::Unavailable, detail) };
            }
            BillingError::NotAllowed(_) | BillingError::Refused(Refusal::Finished { .. }) => ProblemCode::InvalidState,
            BillingError::Refused(Refusal::Insufficient { needed, available, .. }) => {
                let (needed, available) = (Amount::from_micros(needed), Amount::from_micros(available));
                return Self::new(ProblemCode::InsufficientBalance, format!("{needed} needed, {available} available"));
            }
            BillingError::Refused(Refusal::Conflict) => ProblemCode::IdempotencyConflict,
            BillingError::Refused(Refusal::Beyond { used }) => {
                let used = Amount::from_micros(used);
                return Self::member("/value", format!("takes back more than the {used} that was used in this window"));
            }
            BillingError::Uncountable(why) => {
                let pointer = match why {
                    Uncountable::NoProperty | Uncountable::NoNumber => "/properties",
                    Uncountable::Zero | Uncountable::NotWhole | Uncountable::NoCorrection => "/value",
                };
                return Self::member(pointer, why.to_string());
            }
            BillingError::Refused(_) | BillingError::Invalid(_) => ProblemCode::Invalid,
        };
        Self::new(code, detail)
    }
}
