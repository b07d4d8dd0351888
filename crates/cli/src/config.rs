//! Configuration: file, then environment, then flags; later ones win.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use farebox_store::DatabaseUrl;
use figment::{
    Figment,
    providers::{Env, Format, Serialized, Toml},
};
use serde::{Deserialize, Serialize};

use crate::{
    args::{Command, Global},
    failure::failure,
};

const DEFAULT_FILE: &str = "farebox.toml";
const KEYS: [&str; 5] = ["database_url", "listen", "log", "log_format", "secret_key_file"];

/// Everything a command may need, checked.
pub(crate) struct Config {
    pub(crate) database_url: DatabaseUrl,
    pub(crate) listen: SocketAddr,
    pub(crate) log: String,
    pub(crate) log_format: LogFormat,
    pub(crate) secret_key_file: Option<PathBuf>,
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
}

impl Raw {
    fn of(command: &Command) -> Self {
        // The demo kills its own server: what that logs would only frighten.
        let log = if matches!(command, Command::Demo(_)) { "off" } else { "info" };
        Self {
            database_url: "sqlite:farebox.db".into(),
            listen: SocketAddr::from(([127, 0, 0, 1], 3001)),
            log: log.into(),
            log_format: LogFormat::Text,
            secret_key_file: None,
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
    figment = figment.merge(environment);
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
    let value: figment::value::Dict = Figment::from(Toml::file_exact(file)).extract().map_err(|error| {
        failure(format!("{} cannot be read: {error}", file.display()), "it must be TOML: `key = \"value\"` a line")
    })?;
    let Some(unknown) = value.keys().find(|key| !KEYS.contains(&key.as_str())) else { return Ok(()) };
    let nearest = KEYS.iter().map(|known| (strsim::jaro_winkler(known, unknown) > 0.7, known)).find(|(near, _)| *near);
    let help = match nearest {
        Some((_, known)) => format!("did you mean `{known}`?"),
        None => format!("known keys: {}", KEYS.join(", ")),
    };
    Err(failure(format!("unknown configuration key `{unknown}` in {}", file.display()), help))
}

/// Names the key and where its value came from, and shows a good one.
fn explain(error: &figment::Error) -> anyhow::Error {
    let key = error.path.last().map_or("?", String::as_str);
    let place = error.metadata.as_ref().and_then(|from| from.source.as_ref()).map(|source| format!(" in {source}"));
    let example = match key {
        "listen" => "listen = \"127.0.0.1:3001\"",
        "log_format" => "log_format = \"text\" or \"json\"",
        "database_url" => "database_url = \"sqlite:farebox.db\"",
        _ => "key = \"value\" a line",
    };
    let what = format!("the value of `{key}`{} cannot be used: {}", place.unwrap_or_default(), error.kind);
    failure(what, format!("write {example}"))
}
