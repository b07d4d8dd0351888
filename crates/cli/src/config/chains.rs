//! Chains to settle on, and the facilitator's own keys: `[chains."eip155:84532"]` and `[facilitator]`.

use std::{
    collections::{BTreeMap, HashSet},
    path::PathBuf,
};

use farebox_types::Address;
use farebox_x402::networks;
use serde::{Deserialize, Serialize};

use crate::{args::FacilitatorFlags, failure::failure};

/// The keys of a chain's table.
pub(super) const CHAIN_KEYS: [&str; 9] = [
    "rpc_url",
    "rpc_urls",
    "signer_key_env",
    "signer_key_file",
    "confirmations",
    "watch",
    "max_fee_gwei",
    "factories",
    "batch",
];
/// The keys of the facilitator's table.
pub(super) const FACILITATOR_KEYS: [&str; 4] = ["require_api_key", "rate_limit", "behind_proxy", "merchant"];

const WEI_PER_GWEI: u128 = 1_000_000_000;

/// One chain, as configured.
#[derive(Clone)]
pub(crate) struct Chain {
    pub(crate) network: String,
    pub(crate) rpc_urls: Vec<String>,
    /// Where its signers' keys are; `None`: where those of all chains are.
    pub(crate) signer: Option<Signer>,
    pub(crate) confirmations: Option<u64>,
    pub(crate) watch: Option<u64>,
    /// Wei per gas.
    pub(crate) max_fee: Option<u128>,
    pub(crate) factories: HashSet<Address>,
    /// Payments in one transaction at most.
    pub(crate) batch: Option<usize>,
}

/// Where keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Signer {
    /// In this environment variable.
    Variable(String),
    /// In this file.
    File(PathBuf),
}

/// The facilitator, as configured.
#[derive(Default)]
pub(crate) struct Facilitator {
    pub(crate) chains: Vec<Chain>,
    pub(crate) require_api_key: bool,
    /// Requests a minute.
    pub(crate) rate_limit: Option<u32>,
    pub(crate) behind_proxy: bool,
    pub(crate) merchant: Option<String>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
pub(super) struct RawChain {
    rpc_url: Option<String>,
    rpc_urls: Vec<String>,
    signer_key_env: Option<String>,
    signer_key_file: Option<PathBuf>,
    confirmations: Option<u64>,
    watch: Option<u64>,
    max_fee_gwei: Option<u64>,
    factories: Vec<String>,
    batch: Option<usize>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
pub(super) struct RawFacilitator {
    require_api_key: bool,
    rate_limit: Option<u32>,
    behind_proxy: bool,
    merchant: Option<String>,
}

/// File and flags together; flags win.
pub(super) fn merge(
    chains: BTreeMap<String, RawChain>,
    raw: RawFacilitator,
    flags: Option<&FacilitatorFlags>,
) -> anyhow::Result<Facilitator> {
    let mut all: BTreeMap<String, Chain> = BTreeMap::new();
    for (name, chain) in chains {
        let chain = chain.checked(&name)?;
        if let Some(twice) = all.insert(chain.network.clone(), chain) {
            return Err(failure(format!("{} is configured twice", twice.network), "keep one of its tables"));
        }
    }
    let Some(flags) = flags else { return Ok(Facilitator { chains: all.into_values().collect(), ..raw.into() }) };
    let named: HashSet<&str> = flags.chains.iter().map(|flag| &*flag.network).collect();
    for network in named {
        let urls =
            flags.chains.iter().filter(|flag| flag.network == network).map(|flag| flag.rpc_url.clone()).collect();
        all.entry(network.to_owned()).or_insert_with(|| Chain::bare(network)).rpc_urls = urls;
    }
    if let Some(file) = &flags.signer_key_file {
        for chain in all.values_mut() {
            chain.signer = Some(Signer::File(file.clone()));
        }
    }
    if let Some(bare) = all.values().find(|chain| chain.rpc_urls.is_empty()) {
        let help = format!("write rpc_url = \"https://…\" under [chains.\"{}\"]", bare.network);
        return Err(failure(format!("{} has no node", bare.network), help));
    }
    let raw = Facilitator::from(raw);
    Ok(Facilitator {
        chains: all.into_values().collect(),
        require_api_key: flags.require_api_key || raw.require_api_key,
        rate_limit: flags.rate_limit.or(raw.rate_limit),
        behind_proxy: raw.behind_proxy,
        merchant: flags.merchant.clone().or(raw.merchant),
    })
}

impl From<RawFacilitator> for Facilitator {
    fn from(raw: RawFacilitator) -> Self {
        let RawFacilitator { require_api_key, rate_limit, behind_proxy, merchant } = raw;
        // None is no limit; so is 0, because a limit that lets nobody in is nobody's wish.
        let rate_limit = rate_limit.filter(|limit| *limit > 0);
        Self { chains: Vec::new(), require_api_key, rate_limit, behind_proxy, merchant }
    }
}

impl Chain {
    fn bare(network: &str) -> Self {
        Self {
            network: network.to_owned(),
            rpc_urls: Vec::new(),
            signer: None,
            confirmations: None,
            watch: None,
            max_fee: None,
            factories: HashSet::new(),
            batch: None,
        }
    }
}

impl RawChain {
    fn checked(self, name: &str) -> anyhow::Result<Chain> {
        let network = networks::resolve(name).filter(|network| network.starts_with("eip155:"));
        let network = network.ok_or_else(|| {
            failure(format!("`{name}` is not an EVM chain"), "write [chains.\"eip155:84532\"], or a known short name")
        })?;
        let signer = match (self.signer_key_env, self.signer_key_file) {
            (Some(_), Some(_)) => {
                let what = format!("{name} has both signer_key_env and signer_key_file");
                return Err(failure(what, "keep one of them"));
            }
            (Some(variable), None) => Some(Signer::Variable(variable)),
            (None, file) => file.map(Signer::File),
        };
        let factories = self.factories.iter().map(|text| text.parse()).collect::<Result<_, _>>();
        let factories = factories.map_err(|_| {
            failure(format!("a factory of {name} is not an address"), "write factories = [\"0x…\"], 40 hex digits each")
        })?;
        Ok(Chain {
            rpc_urls: self.rpc_url.into_iter().chain(self.rpc_urls).collect(),
            signer,
            confirmations: self.confirmations,
            watch: self.watch,
            max_fee: self.max_fee_gwei.map(|gwei| u128::from(gwei) * WEI_PER_GWEI),
            factories,
            batch: self.batch,
            ..Chain::bare(&network)
        })
    }
}
