//! Who can settle what: `/supported` of each facilitator, asked rarely and remembered.

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value, json};
use tokio::{sync::Mutex, time::Instant};

use super::{SOON, fault, judge};
use crate::{
    Fault, Requirements, Retry, Terms, UPTO, Version,
    client::{FacilitatorClient, FacilitatorError},
    facilitation::{Kind, Question, Supported},
    networks,
};

/// How long an answer is good for.
const FRESH: Duration = Duration::from_secs(600);
/// How long after a failure nobody asks again.
const PAUSE: Duration = Duration::from_secs(5);

/// Nobody else asks while somebody does, or for so long if that never ends.
const ASKING: Duration = Duration::from_secs(120);

/// A facilitator, and what it supports.
pub(super) struct Remote {
    client: FacilitatorClient,
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    supported: Option<Arc<Supported>>,
    ask_at: Option<Instant>,
}

impl Remote {
    pub(super) fn new(client: FacilitatorClient) -> Self {
        Self { client, known: Arc::default() }
    }

    pub(super) const fn client(&self) -> &FacilitatorClient {
        &self.client
    }

    /// What it supports: waited for when nothing is known. What is known goes on to count, however old, while it is asked for
    /// anew beside: no payment waits for that.
    async fn supported(&self) -> Result<Arc<Supported>, Fault> {
        let mut known = self.known.lock().await;
        let due = known.ask_at.is_none_or(|at| at <= Instant::now());
        if let Some(supported) = &known.supported {
            let supported = Arc::clone(supported);
            if due {
                known.ask_at = Some(Instant::now() + ASKING);
                let (client, known) = (self.client.clone(), Arc::clone(&self.known));
                tokio::spawn(async move {
                    let answer = client.supported().await;
                    // After a failure what was known goes on to count.
                    let _ = known.lock().await.learn(answer);
                });
            }
            return Ok(supported);
        }
        if due && let Err(error) = known.learn(self.client.supported().await) {
            return Err(judge::unverified(error));
        }
        known.supported.clone().ok_or_else(|| fault("the facilitator is not reachable", Retry::After(SOON)))
    }
}

impl Known {
    fn learn(&mut self, answer: Result<Supported, FacilitatorError>) -> Result<(), FacilitatorError> {
        let now = Instant::now();
        match answer {
            Ok(supported) => *self = Self { supported: Some(Arc::new(supported)), ask_at: Some(now + FRESH) },
            Err(error) => {
                self.ask_at = Some(now + PAUSE);
                return Err(error);
            }
        }
        Ok(())
    }
}

/// A facilitator that can, and in which version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pick {
    pub(super) index: usize,
    pub(super) version: Version,
}

/// Who can, in order, and what went wrong while finding out.
pub(super) struct Picks {
    pub(super) picks: Vec<Pick>,
    pub(super) failed: Option<Fault>,
}

pub(super) async fn pick(remotes: &[Remote], question: &Question<'_>) -> Picks {
    let own = question.payload().dialect.version;
    let other = if own == Version::V2 { Version::V1 } else { Version::V2 };
    let (mut picks, mut failed) = (Vec::new(), None);
    for (index, remote) in remotes.iter().enumerate() {
        let supported = match remote.supported().await {
            Ok(supported) => supported,
            Err(fault) => {
                failed = Some(fault);
                continue;
            }
        };
        let can = |version: &Version| kind(&supported, *version, question.requirements()).is_some();
        picks.extend([own, other].into_iter().find(can).map(|version| Pick { index, version }));
    }
    // Version before preference: a facilitator that speaks the payment's own is asked first.
    picks.sort_by_key(|pick| pick.version != own);
    Picks { picks, failed }
}

pub(super) async fn terms(remotes: &[Remote], accept: &Requirements) -> Result<Option<Terms>, Fault> {
    let mut failed = None;
    for remote in remotes {
        let supported = match remote.supported().await {
            Ok(supported) => supported,
            Err(fault) => {
                failed = Some(fault);
                continue;
            }
        };
        let found = kind(&supported, Version::V2, accept).or_else(|| kind(&supported, Version::V1, accept));
        if let Some(kind) = found {
            return Ok(Some(Terms { extra: vacant(kind, accept), extensions: extensions(&supported, accept) }));
        }
    }
    failed.map_or(Ok(None), Err)
}

/// The kind that covers an offer; a network by name goes before a wildcard.
fn kind<'a>(supported: &'a Supported, version: Version, offer: &Requirements) -> Option<&'a Kind> {
    let kinds =
        || supported.kinds.iter().filter(|kind| kind.version == version.number() && kind.scheme == offer.scheme);
    let is_named = |kind: &&Kind| networks::resolve(&kind.network).is_some_and(|network| network == offer.network);
    let is_covered = |kind: &&Kind| {
        kind.network.strip_suffix('*').is_some_and(|prefix| prefix.ends_with(':') && offer.network.starts_with(prefix))
    };
    kinds().find(is_named).or_else(|| kinds().find(is_covered)).filter(|kind| is_bound_here(kind, offer))
}

