//! Toss Payments' API: JSON bodies, basic auth, idempotency keys, and what each error code means.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use farebox_types::Secret;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    NAME,
    types::{ErrorAnswer, Payment, Transaction},
};
use crate::{
    outcome::{Fault, Outcome, Refusal, RefusalClass},
    wire::{BadBaseUrl, Broken, Call, Reply, Wire, cut},
};

#[derive(Clone)]
pub(super) struct Client {
    wire: Wire,
}

impl Client {
    /// The secret key is the user name; there is no password.
    pub(super) fn new(base: &str, key: &Secret, timeout: Duration) -> Result<Self, BadBaseUrl> {
        let basic = format!("Basic {}", STANDARD.encode(format!("{}:", key.expose())));
        Ok(Self { wire: Wire::new(NAME, base, Some(&basic), timeout)? })
    }

    /// A write under its key.
    pub(super) async fn post(&self, path: &str, key: &str, body: &Value) -> Outcome<Payment> {
        let call = Call::post(path, "application/json", body.to_string()).with("idempotency-key", key);
        match self.wire.send(call).await {
            Ok(reply) if reply.status == 200 => match parse(&reply) {
                Some(payment) => Outcome::Seen(payment),
                None => Outcome::Unknown(self.fault("the answer cannot be read")),
            },
            Ok(reply) => self.failed(&reply),
            Err(Broken::NotSent(fault)) => Outcome::NotDone(fault),
            Err(Broken::Unknown(fault)) => Outcome::Unknown(fault),
        }
    }

    /// A read; `None` for what is not there.
    pub(super) async fn get(&self, path: &str) -> Result<Option<Payment>, Fault> {
        let reply = self.wire.send(Call::get(path)).await.map_err(Broken::fault)?;
        match reply.status {
            200 => parse(&reply).map(Some).ok_or_else(|| self.fault("the answer cannot be read")),
            404 if error(&reply).code.starts_with("NOT_FOUND_PAYMENT") => Ok(None),
            _ => Err(self.fault_of(&reply)),
        }
    }

    /// Some of the transactions since then, from behind the transaction `after`.
    pub(super) async fn transactions(&self, query: &str) -> Result<Vec<Transaction>, Fault> {
        let reply = self.wire.send(Call::get(format!("/v1/transactions?{query}"))).await.map_err(Broken::fault)?;
        match reply.status {
            200 => parse(&reply).ok_or_else(|| self.fault("the answer cannot be read")),
            _ => Err(self.fault_of(&reply)),
        }
    }

    pub(super) fn fault(&self, what: impl Into<String>) -> Fault {
        self.wire.fault(what)
    }

    fn failed(&self, reply: &Reply) -> Outcome<Payment> {
        let ErrorAnswer { code, message } = error(reply);
        let settings = matches!(
            code.as_str(),
            "UNAUTHORIZED_KEY" | "INCORRECT_BASIC_AUTH_FORMAT" | "INVALID_API_KEY" | "FORBIDDEN_REQUEST"
        );
        match reply.status {
            _ if settings => Outcome::NotDone(self.fault_of(reply)),
            429 => Outcome::NotDone(self.fault_of(reply)),
            // Done before, perhaps by a call of ours that was never answered; and a key that is still in use.
            _ if code.starts_with("ALREADY_") || code == "IDEMPOTENT_REQUEST_PROCESSING" => {
                Outcome::Unknown(self.fault_of(reply))
            }
            _ if code == "PROVIDER_ERROR" || code.is_empty() => Outcome::Unknown(self.fault_of(reply)),
            400 | 403 | 404 => {
                let class = if is_decline(&code) { RefusalClass::Declined } else { RefusalClass::Invalid };
                Outcome::Refused(refusal(&code, &message, class))
            }
            _ => Outcome::Unknown(self.fault_of(reply)),
        }
    }

    fn fault_of(&self, reply: &Reply) -> Fault {
        let ErrorAnswer { code, message } = error(reply);
        let settings = matches!(reply.status, 401) || code == "FORBIDDEN_REQUEST";
        let what = format!("status {}: {}: {}", reply.status, cut(&code), cut(&message));
        Fault { retry_after: reply.retry_after(), settings, ..self.wire.fault(what) }
    }
}

/// Codes by which the payer's bank or card says no; another card may do.
fn is_decline(code: &str) -> bool {
    const PARTS: [&str; 7] =
        ["REJECT", "EXCEED", "STOPPED_CARD", "INVALID_CARD", "LOST_OR_STOLEN", "INVALID_PASSWORD", "NOT_ENOUGH"];
    // Too large a refund is the caller's, not the card's.
    !code.contains("CANCEL") && PARTS.iter().any(|part| code.contains(part))
}

pub(super) fn refusal(code: &str, message: &str, class: RefusalClass) -> Refusal {
    Refusal { code: cut(code), decline_code: None, message: cut(message), class, provider_id: None }
}

fn parse<T: DeserializeOwned>(reply: &Reply) -> Option<T> {
    serde_json::from_slice(&reply.body).ok()
}

fn error(reply: &Reply) -> ErrorAnswer {
    parse(reply).unwrap_or_default()
}
