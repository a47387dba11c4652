//! The answer file, read strictly: a file that is wrong in one line is refused as a whole, since half an answer
//! would withhold or release the wrong people.

use std::collections::HashSet;

use fhir::NhsNumber;

/// Why an answer was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// The national service refused the request and says so in one line instead of an answer.
    #[error("line {line}: the file is a rejection of the request, not an answer")]
    Rejected {
        /// The line of the message, from 1.
        line: usize,
    },
    /// A line is not an NHS number followed by a comma.
    #[error("line {line}: {reason}")]
    Malformed {
        /// The line, from 1.
        line: usize,
        /// What is wrong, without what stood there.
        reason: &'static str,
    },
}

/// Reads the numbers that are not opted out; an empty file is an answer in which nobody may be released.
pub fn parse_answer(text: &str) -> Result<Vec<NhsNumber>, AnswerError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let Some(body) = text.strip_suffix('\n') else {
        let line = text.lines().count();
        return Err(rejection(text, line)
            .unwrap_or(AnswerError::Malformed { line, reason: "the file breaks off: the last line has no end" }));
    };
    let mut seen = HashSet::new();
    let mut numbers = Vec::new();
    for (at, line) in body.split('\n').enumerate() {
        let number = parse_line(line)
            .map_err(|reason| rejection(line, at + 1).unwrap_or(AnswerError::Malformed { line: at + 1, reason }))?;
        if seen.insert(number.as_str().to_owned()) {
            numbers.push(number);
        }
    }
    Ok(numbers)
}

fn parse_line(line: &str) -> Result<NhsNumber, &'static str> {
    let line = line.strip_suffix('\r').unwrap_or(line);
    let digits = line.strip_suffix(',').ok_or("an NHS number and a comma are expected")?;
    if digits.len() != 10 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("a number of ten digits is expected");
    }
    NhsNumber::parse(digits).map_err(|_| "the NHS number fails its check digit")
}

/// A rejection is a sentence: letters where digits belong, in the words that an error is told in.
fn rejection(line: &str, number: usize) -> Option<AnswerError> {
    let words = line.to_lowercase();
    let is_told = ["error", "reject", "invalid", "fail"].iter().any(|word| words.contains(word));
    is_told.then_some(AnswerError::Rejected { line: number })
}
