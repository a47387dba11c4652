//! Quantities and the conversion of their common units. <http://hl7.org/fhirpath/N1/#quantity>

use std::cmp::Ordering;

use rust_decimal::Decimal;

use crate::temporal::Precision;

/// A number with a unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantity {
    /// The number.
    pub value: Decimal,
    /// UCUM code, or the singular name of a calendar unit.
    pub unit: String,
    /// Whether the unit is a calendar unit (`year`), not UCUM's (`a`).
    pub(crate) is_calendar: bool,
}

/// Singular, plural and the UCUM unit of each calendar unit.
const CALENDAR: [(&str, &str, &str); 8] = [
    ("year", "years", "a"),
    ("month", "months", "mo"),
    ("week", "weeks", "wk"),
    ("day", "days", "d"),
    ("hour", "hours", "h"),
    ("minute", "minutes", "min"),
    ("second", "seconds", "s"),
    ("millisecond", "milliseconds", "ms"),
];

/// Units with their dimension and their size in the dimension's base unit, as numerator and denominator.
/// A full UCUM is for the terminology crate; these are the ones that clinical comparisons meet.
const UNITS: [(&str, &str, i64, i64); 40] = [
    ("1", "1", 1, 1),
    ("%", "1", 1, 100),
    ("kg", "mass", 1000, 1),
    ("g", "mass", 1, 1),
    ("mg", "mass", 1, 1_000),
    ("ug", "mass", 1, 1_000_000),
    ("ng", "mass", 1, 1_000_000_000),
    ("[lb_av]", "mass", 45_359_237, 100_000),
    ("[oz_av]", "mass", 28_349_523_125, 1_000_000_000),
    ("[stone_av]", "mass", 635_029_318, 100_000),
    ("km", "length", 1000, 1),
    ("m", "length", 1, 1),
    ("dm", "length", 1, 10),
    ("cm", "length", 1, 100),
    ("mm", "length", 1, 1000),
    ("um", "length", 1, 1_000_000),
    ("nm", "length", 1, 1_000_000_000),
    ("[in_i]", "length", 254, 10_000),
    ("[ft_i]", "length", 3048, 10_000),
    ("[mi_i]", "length", 1_609_344, 1000),
    ("L", "volume", 1, 1),
    ("l", "volume", 1, 1),
    ("dL", "volume", 1, 10),
    ("mL", "volume", 1, 1000),
    ("uL", "volume", 1, 1_000_000),
    ("mol", "amount", 1, 1),
    ("mmol", "amount", 1, 1000),
    ("umol", "amount", 1, 1_000_000),
    ("nmol", "amount", 1, 1_000_000_000),
    ("mmol/L", "amount per volume", 1, 1000),
    ("umol/L", "amount per volume", 1, 1_000_000),
    ("g/L", "mass per volume", 1, 1),
    ("g/dL", "mass per volume", 10, 1),
    ("mg/dL", "mass per volume", 1, 100),
    ("wk", "time", 604_800, 1),
    ("d", "time", 86_400, 1),
    ("h", "time", 3600, 1),
    ("min", "time", 60, 1),
    ("s", "time", 1, 1),
    ("ms", "time", 1, 1000),
];

/// The singular name of a calendar unit.
pub(crate) fn calendar_unit(word: &str) -> Option<&'static str> {
    CALENDAR.iter().find(|(one, many, _)| *one == word || *many == word).map(|(one, _, _)| *one)
}

impl Quantity {
    /// A quantity with a UCUM unit.
    pub fn new(value: Decimal, unit: &str) -> Quantity {
        Quantity { value, unit: unit.to_owned(), is_calendar: false }
    }

    /// A quantity with a calendar unit.
    pub(crate) fn calendar(value: Decimal, unit: &str) -> Quantity {
        Quantity { value, unit: unit.to_owned(), is_calendar: true }
    }

