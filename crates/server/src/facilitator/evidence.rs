//! The payer's evidence as storage keeps it until the outcome is known: what the transaction is built from.

use farebox_evm::Payment;
use farebox_x402::{Requirements, facilitation::Request};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[derive(Serialize, Deserialize)]
struct Evidence {
    payload: Box<RawValue>,
    requirements: Requirements,
}

/// As JSON.
pub(super) fn write(request: &Request) -> String {
    let evidence = Evidence { payload: request.payload.payload.clone(), requirements: request.requirements.clone() };
    serde_json::to_string(&evidence).unwrap_or_default()
}

/// Back from JSON.
pub(super) fn read(text: &str) -> Result<Payment, String> {
    let Evidence { payload, requirements } = serde_json::from_str(text).map_err(|error| error.to_string())?;
    Payment::read(&payload, &requirements).map_err(|refusal| refusal.reason)
}
