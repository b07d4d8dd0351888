//! Configuration: file, then environment, then flags; later ones win.

mod billing;
mod chains;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use farebox_server::{WebhookTargets, billing::BillingSettings};
use farebox_store::DatabaseUrl;
use figment::{
    Figment,
    providers::{Env, Format, Serialized, Toml},
    value::{Dict, Value},
};
use serde::{Deserialize, Serialize};

use self::{
    billing::{BILLING_KEYS, RawBilling},
    chains::{CHAIN_KEYS, FACILITATOR_KEYS, RawChain, RawFacilitator},
};
use crate::{
    args::{Command, Global},
    failure::failure,
};

pub(crate) use chains::{Chain, Facilitator, Signer};

const DEFAULT_FILE: &str = "farebox.toml";
const KEYS: [&str; 8] =
    ["billing", "chains", "database_url", "facilitator", "listen", "log", "log_format", "secret_key_file"];

/// Everything a command may need, checked.
pub(crate) struct Config {
    pub(crate) database_url: DatabaseUrl,
    pub(crate) listen: SocketAddr,
    pub(crate) log: String,
    pub(crate) log_format: LogFormat,
    pub(crate) secret_key_file: Option<PathBuf>,
    pub(crate) facilitator: Facilitator,
    pub(crate) billing: BillingSettings,
    pub(crate) webhook_targets: WebhookTargets,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Serialize, Deserialize)]
struct Raw {
    database_url: String,
    listen: SocketAddr,
    log: String,
    log_format: LogFormat,
    secret_key_file: Option<PathBuf>,
    chains: BTreeMap<String, RawChain>,
    facilitator: RawFacilitator,
    billing: RawBilling,
}

impl Raw {
    fn of(command: &Command) -> Self {
        let log = match command {
            // The demo kills its own server: what that logs would only frighten.
            Command::Demo(_) => "off",
            // Its host shows every line as if something were wrong.
            // And these speak to people.
            Command::Mcp(_) | Command::Plans(_) | Command::Login(_) | Command::Logout(_) => "warn",
            _ => "info",
        };
        // A port each, so that all can run on one machine.
        let port = match command {
            Command::Facilitator(_) => 3002,
            Command::Relay(_) => 3003,
            _ => 3001,
        };
        Self {
            database_url: "sqlite:farebox.db".into(),
            listen: SocketAddr::from(([127, 0, 0, 1], port)),
            log: log.into(),
            log_format: LogFormat::Text,
            secret_key_file: None,
            chains: BTreeMap::new(),
            facilitator: RawFacilitator::default(),
            billing: RawBilling::default(),
        }
    }
}

/// Reads the configuration.
pub(crate) fn load(global: &Global, command: &Command) -> anyhow::Result<Config> {
    let mut figment = Figment::from(Serialized::defaults(Raw::of(command)));
    if let Some(file) = config_file(global)? {
        check_keys(&file)?;
        figment = figment.merge(Toml::file_exact(&file));
    }
    let environment = Env::prefixed("FAREBOX_").only(&["log", "log_format"]);
    figment =
        figment.merge(environment).merge(Env::prefixed("FAREBOX_BILLING_").map(|key| format!("billing.{key}").into()));
    if let Some(url) = &global.database_url {
        figment = figment.merge(Serialized::global("database_url", url));
    }
    if let Some(listen) = command.listen() {
        figment = figment.merge(Serialized::global("listen", listen));
    }
    if let Some(file) = &global.secret_key_file {
        figment = figment.merge(Serialized::global("secret_key_file", file));
    }
    let raw: Raw = figment.extract().map_err(|error| explain(&error))?;
    let database_url = raw.database_url.parse();
    Ok(Config {
        database_url: database_url.map_err(|error| failure("the database URL cannot be read", format!("{error}")))?,
        listen: raw.listen,
        log: raw.log,
        log_format: raw.log_format,
        secret_key_file: raw.secret_key_file,
        facilitator: chains::merge(raw.chains, raw.facilitator, command.facilitator())?,
        webhook_targets: raw.billing.webhook_targets.into(),
        billing: raw.billing.checked()?,
    })
}

fn config_file(global: &Global) -> anyhow::Result<Option<PathBuf>> {
    match &global.config {
        Some(file) if file.is_file() => Ok(Some(file.clone())),
        Some(file) => Err(failure(
            format!("{} is no configuration file that can be read", file.display()),
            "check the path given by --config or FAREBOX_CONFIG",
        )),
        None => Ok(Some(PathBuf::from(DEFAULT_FILE)).filter(|file| file.is_file())),
    }
}

/// Refuses keys that nobody reads: a mistyped one would silently leave its default in force.
fn check_keys(file: &Path) -> anyhow::Result<()> {
    let value: Dict = Figment::from(Toml::file_exact(file)).extract().map_err(|error| {
        failure(format!("{} cannot be read: {error}", file.display()), "it must be TOML: `key = \"value\"` a line")
    })?;
    check_table(file, "", &value, &KEYS)?;
    if let Some(Value::Dict(_, facilitator)) = value.get("facilitator") {
        check_table(file, "facilitator.", facilitator, &FACILITATOR_KEYS)?;
    }
    if let Some(Value::Dict(_, billing)) = value.get("billing") {
        check_table(file, "billing.", billing, &BILLING_KEYS)?;
    }
    if let Some(Value::Dict(_, chains)) = value.get("chains") {
        for (name, chain) in chains {
            if let Value::Dict(_, chain) = chain {
                check_table(file, &format!("chains.\"{name}\"."), chain, &CHAIN_KEYS)?;
            }
        }
    }
    Ok(())
}

fn check_table(file: &Path, table: &str, value: &Dict, known: &[&str]) -> anyhow::Result<()> {
    let Some(unknown) = value.keys().find(|key| !known.contains(&key.as_str())) else { return Ok(()) };
    let likeness = |known: &&str| strsim::jaro_winkler(known, unknown);
    let nearest = known.iter().copied().max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
    let help = match nearest.filter(|known| likeness(known) > 0.7) {
        Some(known) => format!("did you mean `{known}`?"),
        None => format!("known keys: {}", known.join(", ")),
    };
    Err(failure(format!("unknown configuration key `{table}{unknown}` in {}", file.display()), help))
}

/// Names the key and where its value came from, and shows a good one.
fn explain(error: &figment::Error) -> anyhow::Error {
    let key = error.path.last().map_or("?", String::as_str);
    let place = error.metadata.as_ref().and_then(|from| from.source.as_ref()).map(|source| format!(" in {source}"));
    let example = match key {
        "listen" => "listen = \"127.0.0.1:3001\"",
        "log_format" => "log_format = \"text\" or \"json\"",
        "database_url" => "database_url = \"sqlite:farebox.db\"",
        "chains" => "[chains.\"eip155:84532\"], and rpc_url = \"https://sepolia.base.org\" below it",
        "rpc_urls" => "rpc_urls = [\"https://sepolia.base.org\"]",
        "rate_limit" | "public_rate_limit" => "rate_limit = 1000",
        "redirect_policy" => "redirect_policy = \"strict\", \"strict-when-live\" or \"lenient\"",
        "webhook_targets" => "webhook_targets = \"public-when-live\", \"public\" or \"any\"",
        "redirect_domains" => "redirect_domains = [\"example.com\"]",
        "require_api_key" | "behind_proxy" => "true or false",
        _ => "key = \"value\" a line",
    };
    let what = format!("the value of `{key}`{} cannot be used: {}", place.unwrap_or_default(), error.kind);
    failure(what, format!("write {example}"))
}
