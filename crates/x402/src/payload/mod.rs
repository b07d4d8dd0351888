//! What a payer presents to pay on a chain, in whichever of the four dialects it came.

mod identity;
mod read;
mod write;

use std::{fmt, ops::Deref};

use serde_json::{
    Map, Value,
    value::{RawValue, to_raw_value},
};

pub use self::identity::Identity;
pub(crate) use self::{
    read::{Versions, payload as read_payload, requirements as read_requirements},
    write::{RequirementsV1, Written},
};
use crate::{BadRequest, Dialect, Family, Requirements, Resource, Version, header};

/// A payment on a chain. Evidence until it is used or expires, so its `Debug` shows no signature.
#[derive(Clone)]
pub struct PaymentPayload {
    /// How it was written, and how its receipt is.
    pub dialect: Dialect,
    /// `exact` or `upto`.
    pub scheme: String,
    /// CAIP-2; version 1's short names are looked up.
    pub network: String,
    /// The offer the payer took, as the payer repeats it. Never what is charged by.
    pub accepted: Option<Requirements>,
    /// The scheme's own object: authorization and signature.
    pub payload: Box<RawValue>,
    /// What the payer means to pay for.
    pub resource: Option<Resource>,
    /// Extensions by name.
    pub extensions: Map<String, Value>,
}

/// A payment on a chain, with the name of its authorization.
#[derive(Debug, Clone, PartialEq)]
pub struct ChainPayment {
    payload: PaymentPayload,
    identity: Option<Identity>,
}

impl ChainPayment {
    /// Names a payment in a token: `asset` is what the seller requires, not what the payer says.
    #[must_use]
    pub fn new(payload: PaymentPayload, asset: &str) -> Self {
        let identity = payload.identity(asset);
        Self { payload, identity }
    }

    /// Who pays, and which authorization this is; see [`PaymentPayload::identity`].
    #[must_use]
    pub const fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }
}

impl Deref for ChainPayment {
    type Target = PaymentPayload;

    fn deref(&self) -> &PaymentPayload {
        &self.payload
    }
}

impl PaymentPayload {
    /// A payment in version 2, for an offer.
    #[must_use]
    pub fn v2(family: Family, accepted: Requirements, payload: Box<RawValue>) -> Self {
        Self {
            dialect: Dialect { family, version: Version::V2 },
            scheme: accepted.scheme.clone(),
            network: accepted.network.clone(),
            accepted: Some(accepted),
            payload,
            resource: None,
            extensions: Map::new(),
        }
    }

    /// A payment in version 1, for an offer whose network has a short name.
    #[must_use]
    pub fn v1(family: Family, offer: &Requirements, payload: Box<RawValue>) -> Self {
        Self {
            dialect: Dialect { family, version: Version::V1 },
            scheme: offer.scheme.clone(),
            network: offer.network.clone(),
            accepted: None,
            payload,
            resource: None,
            extensions: Map::new(),
        }
    }

    /// Reads a JSON object of any dialect.
    ///
    /// # Errors
    /// [`BadRequest`], naming the member that is wrong.
    pub fn read(json: &[u8]) -> Result<Self, BadRequest> {
        crate::member::check_depth(json)?;
        let raw = serde_json::from_slice(json).map_err(|_| BadRequest::whole("not JSON"))?;
        read_payload(raw, "", Versions::default())
    }

    /// Reads the value of `PAYMENT-SIGNATURE` or `X-PAYMENT`: the standard alphabet, padded or not.
    ///
    /// # Errors
    /// [`header::BadHeader`]; its text is safe to show to the payer.
    pub fn from_header(value: &[u8]) -> Result<Self, header::BadHeader> {
        let json = header::decode_standard(value)?;
        let raw = serde_json::from_slice(&json).map_err(|_| header::BadHeader::NotJson)?;
        read_payload(raw, "", Versions::default()).map_err(|bad| header::BadHeader::WrongShape(bad.to_string()))
    }

    /// The header's value, in the payment's own dialect; marked sensitive.
    #[must_use]
    pub fn to_header(&self) -> http::HeaderValue {
        let mut value = header::encode(&Written::own(self));
        value.set_sensitive(true);
        value
    }

    /// The header it travels in.
    #[must_use]
    pub const fn header_name(&self) -> &'static str {
        match self.dialect.version {
            Version::V1 => header::X_PAYMENT,
            Version::V2 => header::PAYMENT_SIGNATURE,
        }
    }

    /// Who pays, and which authorization this is, for a token on its network. `None` for a payload that carries two
    /// authorizations, or one that names no nonce: nobody could say which it is.
    #[must_use]
    pub fn identity(&self, asset: &str) -> Option<Identity> {
        identity::of(self, asset)
    }

    /// The scheme's own object from anything that serialises as one.
    ///
    /// # Errors
    /// What serialising fails with.
    pub fn object<T: serde::Serialize>(object: &T) -> Result<Box<RawValue>, serde_json::Error> {
        to_raw_value(object)
    }
}

impl PartialEq for PaymentPayload {
    fn eq(&self, other: &Self) -> bool {
        let plain = |it: &Self| (it.dialect, it.scheme.clone(), it.network.clone(), it.accepted.clone());
        plain(self) == plain(other)
            && self.payload.get() == other.payload.get()
            && (&self.resource, &self.extensions) == (&other.resource, &other.extensions)
    }
}

impl fmt::Debug for PaymentPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PaymentPayload")
            .field("dialect", &self.dialect)
            .field("scheme", &self.scheme)
            .field("network", &self.network)
            .finish_non_exhaustive()
    }
}
