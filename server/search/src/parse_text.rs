//! `_text` and `_content`: words with `and`, `or`, `not`, quotes, parentheses and `*` at the end of a word.
//! <https://hl7.org/fhir/R4/search.html#content>
//!
//! Words beside each other must all stand in the text, in any order and also where quotes hold them together, since the index knows no
//! order; `and` binds closer than `or`, and a comma is an `or`.

use crate::normalise::normalise;
use crate::parse::{Refusal, too_costly, wrong};
use crate::parse_condition::Reader;
use crate::query::{Condition, TextCondition, Words};

/// Reads the expression.
pub(crate) fn condition(
    is_narrative: bool,
    text: &str,
    reader: &Reader<'_>,
    depth: usize,
) -> Result<Condition, Refusal> {
    let code = if is_narrative { "_text" } else { "_content" };
    let tokens = tokens(text);
    let most = reader.options.limits.values_max;
    if tokens.len() > most {
        return Err(too_costly(format!("`{code}` takes at most {most} words")));
    }
    let mut parser = Parser { code, tokens: tokens.into_iter().peekable(), reader };
    let tree = parser.any(depth)?;
    match parser.tokens.next() {
        None => Ok(into_condition(tree, is_narrative)),
        Some(_) => Err(parser.invalid()),
    }
}

enum Token {
    Open,
    Close,
    And,
    Or,
    Not,
    Words(Vec<Words>),
}

enum Tree {
    Words(Words),
    All(Vec<Tree>),
    Any(Vec<Tree>),
    Not(Box<Tree>),
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(c) = rest.chars().next() {
        let after = rest.get(c.len_utf8()..).unwrap_or_default();
        let (token, left) = match c {
            '(' => (Some(Token::Open), after),
            ')' => (Some(Token::Close), after),
            ',' => (Some(Token::Or), after),
            '"' => {
                let (quoted, left) = after.split_once('"').unwrap_or((after, ""));
                (Some(Token::Words(words(quoted))), left)
            }
            _ => {
                let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',' | '"'));
                let (word, left) = rest.split_at_checked(end.unwrap_or(rest.len())).unwrap_or((rest, ""));
                (Some(keyword(word)), left)
            }
        };
        tokens.extend(token);
        rest = left.trim_start();
    }
    tokens
}

fn keyword(word: &str) -> Token {
    match word.to_ascii_lowercase().as_str() {
        "and" | "&" => Token::And,
        "or" | "|" => Token::Or,
        "not" => Token::Not,
        _ => Token::Words(words(word)),
    }
}

/// The folded words of a text; the last may be the start of one.
fn words(text: &str) -> Vec<Words> {
    let folded = normalise(text);
    let mut words: Vec<Words> =
        folded.split(' ').filter(|word| !word.is_empty()).map(|word| Words::Word(word.to_owned())).collect();
    if text.trim_end().ends_with('*')
        && let Some(Words::Word(last)) = words.pop()
    {
        words.push(Words::Prefix(last));
    }
    words
}

struct Parser<'p, I: Iterator<Item = Token>> {
    code: &'static str,
    tokens: std::iter::Peekable<I>,
    reader: &'p Reader<'p>,
}

impl<I: Iterator<Item = Token>> Parser<'_, I> {
    fn invalid(&self) -> Refusal {
        let code = self.code;
        wrong("invalid", format!("`{code}` is not words with `and`, `or`, `not`, quotes and parentheses"))
    }

    fn any(&mut self, depth: usize) -> Result<Tree, Refusal> {
        let mut some = vec![self.all(depth)?];
        while self.tokens.next_if(|token| matches!(token, Token::Or)).is_some() {
            some.push(self.all(depth)?);
        }
        Ok(one_or(some, Tree::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Tree, Refusal> {
        let mut all = vec![self.one(depth)?];
        loop {
            let is_joined = self.tokens.next_if(|token| matches!(token, Token::And)).is_some();
            let is_more = matches!(self.tokens.peek(), Some(Token::Words(_) | Token::Open | Token::Not));
            if !is_joined && !is_more {
                return Ok(one_or(all, Tree::All));
            }
            all.push(self.one(depth)?);
        }
    }

    fn one(&mut self, depth: usize) -> Result<Tree, Refusal> {
        self.reader.check_depth(depth)?;
        match self.tokens.next() {
            Some(Token::Not) => Ok(Tree::Not(Box::new(self.one(depth + 1)?))),
            Some(Token::Open) => {
                let inner = self.any(depth + 1)?;
                match self.tokens.next() {
                    Some(Token::Close) => Ok(inner),
                    _ => Err(self.invalid()),
                }
            }
            Some(Token::Words(words)) if !words.is_empty() => {
                Ok(one_or(words.into_iter().map(Tree::Words).collect(), Tree::All))
            }
            _ => Err(self.invalid()),
        }
    }
}

fn one_or(mut list: Vec<Tree>, join: impl Fn(Vec<Tree>) -> Tree) -> Tree {
    match list.pop() {
        Some(only) if list.is_empty() => only,
        last => join(list.into_iter().chain(last).collect()),
    }
}

/// One look at the index where it can answer, which it cannot where words are only absent.
fn into_condition(tree: Tree, is_narrative: bool) -> Condition {
    if let Some(words) = as_words(&tree) {
        return Condition::Text(TextCondition { is_narrative, words });
    }
    let each = |list: Vec<Tree>| list.into_iter().map(|one| into_condition(one, is_narrative)).collect();
    match tree {
        Tree::Words(words) => Condition::Text(TextCondition { is_narrative, words }),
        Tree::All(all) => Condition::All(each(all)),
        Tree::Any(some) => Condition::Any(each(some)),
        Tree::Not(one) => Condition::Not(Box::new(into_condition(*one, is_narrative))),
    }
}

fn as_words(tree: &Tree) -> Option<Words> {
    match tree {
        Tree::Words(words) => Some(words.clone()),
        Tree::Any(some) => some.iter().map(as_words).collect::<Option<_>>().map(Words::Any),
        Tree::Not(_) => None,
        Tree::All(all) => {
            let (absent, present): (Vec<&Tree>, Vec<&Tree>) = all.iter().partition(|one| matches!(one, Tree::Not(_)));
            let mut present = present.into_iter().map(as_words).collect::<Option<Vec<_>>>()?;
            let absent = absent.into_iter().map(|one| match one {
                Tree::Not(one) => as_words(one),
                other => as_words(other),
            });
            let mut absent = absent.collect::<Option<Vec<_>>>()?;
            let last = present.pop()?;
            let present =
                if present.is_empty() { last } else { Words::All(present.into_iter().chain([last]).collect()) };
            let Some(last) = absent.pop() else { return Some(present) };
            let absent = if absent.is_empty() { last } else { Words::Any(absent.into_iter().chain([last]).collect()) };
            Some(Words::Without(Box::new(present), Box::new(absent)))
        }
    }
}
