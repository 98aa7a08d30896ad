//! YAML, and JSON as its subset, as a tree that knows where everything stands.

use std::{collections::HashMap, fmt};

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use super::{Mistakes, Source};

/// The most nodes that all documents together may have, aliases written out.
const MAX_NODES: usize = 5_000_000;
/// The most nodes that aliases may write out.
const MAX_ALIASED: usize = 100_000;
/// Bytes of a text that count as one more node.
const TEXT_OF_A_NODE: usize = 64;

/// A place in a source; lines and columns begin at 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Index among the sources.
    pub source: usize,
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl Place {
    /// `file:line:column`.
    #[must_use]
    pub fn in_sources(self, sources: &[Source]) -> impl fmt::Display {
        let Self { source, line, column } = self;
        let name = sources.get(source).map_or("?", |source| &*source.name);
        format!("{name}:{line}:{column}")
    }
}

/// One value and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Where it begins.
    pub place: Place,
    /// What it is.
    pub value: Value,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A text without quotes, which may stand for a number, a truth value or nothing.
    Plain(String),
    /// A text in quotes or in a block.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// Fields in their order, each with the place of its name.
    Fields(Vec<(String, Place, Node)>),
}

impl Node {
    /// The value of a field.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        match &self.value {
            Value::Fields(fields) => fields.iter().find(|(known, _, _)| known == name).map(|(_, _, node)| node),
            Value::Plain(_) | Value::Text(_) | Value::List(_) => None,
        }
    }

    /// The place of the deepest thing on a path such as `.hosts[0]`.
    #[must_use]
    pub fn nearest(&self, path: &str) -> Place {
        let mut node = self;
        for step in path.split(['.', '[']).filter(|step| !step.is_empty()) {
            let next = match (&node.value, step.strip_suffix(']')) {
                (Value::List(items), Some(index)) => index.parse::<usize>().ok().and_then(|index| items.get(index)),
                (Value::Fields(_), None) => node.get(step),
                (Value::Plain(_) | Value::Text(_) | Value::List(_) | Value::Fields(_), _) => None,
            };
            let Some(next) = next else { break };
            node = next;
        }
        node.place
    }

    /// How many nodes it is, a long text counting as several.
    fn count(&self) -> usize {
        let text = |text: &str| text.len() / TEXT_OF_A_NODE;
        1 + match &self.value {
            Value::Plain(plain) | Value::Text(plain) => text(plain),
            Value::List(items) => items.iter().map(Self::count).sum(),
            Value::Fields(fields) => fields.iter().map(|(name, _, node)| 1 + text(name) + node.count()).sum(),
        }
    }
}

/// How many nodes there still may be.
#[derive(Debug)]
pub(super) struct Budget {
    nodes: usize,
    aliased: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { nodes: MAX_NODES, aliased: MAX_ALIASED }
    }
}

/// Reads every document of a text. One that is broken is a mistake, and the next one is read.
pub(super) fn documents(source: usize, text: &str, budget: &mut Budget, mistakes: &mut Mistakes) -> Vec<Node> {
    let mut parser = Parser::new_from_str(text);
    let mut documents = Vec::new();
    let mut broken = false;
    loop {
        let mut tree = Tree { source, anchors: HashMap::new(), budget, mistakes };
        match tree.document(&mut parser) {
            Ok(Some(document)) => documents.push(document),
            Ok(None) => break,
            Err(Stop { place, sentence }) => {
                mistakes.add(place, "", sentence);
                broken = true;
                // What cannot be skipped has been told already.
                if !parser.proceed_next_document().unwrap_or(false) {
                    break;
                }
            }
        }
    }
    if documents.is_empty() && !broken {
        let place = Place { source, line: 1, column: 1 };
        mistakes.add(place, "", "holds nothing; begin with \"services:\"");
    }
    documents
}

/// Why a document cannot be read on.
struct Stop {
    place: Place,
    sentence: String,
}

struct Tree<'a> {
    source: usize,
    anchors: HashMap<usize, Node>,
    budget: &'a mut Budget,
    mistakes: &'a mut Mistakes,
}

