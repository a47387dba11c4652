//! Dates, times and moments of any precision. <http://hl7.org/fhirpath/N1/#date>

use std::cmp::Ordering;
use std::fmt;

use jiff::civil;

/// How precise a temporal value is. FHIRPath counts seconds and milliseconds as one precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precision {
    /// The year.
    Year,
    /// The month.
    Month,
    /// The day.
    Day,
    /// The hour.
    Hour,
    /// The minute.
    Minute,
    /// The second.
    Second,
    /// The millisecond.
    Millisecond,
}

/// A date, a time of day or a moment, as precise as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Temporal {
    /// Components in the order of [`Precision`]; those beyond the precision are their lowest value.
    pub(crate) parts: [i64; 7],
    pub(crate) precision: Precision,
    /// Minutes east of UTC, where written.
    pub(crate) offset_minutes: Option<i64>,
}

const LOWEST: [i64; 7] = [1, 1, 1, 0, 0, 0, 0];
const ORDER: [Precision; 7] = [
    Precision::Year,
    Precision::Month,
    Precision::Day,
    Precision::Hour,
    Precision::Minute,
    Precision::Second,
    Precision::Millisecond,
];

impl Temporal {
    /// Reads `2012`, `2012-04` or `2012-04-15`.
    pub fn parse_date(text: &str) -> Option<Temporal> {
        let mut parts = LOWEST;
        let widths = [4, 2, 2];
        let mut count = 0;
        for piece in text.split('-') {
            *parts.get_mut(count)? = digits(piece, *widths.get(count)?)?;
            count += 1;
        }
        let precision = *ORDER.get(count.checked_sub(1)?)?;
        Temporal { parts, precision, offset_minutes: None }.checked()
    }

    /// Reads a date, optionally with `T`, a time and an offset.
    pub fn parse_date_time(text: &str) -> Option<Temporal> {
        let Some((date, time)) = text.split_once('T') else { return Temporal::parse_date(text) };
        let date = Temporal::parse_date(date)?;
        if time.is_empty() {
            return Some(date);
        }
        if date.precision != Precision::Day {
            return None;
        }
        let (time, offset_minutes) = match time.find(['Z', '+', '-']) {
            Some(at) => (time.get(..at)?, Some(offset(time.get(at..)?)?)),
            None => (time, None),
        };
        let mut moment = Temporal::parse_time(time)?;
        for (part, from) in moment.parts.iter_mut().zip(date.parts).take(3) {
            *part = from;
        }
        moment.offset_minutes = offset_minutes;
        moment.checked()
    }

    /// Reads `14`, `14:30`, `14:30:14` or `14:30:14.559`.
    pub fn parse_time(text: &str) -> Option<Temporal> {
        let (clock, fraction) = match text.split_once('.') {
            Some((clock, fraction)) => (clock, Some(fraction)),
            None => (text, None),
        };
        let mut parts = LOWEST;
        let mut at = 2;
        for piece in clock.split(':') {
            at += 1;
            if at > 5 {
                return None;
            }
            *parts.get_mut(at)? = digits(piece, 2)?;
        }
        if let Some(fraction) = fraction {
            if at != 5 || fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            let digits = fraction.bytes().chain(*b"00").take(3);
            *parts.get_mut(6)? = digits.fold(0, |millis, digit| millis * 10 + i64::from(digit - b'0'));
            at = 6;
        }
        Temporal { parts, precision: *ORDER.get(at)?, offset_minutes: None }.checked()
    }

    fn checked(self) -> Option<Temporal> {
        let [year, month, day, hour, minute, second, _] = self.parts;
        let is_date =
            (1..=9999).contains(&year) && (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day);
        // A leap second is legal in an instant.
        (is_date && hour < 24 && minute < 60 && second <= 60).then_some(self)
    }

    /// How precise it is.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Whether it tells its offset from UTC.
    pub fn has_offset(&self) -> bool {
        self.offset_minutes.is_some()
    }

    pub(crate) fn part(&self, precision: Precision) -> i64 {
        self.parts.get(precision as usize).copied().unwrap_or_default()
    }

    fn civil(&self) -> Option<civil::DateTime> {
        let part = |precision| i8::try_from(self.part(precision)).ok();
        // A leap second has no place of its own.
        let second = part(Precision::Second)?.min(59);
        civil::DateTime::new(
            i16::try_from(self.part(Precision::Year)).ok()?,
            part(Precision::Month)?,
            part(Precision::Day)?,
            part(Precision::Hour)?,
            part(Precision::Minute)?,
            second,
            i32::try_from(self.part(Precision::Millisecond)).ok()? * 1_000_000,
        )
        .ok()
    }

    fn with_civil(&self, moment: civil::DateTime) -> Temporal {
        let parts = [
            i64::from(moment.year()),
            i64::from(moment.month()),
            i64::from(moment.day()),
            i64::from(moment.hour()),
            i64::from(moment.minute()),
            i64::from(moment.second()),
            i64::from(moment.millisecond()),
        ];
        let mut result = Temporal { parts, ..*self };
        result.cut(self.precision);
        result
    }

    /// Forgets what is more precise.
    pub(crate) fn cut(&mut self, precision: Precision) {
        self.precision = self.precision.min(precision);
        for ((part, lowest), of) in self.parts.iter_mut().zip(LOWEST).zip(ORDER) {
            if of > self.precision {
                *part = lowest;
            }
        }
    }

    /// The moment of a UTC instant, to the millisecond.
    pub fn from_instant(millis: i64) -> Option<Temporal> {
        let moment = jiff::Timestamp::from_millisecond(millis).ok()?.to_zoned(jiff::tz::TimeZone::UTC).datetime();
        let shape = Temporal { parts: LOWEST, precision: Precision::Millisecond, offset_minutes: Some(0) };
        Some(shape.with_civil(moment))
    }