/// A payment that varies names the account that may settle it: it can be settled nowhere else.
fn is_bound_here(kind: &Kind, offer: &Requirements) -> bool {
    let address = |extra: &Map<String, Value>| extra.get(ADDRESS).and_then(Value::as_str).map(str::to_ascii_lowercase);
    match (address(&kind.extra), address(&offer.extra)) {
        (Some(here), Some(offered)) if offer.scheme == UPTO => here == offered,
        _ => true,
    }
}

const ADDRESS: &str = "facilitatorAddress";
/// Terms of the seller's, not of the facilitator's.
const RESERVED: [&str; 2] = ["paymentFlow", "assetTransferMethod"];

/// What the facilitator adds: only what the seller left open.
fn vacant(kind: &Kind, offer: &Requirements) -> Map<String, Value> {
    let open =
        kind.extra.iter().filter(|(name, _)| !offer.extra.contains_key(*name) && !RESERVED.contains(&name.as_str()));
    open.map(|(name, value)| (name.clone(), value.clone())).collect()
}

const SPONSORING: &str = "eip2612GasSponsoring";

/// The allowance that Permit2 needs can be signed instead of sent, where the facilitator brings it along.
fn extensions(supported: &Supported, offer: &Requirements) -> Map<String, Value> {
    let mut extensions = Map::new();
    let sponsors = supported.extensions.iter().any(|name| name == SPONSORING);
    // A token without a domain of its own signs nothing.
    if sponsors && offer.extra_text("assetTransferMethod") == Some("permit2") && offer.extra.contains_key("name") {
        let text = |pattern: &str| json!({"type": "string", "pattern": pattern});
        extensions.insert(
            SPONSORING.to_owned(),
            json!({
                "info": {"description": "The facilitator brings a signed EIP-2612 permit for Permit2 to the chain.", "version": "1"},
                "schema": {
                    "$schema": "https://json-schema.org/draft/2020-12/schema",
                    "type": "object",
                    "properties": {
                        "from": text("^0x[a-fA-F0-9]{40}$"), "asset": text("^0x[a-fA-F0-9]{40}$"),
                        "spender": text("^0x[a-fA-F0-9]{40}$"), "amount": text("^[0-9]+$"), "nonce": text("^[0-9]+$"),
                        "deadline": text("^[0-9]+$"), "signature": text("^0x[a-fA-F0-9]+$"), "version": text("^[0-9]+$"),
                    },
                    "required": ["from", "asset", "spender", "amount", "nonce", "deadline", "signature", "version"],
                },
            }),
        );
    }
    extensions
}

#[cfg(test)]
mod tests {
    use super::*;

    fn supported(kinds: &Value) -> Supported {
        serde_json::from_value(json!({"kinds": kinds, "extensions": [SPONSORING]})).unwrap()
    }

    fn offer(scheme: &str, extra: &Value) -> Requirements {
        serde_json::from_value(json!({"scheme": scheme, "network": "eip155:84532", "amount": "1", "asset": "0x1",
            "payTo": "0x2", "maxTimeoutSeconds": 60, "extra": extra}))
        .unwrap()
    }

    #[test]
    fn a_network_by_name_goes_before_a_wildcard_and_short_names_count() {
        let supported = supported(&json!([
            {"x402Version": 2, "scheme": "exact", "network": "eip155:*", "extra": {"is": "wild"}},
            {"x402Version": 2, "scheme": "exact", "network": "eip155:84532", "extra": {"is": "named"}},
            {"t402Version": 1, "scheme": "exact", "network": "base-sepolia", "extra": {"is": "short"}},
        ]));
        let is = |version, scheme| {
            let kind = kind(&supported, version, &offer(scheme, &json!({})))?;
            Some(kind.extra["is"].as_str()?.to_owned())
        };
        assert_eq!(is(Version::V2, "exact").as_deref(), Some("named"));
        assert_eq!(is(Version::V1, "exact").as_deref(), Some("short"));
        assert_eq!(is(Version::V2, "upto"), None);
    }

    #[test]
    fn what_is_bound_to_one_account_is_settled_by_no_other() {
        let supported = supported(&json!([{"x402Version": 2, "scheme": "upto", "network": "eip155:84532",
            "extra": {"facilitatorAddress": "0xAA", "assetTransferMethod": "own", "name": "theirs"}}]));
        let at = |address: &str| kind(&supported, Version::V2, &offer("upto", &json!({ADDRESS: address}))).is_some();
        assert!(at("0xaa") && !at("0xbb"));
        let open = offer("upto", &json!({"name": "USDC"}));
        let added = vacant(kind(&supported, Version::V2, &open).unwrap(), &open);
        assert_eq!(Value::from(added), json!({ADDRESS: "0xAA"}));
    }

    #[test]
    fn a_signed_allowance_is_offered_where_permit2_needs_one() {
        let supported = supported(&json!([]));
        let permit2 = json!({"assetTransferMethod": "permit2", "name": "USDC"});
        assert!(extensions(&supported, &offer("exact", &permit2)).contains_key(SPONSORING));
        assert!(extensions(&supported, &offer("exact", &json!({"name": "USDC"}))).is_empty());
    }
}
