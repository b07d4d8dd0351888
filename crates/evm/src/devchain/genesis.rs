//! What is there from the first block on.

use alloy_primitives::{Address, Bytes, U256, address};
use farebox_types::Secret;
use revm::{bytecode::Bytecode, state::AccountInfo};

use super::execute::State;
use crate::{
    contracts::{EXACT_PROXY, MULTICALL3, PERMIT2, UPTO_PROXY},
    wallet::Wallet,
};

/// A dollar with six decimals, in the place of Base Sepolia's USDC: name `USDC`, version `2`. Anybody may mint it.
pub const TOKEN: Address = address!("036CbD53842c5426634e7929541eC2318f3dCF7e");
/// Makes contract wallets at addresses that are known before (ERC-6492).
pub const FACTORY: Address = address!("FaC7000000000000000000000000000000000001");

/// Each account's gas money: ten thousand ether.
const GAS_MONEY: u128 = 10_000_000_000_000_000_000_000;
/// Each account's dollars: a million.
pub(super) const DOLLARS: u64 = 1_000_000_000_000;

macro_rules! artifact {
    ($name:literal) => {
        include_str!(concat!("../../contracts/artifacts/", $name, ".hex"))
    };
}

const PLACES: [(Address, &str); 6] = [
    (TOKEN, artifact!("TestUsd")),
    (PERMIT2, artifact!("Permit2")),
    (EXACT_PROXY, artifact!("X402ExactPermit2Proxy")),
    (UPTO_PROXY, artifact!("X402UptoPermit2Proxy")),
    (MULTICALL3, artifact!("Multicall3")),
    (FACTORY, artifact!("SmartWalletFactory")),
];

/// The keys that every development chain has: those of "test test test test test test test test test test test junk".
const KEYS: [&str; 10] = [
    "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
    "7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
    "47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a",
    "8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba",
    "92db14e403b83dfe3df233f83dfa3a0d7096f21ca9b0d6d6b8d88b2b4ec1564e",
    "4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356",
    "dbda1821b80551c9d65939329250298aa3472ba22feea921c0cf5d620ea67b97",
    "2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6",
];

/// The ten accounts that have gas and dollars. Everybody knows their keys.
#[must_use]
pub fn wallets() -> Vec<Wallet> {
    KEYS.iter().filter_map(|key| Wallet::new(&Secret::new((*key).to_owned())).ok()).collect()
}

pub(super) fn accounts() -> Vec<Address> {
    wallets().iter().map(|wallet| Address::new(*wallet.address().bytes())).collect()
}

/// The contracts in their places, and the accounts with their gas money.
pub(super) fn state() -> std::io::Result<State> {
    let mut state = State::default();
    for (place, code) in PLACES {
        let code = hex::decode(code.trim()).map_err(std::io::Error::other)?;
        let code = Bytecode::new_legacy(Bytes::from(code));
        state.insert_account_info(place, AccountInfo::from_bytecode(code).with_nonce(1));
    }
    for account in accounts() {
        state.insert_account_info(account, AccountInfo::from_balance(U256::from(GAS_MONEY)));
    }
    Ok(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accounts_are_those_of_every_development_chain() {
        let accounts = accounts();
        assert_eq!(accounts.len(), 10);
        assert_eq!(accounts[0], address!("f39fd6e51aad88f6f4ce6ab8827279cfffb92266"));
        assert_eq!(accounts[9], address!("a0ee7a142d267c1f36714e4a8f75612f20a79720"));
    }
}
