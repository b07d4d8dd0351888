//! Which of the offer's ways a presented payment pays. What is charged by is always the gate's own offer.

use std::sync::Arc;

use farebox_x402::{
    Accept, Amount, ChainPayment, Payment, PaymentPayload, Refusal, Requirements, assets::same_address, header,
};
use serde::Deserialize;
use serde_json::Value;

use crate::{menu::Quote, rails::Rails};

/// The code of a payment that pays for none of the ways on offer.
pub(crate) const NO_MATCH: &str = "no_matching_payment_requirements";

/// A payment, as one of the offer's ways.
pub(crate) struct Matched {
    pub(crate) payment: Payment,
    /// Why it is none for this offer as it stands. It may have been for an earlier one: then it has an answer, which it is
    /// given; nothing else is done with it.
    pub(crate) misfit: Option<Refusal>,
}

/// Where there is only credits to pay with, the header stays unread.
pub(crate) fn payment(quote: &Quote, token: Arc<str>, rails: &Rails) -> Result<Matched, Refusal> {
    if !quote.is_on_chain() {
        return Ok(fits(paying(quote, token, 0, None)));
    }
    if let Some(accept) = credits(quote, &token) {
        return Ok(fits(paying(quote, token, accept, None)));
    }
    let payload = match PaymentPayload::from_header(token.as_bytes()) {
        Ok(payload) => payload,
        // Whatever a test rail is sent is its own affair.
        Err(_) if rails.for_chain().is_some_and(|rail| rail.test_only()) => {
            return Ok(fits(paying(quote, token, 0, None)));
        }
        Err(bad) => return Err(refusal("invalid_payload", &bad.to_string())),
    };
    let mut ways = quote.offer.accepts.iter().enumerate().filter_map(|(index, accept)| Some((index, accept.chain()?)));
    let (accept, own, misfit) = match ways.clone().find(|(_, own)| pays(&payload, own)) {
        Some((accept, own)) => (accept, own, is_for(quote, &payload).and_then(|()| echoes(quote, &payload)).err()),
        None => match ways.find(|(_, own)| is_of(&payload, own)) {
            Some((accept, own)) => (accept, own, Some(no_match())),
            None => return Err(no_match()),
        },
    };
    let payment = ChainPayment::new(payload, &own.asset);
    Ok(Matched { payment: paying(quote, token, accept, Some(payment.into())), misfit })
}

const fn fits(payment: Payment) -> Matched {
    Matched { payment, misfit: None }
}

fn no_match() -> Refusal {
    refusal(NO_MATCH, "No matching payment requirements: the payment is for another offer than this one.")
}

fn paying(quote: &Quote, token: Arc<str>, accept: usize, payload: Option<Arc<ChainPayment>>) -> Payment {
    let amount = quote.ways.get(accept).map_or(Amount::Atomic(0.into()), |way| way.amount());
    Payment { token, required: Arc::clone(&quote.offer), accept, amount, payload }
}

/// Just enough of an access token to know it as one.
#[derive(Deserialize)]
struct Peek {
    accepted: Accepted,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Accepted {
    scheme: String,
    #[serde(default)]
    plan_id: Option<String>,
}

/// The way in credits that a token is for. One that is opaque is for the first: only its backend can read it.
fn credits(quote: &Quote, token: &str) -> Option<usize> {
    let ways = || quote.ways.iter().enumerate().filter_map(|(index, way)| Some((index, &way.credits()?.accept)));
    let (first, _) = ways().next()?;
    let Ok(json) = header::decode_bytes(token.as_bytes()) else { return Some(first) };
    let Ok(Peek { accepted: Accepted { scheme, plan_id } }) = serde_json::from_slice(&json) else { return None };
    let of_scheme = || ways().filter(|(_, accept)| accept.scheme == scheme);
    let of_plan = of_scheme().find(|(_, accept)| plan_id.as_ref() == Some(&accept.plan_id));
    of_plan.or_else(|| of_scheme().next()).map(|(index, _)| index)
}

/// Whether the payer took this offer. In version 1, scheme and network is all that is said.
fn pays(payload: &PaymentPayload, own: &Requirements) -> bool {
    if (&payload.scheme, &payload.network) != (&own.scheme, &own.network) {
        return false;
    }
    let Some(accepted) = &payload.accepted else { return true };
    (accepted.amount, accepted.max_timeout_seconds) == (own.amount, own.max_timeout_seconds)
        && same_address(&accepted.asset, &own.asset)
        && same_address(&accepted.pay_to, &own.pay_to)
        && own.extra.iter().all(|(name, value)| accepted.extra.get(name).is_some_and(|said| covers(said, value)))
}

/// Whether the payer took this offer when it said something else: another price, or other terms of the facilitator's.
fn is_of(payload: &PaymentPayload, own: &Requirements) -> bool {
    let token = |accepted: &Requirements| same_address(&accepted.asset, &own.asset);
    (&payload.scheme, &payload.network) == (&own.scheme, &own.network) && payload.accepted.as_ref().is_some_and(token)
}

/// Whether `said` repeats all of `own`; more may be said.
fn covers(said: &Value, own: &Value) -> bool {
    match (said, own) {
        (Value::Object(said), Value::Object(own)) => {
            own.iter().all(|(name, value)| said.get(name).is_some_and(|said| covers(said, value)))
        }
        (Value::Array(said), Value::Array(own)) => {
            said.len() == own.len() && said.iter().zip(own).all(|(said, own)| covers(said, own))
        }
        // Addresses come back in any case.
        (Value::String(said), Value::String(own)) => same_address(said, own),
        (said, own) => said == own,
    }
}

/// A payment that names its resource pays for no other.
fn is_for(quote: &Quote, payload: &PaymentPayload) -> Result<(), Refusal> {
    let Some(resource) = &payload.resource else { return Ok(()) };
    let own = &quote.offer.resource.url;
    let said = resource.url.split(['?', '#']).next().unwrap_or_default();
    let said_path = said.split_once("://").map_or(said, |(_, rest)| rest.find('/').map_or("/", |at| &rest[at..]));
    let own_is_absolute = own.contains("://");
    let good = said == own || (said_path == quote.path() && (!said.contains("://") || !own_is_absolute));
    if good { Ok(()) } else { Err(refusal("invalid_payload", "the payment was made for another resource")) }
}

/// What the offer's extensions say may be added to, not changed.
fn echoes(quote: &Quote, payload: &PaymentPayload) -> Result<(), Refusal> {
    let changed = quote.offer.extensions.iter().find(|(name, own)| {
        let own = own.get("info").unwrap_or(&Value::Null);
        payload.extensions.get(*name).is_some_and(|said| !said.get("info").is_some_and(|said| covers(said, own)))
    });
    match changed {
        None => Ok(()),
        Some((name, _)) => Err(refusal("extension_echo_mismatch", &format!("the payment changes what {name} offers"))),
    }
}

fn refusal(code: &str, reason: &str) -> Refusal {
    Refusal { code: code.to_owned(), reason: reason.to_owned() }
}

/// The network a payment is on, as version 1 calls it where it is written so.
pub(crate) fn is_written_in_v1(payment: &Payment) -> bool {
    payment.payload.as_ref().is_some_and(|payload| payload.dialect.version == farebox_x402::Version::V1)
        && matches!(payment.accepted(), Some(Accept::Chain(_)))
}
