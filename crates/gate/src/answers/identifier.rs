//! The extension `payment-identifier`: a name that a payer gives to a request, so that sending it again, with whatever
//! payment, is the same request.

use std::time::Duration;

use farebox_x402::{Payment, Refusal, header};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::claim::Single;

/// Whether a route takes names for requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identifier {
    /// A payer may name its request.
    Optional,
    /// A payer has to.
    Required,
}

const NAME: &str = "payment-identifier";
/// The code of a payment without the name that its route asks for.
pub(crate) const MISSING: &str = "payment_identifier_required";
/// The code of a name that is none.
pub(crate) const BAD: &str = "invalid_payment_identifier";

impl Identifier {
    /// What an offer says of it.
    pub(crate) fn offer(self, extensions: &mut Map<String, Value>) {
        let id = json!({"type": "string", "minLength": 16, "maxLength": 128, "pattern": "^[a-zA-Z0-9_-]+$"});
        let properties = json!({"required": {"type": "boolean"}, "id": id});
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": properties,
            "required": ["required"],
        });
        let info = json!({"required": self == Self::Required});
        extensions.insert(NAME.to_owned(), json!({"info": info, "schema": schema}));
    }

    /// The claim on the name that a payment brings.
    ///
    /// # Errors
    /// A refusal for a name that is missing, or none.
    pub(crate) fn of(self, label: &str, payment: &Payment) -> Result<Option<Single>, Refusal> {
        let refused = |code: &str, reason: &str| Err(Refusal { code: code.to_owned(), reason: reason.to_owned() });
        match (id_of(payment), self) {
            (None, Self::Optional) => Ok(None),
            (None, Self::Required) => refused(MISSING, "this route asks for a payment-identifier"),
            (Some(id), _) if !is_name(&id) => {
                refused(BAD, "a payment-identifier has 16 to 128 letters, digits, - and _")
            }
            (Some(id), _) => Ok(Some(Single::named(label, &payer_of(payment), &id, Duration::ZERO))),
        }
    }
}

fn is_name(id: &str) -> bool {
    (16..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    extensions: Map<String, Value>,
    payload: Payload,
}

#[derive(Deserialize)]
struct Payload {
    authorization: Authorization,
}

#[derive(Deserialize)]
struct Authorization {
    from: String,
}

fn token_of(payment: &Payment) -> Option<Token> {
    serde_json::from_slice(&header::decode_bytes(payment.token.as_bytes()).ok()?).ok()
}

fn id_of(payment: &Payment) -> Option<String> {
    let id = |extensions: &Map<String, Value>| Some(extensions.get(NAME)?.get("info")?.get("id")?.as_str()?.to_owned());
    match &payment.payload {
        Some(payload) => id(&payload.extensions),
        None => id(&token_of(payment)?.extensions),
    }
}

/// Who says they pay: two payers may use one name.
fn payer_of(payment: &Payment) -> String {
    let on_chain = || payment.payload.as_ref()?.identity()?.payer.clone();
    let payer = on_chain().or_else(|| Some(token_of(payment)?.payload.authorization.from));
    payer.unwrap_or_default().to_ascii_lowercase()
}
