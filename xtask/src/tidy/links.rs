//! A relative link in a page leads to a file that exists.

use super::{
    finding::Finding,
    tree::{File, Tree},
};

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let places = tree.places();
    let mut findings = Vec::new();
    for file in tree.with_ending(".md").filter(|file| is_page(file)) {
        for (line, target) in links(&file.text) {
            let Some(wanted) = resolve(&file.path, &target) else { continue };
            if !places.contains(wanted.as_str()) {
                findings.push(Finding::error(
                    &file.path,
                    line,
                    format!("the link to {target} leads nowhere: {wanted} does not exist"),
                ));
            }
        }
    }
    findings
}

/// At the root, under `docs/`, or beside a crate's code.
fn is_page(file: &File) -> bool {
    !file.path.contains('/') || ["docs/", "crates/", "examples/"].iter().any(|folder| file.path.starts_with(folder))
}

/// Every `[text](target)` and `[name]: target` outside code, with its line.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut all = Vec::new();
    let mut fenced = false;
    for (at, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        // Every second part stands between backticks.
        let prose: String = line.split('`').step_by(2).collect();
        let inline =
            prose.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target.to_owned());
        all.extend(inline.map(|target| (at + 1, target)));
        let reference = prose.strip_prefix('[').and_then(|rest| rest.split_once("]: "));
        all.extend(reference.map(|(_, target)| (at + 1, target.trim().to_owned())));
    }
    all
}

/// The place a relative link means; `None` for one that leads out of the repository's files.
fn resolve(from: &str, target: &str) -> Option<String> {
    let path = target.split(['#', ' ', '?']).next().unwrap_or_default().trim_matches(['<', '>']);
    if path.is_empty() || path.contains(':') || path.starts_with("//") {
        return None;
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    if path.starts_with('/') {
        parts.clear();
    }
    for part in path.split('/') {
        match part {
            "" | "." => {}
            // Above the root there is nothing to find; the empty name is reported.
            ".." => {
                if parts.pop().is_none() {
                    return Some(path.to_owned());
                }
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        let tree = Tree::of(&[(path, text), ("docs/guides/first.md", ""), ("LICENSE-MIT", "")]);
        check(&tree).iter().map(|finding| finding.what().to_owned()).collect()
    }

    #[test]
    fn a_link_to_a_file_or_folder_holds() {
        assert!(
            found("README.md", "[a](docs/guides/first.md#top), [b](LICENSE-MIT), [c](docs/), [d](./docs/guides)")
                .is_empty()
        );
        assert!(
            found(
                "docs/decisions/README.md",
                "[a](../guides/first.md) [b](../../LICENSE-MIT \"MIT\")\n[c]: ../guides/first.md"
            )
            .is_empty()
        );
    }

    #[test]
    fn a_link_that_leads_nowhere_is_found() {
        let gone = found("docs/a.md", "\n[a](guides/second.md)");
        assert_eq!(gone, ["the link to guides/second.md leads nowhere: docs/guides/second.md does not exist"]);
        assert_eq!(found("README.md", "[a](../outside.md)").len(), 1);
        assert_eq!(found("README.md", "[a]: docs/none.md").len(), 1);
    }

    #[test]
    fn the_web_anchors_and_code_are_left_alone() {
        assert!(found("README.md", "[a](https://example.com/x) [b](#below) [c](mailto:a@b.c) `[d](none)`").is_empty());
        assert!(found("README.md", "```\n[a](none.md)\n```\n").is_empty());
    }
}
