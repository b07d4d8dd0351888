//! The keys that settle.

use std::fs;

use farebox_evm::Wallet;
use farebox_types::Secret;

use crate::{
    config::{Chain, Signer},
    failure::failure,
};

const VARIABLE: &str = "FAREBOX_SIGNER_KEY";

/// The wallets of a chain: of its own keys, else of those for all chains.
pub(super) fn of(chain: &Chain) -> anyhow::Result<Vec<Wallet>> {
    let default = Signer::Variable(VARIABLE.to_owned());
    let signer = chain.signer.as_ref().unwrap_or(&default);
    let (place, text) = match signer {
        Signer::Variable(name) => (name.clone(), variable(name, &chain.network)?),
        Signer::File(file) => {
            let text = fs::read_to_string(file).map_err(|error| {
                let what = format!("the signer key file {} cannot be read: {error}", file.display());
                failure(what, "check --signer-key-file, or signer_key_file in the configuration")
            })?;
            (file.display().to_string(), Secret::new(text))
        }
    };
    read(&place, &text)
}

fn variable(name: &str, network: &str) -> anyhow::Result<Secret> {
    #[expect(clippy::disallowed_methods, reason = "a secret: read here and nowhere else")]
    let value = std::env::var(name).ok().filter(|value| !value.trim().is_empty());
    let help = format!(
        "set {VARIABLE} to the key of an account that pays for gas, name a file that holds it with --signer-key-file, \
         or write signer_key_env = \"NAME\" under [chains.\"{network}\"]"
    );
    value.map(Secret::new).ok_or_else(|| failure(format!("{network} has no signer key: {name} is not set"), help))
}

/// Keys between commas or on lines of their own. What is wrong with one is said without the key.
fn read(place: &str, text: &Secret) -> anyhow::Result<Vec<Wallet>> {
    let mut wallets: Vec<Wallet> = Vec::new();
    let keys = text.expose().split([',', '\n', '\r', ' ', '\t']).filter(|key| !key.is_empty());
    for (index, key) in keys.enumerate() {
        let wallet = Wallet::new(&Secret::new(key.to_owned())).map_err(|bad| {
            failure(format!("key {} in {place} cannot be used: {bad}", index + 1), "several keys stand between commas")
        })?;
        if wallets.iter().any(|other| other.address() == wallet.address()) {
            let what = format!("key {} in {place} is there twice", index + 1);
            return Err(failure(what, "two lanes of one account would take each other's nonces: keep one"));
        }
        wallets.push(wallet);
    }
    if wallets.is_empty() {
        return Err(failure(format!("{place} holds no key"), "write 64 hex digits, several keys between commas"));
    }
    Ok(wallets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(text: &str) -> Result<Vec<String>, String> {
        let wallets = read("KEYS", &Secret::new(text.to_owned())).map_err(|error| error.to_string())?;
        Ok(wallets.iter().map(|wallet| wallet.address().to_string()).collect())
    }

    #[test]
    fn several_keys_stand_between_commas_or_on_lines() {
        let (one, two) = ("11".repeat(32), format!("0x{}", "22".repeat(32)));
        let both = addresses(&format!("{one},{two}\n")).unwrap();
        assert_eq!(both.len(), 2);
        assert_eq!(addresses(&format!("{one}\n{two}")).unwrap(), both);
        assert_eq!(addresses(&format!(" {one} ")).unwrap(), both[..1]);
    }

    #[test]
    fn a_bad_key_is_named_by_its_place_and_not_shown() {
        let said = addresses(&format!("{},zz{}", "11".repeat(32), "22".repeat(31))).unwrap_err();
        assert!(said.contains("key 2 in KEYS") && !said.contains("2222"), "{said}");
        assert!(addresses(&format!("{0},0x{0}", "11".repeat(32))).unwrap_err().contains("twice"));
        assert!(addresses("  \n").unwrap_err().contains("no key"));
    }
}
