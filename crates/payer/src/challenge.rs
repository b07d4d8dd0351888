//! What a 402 answer asks for, and which way to pay is taken.

use farebox_x402::{
    Accept, CreditsAccept, Dialect, EXACT, Family, PaymentRequired, Requirements, UPTO, VERSION, Version,
    credits::SCHEME,
    header::{self, PAYMENT_REQUIRED},
    offer_v1,
};
use reqwest::Url;
use serde_json::Value;

use crate::{
    PayError, Request,
    answer::Answer,
    authorization::one_line,
    budget::{Budget, Denied},
    evm::Terms,
    fare::Fare,
};

/// An offer, and how it was written: a payment on a chain answers in kind.
pub(crate) struct Challenge {
    #[cfg_attr(not(feature = "evm"), expect(dead_code, reason = "whoever signs answers in kind"))]
    pub(crate) dialect: Dialect,
    pub(crate) offer: PaymentRequired,
}

/// A longer body of a 402 is not read as an offer.
const LONGEST_BODY: usize = 64 * 1024;

/// The most ways to pay that are looked at.
const MOST_WAYS: usize = 64;

/// Reads the offer for a request: from its header, else from its body, as version 1 has it. Size and nesting are bounded
/// before anything is parsed.
pub(crate) fn read(answer: &Answer) -> Result<Challenge, PayError> {
    let mut values = answer.headers().get_all(PAYMENT_REQUIRED).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => read_header(value.as_bytes()),
        (None, _) => read_body(answer.body()),
        (Some(_), Some(_)) => Err(bad("there are several payment-required headers")),
    }
}

fn read_header(value: &[u8]) -> Result<Challenge, PayError> {
    let mut object: Value = header::decode(value).map_err(|error| bad(&error.to_string()))?;
    let is_bare = object.get("resource").is_none_or(Value::is_null);
    if is_bare && let Value::Object(object) = &mut object {
        object.insert("resource".to_owned(), serde_json::json!({"url": ""}));
    }
    let offer: PaymentRequired = serde_json::from_value(object).map_err(|error| bad(&error.to_string()))?;
    if offer.version() != VERSION {
        return Err(bad("its version is not 2"));
    }
    // Only payments on a chain can do without a resource: a token in credits is bound to it.
    if is_bare && !offer.accepts.iter().any(|accept| accept.chain().is_some()) {
        return Err(bad("it is for no resource"));
    }
    let family = if offer.x402_version == VERSION { Family::X402 } else { Family::T402 };
    Ok(Challenge { dialect: Dialect { family, version: Version::V2 }, offer })
}

fn read_body(body: &[u8]) -> Result<Challenge, PayError> {
    let missing = || bad("there is neither a payment-required header nor an offer in the body");
    if body.is_empty() || body.len() > LONGEST_BODY {
        return Err(missing());
    }
    let (dialect, offer) = offer_v1::read(body).map_err(|_| missing())?;
    Ok(Challenge { dialect, offer })
}

/// The way to pay that is taken.
pub(crate) enum Choice<'a> {
    Credits(&'a CreditsAccept),
    Chain { offer: &'a Requirements, fare: Fare, terms: Box<Terms> },
}

/// What a payer can pay with.
#[derive(Clone, Copy)]
pub(crate) struct Means {
    pub(crate) credits: bool,
    pub(crate) wallet: bool,
}

/// The first way to pay, in the seller's order, that this payer can and may take. `allowed` knows what was spent.
pub(crate) fn choose<'a>(
    challenge: &'a Challenge,
    request: &Request,
    budget: &Budget,
    means: Means,
    allowed: impl Fn(&Fare) -> Result<(), Denied>,
) -> Result<Choice<'a>, PayError> {
    let mut denied = Vec::new();
    for accept in challenge.offer.accepts.iter().take(MOST_WAYS) {
        let choice = match accept {
            Accept::Credits(accept) if accept.scheme == SCHEME => credits(accept, budget, means),
            Accept::Chain(offer) => chain(offer, means, &allowed),
            Accept::Credits(CreditsAccept { scheme, .. }) => Err(Denied::Scheme(scheme.clone())),
            Accept::Other(other) => match other.get("scheme").and_then(Value::as_str).unwrap_or_default() {
                EXACT | UPTO | SCHEME => Err(Denied::Malformed("a way to pay is malformed")),
                scheme => Err(Denied::Scheme(scheme.to_owned())),
            },
        };
        match choice {
            Ok(Choice::Credits(accept)) => return bound(challenge, accept, request),
            Ok(choice) => return Ok(choice),
            Err(why) => denied.push(why),
        }
    }
    Err(PayError::NothingPayable { denied, offer: Box::new(challenge.offer.clone()) })
}

fn credits<'a>(accept: &'a CreditsAccept, budget: &Budget, means: Means) -> Result<Choice<'a>, Denied> {
    if !means.credits {
        return Err(Denied::NoMeans("credits backend"));
    }
    budget.allows_plan(&accept.plan_id).map(|()| Choice::Credits(accept))
}

fn chain<'a>(
    offer: &'a Requirements,
    means: Means,
    allowed: &impl Fn(&Fare) -> Result<(), Denied>,
) -> Result<Choice<'a>, Denied> {
    if !means.wallet {
        return Err(Denied::NoMeans("wallet"));
    }
    let terms = Box::new(Terms::read(offer)?);
    let fare = Fare::of(offer);
    allowed(&fare)?;
    Ok(Choice::Chain { offer, fare, terms })
}

/// A token in credits is bound to the resource and the method: they must be those that were asked for.
fn bound<'a>(challenge: &Challenge, accept: &'a CreditsAccept, request: &Request) -> Result<Choice<'a>, PayError> {
    if !is_for(&challenge.offer.resource.url, &request.url) {
        return Err(bad("it is for another resource than the one asked for"));
    }
    let verb = accept.extra.http_verb.as_deref();
    if verb.is_some_and(|verb| !verb.eq_ignore_ascii_case(request.method.as_str())) {
        return Err(bad("it is for another method than the one asked for"));
    }
    Ok(Choice::Credits(accept))
}

/// Whether the offered resource is what was asked for: the same origin and path, or a path the seller sees, which may
/// lack a prefix that a proxy took off. A token bound elsewhere would pay for somebody else's request.
fn is_for(resource: &str, asked: &Url) -> bool {
    if resource.starts_with('/') {
        let path = resource.split('?').next().unwrap_or(resource);
        return asked.path().ends_with(path);
    }
    Url::parse(resource).is_ok_and(|url| url.origin() == asked.origin() && url.path() == asked.path())
}

fn bad(why: &str) -> PayError {
    PayError::BadOffer(one_line(why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_is_for_the_resource_that_was_asked_for() {
        let asked: Url = "https://api.example/v1/ask?q=1".parse().unwrap();
        for (resource, fits) in [
            ("/v1/ask", true),
            ("/v1/ask?q=2", true),
            ("/ask", true),
            ("sk", false),
            ("/v1/tell", false),
            ("/v1/ask/", false),
            ("https://api.example/v1/ask", true),
            ("https://API.example:443/v1/ask?q=7", true),
            ("http://api.example/v1/ask", false),
            ("https://other.example/v1/ask", false),
            ("https://api.example/ask", false),
            ("//other.example/v1/ask", false),
            ("mcp://server/tools/ask", false),
            ("", false),
        ] {
            assert_eq!(is_for(resource, &asked), fits, "{resource}");
        }
    }
}
