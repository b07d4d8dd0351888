//! Whether a token was minted for this offer.

use farebox_x402::{AccessToken, CreditsAccept, PaymentRequired, credits::SCHEME};

use crate::{
    credits::agents::{origin, path},
    keys,
    refusal::Refusal,
};

/// The offer of the seller's that the token takes: the same plan, both under the scheme of credits.
pub(super) fn accepted<'a>(token: &AccessToken, required: &'a PaymentRequired) -> Result<&'a CreditsAccept, Refusal> {
    let of_plan = || {
        let credits = required.accepts.iter().filter_map(|accept| accept.credits());
        credits.filter(|offer| offer.plan_id == token.accepted.plan_id)
    };
    let offer = of_plan().find(|offer| offer.scheme == SCHEME).filter(|_| token.accepted.scheme == SCHEME);
    let what = if of_plan().next().is_some() { "scheme" } else { "plan" };
    offer.ok_or(Refusal::NotAccepted { what })
}

/// A single-use token pays only where it is bound to: agent, resource and verb. A reusable one is not bound.
pub(super) fn check(token: &AccessToken, offer: &CreditsAccept, required: &PaymentRequired) -> Result<(), Refusal> {
    if keys::nonce(token).is_none() {
        return Ok(());
    }
    let (bound, asked) = (&token.accepted.extra, &offer.extra);
    if bound.agent_id.is_some() && bound.agent_id != asked.agent_id {
        return Err(Refusal::NotAccepted { what: "agent" });
    }
    if let Some(resource) = &token.resource
        && !same_resource(&resource.url, &required.resource.url)
    {
        return Err(Refusal::NotAccepted { what: "resource" });
    }
    let same_verb = |bound: &str| asked.http_verb.as_ref().is_some_and(|asked| asked.eq_ignore_ascii_case(bound));
    if bound.http_verb.as_deref().is_some_and(|bound| !same_verb(bound)) {
        return Err(Refusal::NotAccepted { what: "method" });
    }
    Ok(())
}

/// Origin and path, or the exact text if either is not absolute.
fn same_resource(bound: &str, asked: &str) -> bool {
    match (origin(bound), origin(asked)) {
        (Some(one), Some(other)) => one == other && path(bound) == path(asked),
        _ => bound == asked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_urls_compare_by_origin_and_path_others_by_text() {
        for (bound, asked, same) in [
            ("/ask", "/ask", true),
            ("/ask", "/ask?x=1", false),
            ("/ask", "https://api.example/ask", false),
            ("https://api.example/ask?x=1", "https://API.example:443/ask?y=2#z", true),
            ("https://api.example/ask", "http://api.example/ask", false),
            ("https://api.example/ask", "https://api.example/ask/", false),
            ("https://api.example", "https://api.example/", true),
            ("mcp://server/tools/name?a", "mcp://server/tools/name?b", true),
            ("https://api.example/ask", "https://api.example.evil/ask", false),
            ("https://api.example/ask", "https://user@api.example/ask", true),
        ] {
            assert_eq!(same_resource(bound, asked), same, "{bound} {asked}");
        }
    }
}