impl Tree<'_> {
    /// The next document; none at the end.
    fn document<'t>(
        &mut self,
        events: &mut impl Iterator<Item = Result<(Event<'t>, Span), ScanError>>,
    ) -> Result<Option<Node>, Stop> {
        loop {
            let Some(event) = events.next() else { return Ok(None) };
            let (event, span) = event.map_err(|err| self.syntax(&err))?;
            match event {
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                Event::StreamEnd => return Ok(None),
                other => return self.node(other, span, events).map(Some),
            }
        }
    }

    /// The node that begins with this event. Its depth is bounded by the parser.
    fn node<'t>(
        &mut self,
        event: Event<'t>,
        span: Span,
        events: &mut impl Iterator<Item = Result<(Event<'t>, Span), ScanError>>,
    ) -> Result<Node, Stop> {
        let place = self.place(span);
        self.spend(place, 1)?;
        let (value, anchor, tag) = match event {
            Event::Scalar(text, ScalarStyle::Plain, anchor, tag) => (Value::Plain(text.into_owned()), anchor, tag),
            Event::Scalar(text, _, anchor, tag) => (Value::Text(text.into_owned()), anchor, tag),
            Event::SequenceStart(_, anchor, tag) => (Value::List(self.items(events)?), anchor, tag),
            Event::MappingStart(_, anchor, tag) => (Value::Fields(self.fields(events)?), anchor, tag),
            Event::Alias(anchor) => return self.alias(anchor, place),
            _ => return Err(Stop { place, sentence: "is not a value".to_owned() }),
        };
        if tag.is_some() {
            self.mistakes.add(place, "", "has a tag (\"!…\"), which means nothing here; leave it away");
        }
        let node = Node { place, value };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn items<'t>(
        &mut self,
        events: &mut impl Iterator<Item = Result<(Event<'t>, Span), ScanError>>,
    ) -> Result<Vec<Node>, Stop> {
        let mut items = Vec::new();
        while let Some(event) = events.next() {
            let (event, span) = event.map_err(|err| self.syntax(&err))?;
            if event == Event::SequenceEnd {
                break;
            }
            items.push(self.node(event, span, events)?);
        }
        Ok(items)
    }

    fn fields<'t>(
        &mut self,
        events: &mut impl Iterator<Item = Result<(Event<'t>, Span), ScanError>>,
    ) -> Result<Vec<(String, Place, Node)>, Stop> {
        let mut fields = Vec::new();
        while let Some(event) = events.next() {
            let (event, span) = event.map_err(|err| self.syntax(&err))?;
            if event == Event::MappingEnd {
                break;
            }
            let name = self.node(event, span, events)?;
            let Some(event) = events.next() else { break };
            let (event, span) = event.map_err(|err| self.syntax(&err))?;
            let value = self.node(event, span, events)?;
            match name.value {
                Value::Plain(text) | Value::Text(text) => fields.push((text, name.place, value)),
                Value::List(_) | Value::Fields(_) => self.mistakes.add(name.place, "", "a field's name is a text"),
            }
        }
        Ok(fields)
    }

    /// What the alias stands for, written out: a few lines can stand for billions of nodes.
    fn alias(&mut self, anchor: usize, place: Place) -> Result<Node, Stop> {
        let Some(known) = self.anchors.get(&anchor) else {
            return Err(Stop { place, sentence: "stands for something that holds itself".to_owned() });
        };
        let count = known.count();
        let node = Node { place, value: known.value.clone() };
        self.spend(place, count)?;
        let Some(left) = self.budget.aliased.checked_sub(count) else {
            return Err(Stop {
                place, sentence: format!("aliases (\"*…\") stand for more than {MAX_ALIASED} values")
            });
        };
        self.budget.aliased = left;
        Ok(node)
    }

    fn spend(&mut self, place: Place, count: usize) -> Result<(), Stop> {
        let Some(left) = self.budget.nodes.checked_sub(count) else {
            return Err(Stop {
                place,
                sentence: format!("more than {MAX_NODES} values; divide it into several changes"),
            });
        };
        self.budget.nodes = left;
        Ok(())
    }

    fn syntax(&self, err: &ScanError) -> Stop {
        let marker = err.marker();
        let place = Place { source: self.source, line: marker.line(), column: marker.col() + 1 };
        Stop { place, sentence: format!("is no YAML: {}", err.kind()) }
    }

    fn place(&self, span: Span) -> Place {
        Place { source: self.source, line: span.start.line(), column: span.start.col() + 1 }
    }
}
