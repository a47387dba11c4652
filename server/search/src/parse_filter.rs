//! `_filter`: <https://hl7.org/fhir/R4/search_filter.html>. `and` binds closer than `or`.
//!
//! One operator is answered as far as conditions can say it and refused by name beyond: `ne` on an element that repeats (some value is
//! another, which is not the opposite of `eq`).

use crate::codes::Relation;
use crate::index::is_column;
use crate::param::{Kind, Param};
use crate::parse::{Refusal, firmly_not_supported, shown, wrong};
use crate::parse_condition::{Reader, column};
use crate::parse_modifier::Read;
use crate::query::{Condition, Filter, FilterValue, Modifier, Prefix};
use crate::registry::{CONTENT_CODE, FILTER_CODE, TEXT_CODE};

const OPERATORS: [&str; 19] =
    ["eq", "ne", "co", "sw", "ew", "gt", "lt", "ge", "le", "ap", "sa", "eb", "pr", "po", "ss", "sb", "in", "ni", "re"];

/// Reads the expression.
pub(crate) fn condition(type_name: &str, text: &str, reader: &Reader<'_>, depth: usize) -> Result<Condition, Refusal> {
    let mut parser = Parser { rest: text.trim(), reader };
    let tree = parser.any(depth)?;
    if !parser.rest.is_empty() {
        return Err(invalid("what follows its end"));
    }
    resolve(&tree, type_name, reader, depth)
}

enum Tree {
    Any(Vec<Tree>),
    All(Vec<Tree>),
    Not(Box<Tree>),
    Look(Look),
}

/// `path operator value`.
struct Look {
    /// At least one step.
    path: Vec<Step>,
    operator: &'static str,
    value: String,
}

/// A name of a path, with the filter in its brackets.
struct Step {
    code: String,
    filter: Option<Tree>,
}

fn invalid(what: &str) -> Refusal {
    wrong(
        "invalid",
        format!("`_filter` is not `path operator value`, joined by `and`, `or` and `not(...)`: see {what}"),
    )
}

struct Parser<'p> {
    rest: &'p str,
    reader: &'p Reader<'p>,
}

