//! The NHS number, the one identifier by which patients of different senders are known to be the same person.
//!
//! Ten digits, the last a check digit (NHS Data Dictionary, "NHS NUMBER"): weights 10 to 2 over the first nine, 11 less
//! the remainder of the sum by 11; 11 counts as 0 and 10 is never issued.

use std::fmt;

/// The identifier system of NHS numbers.
pub const NHS_NUMBER_SYSTEM: &str = "https://fhir.nhs.uk/Id/nhs-number";

/// Why a text is not an NHS number; it never holds the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NhsNumberError {
    /// Something other than digits, spaces and hyphens.
    #[error("nhs number holds a character that is not a digit")]
    Character,
    /// Not ten digits.
    #[error("nhs number does not have ten digits")]
    Length,
    /// The check digit does not fit.
    #[error("nhs number fails its check digit")]
    CheckDigit,
    /// One digit ten times over: it passes the check, and systems write it where the number is not known.
    #[error("nhs number is a placeholder")]
    Placeholder,
}

/// Ten digits of which the last is the right check digit, and which are no placeholder.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NhsNumber(String);

impl NhsNumber {
    /// Reads a number, with or without spaces and hyphens between its digits.
    pub fn parse(text: &str) -> Result<Self, NhsNumberError> {
        let digits: String = text.chars().filter(|character| !matches!(character, ' ' | '-')).collect();
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NhsNumberError::Character);
        }
        if digits.len() != 10 {
            return Err(NhsNumberError::Length);
        }
        let values = || digits.bytes().map(|byte| u32::from(byte - b'0'));
        let sum: u32 = values().take(9).zip((2..=10).rev()).map(|(digit, weight)| digit * weight).sum();
        // 10 stays 10, which no digit equals.
        let check = (11 - sum % 11) % 11;
        if values().next_back() != Some(check) {
            return Err(NhsNumberError::CheckDigit);
        }
        let mut distinct = values();
        let first = distinct.next();
        if distinct.all(|digit| Some(digit) == first) {
            return Err(NhsNumberError::Placeholder);
        }
        Ok(Self(digits))
    }

    /// Gives the ten digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Says whether the number is of the range kept for tests, 999 000 0000 to 999 999 9999.
    #[must_use]
    pub fn is_test_range(&self) -> bool {
        self.0.starts_with("999")
    }
}

impl fmt::Debug for NhsNumber {
    /// Hides the number, which is a patient's.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("NhsNumber(..)")
    }
}
