//! The merchant who operates the facilitator.

use farebox_engine::ledger::Actor;
use farebox_store::{Change, Merchant, OperationKey, Record, Store};
use farebox_types::{Clock, Id, Mode, SystemClock};
use farebox_x402::networks;

use crate::{config::Facilitator, database};

/// The name that `farebox init` gives a merchant too.
const NAME: &str = "default";

/// The configured merchant, or the only one; in a database without any, a new one without keys.
pub(super) async fn find(store: &dyn Store, settings: &Facilitator) -> anyhow::Result<Merchant> {
    if settings.merchant.is_none() && store.merchants().await?.is_empty() {
        let test = settings.chains.iter().all(|chain| is_testnet(&chain.network));
        create(store, if test { Mode::Test } else { Mode::Live }).await?;
    }
    database::merchant(store, settings.merchant.as_deref()).await
}

async fn create(store: &dyn Store, mode: Mode) -> anyhow::Result<()> {
    let at = SystemClock.now();
    let merchant = Merchant { id: Id::generate(), name: NAME.to_owned(), mode, created_at: at };
    let record = Record {
        tenant: merchant.id,
        operation: OperationKey { scope: "merchant.init".into(), key: merchant.id.to_string() },
        request_hash: [0; 32],
        changes: vec![Change::Merchant(merchant)],
        answer: "{}".into(),
        actor: Actor::new("operator"),
        at,
    };
    // If somebody else was quicker with the name, theirs is found.
    store.record(record).await?;
    Ok(())
}

/// Whether money there is play money: by the network's known name, or the numbers of development chains.
fn is_testnet(network: &str) -> bool {
    let words = ["sepolia", "fuji", "amoy", "testnet"];
    let named = networks::short_name(network).is_some_and(|name| words.iter().any(|word| name.contains(word)));
    named || matches!(network, "eip155:1337" | "eip155:31337")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_networks_are_known_by_name() {
        assert!(is_testnet("eip155:84532") && is_testnet("eip155:43113") && is_testnet("eip155:31337"));
        assert!(!is_testnet("eip155:8453") && !is_testnet("eip155:424242"));
    }
}