impl<'p> Parser<'p> {
    fn any(&mut self, depth: usize) -> Result<Tree, Refusal> {
        let mut some = vec![self.all(depth)?];
        while self.keyword("or") {
            some.push(self.all(depth)?);
        }
        Ok(one_or(some, Tree::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Tree, Refusal> {
        let mut all = vec![self.one(depth)?];
        while self.keyword("and") {
            all.push(self.one(depth)?);
        }
        Ok(one_or(all, Tree::All))
    }

    fn one(&mut self, depth: usize) -> Result<Tree, Refusal> {
        self.reader.check_depth(depth)?;
        if self.keyword("not") {
            return Ok(Tree::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.sign('(') {
            let inner = self.any(depth + 1)?;
            return if self.sign(')') { Ok(inner) } else { Err(invalid("its parentheses")) };
        }
        let path = self.path(depth)?;
        let word = self.until(|c| c.is_whitespace());
        let Some(operator) = OPERATORS.into_iter().find(|known| *known == word) else {
            return Err(invalid("its operators"));
        };
        let value = self.value()?;
        Ok(Tree::Look(Look { path, operator, value }))
    }

    fn path(&mut self, depth: usize) -> Result<Vec<Step>, Refusal> {
        let mut path = Vec::new();
        loop {
            let code = self.until(|c| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-'));
            if code.is_empty() {
                return Err(invalid("its paths"));
            }
            let mut filter = None;
            if self.sign('[') {
                filter = Some(self.any(depth + 1)?);
                if !self.sign(']') {
                    return Err(invalid("its brackets"));
                }
            }
            let (is_filtered, code) = (filter.is_some(), code.to_owned());
            path.push(Step { code, filter });
            if !self.sign('.') {
                self.rest = self.rest.trim_start();
                return if is_filtered { Err(invalid("what its brackets lead to")) } else { Ok(path) };
            }
        }
    }

    /// A JSON string or a word.
    fn value(&mut self) -> Result<String, Refusal> {
        self.rest = self.rest.trim_start();
        let Some(quoted) = self.rest.strip_prefix('"') else {
            let word = self.until(|c| c.is_whitespace() || matches!(c, ')' | ']')).to_owned();
            self.rest = self.rest.trim_start();
            return if word.is_empty() { Err(invalid("its values")) } else { Ok(word) };
        };
        let mut is_escaped = false;
        let is_end = |c: char| {
            let is_end = c == '"' && !is_escaped;
            is_escaped = c == '\\' && !is_escaped;
            is_end
        };
        let end = quoted.find(is_end).and_then(|end| self.rest.split_at_checked(end + 2));
        let Some((text, rest)) = end else { return Err(invalid("its quotes")) };
        self.rest = rest.trim_start();
        serde_json::from_str(text).map_err(|_| invalid("its quotes"))
    }

    fn until(&mut self, is_end: impl Fn(char) -> bool) -> &'p str {
        let end = self.rest.find(is_end).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        word
    }

    fn sign(&mut self, sign: char) -> bool {
        let Some(rest) = self.rest.strip_prefix(sign) else { return false };
        // A path goes on without a blank.
        self.rest = if matches!(sign, ']' | '.') { rest } else { rest.trim_start() };
        true
    }

    fn keyword(&mut self, word: &str) -> bool {
        let Some(rest) = self.rest.strip_prefix(word) else { return false };
        let is_whole = rest.starts_with(|c: char| c.is_whitespace() || c == '(');
        if is_whole {
            self.rest = rest.trim_start();
        }
        is_whole
    }
}

fn one_or(mut list: Vec<Tree>, join: impl Fn(Vec<Tree>) -> Tree) -> Tree {
    match list.pop() {
        Some(only) if list.is_empty() => only,
        last => join(list.into_iter().chain(last).collect()),
    }
}

fn resolve(tree: &Tree, type_name: &str, reader: &Reader<'_>, depth: usize) -> Result<Condition, Refusal> {
    let each = |list: &[Tree]| {
        list.iter().map(|one| resolve(one, type_name, reader, depth + 1)).collect::<Result<Vec<_>, _>>()
    };
    Ok(match tree {
        Tree::Any(some) => Condition::Any(each(some)?),
        Tree::All(all) => Condition::All(each(all)?),
        Tree::Not(one) => Condition::Not(Box::new(resolve(one, type_name, reader, depth + 1)?)),
        Tree::Look(look) => at_path(&look.path, look, type_name, reader, depth)?,
    })
}

fn at_path(
    path: &[Step],
    look: &Look,
    type_name: &str,
    reader: &Reader<'_>,
    depth: usize,
) -> Result<Condition, Refusal> {
    reader.check_depth(depth)?;
    match path {
        [] => Err(invalid("its paths")),
        [last] => single(&last.code, look, type_name, reader),
        [link, rest @ ..] => {
            let target = |target: &str| {
                let condition = at_path(rest, look, target, reader, depth + 1)?;
                match &link.filter {
                    Some(filter) => Ok(Condition::All(vec![resolve(filter, target, reader, depth + 1)?, condition])),
                    None => Ok(condition),
                }
            };
            let next = rest.first().map_or("", |step| step.code.as_str());
            reader.chain(type_name, &link.code, target, next)
        }
    }
}

fn single(code: &str, look: &Look, type_name: &str, reader: &Reader<'_>) -> Result<Condition, Refusal> {
    reader.count()?;
    if matches!(code, "_list" | "_has" | "_query" | TEXT_CODE | CONTENT_CODE | FILTER_CODE) {
        return Err(firmly_not_supported(format!("`_filter` does not take {}", shown(code))));
    }
    let param = reader.param(type_name, code)?;
    let (operator, value) = (look.operator, look.value.as_str());
    let filter = |modifier: Modifier, piece: &str| {
        let values = vec![reader.value(type_name, param, &modifier, piece)?];
        Ok(Filter { param: column(param), modifier, values })
    };
    let codes = |relation| {
        // Commas in a value are no alternatives here.
        reader.filter(type_name, param, Read::Codes(relation), &value.replace(',', "\\,"))
    };
    let is_span = matches!(param.kind, Kind::Number | Kind::Quantity | Kind::Date);
    Ok(Condition::Filter(match (operator, param.kind) {
        ("pr", kind) if kind != Kind::Composite && !is_column(&param.url) => {
            let is_present = match value {
                "true" => true,
                "false" => false,
                _ => return Err(wrong("invalid", format!("`_filter`: `{code} pr` takes `true` or `false`"))),
            };
            Filter { param: column(param), modifier: Modifier::Missing(!is_present), values: Vec::new() }
        }
        ("po", Kind::Date) => overlap(filter(Modifier::None, &format!("eq{value}"))?),
        ("eq" | "ne" | "gt" | "lt" | "ge" | "le" | "ap" | "sa" | "eb", _) if is_span => {
            filter(Modifier::None, &format!("{operator}{value}"))?
        }
        ("ne", _) => return other_than(filter(equality(param), value)?, param, type_name, reader),
        ("eq", _) | ("re", Kind::Reference) => filter(equality(param), value)?,
        ("co", Kind::String) => filter(Modifier::Contains, value)?,
        ("ew", Kind::String) => filter(Modifier::EndsWith, value)?,
        ("sw", Kind::String) => filter(Modifier::None, value)?,
        ("ss", Kind::Token) => return codes(Relation::Below),
        ("sb", Kind::Token) => return codes(Relation::Above),
        ("in", Kind::Token) => return codes(Relation::In),
        ("ni", Kind::Token) => return codes(Relation::NotIn),
        (operator, kind) => {
            let kind = kind.code();
            return Err(firmly_not_supported(format!(
                "`_filter`: `{operator}` is not supported for search parameter `{code}` of kind {kind}"
            )));
        }
    }))
}

fn equality(param: &Param) -> Modifier {
    if param.kind == Kind::String { Modifier::Exact } else { Modifier::None }
}

/// `ne`: there is a value, and it is another.
fn other_than(equal: Filter, param: &Param, type_name: &str, reader: &Reader<'_>) -> Result<Condition, Refusal> {
    if is_column(&param.url) {
        return Ok(Condition::Not(Box::new(Condition::Filter(equal))));
    }
    if !reader.registry.is_single(type_name, param.id) {
        let code = &param.code;
        return Err(firmly_not_supported(format!(
            "`_filter`: `ne` is not supported for search parameter `{code}`, which may have many values; `not({code} eq ...)` finds those \
             without that value"
        )));
    }
    let present = Filter { param: equal.param.clone(), modifier: Modifier::Missing(false), values: Vec::new() };
    Ok(Condition::All(vec![Condition::Filter(present), Condition::Not(Box::new(Condition::Filter(equal)))]))
}

/// `po`: the spans have a moment in common.
fn overlap(mut filter: Filter) -> Filter {
    for value in &mut filter.values {
        if let FilterValue::Date { prefix, .. } = value {
            *prefix = Prefix::Ap;
        }
    }
    filter
}
