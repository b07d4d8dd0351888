//! A crate imports lower floors only: never up, never sideways.

use super::{
    finding::Finding,
    manifest::{self, Dependency, Manifest},
    tree::Tree,
};

const FLOORS: [(&str, u8); 16] = [
    ("types", 0),
    ("telemetry", 0),
    ("api", 1),
    ("x402", 1),
    ("webhook", 1),
    ("engine", 2),
    ("store", 3),
    ("evm", 3),
    ("providers", 3),
    ("client", 3),
    ("relay", 4),
    ("gate", 4),
    ("payer", 4),
    ("server", 4),
    ("cli", 5),
    ("farebox", 5),
];

/// The highest floor whose tests, too, must not reach up: what is below must be testable without what is above.
const TESTED_ALONE: u8 = 3;

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    manifest::crates(tree).iter().flat_map(crate_findings).collect()
}

fn crate_findings(manifest: &Manifest<'_>) -> Vec<Finding> {
    let Some(floor) = floor(manifest.folder) else {
        let what = format!("crates/{} has no floor: give it a floor in xtask/src/tidy/floors.rs", manifest.folder);
        return vec![Finding::error(&manifest.file.path, 1, what)];
    };
    let ours = manifest.dependencies.iter().filter_map(|edge| Some((edge, folder(&edge.package)?)));
    let wrong = ours.filter_map(|(edge, to)| {
        let what = wrong_edge(manifest.folder, floor, edge, to)?;
        Some(Finding::error(&manifest.file.path, edge.line, what))
    });
    wrong.collect()
}

fn wrong_edge(from: &str, floor: u8, edge: &Dependency, to: &str) -> Option<String> {
    let Some(target) = self::floor(to) else {
        return Some(format!(
            "{from} depends on {}, which is not on a floor: a crate imports lower floors only",
            edge.package
        ));
    };
    if edge.dev {
        let up = target > floor && floor <= TESTED_ALONE;
        return up
            .then(|| format!("the tests of {from} (floor {floor}) reach up to {to} (floor {target}): test it there"));
    }
    if target >= floor {
        let way = if target > floor { "up" } else { "sideways" };
        return Some(format!(
            "{from} (floor {floor}) imports {to} (floor {target}), which goes {way}: move what they share down"
        ));
    }
    special(from, to, edge.optional)
}

/// Downward edges that are still wrong.
fn special(from: &str, to: &str, optional: bool) -> Option<String> {
    match (from, to) {
        ("engine", to) if to != "types" => {
            Some(format!("engine sees types only, not {to}: hand it the value it needs"))
        }
        ("relay", "server" | "store" | "engine") => Some(format!("relay holds no state and never sees {to}")),
        ("gate", "engine" | "x402" | "types" | "telemetry") => None,
        ("gate", "store") if optional => None,
        ("gate", "store") => Some("gate sees store by feature only: make it optional".to_owned()),
        ("gate", to) => Some(format!("gate sees engine, x402, types, telemetry, and store by feature, but not {to}")),
        _ => None,
    }
}

fn floor(folder: &str) -> Option<u8> {
    FLOORS.iter().find(|(name, _)| *name == folder).map(|(_, floor)| *floor)
}

/// The folder of one of our packages, `None` for everybody else's.
fn folder(package: &str) -> Option<&str> {
    package.strip_prefix("farebox-").or_else(|| (package == "farebox").then_some(package))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(folder: &str, manifest: &str) -> Vec<String> {
        let tree = Tree::of(&[(&format!("crates/{folder}/Cargo.toml"), manifest)]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    fn edge(from: &str, to: &str) -> Vec<String> {
        findings(from, &format!("[dependencies]\nfarebox-{to}.workspace = true\n"))
    }

    #[test]
    fn an_edge_goes_down() {
        for (from, to) in
            [("store", "engine"), ("client", "api"), ("gate", "x402"), ("cli", "server"), ("relay", "client")]
        {
            assert!(edge(from, to).is_empty(), "{from} -> {to}");
        }
    }

    #[test]
    fn an_edge_up_or_sideways_is_found_with_its_line() {
        let up = edge("engine", "store");
        assert_eq!(up.len(), 1);
        assert!(
            up[0].starts_with("crates/engine/Cargo.toml:2: engine (floor 2) imports store (floor 3), which goes up"),
            "{up:?}"
        );
        assert!(edge("gate", "server")[0].contains("sideways"));
        assert!(edge("types", "telemetry")[0].contains("sideways"));
    }

    #[test]
    fn a_downward_edge_can_still_be_wrong() {
        assert!(edge("engine", "x402")[0].contains("types only"));
        assert!(edge("relay", "store")[0].contains("never sees store"));
        assert!(edge("gate", "client")[0].contains("not client"));
    }

    #[test]
    fn gate_takes_the_store_by_feature_only() {
        assert!(edge("gate", "store")[0].contains("make it optional"));
        assert!(findings("gate", "[dependencies]\nfarebox-store = { workspace = true, optional = true }\n").is_empty());
    }

    #[test]
    fn tests_may_reach_up_from_the_fourth_floor_only() {
        let dev = |from: &str| findings(from, "[dev-dependencies]\nfarebox-server.workspace = true\n");
        assert!(dev("gate").is_empty());
        assert!(dev("payer").is_empty());
        assert!(dev("store")[0].contains("reach up to server"));
    }

    #[test]
    fn a_new_crate_needs_a_floor() {
        assert!(findings("attic", "")[0].contains("give it a floor"));
        assert!(edge("cli", "bench")[0].contains("not on a floor"));
    }
}
