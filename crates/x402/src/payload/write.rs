//! Payments and requirements as another program expects them.

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::PaymentPayload;
use crate::{Family, Requirements, Resource, Version, networks};

/// A payment as it is written: under either family's name, in either version.
pub(crate) struct Written<'a> {
    pub(crate) payment: &'a PaymentPayload,
    pub(crate) family: Family,
    pub(crate) version: Version,
    /// What it pays, where that is said.
    pub(crate) accepted: Option<&'a Requirements>,
    pub(crate) resource: Option<&'a Resource>,
}

impl<'a> Written<'a> {
    pub(crate) const fn own(payment: &'a PaymentPayload) -> Self {
        Self {
            payment,
            family: payment.dialect.family,
            version: payment.dialect.version,
            accepted: payment.accepted.as_ref(),
            resource: payment.resource.as_ref(),
        }
    }
}

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self { payment, family, version, accepted, resource } = *self;
        let mut map = to.serialize_map(None)?;
        map.serialize_entry(family.version_member(), &version.number())?;
        match (version, accepted) {
            (Version::V2, Some(accepted)) => {
                if let Some(resource) = resource {
                    map.serialize_entry("resource", resource)?;
                }
                map.serialize_entry("accepted", accepted)?;
            }
            (Version::V2, None) => {
                map.serialize_entry("scheme", &payment.scheme)?;
                map.serialize_entry("network", &payment.network)?;
            }
            (Version::V1, _) => {
                map.serialize_entry("scheme", &payment.scheme)?;
                map.serialize_entry("network", name_in_v1(&payment.network))?;
            }
        }
        map.serialize_entry("payload", &payment.payload)?;
        if version == Version::V2 && !payment.extensions.is_empty() {
            map.serialize_entry("extensions", &payment.extensions)?;
        }
        map.end()
    }
}

/// Requirements as version 1 writes them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RequirementsV1<'a> {
    scheme: &'a str,
    network: &'a str,
    max_amount_required: String,
    resource: &'a str,
    description: &'a str,
    mime_type: &'a str,
    pay_to: &'a str,
    max_timeout_seconds: u64,
    asset: &'a str,
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    extra: &'a serde_json::Map<String, serde_json::Value>,
}

impl<'a> RequirementsV1<'a> {
    pub(crate) fn new(requirements: &'a Requirements, resource: Option<&'a Resource>) -> Self {
        let of = |text: Option<&'a String>| text.map_or("", String::as_str);
        Self {
            scheme: &requirements.scheme,
            network: name_in_v1(&requirements.network),
            max_amount_required: requirements.amount.to_string(),
            resource: resource.map_or("", |resource| &resource.url),
            description: of(resource.and_then(|resource| resource.description.as_ref())),
            mime_type: of(resource.and_then(|resource| resource.mime_type.as_ref())),
            pay_to: &requirements.pay_to,
            max_timeout_seconds: requirements.max_timeout_seconds,
            asset: &requirements.asset,
            extra: &requirements.extra,
        }
    }
}

fn name_in_v1(network: &str) -> &str {
    networks::short_name(network).unwrap_or(network)
}
