//! JSON Pointer, and the changes of a document by pointer: <https://www.rfc-editor.org/rfc/rfc6901>.
//!
//! Every change is made in the text, so that what it does not touch stays byte for byte: decimals, order, white space.

use std::fmt;

use crate::json::{Json, JsonError, Kind, Node};

/// The way to a value from the top of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pointer(Vec<String>);

/// Why a change cannot be made; it names places, never content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PointerError {
    /// A text that is no pointer.
    #[error("a JSON pointer is empty or begins with `/`")]
    NotAPointer,
    /// There is nothing at the place.
    #[error("there is nothing at {}", .0.shown())]
    Nothing(Pointer),
    /// The index is not one of the array, nor the one after its last.
    #[error("{} is beyond the end of the array", .0.shown())]
    BeyondEnd(Pointer),
    /// What the change makes is not JSON that FHIR takes, as when it nests too deep.
    #[error("the change makes a document that is not valid: {0}")]
    Invalid(#[from] JsonError),
}

impl fmt::Display for Pointer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|token| write!(formatter, "/{}", token.replace('~', "~0").replace('/', "~1")))
    }
}

impl Pointer {
    /// Reads the text of a pointer.
    pub fn parse(text: &str) -> Result<Pointer, PointerError> {
        if text.is_empty() {
            return Ok(Pointer::default());
        }
        let Some(rest) = text.strip_prefix('/') else { return Err(PointerError::NotAPointer) };
        Ok(Pointer(rest.split('/').map(|token| token.replace("~1", "/").replace("~0", "~")).collect()))
    }

    /// The way to a node of a document; `None` when it is not in that document.
    #[must_use]
    pub fn to(node: Node<'_>) -> Option<Pointer> {
        let mut tokens = Vec::new();
        find(node.json().root(), node, &mut tokens).then_some(Pointer(tokens))
    }

    /// The same way, one step on.
    #[must_use]
    pub fn child(&self, token: impl fmt::Display) -> Pointer {
        let mut tokens = self.0.clone();
        tokens.push(token.to_string());
        Pointer(tokens)
    }

    /// The way without its last step, and that step; `None` at the top.
    #[must_use]
    pub fn split_last(&self) -> Option<(Pointer, &str)> {
        let (last, front) = self.0.split_last()?;
        Some((Pointer(front.to_vec()), last))
    }

    /// Whether the way leads through that place, or to it.
    #[must_use]
    pub fn starts_with(&self, other: &Pointer) -> bool {
        self.0.starts_with(&other.0)
    }

    /// What is at the place.
    #[must_use]
    pub fn get<'a>(&self, json: &'a Json) -> Option<Node<'a>> {
        self.0.iter().try_fold(json.root(), |node, token| match node.kind() {
            Kind::Object => node.get(token),
            Kind::Array => node.items().nth(index_of(token)?),
            _ => None,
        })
    }

    /// Puts a value at the place: a new member, one in the place of another, or an item before the one of that index (`-`: the last).
    pub fn add(&self, json: &Json, value: &str) -> Result<Json, PointerError> {
        let Some((parent, last)) = self.split_last() else { return parse(value.to_owned()) };
        let holder = parent.get(json).ok_or_else(|| PointerError::Nothing(parent.clone()))?;
        match holder.kind() {
            Kind::Object => match holder.get(last) {
                Some(old) => spliced(json, (old.offset(), old.end_offset()), value),
                None => {
                    let comma = if holder.is_empty() { "" } else { "," };
                    let name = serde_json::Value::from(last);
                    insert(json, holder.end_offset() - 1, &format!("{comma}{name}:{value}"))
                }
            },
            Kind::Array => self.add_item(json, holder, last, value),
            _ => Err(PointerError::Nothing(parent)),
        }
    }

    /// Takes away what is at the place.
    pub fn remove(&self, json: &Json) -> Result<Json, PointerError> {
        let nothing = || PointerError::Nothing(self.clone());
        let (parent, last) = self.split_last().ok_or_else(nothing)?;
        let holder = parent.get(json).ok_or_else(nothing)?;
        let spans: Vec<(usize, usize)> = match holder.kind() {
            Kind::Object => holder.entries().map(|(name, value)| (name.offset(), value.end_offset())).collect(),
            _ => holder.items().map(|item| (item.offset(), item.end_offset())).collect(),
        };
        let position = match holder.kind() {
            Kind::Object => holder.entries().position(|(name, _)| name.as_str().as_deref() == Some(last)),
            _ => index_of(last),
        };
        let position = position.filter(|position| *position < spans.len()).ok_or_else(nothing)?;
        let at = |position: usize| spans.get(position).copied().unwrap_or_default();
        let (start, end) = at(position);
        // The comma goes too: the one behind, or the one before the last.
        let span = if position + 1 < spans.len() {
            (start, at(position + 1).0)
        } else if position > 0 {
            (at(position - 1).1, end)
        } else {
            (start, end)
        };
        spliced(json, span, "")
    }

    /// Puts a value in the place of what is there.
    pub fn replace(&self, json: &Json, value: &str) -> Result<Json, PointerError> {
        let old = self.get(json).ok_or_else(|| PointerError::Nothing(self.clone()))?;
        spliced(json, (old.offset(), old.end_offset()), value)
    }

    /// The pointer for a message: one with odd tokens could hold anything.
    fn shown(&self) -> String {
        let is_plain = |token: &String| {
            token.len() <= 64 && token.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
        };
        if self.0.iter().all(is_plain) { format!("`{self}`") } else { "that path".to_owned() }
    }

    fn add_item(&self, json: &Json, holder: Node<'_>, last: &str, value: &str) -> Result<Json, PointerError> {
        let length = holder.len();
        let beyond = || PointerError::BeyondEnd(self.clone());
        let index = if last == "-" { length } else { index_of(last).ok_or_else(beyond)? };
        match holder.items().nth(index) {
            Some(item) => insert(json, item.offset(), &format!("{value},")),
            None if index > length => Err(beyond()),
            None => {
                let comma = if length == 0 { "" } else { "," };
                insert(json, holder.end_offset() - 1, &format!("{comma}{value}"))
            }
        }
    }
}

fn find(at: Node<'_>, wanted: Node<'_>, tokens: &mut Vec<String>) -> bool {
    if at == wanted {
        return true;
    }
    // Only what spans the wanted one can hold it.
    let spans = |node: Node<'_>| node.offset() <= wanted.offset() && wanted.end_offset() <= node.end_offset();
    let member = at.members().find(|(_, value)| spans(*value)).map(|(name, value)| (name.into_owned(), value));
    let item = || at.items().enumerate().find(|(_, item)| spans(*item)).map(|(index, item)| (index.to_string(), item));
    let Some((token, next)) = member.or_else(item) else { return false };
    tokens.push(token);
    find(next, wanted, tokens)
}

/// An array index: digits without a leading zero.
fn index_of(token: &str) -> Option<usize> {
    let is_index = token == "0" || (!token.starts_with('0') && token.bytes().all(|byte| byte.is_ascii_digit()));
    token.parse().ok().filter(|_| is_index)
}

fn insert(json: &Json, offset: usize, text: &str) -> Result<Json, PointerError> {
    spliced(json, (offset, offset), text)
}

fn spliced(json: &Json, (start, end): (usize, usize), text: &str) -> Result<Json, PointerError> {
    let mut changed = json.text().to_owned();
    changed.replace_range(start..end, text);
    parse(changed)
}

fn parse(text: String) -> Result<Json, PointerError> {
    Ok(Json::parse_owned(text.into_bytes())?)
}
