//! A function that fits on a screen: 30 lines as a rule, 70 at the most.

use proc_macro2::{Delimiter, TokenTree};

use super::{
    finding::Finding,
    rust::{self, Place},
    tree::{File, Tree},
};

const LIMIT: usize = 70;
const LIMIT_IN_TESTS: usize = 120;

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    tree.rust().flat_map(file_findings).collect()
}

fn file_findings(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    let Some(tokens) = rust::tokens(&file.text) else { return findings };
    rust::walk(tokens, &mut |place| {
        let limit = if place.in_test || file.is_test() { LIMIT_IN_TESTS } else { LIMIT };
        if let Some((name, lines)) = function(place).filter(|(_, lines)| *lines > limit) {
            let what = format!("fn {name} has {lines} lines, {limit} is the limit: name its steps and split it");
            findings.push(Finding::error(&file.path, place.line(), what));
        }
    });
    findings
}

/// The name and length of the function that starts here, from `fn` to its closing brace.
fn function(place: Place<'_>) -> Option<(String, usize)> {
    let (TokenTree::Ident(keyword), TokenTree::Ident(name)) = (place.tokens().first()?, place.tokens().get(1)?) else {
        return None;
    };
    if keyword != "fn" {
        return None;
    }
    for token in place.tokens() {
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                let last = group.span_close().end().line;
                return Some((name.to_string(), last.saturating_sub(place.line()) + 1));
            }
            token if rust::is_punct(token, ';') => return None,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, source: &str) -> Vec<String> {
        check(&Tree::of(&[(path, source)])).iter().map(ToString::to_string).collect()
    }

    /// A function of that many lines, on lines of its own.
    fn function(name: &str, lines: usize) -> String {
        format!("fn {name}() {{\n{}}}\n", "    step();\n".repeat(lines - 2))
    }

    #[test]
    fn a_function_may_have_seventy_lines() {
        assert!(found("a.rs", &function("fits", 70)).is_empty());
        let long = found("a.rs", &format!("\nimpl A {{\n{}}}\n", function("long", 71)));
        assert_eq!(long, ["a.rs:3: fn long has 71 lines, 70 is the limit: name its steps and split it"]);
    }

    #[test]
    fn a_test_may_have_a_hundred_and_twenty() {
        let test = |lines| format!("#[tokio::test]\nasync {}", function("story", lines));
        assert!(found("a.rs", &test(120)).is_empty());
        assert_eq!(found("a.rs", &test(121)).len(), 1);
        assert!(found("crates/x/tests/it/a.rs", &function("starts_a_server", 120)).is_empty());
    }

    #[test]
    fn a_function_inside_a_macro_counts() {
        assert_eq!(found("a.rs", &format!("proptest! {{\n{}}}", function("long", 71))).len(), 1);
    }

    #[test]
    fn a_function_without_a_body_borrows_no_ones() {
        let tail = function("x", 60);
        assert!(
            found("a.rs", &format!("trait A {{ fn a(&self);\n{tail} }}\nstruct B {{ f: fn(u8) }}\n{tail}")).is_empty()
        );
    }
}
