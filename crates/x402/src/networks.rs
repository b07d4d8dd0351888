//! Names of networks: CAIP-2 (`eip155:8453`) and the short names of version 1 (`base`), one table for both families.

use std::borrow::Cow;

/// Short name and CAIP-2 name. Where a network has two short names, the first is written.
///
/// `story` is left out: the published tables disagree about its chain id.
const SHORT: [(&str, &str); 42] = [
    ("base", "eip155:8453"),
    ("base-sepolia", "eip155:84532"),
    ("ethereum", "eip155:1"),
    ("polygon", "eip155:137"),
    ("polygon-amoy", "eip155:80002"),
    ("avalanche", "eip155:43114"),
    ("avalanche-fuji", "eip155:43113"),
    ("arbitrum", "eip155:42161"),
    ("optimism", "eip155:10"),
    ("abstract", "eip155:2741"),
    ("abstract-testnet", "eip155:11124"),
    ("iotex", "eip155:4689"),
    ("sei", "eip155:1329"),
    ("sei-testnet", "eip155:1328"),
    ("peaq", "eip155:3338"),
    ("educhain", "eip155:656476"),
    ("skale-base-sepolia", "eip155:1444673419"),
    ("megaeth", "eip155:4326"),
    ("monad", "eip155:143"),
    ("monad-testnet", "eip155:10143"),
    ("stable", "eip155:988"),
    ("stable-testnet", "eip155:2201"),
    ("celo", "eip155:42220"),
    ("flare", "eip155:14"),
    ("ink", "eip155:57073"),
    ("berachain", "eip155:80094"),
    ("unichain", "eip155:130"),
    ("mantle", "eip155:5000"),
    ("plasma", "eip155:9745"),
    ("conflux", "eip155:1030"),
    ("rootstock", "eip155:30"),
    ("xlayer", "eip155:196"),
    ("hyperevm", "eip155:999"),
    ("corn", "eip155:21000000"),
    ("bnb", "eip155:56"),
    ("bsc", "eip155:56"),
    ("fantom", "eip155:250"),
    ("kaia", "eip155:8217"),
    ("klaytn", "eip155:8217"),
    ("solana", SOLANA),
    ("solana-devnet", SOLANA_DEVNET),
    ("solana-testnet", SOLANA_TESTNET),
];

/// Solana's main network.
pub const SOLANA: &str = "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp";
/// Solana's development network.
pub const SOLANA_DEVNET: &str = "solana:EtWTRABZaYq6iMfeYKouRu166VU2xqa1";
/// Solana's test network.
pub const SOLANA_TESTNET: &str = "solana:4uhcVJyU9pJkvQyS88uRDiswHXSCkY3z";

/// The CAIP-2 name of a short name.
#[must_use]
pub fn caip2(short: &str) -> Option<&'static str> {
    SHORT.iter().find(|(name, _)| *name == short).map(|(_, caip2)| *caip2)
}

/// The short name of a CAIP-2 name: what version 1 calls it.
#[must_use]
pub fn short_name(caip2: &str) -> Option<&'static str> {
    SHORT.iter().find(|(_, name)| *name == caip2).map(|(short, _)| *short)
}

/// The CAIP-2 name of a network given either way; `None` for what is neither.
#[must_use]
pub fn resolve(name: &str) -> Option<Cow<'_, str>> {
    match caip2(name) {
        Some(caip2) => Some(Cow::Borrowed(caip2)),
        None => is_caip2(name).then_some(Cow::Borrowed(name)),
    }
}

/// `namespace:reference`, as wide as the protocol has it (`cloudflare:402` counts), at most 64 characters.
#[must_use]
pub fn is_caip2(name: &str) -> bool {
    let part = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    name.len() <= 64 && name.split_once(':').is_some_and(|(namespace, reference)| part(namespace) && part(reference))
}

/// The chain id of an EVM network.
#[must_use]
pub fn evm_chain_id(caip2: &str) -> Option<u64> {
    let id = caip2.strip_prefix("eip155:")?;
    id.bytes().all(|b| b.is_ascii_digit()).then(|| id.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_of_both_families_are_read_from_one_table() {
        for (short, network) in
            [("base", "eip155:8453"), ("base-sepolia", "eip155:84532"), ("ink", "eip155:57073"), ("solana", SOLANA)]
        {
            assert_eq!(caip2(short), Some(network));
            assert_eq!(short_name(network), Some(short));
        }
    }

    #[test]
    fn every_network_is_written_by_a_name_that_both_tables_know() {
        for (_, network) in SHORT {
            assert!(is_caip2(network), "{network}");
            assert_eq!(short_name(network).and_then(caip2), Some(network));
        }
        assert_eq!(short_name("eip155:1"), Some("ethereum"));
        assert_eq!(short_name("eip155:56"), Some("bnb"));
    }

    #[test]
    fn a_name_that_is_neither_resolves_to_nothing() {
        for name in ["", ":", "eip155", "eip155:", ":1", "eip155:1:2", "eip155: 1", "base sepolia", "eip155:١"] {
            assert_eq!(resolve(name), None, "{name:?}");
        }
        assert_eq!(resolve("eip155:31337").as_deref(), Some("eip155:31337"));
        assert_eq!(resolve("base").as_deref(), Some("eip155:8453"));
    }

    #[test]
    fn only_evm_networks_have_a_chain_id() {
        assert_eq!(evm_chain_id("eip155:84532"), Some(84_532));
        assert_eq!(evm_chain_id("eip155:+1"), None);
        assert_eq!(evm_chain_id(SOLANA), None);
    }
}
