//! The file: read, checked by the server's own rules, and every fault at its line.

use std::{
    fs,
    path::{Path, PathBuf},
};

use farebox_client::api::Config;
use farebox_server::billing;
use serde_path_to_error::Segment;

use super::{
    read::Format,
    tree::{self, Node},
};
use crate::failure::failure;

/// What the file says.
pub(super) struct File {
    pub(super) path: PathBuf,
    pub(super) config: Config,
    tree: Node,
}

const HELP: &str = "docs/guides/plans-as-code.md shows a file; `farebox config schema` prints what may stand in one";

impl File {
    /// Reads it.
    ///
    /// # Errors
    /// Everything that is wrong in it, a line each.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let format = format(path)?;
        let text = fs::read_to_string(path).map_err(|error| {
            failure(format!("{} cannot be read: {error}", path.display()), "name the file: farebox config plan FILE")
        })?;
        let misread = |line: usize, what: &str| failure(format!("{}:{line}: {what}", path.display()), HELP);
        let tree = format.read(&text).map_err(|error| misread(error.line, &error.what))?;
        let config = parse(&tree).map_err(|(pointer, what)| {
            misread(tree.line_of(&pointer), &format!("{}: {what}", key_or_file(&pointer)))
        })?;
        let file = Self { path: path.to_owned(), config, tree };
        let faults = billing::check_config(&file.config);
        if faults.is_empty() {
            return Ok(file);
        }
        let lines: Vec<String> = faults.iter().map(|fault| file.place(&fault.pointer, &fault.detail)).collect();
        Err(failure(lines.join("\n       "), HELP))
    }

    /// `plans.toml:12: plans[0].name: must …`.
    pub(super) fn place(&self, pointer: &str, what: &str) -> String {
        format!("{}:{}: {}: {what}", self.path.display(), self.tree.line_of(pointer), key_or_file(pointer))
    }
}

/// The format that the file's name stands for.
pub(super) fn format(path: &Path) -> anyhow::Result<Format> {
    let help = "name it .toml, .yaml, .yml or .json";
    Format::of(path).ok_or_else(|| failure(format!("{}: the name does not say its format", path.display()), help))
}

fn key_or_file(pointer: &str) -> String {
    let key = tree::key(pointer);
    if key.is_empty() { "the file".to_owned() } else { key }
}

/// The configuration, or a JSON pointer and what is wrong there.
pub(super) fn parse(tree: &Node) -> Result<Config, (String, String)> {
    let json = tree.json();
    let mut reader = serde_json::Deserializer::from_str(&json);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let mut pointer = String::new();
        for segment in error.path() {
            match segment {
                Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
                Segment::Map { key } => pointer.push_str(&format!("/{}", key.replace('~', "~0").replace('/', "~1"))),
                Segment::Enum { .. } | Segment::Unknown => {}
            }
        }
        let text = error.into_inner().to_string();
        let text = text.rsplit_once(" at line ").map_or(&*text, |(what, _)| what).to_owned();
        // An unknown key stands in the file: its own line is better than its table's.
        let unknown = text.strip_prefix("unknown field `").and_then(|rest| rest.split_once('`')).map(|(name, _)| name);
        if let Some(name) = unknown.filter(|name| tree::segments(&pointer).last().as_deref() != Some(name)) {
            pointer.push_str(&format!("/{}", name.replace('~', "~0").replace('/', "~1")));
        }
        (pointer, text)
    })
}
