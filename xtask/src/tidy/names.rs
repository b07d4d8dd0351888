//! A file or module is called after what it holds, not after what was left over.

use proc_macro2::TokenTree;

use super::{finding::Finding, rust, tree::Tree};

const BANNED: [&str; 8] = ["utils", "util", "common", "helper", "helpers", "manager", "managers", "misc"];
const FOLDERS: [&str; 5] = ["crates/", "xtask/", "bench/", "conformance/", "examples/"];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files().iter().filter(|file| FOLDERS.iter().any(|folder| file.path.starts_with(folder))) {
        findings
            .extend(file.path.split('/').filter_map(banned).map(|word| Finding::error(&file.path, 1, advice(word))));
    }
    for file in tree.rust() {
        let Some(tokens) = rust::tokens(&file.text) else { continue };
        rust::walk(tokens, &mut |place| {
            // `mod name;` has a file of its own, which is named above.
            if let [TokenTree::Ident(keyword), TokenTree::Ident(name), TokenTree::Group(_), ..] = place.tokens()
                && keyword == "mod"
                && let Some(word) = banned(&name.to_string())
            {
                findings.push(Finding::error(&file.path, place.line(), advice(word)));
            }
        });
    }
    findings
}

fn advice(word: &str) -> String {
    format!("`{word}` says nothing: call it after what it holds, or move each part to where it is used")
}

/// The banned word in a name such as `http_util.rs`.
fn banned(name: &str) -> Option<&'static str> {
    let stem = name.split('.').next().unwrap_or(name);
    BANNED.into_iter().find(|word| stem.split(['_', '-']).any(|part| part == *word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, source: &str) -> usize {
        check(&Tree::of(&[(path, source)])).len()
    }

    #[test]
    fn a_file_or_folder_needs_a_name_that_says_something() {
        for path in [
            "crates/x/src/utils.rs",
            "crates/x/tests/common/mod.rs",
            "crates/x/src/lock_manager.rs",
            "bench/misc/a.json",
        ] {
            assert_eq!(found(path, ""), 1, "{path}");
        }
        assert_eq!(found("crates/x/src/commons.rs", ""), 0);
    }

    #[test]
    fn an_inline_module_too() {
        assert_eq!(found("crates/x/src/a.rs", "mod helpers { fn a() {} }"), 1);
    }

    #[test]
    fn identifiers_and_other_peoples_modules_are_not_scanned() {
        assert_eq!(found("crates/x/src/a.rs", "use tower::util::Oneshot; fn helper() { let common = 1; }"), 0);
    }
}
