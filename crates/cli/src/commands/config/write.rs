//! Writing a configuration in each format, as people would.

use farebox_client::api::Config;

use super::{
    read::Format,
    tree::{Kind, Node, quoted},
};

/// `None` if the configuration cannot be written as JSON, which it can.
pub(super) fn text(config: &Config, format: Format) -> Option<String> {
    let tree = Format::Json.read(&serde_json::to_string(config).ok()?).ok()?;
    let mut text = String::new();
    match format {
        Format::Json => {
            json(&tree, 0, &mut text);
            text.push('\n');
        }
        Format::Toml => toml(&tree, "", &mut text),
        Format::Yaml => yaml(&tree, 0, &mut text),
    }
    Some(text)
}

const fn is_nested(node: &Node) -> bool {
    match &node.kind {
        Kind::Map(members) => !members.is_empty(),
        Kind::List(items) => !items.is_empty(),
        _ => false,
    }
}

/// Indented, except what holds nothing nested.
fn json(node: &Node, depth: usize, text: &mut String) {
    let inner = "  ".repeat(depth + 1);
    let outer = "  ".repeat(depth);
    match &node.kind {
        Kind::Map(members) if is_nested(node) => {
            text.push_str("{\n");
            for (at, (key, member)) in members.iter().enumerate() {
                text.push_str(&format!("{inner}{}: ", quoted(key)));
                json(member, depth + 1, text);
                text.push_str(if at + 1 < members.len() { ",\n" } else { "\n" });
            }
            text.push_str(&format!("{outer}}}"));
        }
        Kind::List(items) if is_nested(node) => {
            text.push_str("[\n");
            for (at, item) in items.iter().enumerate() {
                text.push_str(&inner);
                json(item, depth + 1, text);
                text.push_str(if at + 1 < items.len() { ",\n" } else { "\n" });
            }
            text.push_str(&format!("{outer}]"));
        }
        _ => text.push_str(&node.json()),
    }
}

/// A table: plain members first, then what gets headers of its own.
fn toml(node: &Node, path: &str, text: &mut String) {
    let Kind::Map(members) = &node.kind else { return };
    let (plain, tables): (Vec<_>, Vec<_>) = members.iter().partition(|(key, member)| !has_header(key, member));
    for (key, member) in plain {
        text.push_str(&format!("{key} = {}\n", inline(member)));
    }
    for (key, member) in tables {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match &member.kind {
            Kind::List(items) => {
                for item in items {
                    text.push_str(&format!("\n[[{path}]]\n"));
                    toml(item, &path, text);
                }
            }
            Kind::Map(grants) if grants.is_empty() => text.push_str(&format!("\n[{path}]\n")),
            Kind::Map(_) if is_nested(member) && path.ends_with(".features") => {
                text.push_str(&format!("\n[{path}]\n"));
                toml(member, &path, text);
            }
            _ => {}
        }
    }
}

/// Lists of tables have one each; tiers and grants are short, and stand inline.
fn has_header(key: &str, node: &Node) -> bool {
    match &node.kind {
        Kind::List(items) => key != "tiers" && items.iter().any(|item| matches!(item.kind, Kind::Map(_))),
        Kind::Map(_) => key == "features",
        _ => false,
    }
}

/// A key as it is, or quoted if it would be read otherwise.
fn bare(key: &str) -> String {
    let plain = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    if plain { key.to_owned() } else { quoted(key) }
}

fn inline(node: &Node) -> String {
    match &node.kind {
        Kind::Map(members) if members.is_empty() => "{}".to_owned(),
        Kind::Map(members) => {
            let members = members.iter().map(|(key, member)| format!("{} = {}", bare(key), inline(member)));
            format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
        }
        Kind::List(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Kind::Number(number) => number.clone(),
        Kind::Text(value) => quoted(value),
        _ => node.json(),
    }
}

/// A block; texts are quoted, so that none is taken for something else.
fn yaml(node: &Node, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    match &node.kind {
        Kind::Map(members) => {
            for (key, member) in members {
                text.push_str(&format!("{indent}{}:", bare(key)));
                yaml_value(member, depth, text);
            }
        }
        Kind::List(items) => {
            for item in items {
                if !is_nested(item) {
                    text.push_str(&format!("{indent}- {}\n", item.json()));
                    continue;
                }
                let mut block = String::new();
                yaml(item, depth + 1, &mut block);
                // The dash takes the place of the first line's last indent.
                let first = block.strip_prefix(&"  ".repeat(depth + 1)).unwrap_or(&block);
                text.push_str(&format!("{indent}- {first}"));
            }
        }
        _ => text.push_str(&format!("{indent}{}\n", node.json())),
    }
}

fn yaml_value(node: &Node, depth: usize, text: &mut String) {
    if is_nested(node) {
        text.push('\n');
        yaml(node, depth + 1, text);
    } else {
        text.push_str(&format!(" {}\n", node.json()));
    }
}

#[cfg(test)]
mod tests {
    use super::{super::file::parse, *};

    const FULL: &str = r#"{"apiVersion":"2026-05-01","features":[{"code":"calls","name":"Calls: \"all\" of 'em\n#1 \u007f ü","kind":"metered",
        "billableMetric":"calls_made"},{"code":"yes","kind":"boolean"}],"plans":[{"code":"pro","name":"null","product":"app","trialPeriodDays":14,
        "prices":[{"amount":900,"currency":"USD","interval":"month","tierMode":"volume","tiers":[{"unitAmountDecimal":0.000001,"upTo":10},
        {"flatAmount":5,"upTo":"inf"}],"feature":"calls"}],"features":{"calls":{"includedUsage":9223372036854.775807,"overage":{"cap":7}},
        "yes":{}},"privileges":["export"]},{"code":"none","name":"None","prices":[{"amount":0,"currency":"USD","interval":"month"}],"features":{}}]}"#;

    #[test]
    fn each_format_reads_back_as_what_was_written() {
        let config: Config = serde_json::from_str(FULL).unwrap();
        let nothing: Config = serde_json::from_str(r#"{"apiVersion":"2026-05-01","features":[],"plans":[]}"#).unwrap();
        for format in [Format::Toml, Format::Yaml, Format::Json] {
            for config in [&config, &nothing] {
                let text = text(config, format).unwrap();
                let tree = format.read(&text).unwrap_or_else(|error| panic!("{error:?} in\n{text}"));
                assert_eq!(&parse(&tree).unwrap(), config, "{text}");
            }
        }
    }
}
