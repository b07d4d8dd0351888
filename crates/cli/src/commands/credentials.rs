//! Tokens of `farebox login`, in a file that only its owner can read.

use std::{
    collections::BTreeMap,
    fs,
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

use farebox_types::Secret;
use serde::{Deserialize, Serialize};

use super::connect::variable;
use crate::failure::failure;

/// What is kept. No `Debug`: it holds tokens.
pub(crate) struct Credentials {
    path: PathBuf,
    kept: Kept,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// The address of the last login.
    current: Option<String>,
    servers: BTreeMap<String, Login>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    token: String,
}

impl Credentials {
    /// Reads the file that was named, else the user's own. One that others can read is refused.
    pub(crate) fn read(named: Option<&Path>) -> anyhow::Result<Self> {
        let path = named.map_or_else(default_path, Path::to_owned);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self { path, kept: Kept::default() }),
            Err(error) => return Err(unusable(&path, &error.to_string(), "check --credentials")),
        };
        private(&path)?;
        // The error's own text may quote a token.
        let kept = serde_json::from_str(&text).map_err(|error| {
            let what = format!("line {} is not as `farebox login` writes it", error.line());
            unusable(&path, &what, "delete it and log in again")
        })?;
        Ok(Self { path, kept })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The address of the last login.
    pub(crate) fn current(&self) -> Option<&str> {
        self.kept.current.as_deref()
    }

    pub(crate) fn token(&self, url: &str) -> Option<Secret> {
        self.kept.servers.get(url).map(|login| Secret::new(login.token.clone()))
    }

    /// Keeps the token, in place of an older one for the same server.
    pub(crate) fn keep(&mut self, url: &str, token: &Secret) -> anyhow::Result<()> {
        self.kept.servers.insert(url.to_owned(), Login { token: token.expose().to_owned() });
        self.kept.current = Some(url.to_owned());
        self.write()
    }

    pub(crate) fn forget(&mut self, url: &str) -> anyhow::Result<()> {
        self.kept.servers.remove(url);
        self.kept.current = self.kept.servers.keys().next().cloned();
        self.write()
    }

    /// A new file takes the old one's place; at no moment can others read it.
    fn write(&self) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(&self.kept)?;
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.new", std::process::id()));
        let new = self.path.with_file_name(name);
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let written = folder
            .map_or(Ok(()), create_private)
            .and_then(|()| own(&new))
            .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&new, &self.path));
        written.map_err(|error| {
            // It is not there, or it is of no use.
            let _ = fs::remove_file(&new);
            unusable(&self.path, &error.to_string(), "name another file with --credentials")
        })
    }
}

fn unusable(path: &Path, why: &str, help: &str) -> anyhow::Error {
    failure(format!("the credentials {} cannot be used: {why}", path.display()), help)
}

/// Under the user's configuration folder; here, where there is none.
fn default_path() -> PathBuf {
    let folder = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let config = folder("XDG_CONFIG_HOME").or_else(|| folder("HOME").map(|home| home.join(".config")));
    config.map_or_else(|| PathBuf::from("farebox-credentials.json"), |config| config.join("farebox/credentials.json"))
}

#[cfg(unix)]
fn own(path: &Path) -> std::io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    // One that a process which died left behind goes.
    let _ = fs::remove_file(path);
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn own(path: &Path) -> std::io::Result<fs::File> {
    fs::File::create(path)
}

#[cfg(unix)]
fn create_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn create_private(folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder)
}

#[cfg(unix)]
fn private(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let help = format!("chmod 600 {}; if others may have read it, `farebox logout` and log in again", path.display());
    Err(unusable(path, "others can read it", &help))
}

#[cfg(not(unix))]
fn private(_: &Path) -> anyhow::Result<()> {
    Ok(())
}
