//! Functions on texts. <http://hl7.org/fhirpath/N1/#string-manipulation>

use std::borrow::Cow;

use regex::{Regex, RegexBuilder};

use crate::ast::{Expr, Literal};
use crate::error::FhirpathError;
use crate::evaluate::{Items, Outcome, single};
use crate::functions::{Call, Function, boolean, optional};
use crate::value::Value;

/// Compiled size of a pattern; the largest of R4 and UK Core takes a few hundred kilobytes.
const PATTERN_SIZE_MAX_BYTES: usize = 1 << 20;
const PATTERN_LENGTH_MAX_BYTES: usize = 4096;
/// What compiling a pattern that is no constant counts for: a hostile one takes milliseconds.
const PATTERN_STEPS: usize = 5_000;

pub(super) fn call<'a>(call: &Call<'_, '_, '_, 'a>, input: Items<'a>) -> Outcome<'a> {
    if call.function == Function::Join {
        let separator = call.text_argument(0)?.unwrap_or_default();
        let texts: Vec<String> = input.iter().filter_map(Value::to_text).collect();
        call.evaluator.spend_text(texts.iter().map(|text| text.len() + separator.len()).sum())?;
        return if input.is_empty() { Ok(Vec::new()) } else { text(texts.join(&separator)) };
    }
    let Some(value) = single(input, call.function.name())? else { return Ok(Vec::new()) };
    let subject = match value.system() {
        Some(Value::String(text)) => text,
        // Numbers and dates convert implicitly where that cannot mislead.
        Some(other @ (Value::Integer(_) | Value::Decimal(_) | Value::Date(_) | Value::DateTime(_)))
            if matches!(value, Value::Node(_)) =>
        {
            other.to_text().unwrap_or_default().into()
        }
        None => return Ok(Vec::new()),
        Some(_) => return Err(FhirpathError::WrongType(call.function.name())),
    };
    match call.function {
        Function::Upper => text(subject.to_uppercase()),
        Function::Lower => text(subject.to_lowercase()),
        Function::Trim => text(subject.trim_matches([' ', '\t', '\r', '\n']).to_owned()),
        Function::Length => Ok(vec![Value::Integer(subject.chars().count() as i64)]),
        Function::ToChars => {
            call.evaluator.spend(subject.len())?;
            Ok(subject.chars().map(|c| Value::String(c.to_string().into())).collect())
        }
        Function::Substring => substring(call, &subject),
        _ => with_argument(call, &subject),
    }
}

fn with_argument<'a>(call: &Call<'_, '_, '_, 'a>, subject: &str) -> Outcome<'a> {
    if matches!(call.function, Function::Matches | Function::MatchesFull | Function::ReplaceMatches) {
        return with_pattern(call, subject);
    }
    let Some(argument) = call.text_argument(0)? else { return Ok(Vec::new()) };
    let position = |at: Option<usize>| {
        let characters = at.and_then(|at| subject.get(..at)).map_or(-1, |before| before.chars().count() as i64);
        Ok(vec![Value::Integer(characters)])
    };
    match call.function {
        Function::IndexOf => position(subject.find(&argument)),
        Function::LastIndexOf => position(subject.rfind(&argument)),
        Function::StartsWith => boolean(subject.starts_with(&argument)),
        Function::EndsWith => boolean(subject.ends_with(&argument)),
        Function::Contains => boolean(subject.contains(&argument)),
        Function::Replace => {
            let Some(replacement) = call.text_argument(1)? else { return Ok(Vec::new()) };
            call.evaluator.spend_text(subject.matches(&argument).count().saturating_mul(replacement.len()))?;
            text(subject.replace(&argument, &replacement))
        }
        Function::Split => {
            call.evaluator.spend(subject.len())?;
            let part = |part: &str| Value::String(part.to_owned().into());
            Ok(match argument.as_str() {
                "" => subject.chars().map(|c| part(c.encode_utf8(&mut [0; 4]))).collect(),
                separator => subject.split(separator).map(part).collect(),
            })
        }
        Function::Encode => optional(encode(subject, &argument).map(|t| Value::String(t.into()))),
        Function::Decode => optional(decode(subject, &argument).map(|t| Value::String(t.into()))),
        Function::Escape => optional(escape(subject, &argument).map(|t| Value::String(t.into()))),
        Function::Unescape => optional(unescape(subject, &argument).map(|t| Value::String(t.into()))),
        function => Err(FhirpathError::NotSupported(function.name())),
    }
}

fn text<'a>(value: String) -> Outcome<'a> {
    Ok(vec![Value::String(value.into())])
}

fn substring<'a>(call: &Call<'_, '_, '_, 'a>, subject: &str) -> Outcome<'a> {
    let Some(start) = call.integer_argument(0)? else { return Ok(Vec::new()) };
    let Some(start) = usize::try_from(start).ok().filter(|start| *start < subject.chars().count()) else {
        return Ok(Vec::new());
    };
    let length = call.integer_argument(1)?.map_or(usize::MAX, |length| usize::try_from(length).unwrap_or(0));
    text(subject.chars().skip(start).take(length).collect())
}

