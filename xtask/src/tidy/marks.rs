//! Nothing unfinished, nothing skipped, and no path of somebody's machine.

use super::{
    finding::Finding,
    rust::{self, Place},
    tree::{File, Tree},
};

// Put together here, so that this file does not find itself.
const UNFINISHED: &str = concat!("FIX", "ME");
const MACHINE_PATH: &str = concat!("/wo", "rk/");
const SCRATCH: &str = concat!("/tm", "p/");

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let text = tree.files().iter().flat_map(text_findings);
    text.chain(tree.rust().flat_map(rust_findings)).collect()
}

fn text_findings(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, line) in file.text.lines().enumerate() {
        if line.contains(UNFINISHED) {
            findings.push(Finding::error(
                &file.path,
                at + 1,
                format!("{UNFINISHED}: finish it, or open an issue and say what holds today"),
            ));
        }
        if line.contains(MACHINE_PATH) {
            findings.push(Finding::error(
                &file.path,
                at + 1,
                format!("{MACHINE_PATH} is a path of one machine: write it relative to the repository"),
            ));
        }
    }
    findings
}

fn rust_findings(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(tokens) = rust::tokens(&file.text) else { return findings };
    rust::walk(tokens, &mut |place| {
        let product = !place.in_test && !file.is_test();
        let what =
            unfinished_call(place).or_else(|| skipped_test(place)).or_else(|| scratch_path(place).filter(|_| product));
        findings.extend(what.map(|what| Finding::error(&file.path, place.line(), what)));
    });
    findings
}

fn unfinished_call(place: Place<'_>) -> Option<String> {
    let name = place.text().filter(|text| matches!(text.as_str(), "todo" | "unimplemented"))?;
    let is_call = place.tokens().get(1).is_some_and(|token| rust::is_punct(token, '!'));
    is_call.then(|| format!("{name}! panics on whoever calls it: finish it, or leave it out"))
}

fn skipped_test(place: Place<'_>) -> Option<String> {
    let (_, attribute, _) = rust::attribute(place.tokens())?;
    let first = attribute.into_iter().next()?.to_string();
    (first == "ignore").then(|| "a test that does not run proves nothing: run it, or delete it".to_owned())
}

fn scratch_path(place: Place<'_>) -> Option<String> {
    let text = place.text().filter(|text| text.contains('"') && text.contains(SCRATCH))?;
    Some(format!("{text}: a fixed scratch path is shared by everybody on the machine; use a folder that is handed in"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn unfinished_work_is_found() {
        assert_eq!(found("a.rs", "fn a() { todo!() }"), 1);
        assert_eq!(found("a.rs", "fn a() { unimplemented!(\"later\") }"), 1);
        assert_eq!(found("a.rs", &format!("// {UNFINISHED} later\n")), 1);
        assert_eq!(found("docs/a.md", UNFINISHED), 1);
        assert_eq!(found("a.rs", "// todo!() is banned\nlet todo = 1;"), 0);
    }

    #[test]
    fn a_skipped_test_is_found() {
        assert_eq!(found("a.rs", "#[test]\n#[ignore]\nfn a() {}"), 1);
        assert_eq!(found("tests/a.rs", "#[ignore = \"slow\"]\nfn a() {}"), 1);
        assert_eq!(found("a.rs", "#[serde(ignore)]\nstruct A;"), 0);
    }

    #[test]
    fn a_path_of_one_machine_is_found_anywhere() {
        assert_eq!(found("x", &format!("cd {MACHINE_PATH}main")), 1);
    }

    #[test]
    fn a_scratch_path_is_for_tests() {
        let source = format!("fn a() {{ open(\"{SCRATCH}a\") }}");
        assert_eq!(found("crates/x/src/a.rs", &source), 1);
        assert_eq!(found("crates/x/src/a.rs", &format!("#[cfg(test)]\nmod tests {{ {source} }}")), 0);
        assert_eq!(found("crates/x/tests/it/a.rs", &source), 0);
        assert_eq!(found("crates/x/src/a.rs", &format!("// {SCRATCH}a\n")), 0);
    }
}
