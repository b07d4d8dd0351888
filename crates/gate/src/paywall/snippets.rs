//! How a program pays for the same request.

use super::facts::{Means, PaywallFacts};

/// A few lines of code around the request's address.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Snippet {
    pub(super) title: &'static str,
    pub(super) before: String,
    pub(super) after: String,
}

/// What fits the ways to pay; nothing for a method that could leave its place in a command.
pub(super) fn snippets(facts: &PaywallFacts<'_>) -> Vec<Snippet> {
    let method = facts.method;
    if method.is_empty() || !method.bytes().all(|b| b.is_ascii_alphabetic()) {
        return Vec::new();
    }
    let means = || facts.ways.iter().map(|way| &way.means);
    let command = means().any(|means| matches!(means, Means::Credits { .. } | Means::Token { .. }));
    let header = means().find_map(header);
    let networks = evm_networks(means());
    let mut snippets = Vec::new();
    snippets.extend(command.then(|| farebox(method)));
    snippets.extend((!networks.is_empty()).then(|| fetch(method, &networks)));
    snippets.extend(header.map(|value| curl(method, value)));
    snippets
}

/// The value of the payment header, for ways whose payment is one.
fn header(means: &Means) -> Option<&'static str> {
    match means {
        Means::TestRail => Some("'payment-signature: test'"),
        Means::Credits { .. } => Some("\"payment-signature: $ACCESS_TOKEN\""),
        Means::Token { .. } | Means::Other { .. } => None,
    }
}

/// Chains the fetch client pays on with what the snippet sets up: `eip155:` and digits, which need no escaping.
fn evm_networks<'a>(means: impl Iterator<Item = &'a Means>) -> Vec<&'a str> {
    let is_evm = |network: &&str| {
        let chain = network.strip_prefix("eip155:");
        chain.is_some_and(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()))
    };
    let mut networks: Vec<&str> = means
        .filter_map(|means| match means {
            Means::Token { network, up_to: false, .. } => Some(network.as_str()),
            _ => None,
        })
        .filter(is_evm)
        .collect();
    networks.dedup();
    networks
}

fn farebox(method: &str) -> Snippet {
    Snippet { title: "Terminal, with farebox", before: format!("farebox pay {}'", flag(method)), after: "'".to_owned() }
}

fn curl(method: &str, header: &str) -> Snippet {
    Snippet {
        title: "Terminal, with curl",
        before: format!("curl {}-H {header} '", flag(method)),
        after: "'".to_owned(),
    }
}

/// `-X POST `, or nothing for what is the default.
fn flag(method: &str) -> String {
    if method == "GET" { String::new() } else { format!("-X {method} ") }
}

fn fetch(method: &str, networks: &[&str]) -> Snippet {
    let mut before = "import { wrapFetchWithPaymentFromConfig } from \"@x402/fetch\";\n\
                      import { ExactEvmScheme } from \"@x402/evm\";\n\
                      import { privateKeyToAccount } from \"viem/accounts\";\n\n\
                      const client = new ExactEvmScheme(privateKeyToAccount(process.env.PRIVATE_KEY));\n\
                      const pay = wrapFetchWithPaymentFromConfig(fetch, {\n  schemes: [\n"
        .to_owned();
    for network in networks {
        before.push_str(&format!("    {{ network: \"{network}\", client }},\n"));
    }
    before.push_str("  ],\n});\nconst answer = await pay(\"");
    let options = if method == "GET" { String::new() } else { format!(", {{ method: \"{method}\" }}") };
    Snippet { title: "JavaScript, with @x402/fetch", before, after: format!("\"{options});") }
}

#[cfg(test)]
mod tests {
    use farebox_x402::PaymentRequired;

    use super::{super::facts::WayToPay, *};

    fn offer() -> PaymentRequired {
        serde_json::from_str(r#"{"x402Version":2,"resource":{"url":"/ask"},"accepts":[]}"#).unwrap()
    }

    fn token(network: &str, up_to: bool) -> WayToPay {
        let [symbol, chain, asset, pay_to] = ["USDC", "Somewhere", "0x1", "0x2"].map(str::to_owned);
        let network = network.to_owned();
        WayToPay { price: "$1".to_owned(), means: Means::Token { symbol, chain, network, asset, pay_to, up_to } }
    }

    fn titles(ways: &[WayToPay], method: &str) -> Vec<&'static str> {
        let offer = offer();
        let facts = PaywallFacts { method, ..PaywallFacts::new(&offer, ways) };
        snippets(&facts).iter().map(|snippet| snippet.title).collect()
    }

    #[test]
    fn only_clients_that_can_pay_are_named() {
        let test_rail = WayToPay { price: "1 credit".to_owned(), means: Means::TestRail };
        assert_eq!(titles(&[test_rail], "GET"), ["Terminal, with curl"]);
        assert_eq!(titles(&[token("eip155:8453", true)], "GET"), ["Terminal, with farebox"]);
        assert_eq!(
            titles(&[token("solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp", false)], "GET"),
            ["Terminal, with farebox"]
        );
        assert_eq!(
            titles(&[token("eip155:8453", false)], "GET"),
            ["Terminal, with farebox", "JavaScript, with @x402/fetch"]
        );
        assert!(titles(&[], "GET").is_empty());
    }

    #[test]
    fn the_method_is_part_of_the_command() {
        let offer = offer();
        let ways = [token("eip155:8453", false)];
        let facts = PaywallFacts { method: "POST", ..PaywallFacts::new(&offer, &ways) };
        let [farebox, fetch] = &*snippets(&facts) else { panic!("two clients pay with a token") };
        assert_eq!(farebox.before, "farebox pay -X POST '");
        assert_eq!(fetch.after, "\", { method: \"POST\" });");
    }

    #[test]
    fn hostile_methods_and_networks_reach_no_command() {
        assert!(titles(&[token("eip155:8453", false)], "GET';reboot;'").is_empty());
        assert_eq!(titles(&[token("eip155:1\" }, evil(), {\"", false)], "GET"), ["Terminal, with farebox"]);
    }
}
