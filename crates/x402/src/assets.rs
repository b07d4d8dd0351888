//! The tokens that prices in dollars mean: one default for each network, and a few more by their symbol.
//!
//! A wrong EIP-712 name is the commonest mistake of integrators ("USD Coin" on main networks, "USDC" on most test ones);
//! a facilitator checks these against the chain before it believes them.

use serde_json::{Map, Value};

use crate::networks::{SOLANA, SOLANA_DEVNET, SOLANA_TESTNET};

/// How a token is moved by somebody else than its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// The token's own signed transfer.
    Eip3009,
    /// Through the Permit2 contract.
    Permit2 {
        /// The allowance for it can be signed too.
        eip2612: bool,
    },
    /// A token program of Solana.
    Spl,
}

/// A token on a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asset {
    /// CAIP-2.
    pub network: &'static str,
    /// The network for people.
    pub chain: &'static str,
    /// Its money is worth nothing.
    pub testnet: bool,
    /// The token for people.
    pub symbol: &'static str,
    /// The token for the chain.
    pub address: &'static str,
    /// One of it has 10 to this power atomic units.
    pub decimals: u8,
    /// EIP-712 domain name, with its version; empty where there is none.
    pub name: &'static str,
    /// EIP-712 domain version.
    pub version: &'static str,
    /// How it is moved.
    pub method: Method,
}

impl Asset {
    /// What an offer of this token says in `extra`.
    #[must_use]
    pub fn extra(&self) -> Map<String, Value> {
        let mut extra = Map::new();
        if matches!(self.method, Method::Eip3009 | Method::Permit2 { eip2612: true }) {
            extra.insert("name".to_owned(), self.name.into());
            extra.insert("version".to_owned(), self.version.into());
        }
        if matches!(self.method, Method::Permit2 { .. }) {
            extra.insert("assetTransferMethod".to_owned(), "permit2".into());
        }
        extra
    }
}

/// What `"$1"` means on a network.
#[must_use]
pub fn default_for(network: &str) -> Option<&'static Asset> {
    ALL.iter().find(|asset| asset.network == network)
}

/// A network's token by its symbol, in any case.
#[must_use]
pub fn by_symbol(network: &str, symbol: &str) -> Option<&'static Asset> {
    ALL.iter().find(|asset| asset.network == network && asset.symbol.eq_ignore_ascii_case(symbol))
}

/// A token by its address; EVM addresses compare in any case.
#[must_use]
pub fn find(network: &str, address: &str) -> Option<&'static Asset> {
    ALL.iter().find(|asset| asset.network == network && same_address(asset.address, address))
}

/// Whether a network's money is known to be worth nothing. Networks that are not known count as real.
#[must_use]
pub fn is_testnet(network: &str) -> bool {
    default_for(network).is_some_and(|asset| asset.testnet) || TESTNETS.contains(&network)
}

/// Test and development networks without a default token: Ethereum's, Optimism's, and local ones.
const TESTNETS: [&str; 6] =
    ["eip155:11155111", "eip155:17000", "eip155:560048", "eip155:11155420", "eip155:1337", "eip155:31337"];

/// Two addresses of one account: EVM addresses compare in any case, others as they are.
#[must_use]
pub fn same_address(one: &str, other: &str) -> bool {
    one == other || (is_hex(one) && one.eq_ignore_ascii_case(other))
}

/// Addresses of EVM chains in lower case, others as they are: two of one account are the same text.
#[must_use]
pub fn one_spelling(address: &str) -> String {
    if is_hex(address) { address.to_ascii_lowercase() } else { address.to_owned() }
}

/// Digits of hex, whose case says nothing.
pub(crate) fn is_hex(text: &str) -> bool {
    text.starts_with("0x") || text.starts_with("0X")
}

const fn usd(network: &'static str, chain: &'static str, address: &'static str) -> Asset {
    let (name, version, method) = ("USD Coin", "2", Method::Eip3009);
    Asset { network, chain, testnet: false, symbol: "USDC", address, decimals: 6, name, version, method }
}

impl Asset {
    const fn test(self) -> Self {
        Self { testnet: true, ..self }
    }

    const fn named(self, name: &'static str, version: &'static str) -> Self {
        Self { name, version, ..self }
    }

    const fn short(self) -> Self {
        self.named("USDC", "2")
    }

