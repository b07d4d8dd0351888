//! An answer that is no success, read: the problem document, and which kind of error it is.

use std::{fmt, time::Duration};

use farebox_api::{Problem, ProblemCode};
use farebox_types::Timestamp;
use http::StatusCode;
use serde::Deserialize;

use crate::{error::Error, forward::Forwarded, retry_after};

/// What the API said instead of yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The status.
    pub status: StatusCode,
    /// The problem document. Members that the answer did not have are empty; its code is then `about:blank`.
    pub problem: Problem,
    /// The answer's `Request-Id`.
    pub request_id: Option<String>,
    /// How long the API wants to be left alone.
    pub retry_after: Option<Duration>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem { code, title, detail, .. } = &self.problem;
        write!(f, "{} {code}", self.status.as_u16())?;
        for text in [title, detail] {
            if !text.is_empty() {
                write!(f, ": {text}")?;
            }
        }
        self.request_id.as_ref().map_or(Ok(()), |id| write!(f, " (request {id})"))
    }
}

/// What stands between us and the API may answer with less than a whole problem.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Partial {
    r#type: Option<String>,
    title: Option<String>,
    detail: Option<String>,
    instance: Option<String>,
    request_id: Option<String>,
}

pub(crate) fn read(answer: &Forwarded, now: Timestamp) -> Error {
    let status = answer.status;
    let problem = problem(answer);
    let header = answer.headers.get("request-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
    let request_id = header.or_else(|| Some(problem.request_id.clone()).filter(|id| !id.is_empty()));
    let retry_after = retry_after::hint(&answer.headers, now);
    let code = problem.code.clone();
    kind(status, &code)(Box::new(Refused { status, problem, request_id, retry_after }))
}

fn problem(answer: &Forwarded) -> Problem {
    if let Ok(problem) = serde_json::from_slice(&answer.body) {
        return problem;
    }
    let partial: Partial = serde_json::from_slice(&answer.body).unwrap_or_default();
    Problem {
        code: partial.r#type.unwrap_or_else(|| "about:blank".to_owned()),
        title: partial.title.or_else(|| answer.status.canonical_reason().map(str::to_owned)).unwrap_or_default(),
        status: answer.status.as_u16(),
        detail: partial.detail.unwrap_or_default(),
        instance: partial.instance.unwrap_or_default(),
        request_id: partial.request_id.unwrap_or_default(),
        errors: Vec::new(),
    }
}

fn kind(status: StatusCode, code: &str) -> fn(Box<Refused>) -> Error {
    match status.as_u16() {
        401 => Error::Authentication,
        403 => Error::Authorization,
        404 => Error::NotFound,
        409 if code == ProblemCode::IdempotencyConflict.as_str() => Error::IdempotencyConflict,
        409 if code == ProblemCode::IdempotencyInProgress.as_str() => Error::IdempotencyInProgress,
        412 => Error::PreconditionFailed,
        429 => Error::RateLimit,
        500.. => Error::Server,
        _ => Error::Refused,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;

    use super::*;

    fn error(status: u16, body: &str) -> Error {
        let mut headers = HeaderMap::new();
        headers.insert("request-id", "req_7".parse().unwrap());
        headers.insert("retry-after", "3".parse().unwrap());
        let body = Bytes::copy_from_slice(body.as_bytes());
        read(&Forwarded { status: StatusCode::from_u16(status).unwrap(), headers, body }, Timestamp::from_seconds(0))
    }

    #[test]
    fn each_status_is_its_own_kind_of_error_and_says_whether_to_try_again() {
        let conflict = r#"{"type":"paylera.idempotency_conflict"}"#;
        let running = r#"{"type":"paylera.idempotency_in_progress"}"#;
        let taken = r#"{"type":"paylera.conflict"}"#;
        for (status, body, name, retryable) in [
            (400, "{}", "Refused", false),
            (401, "{}", "Authentication", false),
            (403, "{}", "Authorization", false),
            (404, "{}", "NotFound", false),
            (408, "{}", "Refused", true),
            (409, conflict, "IdempotencyConflict", false),
            (409, running, "IdempotencyInProgress", true),
            (409, taken, "Refused", false),
            (412, "{}", "PreconditionFailed", false),
            (422, "{}", "Refused", false),
            (429, "{}", "RateLimit", true),
            (500, "{}", "Server", true),
            (501, "{}", "Server", false),
            (503, "{}", "Server", true),
            (302, "{}", "Refused", false),
        ] {
            let error = error(status, body);
            assert!(format!("{error:?}").starts_with(&format!("{name}(")), "{status} {error:?}");
            assert_eq!(error.is_retryable(), retryable, "{status} {body}");
            assert_eq!(error.request_id(), Some("req_7"));
            assert_eq!(error.refused().unwrap().retry_after, Some(Duration::from_secs(3)));
        }
    }

    #[test]
    fn the_problem_is_kept_whole() {
        let body = r#"{"type":"paylera.invalid","title":"T","status":422,"detail":"D","instance":"/v1/x","request_id":"r",
            "errors":[{"pointer":"/a","code":"missing","detail":"must be there"}]}"#;
        let error = error(422, body);
        let problem = error.problem().unwrap();
        assert_eq!((problem.code.as_str(), problem.errors[0].pointer.as_str()), ("paylera.invalid", "/a"));
        assert_eq!(error.to_string(), "refused: 422 paylera.invalid: T: D (request req_7)");
    }

    #[test]
    fn an_answer_from_somewhere_between_is_an_error_too() {
        for body in ["<html>Bad gateway</html>", "", "[]", "null", "7"] {
            let error = error(502, body);
            let problem = error.problem().unwrap();
            assert_eq!(
                (problem.code.as_str(), problem.status, problem.title.as_str()),
                ("about:blank", 502, "Bad Gateway")
            );
        }
    }
}
