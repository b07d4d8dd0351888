//! The device flow of RFC 8628: a device shows a code, somebody with a token lets it in, the device gets a token.
//!
//! A code belongs to no tenant until somebody decides: until then it is kept under the nil tenant.

mod code;
mod decide;
mod device_code;
mod token;

pub(super) use decide::{decide, page};
pub(super) use device_code::device_code;
pub(super) use token::token;

use farebox_types::{Id, Merchant};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::edge::{Call, Denial};

/// Under which codes are kept.
fn nobody() -> Id<Merchant> {
    Id::from_uuid(Uuid::nil())
}

/// What is kept of a device's secret.
fn hash(device_code: &str) -> String {
    hex::encode(Sha256::digest(device_code.as_bytes()))
}

/// A form, as RFC 6749 has it, or JSON.
fn body<T: DeserializeOwned>(call: &Call) -> Result<T, Denial> {
    if call.body.first() == Some(&b'{') {
        return call.body();
    }
    let text = std::str::from_utf8(&call.body).unwrap_or_default();
    let uri = format!("/?{text}").parse().map_err(|_| unreadable())?;
    axum::extract::Query::<T>::try_from_uri(&uri).map(|form| form.0).map_err(|_| unreadable())
}

fn unreadable() -> Denial {
    Denial::new(
        farebox_api::ProblemCode::Malformed,
        "the body must be a form or a JSON object with every member it needs",
    )
}
