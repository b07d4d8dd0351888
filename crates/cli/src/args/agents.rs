//! Flags of the commands that agents and developers' tools start.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;

/// `farebox mcp`.
#[derive(Args)]
pub(crate) struct McpArgs {
    /// Base URL of the payments service.
    #[arg(long, value_name = "URL", env = "FAREBOX_URL", default_value = "http://127.0.0.1:3001")]
    pub(crate) url: String,
    /// Serves streamable HTTP at /mcp of this address instead of standard input and output; every caller brings an API token of
    /// its own, as a bearer token.
    #[arg(long, value_name = "ADDRESS", value_parser = super::address, conflicts_with = "token_file")]
    pub(crate) listen: Option<SocketAddr>,
    /// A further host name that callers reach it by; may be repeated [default: this machine's own names only].
    #[arg(long = "allow-host", value_name = "HOST", requires = "listen")]
    pub(crate) hosts: Vec<String>,
    /// File that holds the API token; FAREBOX_API_TOKEN holds the token itself.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// What the agent may pay in all, in minor units: USD=5000 is fifty dollars; may be repeated. Without one it may only read.
    #[arg(long = "budget", value_name = "CURRENCY=MINOR", value_parser = budget, requires = "journal")]
    pub(crate) budgets: Vec<(String, i64)>,
    /// File in which what was spent of the budget is kept; needed with --budget, and a budget of its own.
    #[arg(long, value_name = "FILE", requires = "budgets")]
    pub(crate) journal: Option<PathBuf>,
}

fn budget(text: &str) -> Result<(String, i64), &'static str> {
    let wrong = "write CURRENCY=MINOR, for example USD=5000 for fifty dollars";
    let (currency, minor) = text.split_once('=').ok_or(wrong)?;
    let known = currency.len() == 3 && currency.bytes().all(|b| b.is_ascii_uppercase());
    let minor: i64 = minor.parse().map_err(|_| wrong)?;
    if known && minor > 0 { Ok((currency.to_owned(), minor)) } else { Err(wrong) }
}

/// `farebox sim-provider`.
#[derive(Args)]
pub(crate) struct SimProviderArgs {
    /// Address to listen on; port 0 is any free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0", value_parser = super::address)]
    pub(crate) address: SocketAddr,
    /// File that it remembers in, across kill -9 [default: its memory, gone with it].
    #[arg(long, value_name = "FILE")]
    pub(crate) journal: Option<PathBuf>,
    /// Key that callers must show.
    #[arg(long, value_name = "KEY", env = "PAYMENT_API_KEY", hide_env_values = true, default_value = "sk_sim")]
    pub(crate) key: String,
    /// Where webhooks go [default: nowhere].
    #[arg(long, value_name = "URL", requires = "webhook_secret")]
    pub(crate) webhook_url: Option<String>,
    /// What webhooks are signed with.
    #[arg(long, value_name = "SECRET", env = "FAREBOX_SIM_WEBHOOK_SECRET", hide_env_values = true)]
    pub(crate) webhook_secret: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_a_currency_and_minor_units() {
        assert_eq!(budget("USD=5000"), Ok(("USD".to_owned(), 5_000)));
        for text in ["", "USD", "usd=1", "USD=", "USD=0", "USD=-1", "USD=1.5", "DOLLAR=1"] {
            assert!(budget(text).is_err(), "{text}");
        }
    }
}
