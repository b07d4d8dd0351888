//! What the last apply of a file left on a server: kept beside the file, to tell other people's changes from the file's own.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use farebox_client::api::Config;
use serde::{Deserialize, Serialize};

use super::diff::{self, Things};
use crate::failure::failure;

const VERSION: u32 = 1;

/// Where that is kept.
pub(super) struct Applied {
    path: PathBuf,
    kept: Kept,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    version: u32,
    /// By merchant and address.
    servers: BTreeMap<String, Config>,
}

impl Applied {
    /// What is kept for `file`.
    pub(super) fn read(file: &Path) -> anyhow::Result<Self> {
        let mut name = file.file_name().unwrap_or_default().to_owned();
        name.push(".applied.json");
        let path = file.with_file_name(name);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self { path, kept: Kept { version: VERSION, servers: BTreeMap::new() } });
            }
            Err(error) => return Err(unreadable(&path, &error.to_string())),
        };
        let kept: Kept = serde_json::from_str(&text).map_err(|error| unreadable(&path, &error.to_string()))?;
        if kept.version != VERSION {
            return Err(unreadable(&path, "another version of farebox wrote it"));
        }
        Ok(Self { path, kept })
    }

    /// What the last apply to this server left there.
    pub(super) fn to(&self, server: &str) -> Option<Things> {
        diff::things(self.kept.servers.get(server)?)
    }

    /// Keeps it: as a whole, or as it was before.
    pub(super) fn keep(mut self, server: &str, config: Config) -> anyhow::Result<()> {
        self.kept.servers.insert(server.to_owned(), config);
        let text = serde_json::to_string_pretty(&self.kept)?;
        replace(&self.path, &format!("{text}\n"))
    }
}

/// Writes a file beside it and puts that in its place.
pub(super) fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = path.with_file_name(name);
    let written = fs::write(&new, text).and_then(|()| fs::rename(&new, path));
    written.map_err(|error| {
        // It is not there, or it is in nobody's way.
        let _ = fs::remove_file(&new);
        failure(format!("{} cannot be written: {error}", path.display()), "check the folder and its permissions")
    })
}

fn unreadable(path: &Path, why: &str) -> anyhow::Error {
    failure(
        format!("{} cannot be read: {why}", path.display()),
        "restore it, or delete it: the next plan will then not know what changed on the server",
    )
}
