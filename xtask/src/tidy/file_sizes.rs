//! A file that is read in one sitting: 80 to 250 lines, a word at 400, the end at 600.

use super::{
    finding::Finding,
    tree::{File, Tree},
};

const WARN: usize = 400;
const FAIL: usize = 600;
const FAIL_IN_TESTS: usize = 800;
const EXAMPLE: usize = 150;
const FOLDERS: [&str; 5] = ["crates/", "xtask/", "bench/", "conformance/", "examples/"];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let ours = tree.rust().filter(|file| FOLDERS.iter().any(|folder| file.path.starts_with(folder)));
    ours.filter_map(file_finding).collect()
}

fn file_finding(file: &File) -> Option<Finding> {
    let lines = file.text.lines().count();
    let fail = if file.is_test() { FAIL_IN_TESTS } else { FAIL };
    if lines > fail {
        return Some(Finding::error(
            &file.path,
            lines,
            format!("{lines} lines, {fail} is the limit: split it by what it does"),
        ));
    }
    if file.path.starts_with("examples/") && lines > EXAMPLE {
        let what = format!("{lines} lines: an example shows one thing in at most {EXAMPLE}");
        return Some(Finding::warning(&file.path, lines, what));
    }
    (lines > WARN).then(|| Finding::warning(&file.path, lines, format!("{lines} lines: is this still one thing?")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(path: &str, lines: usize) -> Option<bool> {
        let findings = check(&Tree::of(&[(path, &"\n".repeat(lines))]));
        assert!(findings.len() <= 1);
        findings.first().map(Finding::is_error)
    }

    #[test]
    fn a_long_file_warns_and_then_fails() {
        assert_eq!(verdict("crates/x/src/a.rs", 400), None);
        assert_eq!(verdict("crates/x/src/a.rs", 401), Some(false));
        assert_eq!(verdict("crates/x/src/a.rs", 600), Some(false));
        assert_eq!(verdict("crates/x/src/a.rs", 601), Some(true));
    }

    #[test]
    fn tests_may_be_longer_and_examples_must_be_short() {
        assert_eq!(verdict("crates/x/tests/it/a.rs", 800), Some(false));
        assert_eq!(verdict("crates/x/tests/it/a.rs", 801), Some(true));
        assert_eq!(verdict("examples/x/src/main.rs", 150), None);
        assert_eq!(verdict("examples/x/src/main.rs", 151), Some(false));
    }

    #[test]
    fn what_is_not_our_source_has_no_limit() {
        assert_eq!(verdict("crates/x/schema.sql", 2_000), None);
        assert_eq!(verdict("docs/a.rs", 2_000), None);
    }
}
