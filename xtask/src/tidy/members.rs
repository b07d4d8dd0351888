//! Every member is called after its folder and takes the workspace's lints: without that line none of them holds.

use toml::Value;

use super::{
    finding::Finding,
    manifest::{self, Manifest},
    tree::Tree,
};

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    // A workspace of its own, beside ours: a benchmark's peer.
    let ours = |manifest: &&Manifest<'_>| !manifest.table.contains_key("workspace") || manifest.member.is_empty();
    manifest::members(tree).iter().filter(ours).flat_map(member_findings).collect()
}

fn member_findings(manifest: &Manifest<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let error = |what: String| Finding::error(&manifest.file.path, 1, what);
    let lints = manifest.table.get("lints").and_then(|lints| lints.get("workspace")).and_then(Value::as_bool);
    if lints != Some(true) {
        findings.push(error("takes none of the workspace's lints: add `[lints] workspace = true`".to_owned()));
    }
    let name = manifest.table.get("package").and_then(|package| package.get("name")).and_then(Value::as_str);
    if let Some(wanted) = wanted_name(manifest).filter(|wanted| name != Some(wanted)) {
        findings.push(error(format!("a package is called after its folder: name it {wanted}")));
    }
    findings
}

fn wanted_name(manifest: &Manifest<'_>) -> Option<String> {
    match manifest.member.split_once('/')? {
        ("crates", "farebox") => Some("farebox".to_owned()),
        ("crates", folder) => Some(format!("farebox-{folder}")),
        // Its binary is called the same, so `cargo run -p NAME` is all there is to know.
        ("examples", folder) => Some(folder.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, manifest: &str) -> usize {
        check(&Tree::of(&[(path, manifest)])).len()
    }

    #[test]
    fn a_workspace_of_its_own_is_none_of_ours() {
        let peer = "[workspace]\n[package]\nname = \"a-peer\"\n";
        assert_eq!(count("bench/peers/a/Cargo.toml", peer), 0);
    }

    #[test]
    fn a_member_takes_the_lints_and_its_folders_name() {
        let good = "[package]\nname = \"farebox-gate\"\n[lints]\nworkspace = true\n";
        assert_eq!(count("crates/gate/Cargo.toml", good), 0);
        assert_eq!(count("crates/store/Cargo.toml", good), 1);
        assert_eq!(count("crates/gate/Cargo.toml", "[package]\nname = \"farebox-gate\"\n"), 1);
    }

    #[test]
    fn the_facade_has_the_projects_name() {
        assert_eq!(count("crates/farebox/Cargo.toml", "[package]\nname = \"farebox\"\n[lints]\nworkspace = true\n"), 0);
    }

    #[test]
    fn an_example_has_its_folders_name() {
        let manifest = "[package]\nname = \"first-fare\"\n[lints]\nworkspace = true\n";
        assert_eq!(count("examples/first-fare/Cargo.toml", manifest), 0);
        assert_eq!(count("examples/fare/Cargo.toml", manifest), 1);
    }

    #[test]
    fn what_is_not_a_crate_may_have_any_name() {
        assert_eq!(count("xtask/Cargo.toml", "[package]\nname = \"xtask\"\n[lints]\nworkspace = true\n"), 0);
    }
}
