//! The one secret everything else is derived from: it signs keys and tokens.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::Context;
use farebox_server::Keyring;
use farebox_store::DatabaseUrl;

use crate::{config::Config, failure::failure};

const VARIABLE: &str = "FAREBOX_SECRET_KEY";

/// Reads the secret: from the environment, a named file, or a default file. The default is beside a SQLite file, and in the
/// user's data folder for PostgreSQL; it is made on first use, but never for a database that has had another (`claimed`).
pub(crate) fn load(config: &Config, claimed: bool) -> anyhow::Result<Keyring> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the secret is read here and nowhere else, and must not pass through figment"
    )]
    let from_environment = std::env::var(VARIABLE).ok();
    if let Some(hex) = from_environment {
        return parse(&hex).with_context(|| format!("{VARIABLE} does not hold a secret key"));
    }
    if let Some(file) = &config.secret_key_file {
        let hex = fs::read_to_string(file).map_err(|error| {
            failure(
                format!("the secret key file {} cannot be read: {error}", file.display()),
                "make one with `openssl rand -hex 32 > FILE && chmod 600 FILE`",
            )
        })?;
        return parse(&hex).with_context(|| format!("{} does not hold a secret key", file.display()));
    }
    let file = default_file(&config.database_url)?;
    match fs::read_to_string(&file) {
        Ok(hex) => parse(&hex).with_context(|| format!("{} does not hold a secret key", file.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && claimed => Err(failure(
            format!("the secret key file {} is missing", file.display()),
            format!("restore it, or set {VARIABLE}: the keys and tokens of this database were signed with it"),
        )),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => create(&file),
        Err(error) => Err(failure(
            format!("the secret key file {} cannot be read: {error}", file.display()),
            format!("set {VARIABLE}, or name another file with --secret-key-file"),
        )),
    }
}

fn default_file(url: &DatabaseUrl) -> anyhow::Result<PathBuf> {
    match url {
        DatabaseUrl::Sqlite(path) => {
            let mut name = path.as_os_str().to_owned();
            name.push(".key");
            Ok(name.into())
        }
        DatabaseUrl::Postgres(_) => data_folder().map(|folder| folder.join("secret.key")),
    }
}

fn data_folder() -> anyhow::Result<PathBuf> {
    let home = std::env::home_dir().filter(|home| home.is_absolute());
    home.map(|home| home.join(".local/share/farebox")).ok_or_else(|| {
        failure("there is no home folder to keep the secret key in", format!("set {VARIABLE} to 64 hex digits"))
    })
}

fn create(file: &Path) -> anyhow::Result<Keyring> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| failure(format!("no random numbers: {error}"), "try again"))?;
    let cannot = || {
        let help = format!("create its folder, set {VARIABLE}, or name another file with --secret-key-file");
        failure(format!("the secret key file {} cannot be created", file.display()), help)
    };
    // Beside a SQLite file the folder is there; the user's data folder may not be.
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(|_| cannot())?;
    }
    // Created whole or not at all, so that two first starts agree on one key.
    let temporary = file.with_extension(format!("key.{}", std::process::id()));
    let mut options = OpenOptions::new();
    let mut handle = options.write(true).create_new(true).mode(0o600).open(&temporary).map_err(|_| cannot())?;
    handle.write_all(hex::encode(bytes).as_bytes()).and_then(|()| handle.sync_all()).map_err(|_| cannot())?;
    let linked = fs::hard_link(&temporary, file);
    fs::remove_file(&temporary).map_err(|_| cannot())?;
    match linked {
        Ok(()) => Ok(Keyring::new(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            parse(&fs::read_to_string(file).map_err(|_| cannot())?)
        }
        Err(_) => Err(cannot()),
    }
}

fn parse(hex: &str) -> anyhow::Result<Keyring> {
    let mut bytes = [0_u8; 32];
    hex::decode_to_slice(hex.trim(), &mut bytes)
        .map_err(|_| failure("a secret key is 64 hex digits", "make one with `openssl rand -hex 32`"))?;
    Ok(Keyring::new(bytes))
}
