//! Text of an expression to tokens. <http://hl7.org/fhirpath/N1/#lexical-elements>

use crate::error::FhirpathError;

/// One lexical element.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    /// A name; also keywords, which are names outside of operator position.
    Name(String),
    /// A name between back-ticks: never a keyword.
    Quoted(String),
    /// A text between quotes, escapes undone.
    Text(String),
    /// A number as written.
    Number(String),
    /// A date, time or dateTime after its `@`, as written.
    Temporal(String),
    /// `%name`.
    Variable(String),
    /// `$this`, `$index`, `$total` without the sign.
    Dollar(String),
    /// An operator or bracket.
    Symbol(&'static str),
    /// The end of the text.
    End,
}

const SYMBOLS: [&str; 23] = [
    "!=", "!~", "<=", ">=", ".", "[", "]", "(", ")", "{", "}", ",", "+", "-", "*", "/", "&", "|", "=", "~", "<", ">",
    ":",
];

/// Splits an expression into tokens with their offsets; the last one is [`Token::End`].
pub(crate) fn tokens(source: &str) -> Result<Vec<(Token, usize)>, FhirpathError> {
    let mut lexer = Lexer { source, offset: 0 };
    let mut found = Vec::new();
    loop {
        lexer.skip_blank()?;
        let offset = lexer.offset;
        let token = lexer.next()?;
        let is_end = token == Token::End;
        found.push((token, offset));
        if is_end {
            return Ok(found);
        }
    }
}

struct Lexer<'s> {
    source: &'s str,
    offset: usize,
}

impl<'s> Lexer<'s> {
    fn rest(&self) -> &'s str {
        self.source.get(self.offset..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn fault<T>(&self, reason: &str) -> Result<T, FhirpathError> {
        Err(FhirpathError::Syntax { offset: self.offset, reason: reason.to_owned() })
    }

    fn skip_blank(&mut self) -> Result<(), FhirpathError> {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start();
            self.offset += rest.len() - trimmed.len();
            if trimmed.starts_with("//") {
                self.offset += trimmed.find('\n').unwrap_or(trimmed.len());
            } else if trimmed.starts_with("/*") {
                match trimmed.find("*/") {
                    Some(end) => self.offset += end + 2,
                    None => return self.fault("the comment has no end"),
                }
            } else {
                return Ok(());
            }
        }
    }

    fn take_while(&mut self, accept: impl Fn(char) -> bool) -> &'s str {
        let rest = self.rest();
        let end = rest.find(|c| !accept(c)).unwrap_or(rest.len());
        self.offset += end;
        rest.get(..end).unwrap_or_default()
    }

    fn next(&mut self) -> Result<Token, FhirpathError> {
        let Some(first) = self.peek() else { return Ok(Token::End) };
        match first {
            'a'..='z' | 'A'..='Z' | '_' => Ok(Token::Name(self.take_while(is_name).to_owned())),
            '0'..='9' => Ok(Token::Number(self.number())),
            '\'' => Ok(Token::Text(self.delimited('\'')?)),
            '"' => Ok(Token::Text(self.delimited('"')?)),
            '`' => Ok(Token::Quoted(self.delimited('`')?)),
            '@' => self.temporal(),
            '$' => {
                self.offset += 1;
                Ok(Token::Dollar(self.take_while(is_name).to_owned()))
            }
            '%' => self.variable(),
            _ => self.symbol(),
        }
    }

    fn symbol(&mut self) -> Result<Token, FhirpathError> {
        let rest = self.rest();
        match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            Some(symbol) => {
                self.offset += symbol.len();
                Ok(Token::Symbol(symbol))
            }
            None => self.fault("unexpected character"),
        }
    }

    fn number(&mut self) -> String {
        let start = self.offset;
        self.take_while(|c| c.is_ascii_digit());
        let mut after = self.rest().chars();
        // `1.0` is a number, `1.toString()` a function call on one.
        if after.next() == Some('.') && after.next().is_some_and(|c| c.is_ascii_digit()) {
            self.offset += 1;
            self.take_while(|c| c.is_ascii_digit());
        }
        self.source.get(start..self.offset).unwrap_or_default().to_owned()
    }

    fn variable(&mut self) -> Result<Token, FhirpathError> {
        self.offset += 1;
        match self.peek() {
            Some('`') => Ok(Token::Variable(self.delimited('`')?)),
            Some('\'') => Ok(Token::Variable(self.delimited('\'')?)),
            Some('"') => Ok(Token::Variable(self.delimited('"')?)),
            Some(c) if is_name(c) => Ok(Token::Variable(self.take_while(|c| is_name(c) || c == '-').to_owned())),
            _ => self.fault("expected a variable name"),
        }
    }

    fn temporal(&mut self) -> Result<Token, FhirpathError> {
        self.offset += 1;
        let start = self.offset;
        self.take_while(|c| c.is_ascii_digit() || c == '-');
        if self.peek() == Some('T') {
            self.offset += 1;
            self.take_while(|c| c.is_ascii_digit() || c == ':');
            let mut after = self.rest().chars();
            if after.next() == Some('.') && after.next().is_some_and(|c| c.is_ascii_digit()) {
                self.offset += 1;
                self.take_while(|c| c.is_ascii_digit());
            }
            match self.peek() {
                Some('Z') => self.offset += 1,
                Some('+' | '-') if self.rest().len() >= 6 && self.rest().as_bytes().get(3) == Some(&b':') => {
                    self.offset += 1;
                    self.take_while(|c| c.is_ascii_digit() || c == ':');
                }
                _ => {}
            }
        }
        let text = self.source.get(start..self.offset).unwrap_or_default();
        if text.is_empty() { self.fault("expected a date or a time") } else { Ok(Token::Temporal(text.to_owned())) }
    }

    fn delimited(&mut self, quote: char) -> Result<String, FhirpathError> {
        self.offset += quote.len_utf8();
        let mut text = String::new();
        loop {
            let Some(c) = self.peek() else { return self.fault("the text has no end") };
            self.offset += c.len_utf8();
            if c == quote {
                return Ok(text);
            }
            if c != '\\' {
                text.push(c);
                continue;
            }
            let Some(escaped) = self.peek() else { return self.fault("the text has no end") };
            self.offset += escaped.len_utf8();
            text.push(match escaped {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'f' => '\u{c}',
                'u' => self.unicode()?,
                '\'' | '"' | '`' | '\\' | '/' => escaped,
                _ => return self.fault("unknown escape"),
            });
        }
    }

    fn unicode(&mut self) -> Result<char, FhirpathError> {
        let Some(high) = self.four_digits() else { return self.fault("expected four hexadecimal digits") };
        if let Some(c) = char::from_u32(high) {
            return Ok(c);
        }
        // A character beyond the first 65,536 is written as two escapes.
        let low = self.rest().starts_with("\\u").then(|| {
            self.offset += 2;
            self.four_digits()
        });
        let pair = [high, low.flatten().unwrap_or_default()].map(|unit| u16::try_from(unit).unwrap_or_default());
        match char::decode_utf16(pair).next() {
            Some(Ok(c)) => Ok(c),
            _ => self.fault("half of a pair of escapes stands alone"),
        }
    }

    fn four_digits(&mut self) -> Option<u32> {
        let digits = self.rest().get(..4).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        let unit = u32::from_str_radix(digits, 16).ok()?;
        self.offset += 4;
        Some(unit)
    }
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}
