//! The agent behind a route, and what those who watch its calls to models want to be told.

use std::fmt;

use farebox_types::Secret;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

/// What a credits backend says of the agent that a payment is for: a view of its `agentRequest`.
#[derive(Clone, Copy)]
pub struct AgentRequest<'a> {
    value: &'a Value,
}

impl<'a> AgentRequest<'a> {
    pub(crate) const fn new(value: &'a Value) -> Self {
        Self { value }
    }

    /// Names the charge, as [`PaymentContext::request_id`](crate::PaymentContext::request_id) does.
    #[must_use]
    pub fn request_id(self) -> Option<&'a str> {
        self.text("/agentRequestId")
    }

    /// The agent's id.
    #[must_use]
    pub fn agent_id(self) -> Option<&'a str> {
        self.text("/agentId")
    }

    /// The agent's name.
    #[must_use]
    pub fn agent_name(self) -> Option<&'a str> {
        self.text("/agentName")
    }

    /// The payer's credits before this charge, `"10"`.
    #[must_use]
    pub fn balance(self) -> Option<&'a str> {
        self.text("/balance/balance")
    }

    /// All of it, as it came.
    #[must_use]
    pub const fn json(self) -> &'a Value {
        self.value
    }

    fn text(self, pointer: &str) -> Option<&'a str> {
        self.value.pointer(pointer)?.as_str()
    }
}

impl fmt::Debug for AgentRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentRequest").field("agent_id", &self.agent_id()).finish_non_exhaustive()
    }
}

/// Headers for a Helicone-compatible gateway in front of a model, so that each call to it is known by agent, plan and payer.
///
/// ```
/// # use farebox_gate::{Observability, PaymentContext};
/// # use farebox_types::Secret;
/// fn headers(payment: &PaymentContext, key: Secret) -> Option<http::HeaderMap> {
///     let watched = Observability::new(key, "0x1111111111111111111111111111111111111111", "production");
///     Some(watched.property("team", "search").headers(payment.agent_request()?))
/// }
/// ```
pub struct Observability {
    key: Secret,
    account: String,
    environment: String,
    properties: Vec<(String, String)>,
}

impl Observability {
    /// The gateway's key, the seller's account, and what this environment is called.
    #[must_use]
    pub fn new(key: Secret, account: impl Into<String>, environment: impl Into<String>) -> Self {
        Self { key, account: account.into(), environment: environment.into(), properties: Vec::new() }
    }

    /// One more property of each call.
    #[must_use]
    pub fn property(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.properties.push((name.into(), value.into()));
        self
    }

    /// The headers for calls that this request makes. What no header can carry is left out. The key's is sensitive.
    #[must_use]
    pub fn headers(&self, agent: AgentRequest<'_>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Ok(mut key) = HeaderValue::try_from(format!("Bearer {}", self.key.expose())) {
            key.set_sensitive(true);
            headers.insert(HeaderName::from_static("helicone-auth"), key);
        }
        let own = [("accountAddress", &*self.account), ("environmentName", &*self.environment)];
        let fixed = [("ismarginBased", "false"), ("marginPercent", "0")];
        let custom = self.properties.iter().map(|(name, value)| (&**name, &**value));
        let said = FACTS.iter().filter_map(|(name, pointer)| Some((*name, agent.json().pointer(pointer)?)));
        let said: Vec<_> = said.filter_map(|(name, value)| Some((name, plain(value)?))).collect();
        let said = said.iter().map(|(name, value)| (*name, &**value));
        for (name, value) in own.into_iter().chain(said).chain(fixed).chain(custom) {
            put(&mut headers, name, value);
        }
        headers
    }
}

/// Where each property stands in an `agentRequest`.
const FACTS: [(&str, &str); 9] = [
    ("consumerAddress", "/balance/holderAddress"),
    ("agentId", "/agentId"),
    ("planId", "/balance/planId"),
    ("planType", "/balance/planType"),
    ("planName", "/balance/planName"),
    ("agentName", "/agentName"),
    ("agentRequestId", "/agentRequestId"),
    ("pricePerCredit", "/balance/pricePerCredit"),
    ("batch", "/batch"),
];

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

fn put(headers: &mut HeaderMap, name: &str, value: &str) {
    let name = HeaderName::try_from(format!("helicone-property-{name}"));
    if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(value)) {
        headers.insert(name, value);
    }
}

impl fmt::Debug for Observability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observability").field("environment", &self.environment).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_property_is_a_header_and_the_key_is_hidden() {
        let value = json!({
            "agentRequestId": "r-1", "agentName": "Ada", "agentId": "9", "batch": false,
            "balance": {"balance": "10", "holderAddress": "0x2", "planId": "7", "planName": "Ten\ncredits", "pricePerCredit": 0.1},
        });
        let agent = AgentRequest::new(&value);
        assert_eq!((agent.agent_name(), agent.balance(), agent.request_id()), (Some("Ada"), Some("10"), Some("r-1")));
        let watched = Observability::new(Secret::new("k3y".to_owned()), "0x1", "test").property("team", "search");
        let headers = watched.headers(agent);
        assert!(headers["helicone-auth"].is_sensitive());
        for (name, value) in [
            ("accountaddress", "0x1"),
            ("consumeraddress", "0x2"),
            ("agentid", "9"),
            ("planid", "7"),
            ("agentname", "Ada"),
            ("agentrequestid", "r-1"),
            ("pricepercredit", "0.1"),
            ("environmentname", "test"),
            ("batch", "false"),
            ("ismarginbased", "false"),
            ("marginpercent", "0"),
            ("team", "search"),
        ] {
            assert_eq!(headers[format!("helicone-property-{name}")], value, "{name}");
        }
        assert!(!headers.contains_key("helicone-property-planname"), "no header can carry a line break");
        assert!(!format!("{watched:?} {headers:?}").contains("k3y"));
    }
}
