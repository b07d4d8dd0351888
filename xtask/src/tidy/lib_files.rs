//! `lib.rs` is a table of contents: docs, attributes, modules, re-exports.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::{finding::Finding, rust, tree::Tree};

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust().filter(|file| file.crate_folder().is_some() && file.path.ends_with("/src/lib.rs")) {
        for line in rust::tokens(&file.text).map(strangers).unwrap_or_default() {
            let what = "lib.rs holds docs, modules and re-exports only: move this to a module of its own";
            findings.push(Finding::error(&file.path, line, what));
        }
    }
    findings
}

/// The lines of items that are neither a module nor a re-export.
fn strangers(tokens: TokenStream) -> Vec<usize> {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    let mut lines = Vec::new();
    let mut rest = trees.as_slice();
    while let Some(token) = rest.first() {
        if let Some((_, _, length)) = rust::attribute(rest) {
            rest = rest.get(length..).unwrap_or_default();
            continue;
        }
        let item = item(rest);
        if is_contents(item) {
            lines.extend(inside(item).map(strangers).unwrap_or_default());
        } else {
            lines.push(token.span().start().line);
        }
        rest = rest.get(item.len()..).unwrap_or_default();
    }
    lines
}

/// The tokens up to and including the next `;`, or braces that end an item.
fn item(rest: &[TokenTree]) -> &[TokenTree] {
    let is_use = rest.iter().take(3).any(|token| token.to_string() == "use");
    let ends = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace && !is_use,
        token => rust::is_punct(token, ';'),
    };
    let length = rest.iter().position(ends).map_or(rest.len(), |end| end + 1);
    rest.get(..length).unwrap_or(rest)
}

fn is_contents(item: &[TokenTree]) -> bool {
    let mut tokens = item.iter().skip_while(|token| is_visibility(token));
    tokens.next().is_some_and(|token| matches!(token.to_string().as_str(), "mod" | "use"))
}

/// `pub`, and the `(crate)` after it.
fn is_visibility(token: &TokenTree) -> bool {
    match token {
        TokenTree::Ident(word) => word == "pub",
        TokenTree::Group(group) => group.delimiter() == Delimiter::Parenthesis,
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    }
}

fn inside(item: &[TokenTree]) -> Option<TokenStream> {
    match (item.iter().any(|token| token.to_string() == "mod"), item.last()) {
        (true, Some(TokenTree::Group(group))) => Some(group.stream()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, source: &str) -> Vec<String> {
        check(&Tree::of(&[(path, source)])).iter().map(|finding| finding.to_string()).collect()
    }

    #[test]
    fn modules_and_re_exports_are_welcome() {
        let inner = "//! Docs.\n#![forbid(unsafe_code)]\nmod a;\npub(crate) mod b;\nuse c as _;\n";
        let outer =
            "#[doc(inline)]\npub use a::{A, B};\n/// By feature.\n#[cfg(x)]\npub mod x {\n    pub use b::*;\n}\n";
        assert!(lines("crates/x/src/lib.rs", &format!("{inner}{outer}")).is_empty());
    }

    #[test]
    fn everything_else_is_named_with_its_line() {
        let items = "mod a;\npub fn f() {}\npub struct S { a: u8 }\nimpl S {}\nconst A: u8 = 1;\nm! {}\n";
        let found = lines("crates/x/src/lib.rs", &format!("{items}mod b {{\n    fn g() {{}}\n}}\n"));
        let at: Vec<&str> = found.iter().filter_map(|finding| finding.split(':').nth(1)).collect();
        assert_eq!(at, ["2", "3", "4", "5", "6", "8"]);
    }

    #[test]
    fn other_files_hold_what_they_like() {
        assert!(lines("crates/x/src/main.rs", "fn main() {}").is_empty());
        assert!(lines("bench/src/lib.rs", "fn a() {}").is_empty());
    }
}
