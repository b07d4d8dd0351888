//! TOML: the library keeps where everything stands.

use toml_edit::{Document, Item, Table, TableLike, Value};

use super::{
    super::tree::{Kind, Node},
    Misread, is_number, line_at, misread,
};

pub(super) fn read(text: &str) -> Result<Node, Misread> {
    let document = Document::parse(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_at(text, span.start));
        misread(line, error.message().trim().replace('\n', ", "))
    })?;
    table(text, document.as_table(), 1)
}

fn table(text: &str, table: &dyn TableLike, line: usize) -> Result<Node, Misread> {
    let mut members = Vec::with_capacity(table.len());
    for (key, item) in table.iter() {
        let line = table.key(key).and_then(toml_edit::Key::span).map_or(line, |span| line_at(text, span.start));
        members.push((key.to_owned(), item_node(text, item, line)?));
    }
    Ok(Node::new(line, Kind::Map(members)))
}

fn item_node(text: &str, item: &Item, line: usize) -> Result<Node, Misread> {
    let at = |table: &Table| table.span().map_or(line, |span| line_at(text, span.start));
    match item {
        Item::None => Ok(Node::new(line, Kind::Null)),
        Item::Value(one) => value(text, one, line),
        Item::Table(one) => table(text, one, at(one)),
        Item::ArrayOfTables(all) => {
            let items = all.iter().map(|one| table(text, one, at(one))).collect::<Result<_, _>>()?;
            Ok(Node::new(line, Kind::List(items)))
        }
    }
}

fn value(text: &str, value: &Value, line: usize) -> Result<Node, Misread> {
    let line = value.span().map_or(line, |span| line_at(text, span.start));
    let kind = match value {
        Value::String(string) => Kind::Text(string.value().clone()),
        Value::Boolean(boolean) => Kind::Bool(*boolean.value()),
        Value::Integer(integer) => Kind::Number(integer.value().to_string()),
        Value::Float(_) => Kind::Number(float(text, value, line)?),
        Value::Datetime(_) => return Err(misread(line, "a date is not expected here: write it in quotes")),
        Value::Array(array) => {
            Kind::List(array.iter().map(|item| self::value(text, item, line)).collect::<Result<_, _>>()?)
        }
        Value::InlineTable(inline) => return table(text, inline, line),
    };
    Ok(Node::new(line, kind))
}

/// As it is spelled, in JSON's spelling.
fn float(text: &str, value: &Value, line: usize) -> Result<String, Misread> {
    let spelled = value.span().and_then(|span| text.get(span)).unwrap_or_default().replace('_', "");
    let spelled = spelled.strip_prefix('+').unwrap_or(&spelled);
    if is_number(spelled) { Ok(spelled.to_owned()) } else { Err(misread(line, format!("`{spelled}` is no number"))) }
}