    /// Reads `4 days`, `10 'mg'` or `1.5`.
    pub(crate) fn parse(text: &str) -> Option<Quantity> {
        let text = text.trim();
        let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '+' | '-'))).unwrap_or(text.len());
        let (number, rest) = text.split_at_checked(end)?;
        if number.ends_with('.') {
            return None;
        }
        let value = Decimal::from_str_exact(number.strip_prefix('+').unwrap_or(number)).ok()?;
        let unit = rest.trim();
        if unit.is_empty() {
            return Some(Quantity::new(value, "1"));
        }
        if let Some(ucum) = unit.strip_prefix('\'') {
            return ucum.strip_suffix('\'').map(|unit| Quantity::new(value, unit));
        }
        calendar_unit(unit).map(|unit| Quantity::calendar(value, unit))
    }

    /// The calendar unit of a date arithmetic, with its factor (a week is seven days).
    pub(crate) fn step(&self) -> Option<(Precision, i64)> {
        let name = match CALENDAR.iter().find(|(_, _, ucum)| !self.is_calendar && *ucum == self.unit) {
            // UCUM years and months have a fixed length: only the definite units may be added to a date.
            Some((one, _, ucum)) if !matches!(*ucum, "a" | "mo") => one,
            Some(_) => return None,
            None => self.unit.as_str(),
        };
        Some(match name {
            "year" => (Precision::Year, 1),
            "month" => (Precision::Month, 1),
            "week" => (Precision::Day, 7),
            "day" => (Precision::Day, 1),
            "hour" => (Precision::Hour, 1),
            "minute" => (Precision::Minute, 1),
            "second" => (Precision::Second, 1),
            "millisecond" => (Precision::Millisecond, 1),
            _ => return None,
        })
    }

    fn ucum(&self) -> &str {
        let found = CALENDAR.iter().find(|(one, _, _)| self.is_calendar && *one == self.unit);
        found.map_or(self.unit.as_str(), |(_, _, ucum)| ucum)
    }

    fn is_long_calendar(&self) -> bool {
        self.is_calendar && matches!(self.unit.as_str(), "year" | "month")
    }

    /// Both values in one unit, if there is one.
    fn aligned(&self, other: &Quantity, is_exact: bool) -> Option<(Decimal, Decimal)> {
        if self.unit == other.unit && self.is_calendar == other.is_calendar {
            return Some((self.value, other.value));
        }
        let is_long = self.is_long_calendar() != other.is_long_calendar();
        if is_exact && is_long {
            return None;
        }
        if self.ucum() == other.ucum() {
            return Some((self.value, other.value));
        }
        // Year and month relate by twelve in the calendar and in UCUM.
        match (self.ucum(), other.ucum()) {
            ("a", "mo") => return Some((self.value.checked_mul(Decimal::from(12))?, other.value)),
            ("mo", "a") => return Some((self.value, other.value.checked_mul(Decimal::from(12))?)),
            _ => {}
        }
        let (dimension, numerator, denominator) = size(self.ucum())?;
        let (other_dimension, other_numerator, other_denominator) = size(other.ucum())?;
        if dimension != other_dimension {
            return None;
        }
        let left = self.value.checked_mul(Decimal::from(numerator))?.checked_mul(Decimal::from(other_denominator))?;
        let right = other.value.checked_mul(Decimal::from(other_numerator))?.checked_mul(Decimal::from(denominator))?;
        Some((left, right))
    }

    /// Orders two quantities; `None` when their units are not comparable.
    pub(crate) fn compare(&self, other: &Quantity) -> Option<Ordering> {
        self.aligned(other, true).map(|(left, right)| left.cmp(&right))
    }

    /// Whether the units have the same dimension.
    pub(crate) fn is_comparable(&self, other: &Quantity) -> bool {
        self.aligned(other, false).is_some()
    }

    /// Equivalence: rounded to the less precise value in either unit, calendar and UCUM units the same.
    pub(crate) fn is_equivalent(&self, other: &Quantity) -> bool {
        let Some((left, right)) = self.aligned(other, false) else { return false };
        // Both sides grew by one factor; it is taken back to see the digits that were written.
        let in_unit_of = |value: Decimal, aligned: Decimal, opposite: Decimal| {
            let factor = aligned.checked_div(value)?;
            let opposite = opposite.checked_div(factor)?.normalize();
            let scale = value.normalize().scale().min(opposite.scale());
            Some(value.round_dp(scale) == opposite.round_dp(scale))
        };
        left == right
            || in_unit_of(self.value, left, right) == Some(true)
            || in_unit_of(other.value, right, left) == Some(true)
    }
}

fn size(unit: &str) -> Option<(&'static str, i64, i64)> {
    UNITS.iter().find(|(code, ..)| *code == unit).map(|(_, dimension, up, down)| (*dimension, *up, *down))
}
