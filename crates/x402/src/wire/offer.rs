//! What a 402 answer offers: the resource and the ways to pay for it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Requirements;

/// The `payment-required` header's object: one resource, at least one way to pay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaymentRequired {
    /// Always [`crate::VERSION`] when emitted; 0 if only the other family's member was read.
    #[serde(default)]
    pub x402_version: u8,
    /// The same for the t402 family; credits offers do without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub t402_version: Option<u8>,
    /// Why the last attempt was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What is paid for.
    pub resource: Resource,
    /// The ways to pay, in the seller's order of preference.
    pub accepts: Vec<Accept>,
    /// Extensions by name, `{info, schema}` each.
    #[serde(default, deserialize_with = "super::null_is_default")]
    pub extensions: Map<String, Value>,
}

impl PaymentRequired {
    /// The version it is written in, under whichever name; 0 if it names none.
    #[must_use]
    pub fn version(&self) -> u8 {
        if self.x402_version == 0 { self.t402_version.unwrap_or_default() } else { self.x402_version }
    }
}

/// What is paid for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// The route's path, or an absolute URL when the seller configured one. Never taken from the `Host` header.
    pub url: String,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What the paid answer will be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
}

/// One way to pay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Accept {
    /// Credits of a plan.
    Credits(CreditsAccept),
    /// A token on a chain.
    Chain(Requirements),
    /// A scheme this crate does not read; kept as it came.
    Other(Value),
}

impl Accept {
    /// The credits offer, if this is one.
    #[must_use]
    pub const fn credits(&self) -> Option<&CreditsAccept> {
        match self {
            Self::Credits(accept) => Some(accept),
            Self::Chain(_) | Self::Other(_) => None,
        }
    }

    /// The offer on a chain, if this is one.
    #[must_use]
    pub const fn chain(&self) -> Option<&Requirements> {
        match self {
            Self::Chain(accept) => Some(accept),
            Self::Credits(_) | Self::Other(_) => None,
        }
    }
}

/// An offer payable in credits of one plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreditsAccept {
    /// [`crate::credits::SCHEME`].
    pub scheme: String,
    /// A CAIP-2 name; for credits it only labels the environment.
    pub network: String,
    /// A decimal uint256 ([`farebox_types::PublicId`]).
    pub plan_id: String,
    /// What the token may be bound to.
    #[serde(default, deserialize_with = "super::null_is_default", skip_serializing_if = "CreditsExtra::is_empty")]
    pub extra: CreditsExtra,
}

/// What a credits token may be bound to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreditsExtra {
    /// Version of this object, `"1"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The agent behind the route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// The route's method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_verb: Option<String>,
}

impl CreditsExtra {
    const fn is_empty(&self) -> bool {
        self.version.is_none() && self.agent_id.is_none() && self.http_verb.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITH_NULLS: &str = r#"{"x402Version":2,"error":null,"resource":{"url":"/ask","description":null,"mimeType":null},
        "accepts":[{"scheme":"nvm:erc4337","network":"eip155:84532","planId":"7","extra":{"version":"1","agentId":null,"httpVerb":"POST"}},
                   {"scheme":"exact","network":"eip155:8453","amount":"1","asset":"0x1","payTo":"0x2","maxTimeoutSeconds":9},
                   {"scheme":"barter","goods":"eggs"}],
        "extensions":null}"#;

    #[test]
    fn null_and_absent_members_read_alike() {
        let offer: PaymentRequired = serde_json::from_str(WITH_NULLS).unwrap();
        let credits = offer.accepts[0].credits().unwrap();
        assert_eq!(credits.plan_id, "7");
        assert_eq!(credits.extra.http_verb.as_deref(), Some("POST"));
        assert!(offer.extensions.is_empty());
    }

    #[test]
    fn an_unknown_scheme_is_kept_as_it_came() {
        let offer: PaymentRequired = serde_json::from_str(WITH_NULLS).unwrap();
        assert_eq!(offer.accepts[1].chain().unwrap().pay_to, "0x2");
        let Accept::Other(barter) = &offer.accepts[2] else { panic!("a known scheme?") };
        assert_eq!(barter["goods"], "eggs");
    }

    #[test]
    fn an_offer_emits_no_nulls() {
        let offer: PaymentRequired = serde_json::from_str(WITH_NULLS).unwrap();
        assert!(!serde_json::to_string(&offer).unwrap().contains("null"));
    }
}
