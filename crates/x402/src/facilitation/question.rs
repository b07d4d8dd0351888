//! What a facilitator is asked, borrowed from whoever asks.

use serde::Serialize;

use crate::{
    Family, PaymentPayload, Requirements, Resource, Version,
    payload::{RequirementsV1, Written},
};

/// The body of `/verify` and `/settle` to be.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    payload: &'a PaymentPayload,
    requirements: &'a Requirements,
    version: Version,
    resource: Option<&'a Resource>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    x402_version: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    t402_version: Option<u8>,
    payment_payload: Written<'a>,
    payment_requirements: Required<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Required<'a> {
    V1(RequirementsV1<'a>),
    V2(&'a Requirements),
}

/// About what an address, a signature and an authorization weigh.
const ROOM: usize = 2048;

impl<'a> Question<'a> {
    /// A payment, and what it has to satisfy; in the payment's own version.
    #[must_use]
    pub const fn new(payload: &'a PaymentPayload, requirements: &'a Requirements) -> Self {
        Self { payload, requirements, version: payload.dialect.version, resource: payload.resource.as_ref() }
    }

    /// For a payment that does not say what it is for.
    #[must_use]
    pub const fn of(self, resource: &'a Resource) -> Self {
        Self { resource: Some(resource), ..self }
    }

    /// The same question in the version a facilitator understands: the evidence is the same in both.
    #[must_use]
    pub const fn in_version(self, version: Version) -> Self {
        Self { version, ..self }
    }

    /// What is presented.
    #[must_use]
    pub const fn payload(&self) -> &'a PaymentPayload {
        self.payload
    }

    /// What it has to satisfy.
    #[must_use]
    pub const fn requirements(&self) -> &'a Requirements {
        self.requirements
    }

    /// The body for a facilitator of this family.
    #[must_use]
    pub fn to_json(&self, family: Family) -> Vec<u8> {
        let Self { payload, requirements, version, resource } = *self;
        let number = |of| (family == of).then_some(version.number());
        let accepted = match payload.dialect.version == version {
            true => payload.accepted.as_ref(),
            // The other version says nothing of it, or says it by itself.
            false => Some(requirements),
        };
        let body = Body {
            x402_version: number(Family::X402),
            t402_version: number(Family::T402),
            payment_payload: Written { payment: payload, family, version, accepted, resource },
            payment_requirements: match version {
                Version::V1 => Required::V1(RequirementsV1::new(requirements, resource)),
                Version::V2 => Required::V2(requirements),
            },
        };
        let mut json = Vec::with_capacity(ROOM);
        // Writing to memory does not fail, and a body that is none is refused like any other.
        let _ = serde_json::to_writer(&mut json, &body);
        json
    }
}
