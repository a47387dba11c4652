//! Quantities, compared and computed with by their units. <http://hl7.org/fhirpath/N1/#quantity>

use std::cmp::Ordering;

use rust_decimal::Decimal;

use crate::operators::quotient;
use crate::temporal::Precision;
use crate::ucum;

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

    /// Whether the unit is a calendar word (`year`), not a UCUM code.
    pub fn is_calendar(&self) -> bool {
        self.is_calendar
    }

    fn has_unit_of(&self, other: &Quantity) -> bool {
        self.unit == other.unit && self.is_calendar == other.is_calendar
    }

    /// Whether the units may stand for each other: calendar years and months have no fixed length, those of UCUM have.
    fn may_convert(&self, other: &Quantity) -> bool {
        self.is_long_calendar() == other.is_long_calendar()
    }

    /// The value in the unit of the other.
    fn value_in_unit_of(&self, other: &Quantity) -> Option<Decimal> {
        if self.ucum() == other.ucum() {
            return Some(self.value);
        }
        ucum::convert(self.value, self.ucum(), other.ucum())
    }

    /// Orders two quantities; `None` when their units are not comparable.
    pub(crate) fn compare(&self, other: &Quantity) -> Option<Ordering> {
        if self.has_unit_of(other) {
            return Some(self.value.cmp(&other.value));
        }
        if !self.may_convert(other) {
            return None;
        }
        if self.ucum() == other.ucum() {
            return Some(self.value.cmp(&other.value));
        }
        ucum::compare(self.value, self.ucum(), other.value, other.ucum())
    }

    /// Whether the units have the same dimension.
    pub(crate) fn is_comparable(&self, other: &Quantity) -> bool {
        self.ucum() == other.ucum() || ucum::is_comparable(self.ucum(), other.ucum())
    }

    /// Equivalence: rounded to the less precise value in either unit, calendar and UCUM units the same.
    pub(crate) fn is_equivalent(&self, other: &Quantity) -> bool {
        let is_same = |value: Decimal, opposite: Option<Decimal>| {
            opposite.is_some_and(|opposite| {
                let scale = value.normalize().scale().min(opposite.normalize().scale());
                value.round_dp(scale) == opposite.round_dp(scale)
            })
        };
        is_same(self.value, other.value_in_unit_of(self)) || is_same(other.value, self.value_in_unit_of(other))
    }

    /// The quantity in another unit, a UCUM code or a calendar word; `None` when the units have different dimensions.
    pub(crate) fn in_unit(&self, unit: &str) -> Option<Quantity> {
        let mut target = match calendar_unit(unit) {
            Some(word) => Quantity::calendar(Decimal::ONE, word),
            None => Quantity::new(Decimal::ONE, unit),
        };
        if !self.has_unit_of(&target) && !self.may_convert(&target) {
            return None;
        }
        target.value = self.value_in_unit_of(&target)?;
        Some(target)
    }

    /// The sum (with -1 the difference) in the finer unit of the two; `None` when the units have different dimensions.
    pub(crate) fn add(&self, other: &Quantity, sign: i64) -> Option<Quantity> {
        let signed = other.value.checked_mul(Decimal::from(sign))?;
        if self.has_unit_of(other) {
            return Some(Quantity { value: self.value.checked_add(signed)?, ..self.clone() });
        }
        if !self.may_convert(other) {
            return None;
        }
        let one_in_other = Quantity { value: Decimal::ONE, ..self.clone() }.value_in_unit_of(other)?;
        if one_in_other < Decimal::ONE {
            let converted = Quantity { value: signed, ..other.clone() }.value_in_unit_of(self)?;
            return Some(Quantity { value: self.value.checked_add(converted)?, ..self.clone() });
        }
        Some(Quantity { value: self.value_in_unit_of(other)?.checked_add(signed)?, ..other.clone() })
    }

    /// The product, in the product of the units.
    pub(crate) fn multiply(&self, other: &Quantity) -> Option<Quantity> {
        let value = self.value.checked_mul(other.value)?;
        Some(match (self.ucum(), other.ucum()) {
            (_, "1") => Quantity { value, ..self.clone() },
            ("1", _) => Quantity { value, ..other.clone() },
            (left, right) if left == right && left.bytes().all(|b| b.is_ascii_alphabetic()) => {
                Quantity::new(value, &format!("{left}2"))
            }
            (left, right) => Quantity::new(value, &format!("{left}.{}", bracketed(right))),
        })
    }

    /// The quotient, a plain number when the units have one dimension.
    pub(crate) fn divide(&self, other: &Quantity) -> Option<Quantity> {
        if other.ucum() == "1" {
            return Some(Quantity { value: quotient(self.value, other.value)?, ..self.clone() });
        }
        if let Some(value) = self.value_in_unit_of(other) {
            return Some(Quantity::new(quotient(value, other.value)?, "1"));
        }
        let value = quotient(self.value, other.value)?;
        Some(Quantity::new(value, &format!("{}/{}", self.ucum(), bracketed(other.ucum()))))
    }

    /// The unit as it is shown: calendar words in the plural but for one.
    pub fn shown_unit(&self) -> String {
        let is_plural = self.is_calendar && self.value != Decimal::ONE;
        format!("{}{}", self.unit, if is_plural { "s" } else { "" })
    }
}

fn bracketed(unit: &str) -> String {
    if unit.contains(['/', '.']) { format!("({unit})") } else { unit.to_owned() }
}
