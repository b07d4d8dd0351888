//! What the checks want to know from a `Cargo.toml`.

use toml::{Table, Value};

use super::tree::{File, Tree};

/// A workspace member's manifest.
#[derive(Debug)]
pub(crate) struct Manifest<'a> {
    pub(crate) file: &'a File,
    /// Its folder from the root: `crates/x402`.
    pub(crate) member: &'a str,
    /// The folder's own name: `x402`.
    pub(crate) folder: &'a str,
    pub(crate) table: Table,
    pub(crate) dependencies: Vec<Dependency>,
}

/// One entry of a dependency table.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Dependency {
    /// The package, whatever the entry is called.
    pub(crate) package: String,
    /// Only for tests, examples and benches.
    pub(crate) dev: bool,
    pub(crate) optional: bool,
    pub(crate) line: usize,
}

/// The manifests of the members. One that cannot be parsed is left to cargo.
pub(crate) fn members(tree: &Tree) -> Vec<Manifest<'_>> {
    let root = tree.files().iter().find(|file| file.path == "Cargo.toml").and_then(parse).unwrap_or_default();
    tree.with_ending("/Cargo.toml").filter_map(|file| read(file, &root)).collect()
}

fn read<'a>(file: &'a File, root: &Table) -> Option<Manifest<'a>> {
    let member = file.path.strip_suffix("/Cargo.toml")?;
    let folder = member.rsplit('/').next()?;
    let table = parse(file)?;
    let dependencies = dependencies(file, &table, root);
    Some(Manifest { file, member, folder, table, dependencies })
}

fn parse(file: &File) -> Option<Table> {
    file.text.parse().ok()
}

/// Crates on a floor; benches, examples and tools are not.
pub(crate) fn crates(tree: &Tree) -> Vec<Manifest<'_>> {
    members(tree).into_iter().filter(|manifest| manifest.file.crate_folder().is_some()).collect()
}

fn dependencies(file: &File, table: &Table, root: &Table) -> Vec<Dependency> {
    let mut all = Vec::new();
    let targets = table.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    for section in targets.filter_map(Value::as_table).chain([table]) {
        for (kind, dev) in [("dependencies", false), ("build-dependencies", false), ("dev-dependencies", true)] {
            let entries = section.get(kind).and_then(Value::as_table).into_iter().flatten();
            all.extend(entries.map(|(name, value)| Dependency {
                package: package(name, value, root),
                dev,
                optional: value.get("optional").and_then(Value::as_bool).unwrap_or(false),
                line: line(file, kind, name),
            }));
        }
    }
    all
}

fn package(name: &str, value: &Value, root: &Table) -> String {
    let inherited = || root.get("workspace")?.get("dependencies")?.get(name)?.get("package");
    value.get("package").or_else(inherited).and_then(Value::as_str).unwrap_or(name).to_owned()
}

/// The entry's line in its own table; the parser keeps no positions.
fn line(file: &File, kind: &str, name: &str) -> usize {
    let mut in_table = false;
    for (at, line) in file.text.lines().enumerate() {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[') {
            let header = header.trim_end_matches(']');
            in_table = header == kind || header.ends_with(&format!(".{kind}"));
            if header.ends_with(&format!("{kind}.{name}")) {
                return at + 1;
            }
        } else if in_table && line.split(['.', '=', ' ']).next().is_some_and(|key| key.trim_matches('"') == name) {
            return at + 1;
        }
    }
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_is_known_by_its_package_its_kind_and_its_line() {
        let root = "[workspace.dependencies]\njson = { package = \"serde_json\", version = \"1\" }\n";
        let member = "[dev-dependencies]\njson.workspace = true\n\
                      [dependencies]\nb = { version = \"1\", optional = true }\n\
                      [target.'cfg(unix)'.dependencies]\nnix = { package = \"rustix\", version = \"1\" }\n";
        let tree = Tree::of(&[("Cargo.toml", root), ("crates/x/Cargo.toml", member)]);
        let dependency =
            |package: &str, dev, optional, line| Dependency { package: package.into(), dev, optional, line };
        let members = members(&tree);
        let found: Vec<&Dependency> = members.iter().flat_map(|member| &member.dependencies).collect();
        let wanted = [
            dependency("rustix", false, false, 6),
            dependency("b", false, true, 4),
            dependency("serde_json", true, false, 2),
        ];
        assert_eq!(found, wanted.iter().collect::<Vec<_>>());
    }
}
