//! Local time of the United Kingdom, in which NHS feeds write times without an offset.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::{FhirDate, Instant, Precision};

static LONDON: TimeZone = jiff::tz::get!("Europe/London");

/// Gives the moment of a wall time in London.
///
/// Of the hour that comes twice in autumn the first is taken; a time in the hour that is left out in spring is moved
/// forward by an hour. `None` when there is no time of day or when an offset is given already.
#[must_use]
pub fn instant(local: &FhirDate) -> Option<Instant> {
    if local.precision() < Precision::Minute || local.has_offset() {
        return None;
    }
    let zoned = civil(local)?.to_zoned(LONDON.clone()).ok()?;
    Some(Instant(zoned.timestamp().as_millisecond()))
}

/// Writes a wall time in London as a FHIR `dateTime` with the offset of that day.
///
/// A date without a time of day stays as it is; the text of the fraction is cut to milliseconds.
#[must_use]
pub fn date_time(local: &FhirDate) -> Option<String> {
    let (year, month, day) = local.year_month_day();
    match local.precision() {
        Precision::Year => Some(format!("{year:04}")),
        Precision::Month => Some(format!("{year:04}-{month:02}")),
        Precision::Day => Some(format!("{year:04}-{month:02}-{day:02}")),
        Precision::Fraction => Some(local_text(instant(local)?, "%Y-%m-%dT%H:%M:%S%.3f%:z")),
        Precision::Minute | Precision::Second => Some(local_text(instant(local)?, "%Y-%m-%dT%H:%M:%S%:z")),
    }
}

/// Writes a moment as it is read on a clock in London, for people: `2026-07-01 11:30`.
#[must_use]
pub fn wall_clock(moment: Instant) -> String {
    local_text(moment, "%Y-%m-%d %H:%M")
}

fn civil(local: &FhirDate) -> Option<DateTime> {
    let (year, month, day) = local.year_month_day();
    let (hour, minute, second, millisecond) = local.time();
    // jiff has no leap seconds: 23:59:60 is read as its last moment before.
    DateTime::new(
        i16::try_from(year).ok()?,
        i8::try_from(month).ok()?,
        i8::try_from(day).ok()?,
        i8::try_from(hour).ok()?,
        i8::try_from(minute).ok()?,
        i8::try_from(second.min(59)).ok()?,
        i32::from(millisecond) * 1_000_000,
    )
    .ok()
}

fn local_text(moment: Instant, format: &str) -> String {
    jiff::Timestamp::from_millisecond(moment.0)
        .map(|timestamp| timestamp.to_zoned(LONDON.clone()).strftime(format).to_string())
        .unwrap_or_default()
}
