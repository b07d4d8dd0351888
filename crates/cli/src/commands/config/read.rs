//! Reading TOML, YAML and JSON into one tree.

mod json;
mod toml;
mod yaml;

use std::path::Path;

use super::tree::Node;

/// How a file is written, by its name's ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Toml,
    Yaml,
    Json,
}

/// Where a file is wrong, and how.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misread {
    pub(super) line: usize,
    pub(super) what: String,
}

impl Format {
    pub(super) fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "toml" => Some(Self::Toml),
            "yaml" | "yml" => Some(Self::Yaml),
            "json" => Some(Self::Json),
            _ => None,
        }
    }

    pub(super) fn read(self, text: &str) -> Result<Node, Misread> {
        match self {
            Self::Toml => toml::read(text),
            Self::Yaml => yaml::read(text),
            Self::Json => json::read(text),
        }
    }
}

fn misread(line: usize, what: impl Into<String>) -> Misread {
    Misread { line, what: what.into() }
}

/// The line that the byte at `offset` stands on.
fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// Whether a text is spelled as JSON spells numbers.
fn is_number(text: &str) -> bool {
    text.starts_with(|first: char| first == '-' || first.is_ascii_digit())
        && serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOML: &str = "a = 1\n\n[[plans]]\ncode = \"x\"\nup = 0.25\n[plans.features.f]\non = true\n[[plans]]\ntiers = [{ n = 1_000 }]\n";
    const YAML: &str =
        "a: 1\nplans:\n  - code: x\n    up: 0.25\n    features:\n      f: {on: true}\n  - tiers: [{n: 1000}]\n";
    const JSON: &str = "{\n\t\"a\": 1,\n\t\"plans\": [\n{\"code\": \"x\", \"up\": 0.25,\n\"features\": {\"f\": {\"on\": true}}},\n{\"tiers\": [{\"n\": 1000}]}\n]}";

    #[test]
    fn three_formats_are_one_tree_with_their_own_lines() {
        let (toml, yaml, json) =
            (Format::Toml.read(TOML).unwrap(), Format::Yaml.read(YAML).unwrap(), Format::Json.read(JSON).unwrap());
        assert_eq!(toml, yaml);
        assert_eq!(yaml, json);
        let line = |pointer: &str| [toml.line_of(pointer), yaml.line_of(pointer), json.line_of(pointer)];
        assert_eq!(line("/plans/0/up"), [5, 4, 4]);
        assert_eq!(line("/plans/0/features/f/on"), [7, 6, 5]);
        assert_eq!(line("/plans/1/tiers/0/n"), [9, 7, 6]);
    }

    #[test]
    fn what_cannot_be_read_is_said_with_its_line() {
        let line = |format: Format, text: &str| format.read(text).unwrap_err().line;
        assert_eq!(line(Format::Toml, "a = 1\nb = \n"), 2);
        assert_eq!(line(Format::Toml, "a = 1\nwhen = 2026-01-01\n"), 2);
        assert_eq!(line(Format::Toml, "a = 1\nn = inf\n"), 2);
        assert_eq!(line(Format::Yaml, "a: 1\nb: [\n"), 3);
        assert_eq!(line(Format::Yaml, "a: 1\nb: 2\na: 3\n"), 3);
        assert_eq!(line(Format::Yaml, "a: 1\n---\nb: 2\n"), 2);
        assert_eq!(line(Format::Json, "{\"a\": 1,\n}"), 2);
        assert_eq!(line(Format::Json, "{\"a\": 1,\n\"a\": 2}"), 2);
    }

    #[test]
    fn yaml_repeats_what_it_names_but_not_without_end() {
        let tree = Format::Yaml.read("a: &x {n: 1}\nb: *x\n").unwrap();
        assert_eq!(tree.json(), r#"{"a":{"n":1},"b":{"n":1}}"#);
        let mut bomb = "a: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n".to_owned();
        for at in 1..9 {
            let before = format!("*a{}, ", at - 1).repeat(10);
            bomb.push_str(&format!("b{at}: &a{at} [{}]\n", before.trim_end_matches(", ")));
        }
        assert!(Format::Yaml.read(&bomb).is_err());
    }
}
