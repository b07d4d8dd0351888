//! The configured chains, looked at before anything is served.

use farebox_evm::chain::{Chain as Node, ChainConfig};
use farebox_server::facilitator::ChainOptions;
use farebox_types::Address;

use super::signers;
use crate::{config::Chain, failure::failure, output::Output};

/// Less than this pays for few settlements.
const LITTLE_WEI: u128 = 100_000_000_000_000;
const WEI_PER_ETHER: u128 = 1_000_000_000_000_000_000;

/// A chain's options, with its keys read.
pub(super) fn options(chain: &Chain) -> anyhow::Result<ChainOptions> {
    let wallets = signers::of(chain)?;
    let mut options = ChainOptions::new(chain.network.clone(), chain.rpc_urls.clone(), wallets);
    options.confirmations = chain.confirmations.unwrap_or(options.confirmations);
    options.watch = chain.watch.unwrap_or(options.watch);
    options.max_fee = chain.max_fee.unwrap_or(options.max_fee);
    options.factories = chain.factories.clone();
    options.batch = chain.batch.unwrap_or(options.batch);
    Ok(options)
}

/// Refuses a node of another chain; warns of what keeps payments from settling for now.
pub(super) async fn look(chains: &[ChainOptions], output: &Output) -> anyhow::Result<()> {
    let progress = output.progress("looking at the chains");
    let mut warnings = Vec::new();
    for chain in chains {
        warnings.extend(look_at(chain).await?);
    }
    drop(progress);
    for warning in warnings {
        output.aside(&format!("warning: {warning}"));
    }
    Ok(())
}

async fn look_at(chain: &ChainOptions) -> anyhow::Result<Vec<String>> {
    let network = &chain.network;
    let number = network.strip_prefix("eip155:").and_then(|number| number.parse().ok());
    let number = number.ok_or_else(|| failure(format!("`{network}` is not an EVM chain"), "write eip155:84532"))?;
    let signers: Vec<Address> = chain.wallets.iter().map(|wallet| wallet.address()).collect();
    let mut warnings = Vec::new();
    // Each by itself: the second node must not be the first to be found wrong when the first one is down.
    for url in &chain.rpc_urls {
        let config = ChainConfig::new(number, vec![url.clone()], signers.clone());
        let node = Node::new(config).map_err(|bad| failure(format!("{bad}"), "check --chain and [chains]"))?;
        match node.ask_id().await {
            Ok(id) if id == number => {}
            Ok(id) => {
                let what = format!("the node given for {network} is of eip155:{id}");
                return Err(failure(what, format!("give {network} a node of its own, or name the chain eip155:{id}")));
            }
            Err(fault) => {
                warnings.push(format!("{fault}; nothing settles on {network} until it does, and /ready says so"));
                continue;
            }
        }
        if warnings.is_empty() {
            warnings.extend(gas_warnings(&node, &signers, network).await);
        }
    }
    Ok(warnings)
}

async fn gas_warnings(node: &Node, signers: &[Address], network: &str) -> Vec<String> {
    let mut warnings = Vec::new();
    for signer in signers {
        match node.gas_money(*signer).await {
            Ok(wei) if wei < LITTLE_WEI => {
                let held = ether(wei);
                warnings
                    .push(format!("signer {signer} holds {held} on {network}: send it gas money, or nothing settles"));
            }
            Ok(_) => {}
            Err(fault) => warnings.push(format!("the balance of signer {signer} is not known: {fault}")),
        }
    }
    warnings
}

/// `0.00001 ether`, exactly.
fn ether(wei: u128) -> String {
    let digits = format!("{:018}", wei % WEI_PER_ETHER);
    let digits = digits.trim_end_matches('0');
    let point = if digits.is_empty() { "" } else { "." };
    format!("{}{point}{digits} ether", wei / WEI_PER_ETHER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wei_print_as_ether_to_the_last_digit() {
        assert_eq!(ether(0), "0 ether");
        assert_eq!(ether(10_000_000_000_000), "0.00001 ether");
        assert_eq!(ether(WEI_PER_ETHER + 1), "1.000000000000000001 ether");
    }
}
