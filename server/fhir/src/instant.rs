//! A moment in time, as the whole server counts it.

use crate::calendar::civil_from_days;
use crate::date::{FhirDate, Precision};

const DAY_MS: i64 = 86_400_000;

/// Milliseconds since 1 January 1970 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(pub i64);

impl Instant {
    /// Reads a full date and time with its offset, as `2026-01-31T10:00:00.5+01:00`.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let date = FhirDate::parse(text)?;
        (date.precision() >= Precision::Second && date.has_offset()).then(|| date.range().0)
    }

    /// Writes the FHIR `instant`, always in UTC with milliseconds: `2026-01-31T10:00:00.000Z`.
    #[must_use]
    pub fn to_fhir(self) -> String {
        let (year, month, day) = civil_from_days(self.0.div_euclid(DAY_MS));
        let (hour, minute, second, millisecond) = self.time_of_day();
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z")
    }

    /// Writes the date of HTTP headers (RFC 9110 section 5.6.7): `Sat, 31 Jan 2026 10:00:00 GMT`.
    #[must_use]
    pub fn to_http(self) -> String {
        const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
        const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let days = self.0.div_euclid(DAY_MS);
        let (year, month, day) = civil_from_days(days);
        let (hour, minute, second, _) = self.time_of_day();
        let weekday = WEEKDAYS.get(days.rem_euclid(7) as usize).copied().unwrap_or_default();
        let month = MONTHS.get(month as usize - 1).copied().unwrap_or_default();
        format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
    }

    fn time_of_day(self) -> (i64, i64, i64, i64) {
        let time = self.0.rem_euclid(DAY_MS);
        (time / 3_600_000, time / 60_000 % 60, time / 1_000 % 60, time % 1_000)
    }
}
