//! What a crate promises not to pull in.

use super::{
    finding::Finding,
    manifest::{self, Dependency, Manifest},
    tree::Tree,
};

/// Whose users must not compile a chain library.
const LIGHT: [&str; 6] =
    ["crates/types", "crates/telemetry", "crates/x402", "crates/engine", "crates/gate", "crates/payer"];

/// Where SQL is written. Everybody else goes through the `Store` trait.
const SQL: [&str; 2] = ["crates/store", "bench"];

/// Where an error may be a text with a context: programs, not libraries.
const PROGRAMS: [&str; 4] = ["crates/cli", "xtask", "bench", "conformance"];

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
    let (package, member) = (dependency.package.as_str(), manifest.member);
    let gates_feature = member == "crates/gate" && dependency.optional;
    match package {
        "sqlx" | "rusqlite" if !SQL.contains(&member) && !gates_feature => {
            Some(format!("{member} must do without {package}: SQL belongs in crates/store, behind the Store trait"))
        }
        _ if package.starts_with("alloy") && LIGHT.contains(&member) && !gates_feature => {
            Some(format!("{member} must do without {package}: what talks to a chain belongs in crates/evm"))
        }
        "axum" if member == "crates/gate" && !dependency.optional => {
            Some("gate is a tower layer: make axum optional, behind the feature `axum`".to_owned())
        }
        "serde_json" if member == "crates/types" => {
            Some("types has no JSON: a crate that only names an id must not pay for it".to_owned())
        }
        "anyhow" if !PROGRAMS.contains(&member) && !member.starts_with("examples/") => {
            Some(format!("{member} is a library: give its errors a type (thiserror); anyhow is for programs and tests"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, manifest: &str) -> Vec<String> {
        check(&Tree::of(&[(&format!("{path}/Cargo.toml"), manifest)])).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn sql_is_written_in_the_store() {
        for package in ["sqlx", "rusqlite"] {
            let manifest = format!("[dependencies]\n{package}.workspace = true\n");
            assert!(findings("crates/store", &manifest).is_empty());
            assert!(findings("bench", &manifest).is_empty());
            for member in ["crates/server", "crates/gate", "crates/cli", "examples/first-fare"] {
                assert_eq!(findings(member, &manifest).len(), 1, "{member} {package}");
            }
        }
    }

    #[test]
    fn light_crates_stay_light() {
        for package in ["alloy", "alloy-primitives"] {
            let manifest = format!("[dependencies]\n{package} = \"2\"\n");
            assert!(findings("crates/evm", &manifest).is_empty());
            for member in LIGHT {
                assert_eq!(findings(member, &manifest).len(), 1, "{member} {package}");
            }
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
