//! Stripe's API: form bodies, idempotency keys, and what each status means for whether something happened.

use std::time::Duration;

use farebox_types::Secret;
use serde::de::DeserializeOwned;

use super::{
    NAME,
    types::{ErrorAnswer, ErrorBody},
};
use crate::{
    outcome::{Fault, Outcome, Refusal, RefusalClass},
    wire::{BadBaseUrl, Broken, Call, Reply, Wire, cut, form},
};

/// The API version whose objects we read.
const VERSION: &str = "2024-06-20";
const FORM: &str = "application/x-www-form-urlencoded";

#[derive(Clone)]
pub(super) struct Client {
    wire: Wire,
}

/// How a read ended.
pub(super) enum Read<T> {
    Found(T),
    Missing,
    /// The server does not take this question.
    Rejected(Fault),
}

/// A form's fields; nested ones are written `metadata[key]`.
pub(super) type Fields<'a> = Vec<(&'a str, String)>;

impl Client {
    pub(super) fn new(base: &str, key: &Secret, timeout: Duration) -> Result<Self, BadBaseUrl> {
        Ok(Self { wire: Wire::new(NAME, base, Some(&format!("Bearer {}", key.expose())), timeout)? })
    }

    /// A write under its key.
    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, key: &str, fields: &Fields<'_>) -> Outcome<T> {
        let body = form(fields);
        let call = Call::post(path, FORM, body).with("idempotency-key", key).with("stripe-version", VERSION);
        let reply = match self.wire.send(call).await {
            Ok(reply) => reply,
            Err(Broken::NotSent(fault)) => return Outcome::NotDone(fault),
            Err(Broken::Unknown(fault)) => return Outcome::Unknown(fault),
        };
        if reply.status == 200 {
            return match serde_json::from_slice(&reply.body) {
                Ok(seen) => Outcome::Seen(seen),
                Err(_) => Outcome::Unknown(self.wire.fault("the answer cannot be read")),
            };
        }
        self.failed(&reply)
    }

    /// A read.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str, fields: &Fields<'_>) -> Result<Read<T>, Fault> {
        let path = if fields.is_empty() { path.to_owned() } else { format!("{path}?{}", form(fields)) };
        let call = Call::get(path).with("stripe-version", VERSION);
        let reply = self.wire.send(call).await.map_err(Broken::fault)?;
        match reply.status {
            200 => serde_json::from_slice(&reply.body)
                .map(Read::Found)
                .map_err(|_| self.fault("the answer cannot be read")),
            404 => Ok(Read::Missing),
            400 => Ok(Read::Rejected(self.fault_of(&reply))),
            _ => Err(self.fault_of(&reply)),
        }
    }

    pub(super) fn fault(&self, what: impl Into<String>) -> Fault {
        self.wire.fault(what)
    }

    /// What an answer other than 200 says about whether something happened.
    fn failed<T>(&self, reply: &Reply) -> Outcome<T> {
        let error = body(reply);
        let kind = error.kind.as_deref();
        match reply.status {
            // Turned away at the door.
            401 | 403 | 429 => Outcome::NotDone(self.fault_of(reply)),
            // The key was used for other parameters, or is in use: something else may be under way.
            409 => Outcome::Unknown(self.fault_of(reply)),
            400 if kind == Some("idempotency_error") => Outcome::Unknown(self.fault_of(reply)),
            402 => Outcome::Refused(refusal(error, RefusalClass::Declined)),
            400 | 404 => Outcome::Refused(refusal(error, RefusalClass::Invalid)),
            _ => Outcome::Unknown(self.fault_of(reply)),
        }
    }

    fn fault_of(&self, reply: &Reply) -> Fault {
        let error = body(reply);
        let settings = matches!(reply.status, 401 | 403);
        // For a wrong key, Stripe's message quotes it.
        let words = if settings { None } else { error.message };
        let what = match (error.code.or(error.kind), words) {
            (Some(code), Some(words)) => format!("status {}: {}: {}", reply.status, cut(&code), cut(&words)),
            (Some(code), None) => format!("status {}: {}", reply.status, cut(&code)),
            _ => format!("status {}", reply.status),
        };
        Fault { retry_after: reply.retry_after(), settings, ..self.wire.fault(what) }
    }
}

fn body(reply: &Reply) -> ErrorBody {
    serde_json::from_slice::<ErrorAnswer>(&reply.body).map(|answer| answer.error).unwrap_or_default()
}

/// A refusal in Stripe's words.
pub(super) fn refusal(error: ErrorBody, class: RefusalClass) -> Refusal {
    let unnamed = if class == RefusalClass::Declined { "card_declined" } else { "invalid_request_error" };
    Refusal {
        code: error.code.or(error.kind).map_or_else(|| unnamed.to_owned(), |code| cut(&code)),
        decline_code: error.decline_code.map(|code| cut(&code)),
        message: error.message.map(|message| cut(&message)).unwrap_or_default(),
        class,
        provider_id: error.payment_intent.map(|intent| intent.id),
    }
}
