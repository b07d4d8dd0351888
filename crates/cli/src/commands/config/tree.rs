//! A configuration file as it is written, whatever its format: values with the lines they stand on, numbers as spelled.

use serde_json::Value;

/// A value and its line, counted from 1.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    /// As it is spelled: numbers never become floats here.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl PartialEq for Node {
    /// Where it stands does not matter.
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl Node {
    pub(super) const fn new(line: usize, kind: Kind) -> Self {
        Self { line, kind }
    }

    /// The member of a map, or the element of a list.
    pub(super) fn child(&self, segment: &str) -> Option<&Self> {
        match &self.kind {
            Kind::Map(members) => members.iter().find(|(key, _)| key == segment).map(|(_, node)| node),
            Kind::List(items) => items.get(segment.parse::<usize>().ok()?),
            _ => None,
        }
    }

    /// The line of what a JSON pointer leads to, or as far as it does lead. Keys may be written in snake_case.
    pub(super) fn line_of(&self, pointer: &str) -> usize {
        let mut node = self;
        for segment in segments(pointer) {
            let Some(next) = node.child(&segment).or_else(|| node.child(&snake_case(&segment))) else { break };
            node = next;
        }
        node.line
    }

    /// As JSON.
    pub(super) fn json(&self) -> String {
        match &self.kind {
            Kind::Null => "null".to_owned(),
            Kind::Bool(value) => value.to_string(),
            Kind::Number(text) => text.clone(),
            Kind::Text(text) => quoted(text),
            Kind::List(items) => format!("[{}]", items.iter().map(Self::json).collect::<Vec<_>>().join(",")),
            Kind::Map(members) => {
                let members = members.iter().map(|(key, node)| format!("{}:{}", quoted(key), node.json()));
                format!("{{{}}}", members.collect::<Vec<_>>().join(","))
            }
        }
    }
}

/// The segments of a JSON pointer, as RFC 6901 has them.
pub(super) fn segments(pointer: &str) -> impl Iterator<Item = String> + '_ {
    pointer.split('/').skip(1).map(|segment| segment.replace("~1", "/").replace("~0", "~"))
}

/// As people write it: `plans[0].prices`.
pub(super) fn key(pointer: &str) -> String {
    let mut key = String::new();
    for segment in segments(pointer) {
        match segment.parse::<usize>() {
            Ok(index) => key.push_str(&format!("[{index}]")),
            Err(_) if key.is_empty() => key = segment,
            Err(_) => key.push_str(&format!(".{segment}")),
        }
    }
    key
}

/// A JSON string that is a YAML and a TOML string, too: JSON leaves DEL as it is, they do not.
pub(super) fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string().replace('\u{7f}', "\\u007f")
}

fn snake_case(key: &str) -> String {
    let mut snake = String::with_capacity(key.len() + 4);
    for letter in key.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_in_either_spelling_and_as_near_as_it_goes() {
        let grant = Node::new(9, Kind::Map(vec![("included_usage".into(), Node::new(10, Kind::Number("5".into())))]));
        let tree = Node::new(1, Kind::Map(vec![("plans".into(), Node::new(4, Kind::List(vec![grant])))]));
        assert_eq!(tree.line_of("/plans/0/includedUsage"), 10);
        assert_eq!(tree.line_of("/plans/0/rolloverMax"), 9);
        assert_eq!(tree.line_of("/plans/7"), 4);
        assert_eq!(key("/plans/0/features/api_calls/includedUsage"), "plans[0].features.api_calls.includedUsage");
        assert_eq!(tree.json(), r#"{"plans":[{"included_usage":5}]}"#);
    }
}
