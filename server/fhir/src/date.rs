//! FHIR's `date`, `dateTime` and `instant`: <https://hl7.org/fhir/R4/datatypes.html#dateTime>.

use crate::Instant;
use crate::calendar::{days_from_civil, days_in_month};

/// How much of a date is known, from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Precision {
    /// `2026`
    Year,
    /// `2026-01`
    Month,
    /// `2026-01-31`
    Day,
    /// `2026-01-31T10:00`, which searches may use and resources may not.
    Minute,
    /// `2026-01-31T10:00:00`
    Second,
    /// `2026-01-31T10:00:00.5`
    Fraction,
}

/// A date that exists, to the precision it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FhirDate {
    precision: Precision,
    year: u16,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
    millisecond: u16,
    offset_minutes: Option<i16>,
}

impl FhirDate {
    /// Reads any of FHIR's date forms; also a time without seconds or offset, as searches may give.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut scan = Scan { rest: text.as_bytes() };
        let mut date = Self::from_year(scan.digits(4)?);
        if date.year == 0 {
            return None;
        }
        if scan.take(b'-') {
            date.month = scan.digits(2)? as u8;
            date.precision = Precision::Month;
            if scan.take(b'-') {
                date.day = scan.digits(2)? as u8;
                date.precision = Precision::Day;
            }
        }
        let is_day = (1..=days_in_month(i64::from(date.year), date.month)).contains(&date.day);
        if !is_day {
            return None;
        }
        if date.precision == Precision::Day && scan.take(b'T') {
            date.parse_time(&mut scan)?;
        }
        scan.rest.is_empty().then_some(date)
    }

    /// Gives how much of the date is known.
    #[must_use]
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Says whether the time came with an offset or `Z`.
    #[must_use]
    pub fn has_offset(&self) -> bool {
        self.offset_minutes.is_some()
    }

    /// Gives the offset in minutes east of UTC.
    #[must_use]
    pub fn offset_minutes(&self) -> Option<i16> {
        self.offset_minutes
    }

    /// Gives year, month and day; the parts that are not known are 1.
    #[must_use]
    pub fn year_month_day(&self) -> (u16, u8, u8) {
        (self.year, self.month, self.day)
    }

    /// Gives hour, minute, second and millisecond; the parts that are not known are 0.
    #[must_use]
    pub fn time(&self) -> (u8, u8, u8, u16) {
        (self.hour, self.minute, self.second, self.millisecond)
    }

    /// Says whether the form is that of the type `date`.
    #[must_use]
    pub fn is_date(&self) -> bool {
        self.precision <= Precision::Day
    }

    /// Says whether the form is that of the type `dateTime`: with a time come seconds and an offset.
    #[must_use]
    pub fn is_date_time(&self) -> bool {
        self.is_date() || self.is_instant()
    }

    /// Says whether the form is that of the type `instant`.
    #[must_use]
    pub fn is_instant(&self) -> bool {
        self.precision >= Precision::Second && self.has_offset()
    }

    /// Gives the first and the last millisecond that the date may mean; UTC when no offset is given.
    #[must_use]
    pub fn range(&self) -> (Instant, Instant) {
        let start = self.start_ms();
        let end = match self.precision {
            Precision::Year => self.midnight_ms(i64::from(self.year) + 1, 1, 1),
            Precision::Month if self.month == 12 => self.midnight_ms(i64::from(self.year) + 1, 1, 1),
            Precision::Month => self.midnight_ms(i64::from(self.year), self.month + 1, 1),
            Precision::Day => start + 86_400_000,
            Precision::Minute => start + 60_000,
            Precision::Second => start + 1_000,
            Precision::Fraction => start + 1,
        };
        (Instant(start), Instant(end - 1))
    }

    fn from_year(year: u32) -> Self {
        Self {
            precision: Precision::Year,
            year: year as u16,
            month: 1,
            day: 1,
            hour: 0,
            minute: 0,
            second: 0,
            millisecond: 0,
            offset_minutes: None,
        }
    }

    fn parse_time(&mut self, scan: &mut Scan<'_>) -> Option<()> {
        self.hour = scan.digits(2)? as u8;
        scan.expect(b':')?;
        self.minute = scan.digits(2)? as u8;
        self.precision = Precision::Minute;
        if scan.take(b':') {
            self.second = scan.digits(2)? as u8;
            self.precision = Precision::Second;
            if scan.take(b'.') {
                self.millisecond = scan.fraction()?;
                self.precision = Precision::Fraction;
            }
        }
        self.offset_minutes = scan.offset()?;
        // A leap second is legal and counts as the first second of the next minute.
        (self.hour < 24 && self.minute < 60 && self.second <= 60).then_some(())
    }

    fn start_ms(&self) -> i64 {
        let time = (i64::from(self.hour) * 60 + i64::from(self.minute)) * 60 + i64::from(self.second);
        self.midnight_ms(i64::from(self.year), self.month, self.day) + time * 1_000 + i64::from(self.millisecond)
    }

    fn midnight_ms(&self, year: i64, month: u8, day: u8) -> i64 {
        days_from_civil(year, month, day) * 86_400_000 - i64::from(self.offset_minutes.unwrap_or(0)) * 60_000
    }
}

struct Scan<'t> {
    rest: &'t [u8],
}

impl Scan<'_> {
    fn take(&mut self, byte: u8) -> bool {
        match self.rest.split_first() {
            Some((first, rest)) if *first == byte => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.take(byte).then_some(())
    }

    fn digits(&mut self, count: usize) -> Option<u32> {
        let (digits, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        digits.iter().try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + u32::from(digit - b'0')))
    }

    /// Reads any number of fraction digits and keeps milliseconds.
    fn fraction(&mut self) -> Option<u16> {
        let length = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at_checked(length).filter(|_| length > 0)?;
        self.rest = rest;
        let padded = digits.iter().chain(std::iter::repeat(&b'0')).take(3);
        Some(padded.fold(0, |number, digit| number * 10 + u16::from(digit - b'0')))
    }

    /// Reads `Z`, `+hh:mm`, `-hh:mm` or nothing; `None` when it is none of these.
    fn offset(&mut self) -> Option<Option<i16>> {
        if self.rest.is_empty() {
            return Some(None);
        }
        if self.take(b'Z') {
            return Some(Some(0));
        }
        let sign = if self.take(b'-') { -1 } else { self.expect(b'+').map(|()| 1)? };
        let hours = self.digits(2)? as i16;
        self.expect(b':')?;
        let minutes = self.digits(2)? as i16;
        let is_offset = (hours < 14 && minutes < 60) || (hours == 14 && minutes == 0);
        is_offset.then_some(Some(sign * (hours * 60 + minutes)))
    }
}
