//! Rust source as a walk over its tokens: comments and strings cannot be mistaken for code, and what stands inside a
//! macro call is seen too.

use std::str::FromStr;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// One token, with what follows it on the same level.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    rest: &'a [TokenTree],
    /// Inside `#[cfg(test)]` or a function marked as a test.
    pub(crate) in_test: bool,
}

impl<'a> Place<'a> {
    pub(crate) fn tokens(self) -> &'a [TokenTree] {
        self.rest
    }

    /// Where the token starts, from 1.
    pub(crate) fn line(self) -> usize {
        self.rest.first().map_or(1, |token| token.span().start().line)
    }

    /// The token, as it is written.
    pub(crate) fn text(self) -> Option<String> {
        match self.rest.first()? {
            TokenTree::Group(_) => None,
            token => Some(token.to_string()),
        }
    }
}

/// The tokens of a file; `None` if it is not Rust, which the compiler says better.
pub(crate) fn tokens(text: &str) -> Option<TokenStream> {
    TokenStream::from_str(text).ok()
}

/// Calls `visit` at every token. An attribute is visited at its `#`; its inside is not.
pub(crate) fn walk(tokens: TokenStream, visit: &mut impl FnMut(Place<'_>)) {
    level(tokens, false, visit);
}

fn level(tokens: TokenStream, mut in_test: bool, visit: &mut impl FnMut(Place<'_>)) {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    // A test attribute holds until the end of the item it stands on.
    let mut item_is_test = false;
    let mut rest = trees.as_slice();
    while let Some(token) = rest.first() {
        visit(Place { rest, in_test: in_test || item_is_test });
        let mut step = 1;
        if let Some((inner, attribute, length)) = attribute(rest) {
            let test = names_test(attribute.clone());
            in_test |= inner && test;
            item_is_test |= test;
            step = length;
        } else if let TokenTree::Group(group) = token {
            level(group.stream(), in_test || item_is_test, visit);
            item_is_test &= group.delimiter() != Delimiter::Brace;
        } else if is_punct(token, ';') {
            item_is_test = false;
        }
        rest = rest.get(step..).unwrap_or_default();
    }
}

/// The attribute that starts here: whether it is an inner one, its content, and how many tokens it takes.
pub(crate) fn attribute(rest: &[TokenTree]) -> Option<(bool, TokenStream, usize)> {
    match rest {
        [hash, TokenTree::Group(group), ..] if is_punct(hash, '#') && group.delimiter() == Delimiter::Bracket => {
            Some((false, group.stream(), 2))
        }
        [hash, bang, TokenTree::Group(group), ..] if is_punct(hash, '#') && is_punct(bang, '!') => {
            Some((true, group.stream(), 3))
        }
        _ => None,
    }
}

pub(crate) fn is_punct(token: &TokenTree, wanted: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == wanted)
}

/// `#[test]`, `#[tokio::test]`, `#[rstest]`, `#[cfg(test)]`, but not `#[cfg(not(test))]`.
fn names_test(attribute: TokenStream) -> bool {
    let words: Vec<String> = words(attribute);
    words.iter().any(|word| word == "test" || word == "rstest") && !words.iter().any(|word| word == "not")
}

fn words(tokens: TokenStream) -> Vec<String> {
    let mut all = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) => all.extend(words(group.stream())),
            TokenTree::Ident(word) => all.push(word.to_string()),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(source: &str) -> Vec<(String, bool)> {
        let mut seen = Vec::new();
        walk(tokens(source).unwrap(), &mut |place| seen.extend(place.text().map(|text| (text, place.in_test))));
        seen
    }

    #[test]
    fn comments_and_attributes_are_not_code() {
        assert_eq!(seen("/* f64 */ #[doc = \"f64\"] x // f64"), [("#".to_owned(), false), ("x".to_owned(), false)]);
    }

    #[test]
    fn a_test_attribute_holds_for_its_item_only() {
        let source = "#[cfg(test)] mod tests { a } b #[cfg(test)] use c; d #[cfg(not(test))] fn e() {}";
        let in_test: Vec<String> = seen(source).into_iter().filter(|(_, test)| *test).map(|(text, _)| text).collect();
        assert_eq!(in_test, ["mod", "tests", "a", "use", "c", ";"]);
    }

    #[test]
    fn an_inner_test_attribute_holds_for_the_file() {
        assert!(seen("#![cfg(test)] fn a() {} b").iter().skip(1).all(|(_, test)| *test));
    }

    #[test]
    fn the_inside_of_a_macro_call_is_seen() {
        assert!(seen("json!({ \"a\": [b] })").contains(&("b".to_owned(), false)));
    }
}
