//! How the value of a primitive in XML is written in JSON: <https://hl7.org/fhir/R4/json.html#primitive>.

use fhirbolt_shared::path::ElementPath;

/// What a primitive is in JSON.
#[derive(Clone, Copy)]
pub(crate) enum Primitive {
    Boolean,
    /// `integer`, `unsignedInt`, `positiveInt`.
    Integer,
    Decimal,
    String,
}

impl Primitive {
    /// That of the element of a path.
    pub(crate) fn at(path: &ElementPath) -> Self {
        let is_integer = path.current_element_is_integer()
            || path.current_element_is_unsigned_integer()
            || path.current_element_is_positive_integer();
        match () {
            () if path.current_element_is_boolean() => Self::Boolean,
            () if path.current_element_is_decimal() => Self::Decimal,
            () if is_integer => Self::Integer,
            () => Self::String,
        }
    }

    /// The text of the value in JSON, nothing for a string; the error says what it must be.
    pub(crate) fn json(self, value: &str) -> Result<Option<&str>, &'static str> {
        let is_whole = |text: &str| is_digits(text) && (text == "0" || !text.starts_with('0'));
        match self {
            Self::String => Ok(None),
            Self::Boolean => {
                matches!(value, "true" | "false").then_some(Some(value)).ok_or("`true` or `false`, in small letters")
            }
            Self::Integer => {
                // JSON has no `+`, which says nothing.
                let text = value.strip_prefix('+').filter(|text| !text.starts_with('-')).unwrap_or(value);
                let digits = text.strip_prefix('-').unwrap_or(text);
                is_whole(digits).then_some(Some(text)).ok_or("a whole number, as 10, without a decimal point")
            }
            Self::Decimal => {
                let number = value.strip_prefix('-').unwrap_or(value);
                let (number, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
                let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
                let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
                let is_decimal = is_whole(whole) && is_digits(fraction) && is_digits(exponent);
                is_decimal.then_some(Some(value)).ok_or("a decimal, as 1.5, with a point before its fraction")
            }
        }
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
