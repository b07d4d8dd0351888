//! The body of `/verify` and `/settle`.

use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use sha2::{Digest, Sha256};

use super::{Question, canonical};
use crate::{
    BadRequest, Dialect, Family, PaymentPayload, Requirements,
    member::{Member, check_depth},
    payload::{Versions, read_payload, read_requirements},
};

/// A payment, and what the seller requires of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// What the payer presented.
    pub payload: PaymentPayload,
    /// What it has to satisfy, in the shape of version 2. For settling `upto`, its amount is the actual one.
    pub requirements: Requirements,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shape<'a> {
    #[serde(borrow, default)]
    x402_version: Option<&'a RawValue>,
    #[serde(borrow, default)]
    t402_version: Option<&'a RawValue>,
    #[serde(borrow, default)]
    payment_payload: Option<&'a RawValue>,
    #[serde(borrow, default)]
    payment_requirements: Option<&'a RawValue>,
}

impl Request {
    /// Reads a body in any dialect: x402 and t402, versions 1 and 2, and version 2 payments with version 1 requirements.
    /// The version may stand in the payment, around it, or in both; the inner one counts. `null` is as good as absent.
    ///
    /// # Errors
    /// [`BadRequest`], naming the member that is wrong.
    pub fn read(body: &[u8]) -> Result<Self, BadRequest> {
        check_depth(body)?;
        let shape: Shape<'_> =
            serde_json::from_slice(body).map_err(|_| BadRequest::whole("not JSON, or names a member twice"))?;
        let payload = Member::new(shape.payment_payload, "", "paymentPayload").needed_object()?;
        let required = Member::new(shape.payment_requirements, "", "paymentRequirements").needed_object()?;
        let outer = Versions { x402: shape.x402_version, t402: shape.t402_version };
        let mut payload = read_payload(payload, "paymentPayload", outer)?;
        let required = read_requirements(required, "paymentRequirements")?;
        payload.resource = payload.resource.or(required.resource);
        Ok(Self { payload, requirements: required.requirements })
    }

    /// How the payment is written.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        self.payload.dialect
    }

    /// SHA-256 over what is paid and required: the same for the same content in any dialect, order and spacing.
    #[must_use]
    pub fn canonical_hash(&self) -> [u8; 32] {
        let payload: Value = serde_json::from_str(self.payload.payload.get()).unwrap_or_default();
        let content = json!({
            "scheme": self.payload.scheme,
            "network": self.payload.network,
            "accepted": self.payload.accepted,
            "extensions": self.payload.extensions,
            "payload": payload,
            "requirements": self.requirements,
        });
        Sha256::digest(canonical(&content)).into()
    }

    /// The body for a facilitator of this family, in the payment's version.
    #[must_use]
    pub fn to_json(&self, family: Family) -> Vec<u8> {
        Question::new(&self.payload, &self.requirements).to_json(family)
    }
}
