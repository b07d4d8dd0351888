//! YAML 1.2: plain scalars are null, true, false or numbers as JSON spells them; everything else is a text.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput};

use super::{
    super::tree::{Kind, Node},
    Misread, is_number, misread,
};

const DEEPEST: usize = 64;
/// Aliases can make a short text very long.
const MOST: usize = 100_000;

pub(super) fn read(text: &str) -> Result<Node, Misread> {
    let mut reader = Reader { parser: Parser::new_from_str(text), named: HashMap::new(), left: MOST };
    let mut tree = None;
    loop {
        let (event, span) = reader.next()?;
        match event {
            Event::StreamEnd => break,
            Event::Nothing | Event::StreamStart | Event::DocumentEnd => {}
            Event::DocumentStart(_) if tree.is_some() => {
                return Err(misread(span.start.line(), "one document in one file"));
            }
            Event::DocumentStart(_) => {
                let (event, span) = reader.next()?;
                tree = Some(reader.node(event, span, 0)?);
            }
            _ => return Err(misread(span.start.line(), "this is not expected here")),
        }
    }
    Ok(tree.unwrap_or(Node::new(1, Kind::Null)))
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    named: HashMap<usize, Node>,
    left: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Misread> {
        let wrong = |error: ScanError| misread(error.marker().line(), error.info().to_owned());
        self.parser.next_event().transpose().map_err(wrong)?.ok_or_else(|| misread(1, "the file ends too soon"))
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Misread> {
        let line = span.start.line();
        if depth > DEEPEST {
            return Err(misread(line, "this is nested too deeply"));
        }
        let (kind, name) = match event {
            Event::Alias(name) => return self.again(name, line),
            Event::Scalar(text, style, name, _) => (scalar(&text, style), name),
            Event::SequenceStart(name, _) => (Kind::List(self.items(depth)?), name),
            Event::MappingStart(name, _) => (Kind::Map(self.members(depth)?), name),
            _ => return Err(misread(line, "a value is expected here")),
        };
        self.count(1, line)?;
        let node = Node::new(line, kind);
        if name > 0 {
            self.named.insert(name, node.clone());
        }
        Ok(node)
    }

    fn items(&mut self, depth: usize) -> Result<Vec<Node>, Misread> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(items),
                (event, span) => items.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn members(&mut self, depth: usize) -> Result<Vec<(String, Node)>, Misread> {
        let mut members: Vec<(String, Node)> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            let line = span.start.line();
            let key = match event {
                Event::MappingEnd => return Ok(members),
                Event::Scalar(text, ..) => text.into_owned(),
                _ => return Err(misread(line, "a key must be a text")),
            };
            if members.iter().any(|(known, _)| *known == key) {
                return Err(misread(line, format!("`{key}` is here twice")));
            }
            let (event, span) = self.next()?;
            members.push((key, self.node(event, span, depth + 1)?));
        }
    }

    /// What an alias names; the lines stay those where it is written out.
    fn again(&mut self, name: usize, line: usize) -> Result<Node, Misread> {
        let node = self.named.get(&name).cloned();
        let node = node.ok_or_else(|| misread(line, "this alias names nothing that is complete"))?;
        self.count(size(&node), line)?;
        Ok(node)
    }

    fn count(&mut self, nodes: usize, line: usize) -> Result<(), Misread> {
        let left = self.left.checked_sub(nodes);
        self.left = left.ok_or_else(|| misread(line, "the file says more than 100000 things"))?;
        Ok(())
    }
}

fn size(node: &Node) -> usize {
    match &node.kind {
        Kind::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Kind::Map(members) => 1 + members.iter().map(|(_, node)| size(node)).sum::<usize>(),
        _ => 1,
    }
}

fn scalar(text: &str, style: ScalarStyle) -> Kind {
    match (style, text) {
        (ScalarStyle::Plain, "" | "~" | "null") => Kind::Null,
        (ScalarStyle::Plain, "true") => Kind::Bool(true),
        (ScalarStyle::Plain, "false") => Kind::Bool(false),
        (ScalarStyle::Plain, number) if is_number(number) => Kind::Number(number.to_owned()),
        _ => Kind::Text(text.to_owned()),
    }
}
