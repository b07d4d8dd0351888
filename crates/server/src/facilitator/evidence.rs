//! The payer's evidence as storage keeps it until the outcome is known: what the transaction is built from.

use farebox_evm::Payment;
use farebox_x402::{Refusal, Requirements, facilitation::Request};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

#[derive(Serialize)]
struct Writing<'a> {
    payload: &'a RawValue,
    extensions: &'a Map<String, Value>,
    requirements: &'a Requirements,
}

#[derive(Deserialize)]
struct Reading {
    payload: Value,
    extensions: Map<String, Value>,
    requirements: Requirements,
}

/// What a request presents.
pub(super) fn payment(request: &Request) -> Result<Payment, Refusal> {
    let malformed = |what: String| Refusal { code: "invalid_payload".to_owned(), reason: what };
    let payload = serde_json::from_str(request.payload.payload.get()).map_err(|error| malformed(error.to_string()))?;
    Payment::read(&payload, Some(&request.payload.extensions), &request.requirements)
}

/// As JSON.
pub(super) fn write(request: &Request) -> String {
    let evidence = Writing {
        payload: &request.payload.payload,
        extensions: &request.payload.extensions,
        requirements: &request.requirements,
    };
    serde_json::to_string(&evidence).unwrap_or_default()
}

/// Back from JSON.
pub(super) fn read(text: &str) -> Result<Payment, String> {
    let Reading { payload, extensions, requirements } =
        serde_json::from_str(text).map_err(|error| error.to_string())?;
    Payment::read(&payload, Some(&extensions), &requirements).map_err(|refusal| refusal.reason)
}