    const fn symbol(self, symbol: &'static str) -> Self {
        Self { symbol, ..self }
    }

    const fn permit2(self, decimals: u8, eip2612: bool) -> Self {
        Self { decimals, method: Method::Permit2 { eip2612 }, ..self }
    }

    const fn spl(self) -> Self {
        Self { name: "", version: "", method: Method::Spl, ..self }
    }
}

/// Every token known here. The first of a network is its default.
pub const ALL: &[Asset] = &[
    usd("eip155:8453", "Base", "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"),
    usd("eip155:84532", "Base Sepolia", "0x036CbD53842c5426634e7929541eC2318f3dCF7e").short().test(),
    usd("eip155:1", "Ethereum", "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"),
    usd("eip155:43114", "Avalanche", "0xB97EF9Ef8734C71904D8002F8b6Bc66Dd9c48a6E"),
    usd("eip155:43113", "Avalanche Fuji", "0x5425890298aed601595a70AB815c96711a31Bc65").test(),
    usd("eip155:137", "Polygon", "0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359"),
    usd("eip155:80002", "Polygon Amoy", "0x41E94Eb019C0762f9Bfcf9Fb1E58725BfB0e7582").short().test(),
    usd("eip155:42161", "Arbitrum One", "0xaf88d065e77c8cC2239327C5EDb3A432268e5831"),
    usd("eip155:421614", "Arbitrum Sepolia", "0x75faf114eafb1BDbe2F0316DF893fd58CE46AA4d").test(),
    usd("eip155:143", "Monad", "0x754704Bc059F8C67012fEd69BC8A327a5aafb603").short(),
    usd("eip155:10143", "Monad testnet", "0x534b2f3A21130d7a60830c2Df862319e593943A3").short().test(),
    usd("eip155:42220", "Celo", "0xcebA9300f2b948710d2653dD7B07f33A8B32118C").short(),
    usd("eip155:42220", "Celo", "0x48065fbBE25f71C9282ddf5e1cD6D6A887483D5e").named("Tether USD", "1").symbol("USDT"),
    usd("eip155:11142220", "Celo Sepolia", "0x01C5C0122039549AD1493B8220cABEdD739BC44E").short().test(),
    usd("eip155:1329", "Sei", "0xe15fC38F6D8c56aF07bbCBe3BAf5708A2Bf42392").short(),
    usd("eip155:1328", "Sei testnet", "0x4fCF1784B31630811181f670Aea7A7bEF803eaED").short().test(),
    usd("eip155:50", "XDC", "0xfA2958CB79b0491CC627c1557F441eF849Ca8eb1").short(),
    usd("eip155:51", "XDC Apothem", "0xb5AB69F7bBada22B28e79C8FFAECe55eF1c771D4").short().test(),
    usd("eip155:5042", "Arc", "0x3600000000000000000000000000000000000000").short(),
    usd("eip155:5042002", "Arc testnet", "0x3600000000000000000000000000000000000000").short().test(),
    usd("eip155:988", "Stable", "0x779Ded0c9e1022225f8E0630b35a9b54bE713736").named("USDT0", "1").symbol("USDT0"),
    usd("eip155:2201", "Stable testnet", "0x78Cf24370174180738C5B8E352B6D14c83a6c9A9")
        .named("USDT0", "1")
        .symbol("USDT0")
        .test(),
    usd("eip155:14", "Flare", "0xe7cd86e13AC4309349F30B3435a9d337750fC82D").named("USD₮0", "1").symbol("USDT0"),
    usd("eip155:36900", "ADI", "0x9cb8142aEBBcdc60AF7c97Af897A67A8f3CA71C2").named("USDC.e", "2").symbol("USDC.e"),
    usd("eip155:190415", "HPP", "0x401eCb1D350407f13ba348573E5630B83638E30D").named("Bridged USDC", "2"),
    usd("eip155:181228", "HPP Sepolia", "0x401eCb1D350407f13ba348573E5630B83638E30D").named("Bridged USDC", "2").test(),
    usd("eip155:4326", "MegaETH", "0xFAfDdbb3FC7688494971a79cc65DCa3EF82079E7")
        .named("MegaUSD", "1")
        .symbol("USDM")
        .permit2(18, true),
    usd("eip155:31612", "Mezo", "0xdD468A1DDc392dcdbEf6db6e34E89AA338F9F186")
        .named("Mezo USD", "1")
        .symbol("MUSD")
        .permit2(18, true),
    usd("eip155:31611", "Mezo testnet", "0x118917a40FAF1CD7a13dB0Ef56C86De7973Ac503")
        .named("Mezo USD", "1")
        .symbol("MUSD")
        .permit2(18, true)
        .test(),
    usd("eip155:723487", "Radius", "0x33ad9e4BD16B69B5BFdED37D8B5D9fF9aba014Fb")
        .named("Stable Coin", "1")
        .symbol("SBC")
        .permit2(6, true),
    usd("eip155:72344", "Radius testnet", "0x33ad9e4BD16B69B5BFdED37D8B5D9fF9aba014Fb")
        .named("Stable Coin", "1")
        .symbol("SBC")
        .permit2(6, true)
        .test(),
    usd("eip155:38833", "Igra", "0xA5b8BF902b2844dA17d4506cc827F7F1681735E7").named("USDC", "1").permit2(6, false),
    usd(SOLANA, "Solana", "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v").spl(),
    usd(SOLANA, "Solana", "Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB").symbol("USDT").spl(),
    usd(SOLANA, "Solana", "2u1tszSeqZ3qBWF3uNGPFc8TzMk2tdiwknnRMWGWjGWH").symbol("USDG").spl(),
    usd(SOLANA, "Solana", "2b1kV6DkPAnxd5ixfnxCpjxmKwqjjaYmCZfHsFu24GXo").symbol("PYUSD").spl(),
    usd(SOLANA, "Solana", "CASHx9KJUStyftLFWGvEVf59SGeG9sh5FfcnZMVPCASH").symbol("CASH").spl(),
    usd(SOLANA_DEVNET, "Solana devnet", "4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU").spl().test(),
    usd(SOLANA_TESTNET, "Solana testnet", "4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU").spl().test(),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn base_and_its_test_network_differ_in_the_domains_name() {
        let name = |network| default_for(network).map(|asset| (asset.symbol, asset.name, asset.version, asset.testnet));
        assert_eq!(name("eip155:8453"), Some(("USDC", "USD Coin", "2", false)));
        assert_eq!(name("eip155:84532"), Some(("USDC", "USDC", "2", true)));
    }

    #[test]
    fn every_row_is_whole() {
        let mut seen = HashSet::new();
        for asset in ALL {
            assert!(crate::networks::is_caip2(asset.network), "{}", asset.network);
            assert!(seen.insert((asset.network, asset.address)), "{} twice", asset.address);
            let evm = asset.network.starts_with("eip155:");
            assert_eq!(evm, asset.method != Method::Spl);
            if evm {
                let digits = asset.address.strip_prefix("0x").unwrap();
                assert!(digits.len() == 40 && digits.bytes().all(|b| b.is_ascii_hexdigit()), "{}", asset.address);
                assert!(!asset.name.is_empty() && !asset.version.is_empty());
            }
        }
    }

    #[test]
    fn a_token_is_found_by_symbol_and_by_address_in_any_case() {
        let tether = by_symbol("eip155:42220", "usdt").unwrap();
        assert_eq!(tether.name, "Tether USD");
        assert_eq!(find("eip155:42220", &tether.address.to_lowercase()), Some(tether));
        assert_eq!(find("eip155:1", tether.address), None);
        assert_eq!(find(SOLANA, &default_for(SOLANA).unwrap().address.to_lowercase()), None);
    }

    #[test]
    fn a_network_that_is_not_known_counts_as_real() {
        assert!(is_testnet("eip155:84532") && is_testnet("eip155:31337"));
        assert!(!is_testnet("eip155:8453") && !is_testnet("eip155:4242424242"));
    }

    #[test]
    fn extra_says_what_a_signer_needs() {
        let extra = |network| serde_json::to_string(&default_for(network).unwrap().extra()).unwrap();
        assert_eq!(extra("eip155:84532"), r#"{"name":"USDC","version":"2"}"#);
        assert_eq!(extra("eip155:4326"), r#"{"assetTransferMethod":"permit2","name":"MegaUSD","version":"1"}"#);
        assert_eq!(extra("eip155:38833"), r#"{"assetTransferMethod":"permit2"}"#);
    }
}
