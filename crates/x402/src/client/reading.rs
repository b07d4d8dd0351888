//! What an answer means: done, refused, or broken; and whether a repeat can help.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde::de::DeserializeOwned;

use super::{
    call::Call,
    endpoint::{Answer, Broken},
};
use crate::{Fault, Refusal, Retry, credits::ErrorBody};

/// The code of a refusal by a backend that names none.
pub const CODE_UNSPECIFIED: &str = "FBX.X402.REFUSED";

/// Before the next try when nothing has happened and the backend names no time.
const SOON: Duration = Duration::from_secs(1);
/// A backend that asks for more patience than this is not taken at its word.
const PATIENCE: Duration = Duration::from_secs(3600);

/// What a call does when it arrives, even if its answer never does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// It only looks.
    Nothing,
    /// It reserves, and once more if repeated with a reusable token.
    Hold,
    /// It acts on a named charge, once.
    Named,
}

impl Effect {
    pub(super) const fn may_repeat(self) -> bool {
        matches!(self, Self::Nothing | Self::Named)
    }

    const fn when_lost(self) -> Retry {
        match self {
            Self::Nothing => Retry::After(SOON),
            Self::Hold | Self::Named => Retry::Unknown,
        }
    }
}

/// An answer that was understood.
pub(super) enum Said {
    Done(Bytes),
    Refused(Refusal),
}

/// How the answer to one call is read.
pub(super) struct Reading<'a> {
    pub(super) call: Call,
    pub(super) effect: Effect,
    /// What no text of ours may repeat, even when the backend does.
    pub(super) secrets: [&'a str; 2],
}

impl Reading<'_> {
    /// Sorts an answer by its status.
    pub(super) fn sort(&self, result: Result<Answer, Broken>) -> Result<Said, Fault> {
        let answer = result.map_err(|broken| self.broken(broken))?;
        match answer.status {
            status if status.is_success() => Ok(Said::Done(answer.body)),
            StatusCode::BAD_REQUEST | StatusCode::PAYMENT_REQUIRED | StatusCode::CONFLICT => self.business(&answer),
            StatusCode::TOO_MANY_REQUESTS => {
                Err(self.answered(&answer, Retry::After(answer.retry_after.unwrap_or(SOON).min(PATIENCE))))
            }
            status if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT => {
                Err(self.answered(&answer, self.effect.when_lost()))
            }
            _ => Err(self.answered(&answer, Retry::Never)),
        }
    }

    /// Reads a JSON body. Nesting beyond 128 is refused by the parser, size by the endpoint.
    pub(super) fn parse<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, Fault> {
        // The parser's own text may quote the body; its place and kind may not.
        serde_json::from_slice(body).map_err(|error| {
            let (kind, line, column) = (error.classify(), error.line(), error.column());
            self.unreadable(&format!("{kind:?} error in line {line}, column {column}"))
        })
    }

    /// A refusal whose texts are short, printable and free of secrets.
    pub(super) fn refusal(&self, code: Option<&str>, reason: Option<&str>) -> Refusal {
        let code = code.filter(|code| is_code(code) && !self.tells(code)).unwrap_or(CODE_UNSPECIFIED);
        let reason = reason.filter(|reason| !self.tells(reason)).map(shown).filter(|reason| !reason.is_empty());
        Refusal { code: code.to_owned(), reason: reason.unwrap_or_else(|| "the payment was refused".to_owned()) }
    }

    /// An answer of the wrong shape: it tells nothing about what happened.
    pub(super) fn unreadable(&self, what: &str) -> Fault {
        self.fault(&format!("gave an answer that cannot be read: {what}"), self.effect.when_lost())
    }

    /// The backend will not give this hold back; asking again changes nothing.
    pub(super) fn refused_release(&self, refusal: &Refusal) -> Fault {
        self.fault(&format!("refused: {} {}", refusal.code, refusal.reason), Retry::Never)
    }

    fn business(&self, answer: &Answer) -> Result<Said, Fault> {
        match serde_json::from_slice::<ErrorBody>(&answer.body) {
            Ok(body) if is_about_the_payment(&body.code) => {
                Ok(Said::Refused(self.refusal(Some(&body.code), Some(&body.message))))
            }
            _ => Err(self.answered(answer, Retry::Never)),
        }
    }

    fn answered(&self, answer: &Answer, retry: Retry) -> Fault {
        let status = answer.status.as_u16();
        let detail = serde_json::from_slice::<ErrorBody>(&answer.body).map(|body| {
            let told = self.refusal(Some(&body.code), Some(&body.message));
            format!(": {} {}", told.code, told.reason)
        });
        self.fault(&format!("answered {status}{}", detail.unwrap_or_default()), retry)
    }

    fn broken(&self, broken: Broken) -> Fault {
        let (what, retry, source) = match broken {
            Broken::Unsent(error) => ("could not be reached", Retry::After(SOON), Some(error)),
            Broken::Unanswered(error) => ("closed the connection", self.effect.when_lost(), Some(error)),
            Broken::Lost(error) => ("broke off its answer", self.effect.when_lost(), Some(error)),
            Broken::Timeout => ("did not answer in time", self.effect.when_lost(), None),
        };
        Fault { source, ..self.fault(what, retry) }
    }

    fn fault(&self, what: &str, retry: Retry) -> Fault {
        Fault { what: format!("{}: the credits backend {what}", self.call.name()), retry, source: None }
    }

    fn tells(&self, text: &str) -> bool {
        self.secrets.iter().any(|secret| !secret.is_empty() && text.contains(secret))
    }
}

