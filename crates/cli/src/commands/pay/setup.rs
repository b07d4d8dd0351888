//! What `farebox pay` pays with, and how much.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use farebox_payer::{Budget, Journal, JournalError, Limit, Payer, PayerBuilder};
use farebox_types::Secret;

use crate::{args::PayArgs, failure::failure};

/// A payer with a wallet, an API key, or both: then the seller's order decides.
pub(super) async fn payer(args: &PayArgs) -> anyhow::Result<Payer> {
    let api_key = secret(args.key_file.as_deref(), "FAREBOX_API_KEY", "--key-file")?;
    let wallet = secret(args.wallet_key_file.as_deref(), "FAREBOX_WALLET_KEY", "--wallet-key-file")?;
    if api_key.is_none() && wallet.is_none() {
        let help = "set FAREBOX_API_KEY, or name a file that holds it with --key-file; `farebox key create --role buyer` makes one. \
             To pay from a wallet, name a file that holds its key with --wallet-key-file, or set FAREBOX_WALLET_KEY";
        return Err(failure("there is no API key to pay with, and no wallet", help));
    }
    let mut builder = Payer::builder().budget(budget(args)?);
    if let Some(key) = api_key {
        builder = builder.credits(&args.backend, key);
    }
    if let Some(key) = wallet {
        builder = with_wallet(builder.wallet_key(key), args).await?;
    }
    builder
        .build()
        .map_err(|error| failure(format!("{error}"), "check --backend, --rpc-url, the API key and the wallet's key"))
}

async fn with_wallet(mut builder: PayerBuilder, args: &PayArgs) -> anyhow::Result<PayerBuilder> {
    for pair in &args.rpc_urls {
        let (network, url) = pair
            .split_once('=')
            .ok_or_else(|| failure("--rpc-url is a network and a URL", "write --rpc-url eip155:8453=https://…"))?;
        builder = builder.rpc_url(network, url);
    }
    // A dry run signs nothing, but a payment that is still open would be shown again: that stands in the journal.
    let path = args.journal.clone().unwrap_or_else(default_journal);
    Ok(builder.journal(journal(&path).await?))
}

fn budget(args: &PayArgs) -> anyhow::Result<Budget> {
    let limit = |flag: &str, text: &str| -> anyhow::Result<Limit> {
        text.parse().map_err(|error| failure(format!("{flag} {text}: {error}"), format!("write {flag} '$0.10'")))
    };
    let mut budget = Budget::default();
    if let Some(text) = &args.max {
        budget = budget.per_payment(limit("--max", text)?);
    }
    if let Some(text) = &args.max_per_day {
        budget = budget.per_day(limit("--max-per-day", text)?);
    }
    budget = args.networks.iter().fold(budget, |budget, network| budget.network(network));
    Ok(args.payees.iter().fold(budget, |budget, payee| budget.payee(payee)))
}

/// How long another run may take to be done with the journal.
const PATIENCE: Duration = Duration::from_secs(30);
const BETWEEN: Duration = Duration::from_millis(100);

async fn journal(path: &Path) -> anyhow::Result<Journal> {
    let waited = tokio::time::timeout(PATIENCE, async {
        loop {
            match Journal::open(path) {
                Err(JournalError::InUse) => tokio::time::sleep(BETWEEN).await,
                opened => return opened,
            }
        }
    });
    let opened = waited.await.unwrap_or(Err(JournalError::InUse));
    opened.map_err(|error| {
        let help = match error {
            JournalError::InUse => {
                "another `farebox pay` has it open: wait for it, or name another file with --journal"
            }
            _ => {
                "name another file with --journal, after you looked at what this one holds: payments may be open in it"
            }
        };
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        failure(format!("the journal {} cannot be used: {error}{cause}", path.display()), help)
    })
}

/// Under the user's state folder; here, where there is none.
fn default_journal() -> PathBuf {
    let folder = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = folder("XDG_STATE_HOME").or_else(|| folder("HOME").map(|home| home.join(".local/state")));
    state.map_or_else(|| PathBuf::from("farebox-payer.jsonl"), |state| state.join("farebox/payer.jsonl"))
}

/// A secret from a file that was named, else from the environment.
fn secret(file: Option<&Path>, name: &str, flag: &str) -> anyhow::Result<Option<Secret>> {
    let Some(file) = file else { return Ok(variable(name).map(|text| Secret::new(text.trim().to_owned()))) };
    let text = fs::read_to_string(file)
        .map_err(|error| failure(format!("{} cannot be read: {error}", file.display()), format!("check {flag}")))?;
    Ok(Some(Secret::new(text.trim().to_owned())))
}

fn variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "secrets, and the user's own folder: read here and nowhere else")]
    let value = std::env::var(name);
    value.ok().filter(|text| !text.trim().is_empty())
}
