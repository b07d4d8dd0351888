//! What a crate promises not to pull in.

use super::{
    finding::Finding,
    manifest::{self, Dependency, Manifest},
    tree::Tree,
};

/// Crates whose users must not compile a database or a chain library.
const LIGHT: [&str; 6] = ["types", "telemetry", "x402", "engine", "gate", "payer"];

/// Where an error may be a string with a context: programs, not libraries.
const PROGRAMS: [&str; 3] = ["xtask", "bench", "conformance"];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for manifest in manifest::members(tree) {
        for dependency in manifest.dependencies.iter().filter(|dependency| !dependency.dev) {
            let what = banned(&manifest, dependency);
            findings.extend(what.map(|what| Finding::error(&manifest.file.path, dependency.line, what)));
        }
    }
    findings
}

fn banned(manifest: &Manifest<'_>, dependency: &Dependency) -> Option<String> {
    let (package, folder) = (dependency.package.as_str(), manifest.folder);
    let heavy = package == "sqlx" || package == "rusqlite" || package.starts_with("alloy");
    let in_crates = manifest.file.crate_folder().is_some();
    match package {
        _ if heavy && in_crates && LIGHT.contains(&folder) => {
            let by_feature = folder == "gate" && dependency.optional;
            (!by_feature).then(|| format!("{folder} must build without {package}: the code belongs in store or evm"))
        }
        "axum" if in_crates && folder == "gate" && !dependency.optional => {
            Some("gate is a tower layer: make axum optional, behind the feature `axum`".to_owned())
        }
        "serde_json" if in_crates && folder == "types" => {
            Some("types has no JSON: a crate that only names an id must not pay for it".to_owned())
        }
        "anyhow" if !may_use_anyhow(manifest) => {
            Some(format!("{folder} is a library: give its errors a type (thiserror); anyhow is for programs and tests"))
        }
        _ => None,
    }
}

fn may_use_anyhow(manifest: &Manifest<'_>) -> bool {
    match manifest.file.crate_folder() {
        Some(folder) => folder == "cli",
        None => PROGRAMS.contains(&manifest.folder) || manifest.file.path.starts_with("examples/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, manifest: &str) -> Vec<String> {
        check(&Tree::of(&[(&format!("{path}/Cargo.toml"), manifest)])).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn light_crates_stay_light() {
        for package in ["sqlx", "rusqlite", "alloy", "alloy-primitives"] {
            for folder in LIGHT {
                let found = findings(&format!("crates/{folder}"), &format!("[dependencies]\n{package} = \"1\"\n"));
                assert_eq!(found.len(), 1, "{folder} {package}");
            }
            assert!(findings("crates/store", &format!("[dependencies]\n{package} = \"1\"\n")).is_empty());
        }
    }

    #[test]
    fn an_optional_dependency_is_light_for_the_gate_only() {
        let optional = "[dependencies]\nrusqlite = { version = \"1\", optional = true }\n";
        assert!(findings("crates/gate", optional).is_empty());
        assert_eq!(findings("crates/payer", optional).len(), 1);
    }

    #[test]
    fn tests_may_use_what_the_crate_may_not() {
        let manifest = "[dev-dependencies]\nanyhow = \"1\"\nserde_json = \"1\"\nsqlx = \"1\"\n";
        assert!(findings("crates/types", manifest).is_empty());
    }

    #[test]
    fn the_gate_takes_axum_by_feature() {
        assert_eq!(findings("crates/gate", "[dependencies]\naxum = \"1\"\n").len(), 1);
        assert!(findings("crates/gate", "[dependencies]\naxum = { version = \"1\", optional = true }\n").is_empty());
    }

    #[test]
    fn only_programs_have_errors_without_a_type() {
        let manifest = "[dependencies]\nanyhow.workspace = true\n";
        for program in ["crates/cli", "xtask", "bench", "conformance", "examples/first-fare"] {
            assert!(findings(program, manifest).is_empty(), "{program}");
        }
        assert_eq!(findings("crates/server", manifest).len(), 1);
        assert_eq!(findings("crates/bench", manifest).len(), 1);
    }

    #[test]
    fn types_has_no_json() {
        assert_eq!(findings("crates/types", "[dependencies]\nserde_json.workspace = true\n").len(), 1);
    }
}
