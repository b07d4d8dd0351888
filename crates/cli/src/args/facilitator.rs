//! Flags of the facilitator: for `farebox facilitator`, and for `farebox serve`, which mounts it when a chain is named.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;
use farebox_x402::networks;

use super::address;

#[derive(Args)]
pub(crate) struct FacilitatorArgs {
    /// Address to listen on [default: 127.0.0.1:3002].
    #[arg(long, value_name = "ADDRESS", env = "FAREBOX_LISTEN", value_parser = address)]
    pub(crate) listen: Option<SocketAddr>,
    #[command(flatten)]
    pub(crate) facilitator: FacilitatorFlags,
    /// Stop when standard input ends: with whoever started this.
    #[arg(long, hide = true)]
    pub(crate) stop_with_stdin: bool,
}

#[derive(Args, Default)]
pub(crate) struct FacilitatorFlags {
    /// Chain to settle on and a node of it, for example eip155:84532=https://sepolia.base.org; may be repeated, also for a
    /// chain's further nodes. An address that holds a secret belongs into the configuration file.
    #[arg(long = "chain", value_name = "NETWORK=RPC_URL", value_parser = chain)]
    pub(crate) chains: Vec<ChainFlag>,
    /// File that holds the signer's key as 64 hex digits, several between commas; FAREBOX_SIGNER_KEY holds the key itself.
    #[arg(long, value_name = "FILE")]
    pub(crate) signer_key_file: Option<PathBuf>,
    /// Verify and settle only for callers with an API key (`farebox token create --scope …`).
    #[arg(long)]
    pub(crate) require_api_key: bool,
    /// Requests a minute of one API key, or of one address without a key [default: no limit].
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rate_limit: Option<u32>,
    /// Merchant who operates the facilitator, if there are several.
    #[arg(long = "facilitator-merchant", alias = "merchant", value_name = "NAME")]
    pub(crate) merchant: Option<String>,
}

/// A chain and one of its nodes.
#[derive(Clone)]
pub(crate) struct ChainFlag {
    pub(crate) network: String,
    pub(crate) rpc_url: String,
}

/// `eip155:84532=URL`; a short name will do. What is wrong is said without the URL, which may hold a secret.
fn chain(text: &str) -> Result<ChainFlag, &'static str> {
    const RULE: &str = "write NETWORK=RPC_URL, for example eip155:84532=https://sepolia.base.org";
    let (name, url) = text.split_once('=').ok_or(RULE)?;
    let network = networks::resolve(name.trim()).filter(|network| network.starts_with("eip155:"));
    let network =
        network.ok_or("the network must be an EVM chain: eip155:84532, or a known short name like base-sepolia")?;
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(RULE);
    }
    Ok(ChainFlag { network: network.into_owned(), rpc_url: url.trim().to_owned() })
}

/// A length of time: `90d`, `12h`, `30m`, `45s`.
pub(super) fn duration(text: &str) -> Result<Duration, &'static str> {
    const RULE: &str = "write a number and s, m, h or d, for example 90d";
    let unit = text.chars().next_back().ok_or(RULE)?;
    let digits = &text[..text.len() - unit.len_utf8()];
    let seconds: u64 = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(RULE),
    };
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = digits.parse().ok().filter(|number| plain && *number > 0).ok_or(RULE)?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or(RULE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_is_a_network_and_a_node() {
        let read = |text| chain(text).map(|flag| (flag.network, flag.rpc_url));
        let url = "http://127.0.0.1:8545/?a=b".to_owned();
        assert_eq!(read("eip155:84532=http://127.0.0.1:8545/?a=b"), Ok(("eip155:84532".to_owned(), url)));
        assert_eq!(read("base-sepolia=https://x").unwrap().0, "eip155:84532");
        for bad in ["eip155:84532", "solana=https://x", "nowhere=https://x", "base=ws://x", "=https://x"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_length_of_time_has_a_unit() {
        assert_eq!(duration("90d"), Ok(Duration::from_secs(90 * 86_400)));
        assert_eq!(duration("45s"), Ok(Duration::from_secs(45)));
        for bad in ["", "d", "90", "0h", "+1h", "1.5h", "-1d", "99999999999999999999d", "1é"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