fn with_pattern<'a>(call: &Call<'_, '_, '_, 'a>, subject: &str) -> Outcome<'a> {
    let pattern = match call.pattern {
        Some(pattern) => Cow::Borrowed(pattern),
        None => {
            let Some(source) = call.text_argument(0)? else { return Ok(Vec::new()) };
            let flags = call.text_argument(flags_position(call.function))?.unwrap_or_default();
            call.evaluator.spend(PATTERN_STEPS)?;
            Cow::Owned(compile(call.function, &source, &flags)?)
        }
    };
    call.evaluator.spend(subject.len() / 8)?;
    if call.function != Function::ReplaceMatches {
        return boolean(pattern.is_match(subject));
    }
    let Some(replacement) = call.text_argument(1)? else { return Ok(Vec::new()) };
    if pattern.as_str().is_empty() {
        return text(subject.to_owned());
    }
    call.evaluator.spend_text(subject.len().saturating_mul(replacement.len()))?;
    text(pattern.replace_all(subject, group_references(&replacement)).into_owned())
}

fn flags_position(function: Function) -> usize {
    if function == Function::ReplaceMatches { 2 } else { 1 }
}

/// The pattern of a call whose pattern and flags are constants, compiled once for all evaluations; what is faulty is told when it is called.
pub(crate) fn constant_pattern(function: Function, arguments: &[Expr]) -> Option<Regex> {
    if !matches!(function, Function::Matches | Function::MatchesFull | Function::ReplaceMatches) {
        return None;
    }
    let constant = |argument: &Expr| match argument {
        Expr::Literal(Literal::String(text)) => Some(text.clone()),
        _ => None,
    };
    let flags = arguments.get(flags_position(function)).map_or(Some(String::new()), constant)?;
    compile(function, &constant(arguments.first()?)?, &flags).ok()
}

fn compile(function: Function, source: &str, flags: &str) -> Result<Regex, FhirpathError> {
    if source.len() > PATTERN_LENGTH_MAX_BYTES || flags.contains(|flag| !matches!(flag, 'i' | 'm')) {
        return Err(FhirpathError::BadPattern);
    }
    let whole = (function == Function::MatchesFull).then(|| format!(r"\A(?:{source})\z"));
    // The engine runs in linear time: a size limit is all that is needed against hostile patterns.
    let mut builder = RegexBuilder::new(whole.as_deref().unwrap_or(source));
    builder.case_insensitive(flags.contains('i')).multi_line(flags.contains('m'));
    builder.dot_matches_new_line(true).size_limit(PATTERN_SIZE_MAX_BYTES).build().map_err(|_| FhirpathError::BadPattern)
}

/// `$1` and `${name}` of the language to the form of the engine, in which `$1x` would be a group called `1x`.
fn group_references(replacement: &str) -> String {
    let mut result = String::new();
    let mut rest = replacement.chars().peekable();
    while let Some(c) = rest.next() {
        result.push(c);
        if c == '$' && rest.peek().is_some_and(char::is_ascii_digit) {
            result.push('{');
            while let Some(digit) = rest.next_if(char::is_ascii_digit) {
                result.push(digit);
            }
            result.push('}');
        }
    }
    result
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn encode(subject: &str, form: &str) -> Option<String> {
    match form {
        "hex" => Some(subject.bytes().map(|byte| format!("{byte:02x}")).collect()),
        "base64" | "urlbase64" => {
            let mut result = String::new();
            for chunk in subject.as_bytes().chunks(3) {
                let at = |n: usize| u32::from(chunk.get(n).copied().unwrap_or(0));
                let bits = at(0) << 16 | at(1) << 8 | at(2);
                for n in 0..4_usize {
                    let symbol = BASE64.get((bits >> (18 - 6 * n)) as usize & 63).copied().unwrap_or(b'=');
                    result.push(if n > chunk.len() { '=' } else { char::from(symbol) });
                }
            }
            Some(if form == "base64" { result } else { result.replace('+', "-").replace('/', "_") })
        }
        _ => None,
    }
}

fn decode(subject: &str, form: &str) -> Option<String> {
    let bytes = match form {
        "hex" => {
            let digits: Vec<u32> = subject.chars().map(|c| c.to_digit(16)).collect::<Option<_>>()?;
            digits
                .chunks(2)
                .map(|pair| u8::try_from(pair.iter().fold(0, |n, d| n * 16 + d)).ok())
                .collect::<Option<_>>()?
        }
        "base64" | "urlbase64" => {
            let mut bytes = Vec::new();
            let (mut bits, mut count) = (0_u32, 0);
            for symbol in subject.bytes().filter(|byte| *byte != b'=') {
                let symbol = match symbol {
                    b'-' => b'+',
                    b'_' => b'/',
                    other => other,
                };
                bits = bits << 6 | u32::try_from(BASE64.iter().position(|known| *known == symbol)?).ok()?;
                count += 6;
                if count >= 8 {
                    count -= 8;
                    bytes.push((bits >> count & 0xff) as u8);
                }
            }
            bytes
        }
        _ => return None,
    };
    String::from_utf8(bytes).ok()
}

const HTML: [(&str, &str); 5] = [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;"), ("'", "&#39;")];
const JSON: [(&str, &str); 5] = [("\\", "\\\\"), ("\"", "\\\""), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")];

fn pairs(form: &str) -> Option<&'static [(&'static str, &'static str); 5]> {
    match form {
        "html" => Some(&HTML),
        "json" => Some(&JSON),
        _ => None,
    }
}

fn escape(subject: &str, form: &str) -> Option<String> {
    Some(pairs(form)?.iter().fold(subject.to_owned(), |text, (plain, escaped)| text.replace(plain, escaped)))
}

fn unescape(subject: &str, form: &str) -> Option<String> {
    // The escape sign itself last, or it would make new escapes.
    Some(pairs(form)?.iter().rev().fold(subject.to_owned(), |text, (plain, escaped)| text.replace(escaped, plain)))
}