    /// The date of a moment.
    pub(crate) fn date(mut self) -> Temporal {
        self.offset_minutes = None;
        self.cut(Precision::Day);
        self
    }

    /// The time of day of a moment.
    pub(crate) fn time(mut self) -> Temporal {
        for (part, lowest) in self.parts.iter_mut().zip(LOWEST).take(3) {
            *part = lowest;
        }
        self.offset_minutes = None;
        self
    }

    fn in_utc(&self) -> Option<Temporal> {
        match self.offset_minutes {
            None | Some(0) => Some(*self),
            Some(_) if self.precision < Precision::Minute => Some(*self),
            Some(minutes) => {
                let span = jiff::Span::new().try_minutes(-minutes).ok()?;
                let mut moved = self.with_civil(self.civil()?.checked_add(span).ok()?);
                moved.offset_minutes = Some(0);
                Some(moved)
            }
        }
    }

    /// Orders two values; `None` when their precision leaves it open.
    pub(crate) fn compare(&self, other: &Temporal) -> Option<Ordering> {
        let has_clock = |value: &Temporal| value.precision > Precision::Day;
        if has_clock(self) && has_clock(other) && self.offset_minutes.is_some() != other.offset_minutes.is_some() {
            return None;
        }
        let (left, right) = (self.in_utc()?, other.in_utc()?);
        for ((a, b), precision) in left.parts.iter().zip(right.parts).zip(ORDER) {
            let is_open = |value: &Temporal| value.precision < precision && value.precision < Precision::Second;
            match (is_open(&left), is_open(&right)) {
                (true, true) => return Some(Ordering::Equal),
                (false, false) => {}
                _ => return None,
            }
            match a.cmp(&b) {
                Ordering::Equal => {}
                order => return Some(order),
            }
        }
        Some(Ordering::Equal)
    }

    /// Adds an amount of a calendar unit; a unit finer than the precision counts in whole units of the precision.
    pub(crate) fn add(&self, amount: i64, unit: Precision, is_time: bool) -> Option<Temporal> {
        let (amount, unit) = if unit > self.precision && self.precision < Precision::Second {
            coarsen(amount, unit, self.precision)
        } else {
            (amount, unit)
        };
        let span = jiff::Span::new();
        let span = match unit {
            Precision::Year => span.try_years(amount),
            Precision::Month => span.try_months(amount),
            Precision::Day => span.try_days(amount),
            Precision::Hour => span.try_hours(amount),
            Precision::Minute => span.try_minutes(amount),
            Precision::Second => span.try_seconds(amount),
            Precision::Millisecond => span.try_milliseconds(amount),
        }
        .ok()?;
        let moment = self.civil()?;
        let moved = if is_time {
            moment.date().to_datetime(moment.time().wrapping_add(span))
        } else {
            moment.checked_add(span).ok()?
        };
        let mut result = *self;
        if unit == Precision::Millisecond && self.precision == Precision::Second {
            result.precision = Precision::Millisecond;
        }
        Some(result.with_civil(moved))
    }

    /// The text of a time of day, without `T`.
    pub(crate) fn time_text(&self) -> String {
        let mut text = format!("{:02}", self.part(Precision::Hour));
        if self.precision >= Precision::Minute {
            text += &format!(":{:02}", self.part(Precision::Minute));
        }
        if self.precision >= Precision::Second {
            text += &format!(":{:02}", self.part(Precision::Second));
        }
        if self.precision >= Precision::Millisecond {
            text += &format!(".{:03}", self.part(Precision::Millisecond));
        }
        text
    }
}

impl fmt::Display for Temporal {
    /// Writes the FHIR form of a date or a moment.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.part(Precision::Year))?;
        if self.precision >= Precision::Month {
            write!(f, "-{:02}", self.part(Precision::Month))?;
        }
        if self.precision >= Precision::Day {
            write!(f, "-{:02}", self.part(Precision::Day))?;
        }
        if self.precision >= Precision::Hour {
            write!(f, "T{}", self.time_text())?;
        }
        match self.offset_minutes {
            Some(0) => write!(f, "Z"),
            Some(minutes) => {
                let sign = if minutes < 0 { '-' } else { '+' };
                write!(f, "{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
            }
            None => Ok(()),
        }
    }
}

/// The days of a month of the Gregorian calendar.
pub(crate) fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn coarsen(amount: i64, from: Precision, to: Precision) -> (i64, Precision) {
    // Calendar arithmetic of the specification: a month has 30 days and a year 365 when a finer amount is converted.
    let mut days_of = |days: i64| match to {
        Precision::Year => days / 365,
        Precision::Month => days / 30,
        _ => days,
    };
    let in_days = |per_day: i64, days_of: &mut dyn FnMut(i64) -> i64| match to {
        Precision::Year | Precision::Month | Precision::Day => days_of(amount / per_day),
        Precision::Hour => amount / (per_day / 24),
        _ => amount / (per_day / 1440),
    };
    let converted = match from {
        Precision::Month => amount / 12,
        Precision::Day => days_of(amount),
        Precision::Hour => in_days(24, &mut days_of),
        Precision::Minute => in_days(1440, &mut days_of),
        Precision::Second => in_days(86_400, &mut days_of),
        Precision::Millisecond => in_days(86_400_000, &mut days_of),
        Precision::Year => amount,
    };
    (converted, to)
}

fn digits(text: &str, width: usize) -> Option<i64> {
    (text.len() == width && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

fn offset(text: &str) -> Option<i64> {
    if text == "Z" {
        return Some(0);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    (hours <= 14 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}