/// The families of codes that are about the payment rather than about the caller.
fn is_about_the_payment(code: &str) -> bool {
    ["BCK.X402.", "BCK.CREDITS.", "FBX.X402."].iter().any(|family| code.starts_with(family))
}

fn is_code(code: &str) -> bool {
    (1..=64).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

/// One line of at most 300 characters.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AFTER_7: Retry = Retry::After(Duration::from_secs(7));

    fn reading(effect: Effect) -> Reading<'static> {
        Reading { call: Call::Settle, effect, secrets: ["tok3n", "k3y"] }
    }

    fn sort(effect: Effect, status: u16, body: &'static str) -> Result<Said, Fault> {
        let retry_after = Some(Duration::from_secs(7));
        let status = StatusCode::from_u16(status).unwrap();
        reading(effect).sort(Ok(Answer { status, retry_after, body: body.into() }))
    }

    #[test]
    fn every_status_has_one_meaning() {
        use Retry::{Never, Unknown};
        for (status, retry) in [
            (301, Never),
            (307, Never),
            (400, Never),
            (401, Never),
            (402, Never),
            (403, Never),
            (404, Never),
            (405, Never),
            (408, Unknown),
            (409, Never),
            (413, Never),
            (422, Never),
            (429, AFTER_7),
            (500, Unknown),
            (502, Unknown),
            (503, Unknown),
            (504, Unknown),
        ] {
            let fault = sort(Effect::Named, status, "<html>").err().unwrap();
            assert_eq!(fault.retry, retry, "{status}");
        }
        assert!(matches!(sort(Effect::Named, 200, "{}"), Ok(Said::Done(_))));
    }

    #[test]
    fn only_a_code_about_the_payment_is_a_refusal() {
        for status in [400, 402, 409] {
            for body in [
                r#"{"code":"BCK.X402.0005","message":"expired"}"#,
                r#"{"code":"BCK.CREDITS.0003","message":"not enough"}"#,
                r#"{"code":"FBX.X402.IN_USE","message":"in use","hint":"wait"}"#,
            ] {
                assert!(matches!(sort(Effect::Named, status, body), Ok(Said::Refused(_))), "{status} {body}");
            }
            let ours = sort(Effect::Named, status, r#"{"code":"BCK.COMMON.0026","message":"bad uint256"}"#);
            assert_eq!(ours.err().map(|fault| fault.retry), Some(Retry::Never), "{status}");
        }
        for status in [401, 403, 404] {
            let ours = sort(Effect::Named, status, r#"{"code":"BCK.X402.0005","message":"expired"}"#);
            assert_eq!(ours.err().map(|fault| fault.retry), Some(Retry::Never), "{status}");
        }
    }

    #[test]
    fn what_is_lost_is_unknown_unless_the_call_only_looked() {
        for (effect, retry) in
            [(Effect::Nothing, Retry::After(SOON)), (Effect::Hold, Retry::Unknown), (Effect::Named, Retry::Unknown)]
        {
            assert_eq!(reading(effect).unreadable("x").retry, retry);
            assert_eq!(reading(effect).sort(Err(Broken::Timeout)).err().unwrap().retry, retry);
            assert_eq!(reading(effect).sort(Err(Broken::Lost("reset".into()))).err().unwrap().retry, retry);
            let unsent = reading(effect).sort(Err(Broken::Unsent("refused".into()))).err().unwrap();
            assert_eq!(unsent.retry, Retry::After(SOON));
        }
    }

    #[test]
    fn a_refusal_repeats_no_secret_and_stays_short() {
        let told = reading(Effect::Named).refusal(Some("BCK.X402.0005"), Some("token tok3n is bad"));
        assert_eq!((told.code.as_str(), told.reason.as_str()), ("BCK.X402.0005", "the payment was refused"));
        let told = reading(Effect::Named).refusal(Some("bad\ncode"), Some(&"x\u{7}".repeat(9_000)));
        assert_eq!((told.code.as_str(), told.reason.len()), (CODE_UNSPECIFIED, 300));
    }

    #[test]
    fn a_parse_error_does_not_quote_the_body() {
        let fault = reading(Effect::Named).parse::<crate::Receipt>(br#"{"success":"tok3n"}"#).unwrap_err();
        assert!(!format!("{fault:?} {fault}").contains("tok3n"));
    }
}
