use std::{collections::BTreeSet, fs, io, path::Path, process::Command};

use anyhow::{Context, ensure};

/// A file of the repository; the text of one that is not UTF-8 is empty.
#[derive(Debug)]
pub(crate) struct File {
    /// From the root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    /// `x402` for `crates/x402/…`.
    pub(crate) fn crate_folder(&self) -> Option<&str> {
        self.path.strip_prefix("crates/")?.split_once('/').map(|(folder, _)| folder)
    }

    /// True in an integration test's folder.
    pub(crate) fn is_test(&self) -> bool {
        self.path.split('/').any(|part| part == "tests")
    }

    /// The text of a line, from 1; empty beyond the end.
    pub(crate) fn line(&self, number: usize) -> &str {
        self.text.lines().nth(number.saturating_sub(1)).unwrap_or_default()
    }
}

/// The repository: every file that git tracks or would track.
#[derive(Debug)]
pub(crate) struct Tree(Vec<File>);

impl Tree {
    /// Reads the checkout this program was built from.
    pub(crate) fn read() -> anyhow::Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask has no parent folder")?;
        let mut files = Vec::new();
        for path in tracked(root)? {
            match fs::read(root.join(&path)) {
                Ok(bytes) => files.push(File { path, text: String::from_utf8(bytes).unwrap_or_default() }),
                // Deleted, but not staged yet.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error).with_context(|| format!("cannot read {path}")),
            }
        }
        Ok(Self(files))
    }

    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let file = |&(path, text): &(&str, &str)| File { path: path.to_owned(), text: text.to_owned() };
        Self(files.iter().map(file).collect())
    }

    pub(crate) fn files(&self) -> &[File] {
        &self.0
    }

    pub(crate) fn rust(&self) -> impl Iterator<Item = &File> {
        self.with_ending(".rs")
    }

    pub(crate) fn with_ending(&self, ending: &str) -> impl Iterator<Item = &File> {
        self.0.iter().filter(move |file| file.path.ends_with(ending))
    }

    /// Every file, and every folder that holds one.
    pub(crate) fn places(&self) -> BTreeSet<&str> {
        let mut places = BTreeSet::from([""]);
        for file in &self.0 {
            places.insert(&file.path);
            places.extend(file.path.match_indices('/').filter_map(|(end, _)| file.path.get(..end)));
        }
        places
    }
}

fn tracked(root: &Path) -> anyhow::Result<BTreeSet<String>> {
    let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").args(list).current_dir(root).output().context("cannot run git")?;
    ensure!(output.status.success(), "git ls-files failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    let names = String::from_utf8(output.stdout).context("a file name is not UTF-8")?;
    Ok(names.split_terminator('\0').map(str::to_owned).collect())
}
