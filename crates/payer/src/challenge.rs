//! What a 402 answer asks for, and whether it is what the caller asked for.

use farebox_x402::{
    CreditsAccept, PaymentRequired, VERSION,
    credits::SCHEME,
    header::{self, PAYMENT_REQUIRED},
};
use reqwest::Url;

use crate::{Budget, PayError, Request, answer::Answer, authorization::one_line};

/// Reads the offer for `request`. Size and nesting are bounded before anything is parsed.
pub(crate) fn read(answer: &Answer, request: &Request) -> Result<PaymentRequired, PayError> {
    let mut values = answer.headers().get_all(PAYMENT_REQUIRED).iter();
    let value = match (values.next(), values.next()) {
        (Some(value), None) => value,
        (None, _) => return Err(bad("there is no payment-required header")),
        (Some(_), Some(_)) => return Err(bad("there are several payment-required headers")),
    };
    let offer: PaymentRequired = header::decode(value.as_bytes()).map_err(|error| bad(&error.to_string()))?;
    if offer.x402_version != VERSION {
        return Err(bad("its version is not 2"));
    }
    if !is_for(&offer.resource.url, &request.url) {
        return Err(bad("it is for another resource than the one asked for"));
    }
    Ok(offer)
}

/// The first way to pay, in the seller's order, that this payer can and may take.
pub(crate) fn choose<'a>(
    offer: &'a PaymentRequired,
    request: &Request,
    budget: &Budget,
) -> Result<&'a CreditsAccept, PayError> {
    let nothing = |why| PayError::NothingPayable { why, offer: Box::new(offer.clone()) };
    let credits =
        || offer.accepts.iter().filter_map(|accept| accept.credits()).filter(|accept| accept.scheme == SCHEME);
    if credits().next().is_none() {
        return Err(nothing("it does not take credits"));
    }
    let accept = credits().find(|accept| budget.allows_plan(&accept.plan_id));
    let accept = accept.ok_or_else(|| nothing("its plans are not in the budget"))?;
    let verb = accept.extra.http_verb.as_deref();
    if verb.is_some_and(|verb| !verb.eq_ignore_ascii_case(request.method.as_str())) {
        return Err(bad("it is for another method than the one asked for"));
    }
    Ok(accept)
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
