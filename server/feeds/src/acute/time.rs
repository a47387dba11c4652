//! HL7 v2 times (`YYYY[MM[DD[HH[MM[SS[.f]]]]]][+hhmm]`) to FHIR; a wall time is Europe/London.

use fhir::{FhirDate, Instant, Precision, london};

/// A FHIR `dateTime`, no more precise than what was sent.
pub(super) fn date_time(text: &str) -> Option<String> {
    let date = parse(text)?;
    if date.precision() <= Precision::Day || !date.has_offset() {
        return london::date_time(&date);
    }
    iso(text)
}

/// A FHIR `date`: the day part of what was sent.
pub(super) fn date(text: &str) -> Option<String> {
    let whole = parse(text)?;
    let (year, month, day) = whole.year_month_day();
    Some(match whole.precision() {
        Precision::Year => format!("{year:04}"),
        Precision::Month => format!("{year:04}-{month:02}"),
        _ => format!("{year:04}-{month:02}-{day:02}"),
    })
}

/// A FHIR `time` of `HHMM[SS]`.
pub(super) fn time(text: &str) -> Option<String> {
    let digits = text.split(['.', '+', '-']).next()?;
    let at = |range| digits.get(range).and_then(|pair: &str| pair.parse::<u8>().ok());
    let (hour, minute, second) = (at(0..2)?, at(2..4)?, at(4..6).unwrap_or(0));
    let is_sound = matches!(digits.len(), 4 | 6) && hour < 24 && minute < 60 && second < 60;
    is_sound.then(|| format!("{hour:02}:{minute:02}:{second:02}"))
}

/// A moment, when a time of day was sent.
pub(super) fn instant(text: &str) -> Option<Instant> {
    let date = parse(text)?;
    if date.precision() <= Precision::Day {
        return None;
    }
    if date.has_offset() { Some(date.range().0) } else { london::instant(&date) }
}

/// Whether a time of day was sent.
pub(super) fn has_time(text: &str) -> bool {
    parse(text).is_some_and(|date| date.precision() > Precision::Day)
}

fn parse(text: &str) -> Option<FhirDate> {
    FhirDate::parse(&iso(text)?)
}

/// ISO 8601 text of an HL7 time; FHIR wants seconds with any time of day.
fn iso(text: &str) -> Option<String> {
    let text = text.trim();
    let (local, offset) = match text.find(['+', '-']) {
        Some(at) => (text.get(..at)?, Some(text.get(at..)?)),
        None => (text, None),
    };
    let (digits, fraction) = local.split_once('.').unwrap_or((local, ""));
    if !digits.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |range| digits.get(range);
    let year = part(0..4)?;
    let day = |month: &str, day: &str| format!("{year}-{month}-{day}");
    Some(match digits.len() {
        4 => year.to_owned(),
        6 => format!("{year}-{}", part(4..6)?),
        8 => day(part(4..6)?, part(6..8)?),
        10 | 12 | 14 => {
            let minute = part(10..12).unwrap_or("00");
            let second = part(12..14).unwrap_or("00");
            let fraction = fraction.get(..3.min(fraction.len())).filter(|digits| !digits.is_empty());
            let fraction = fraction.map(|digits| format!(".{digits}")).unwrap_or_default();
            let date = day(part(4..6)?, part(6..8)?);
            format!("{date}T{}:{minute}:{second}{fraction}{}", part(8..10)?, offset_text(offset)?)
        }
        _ => return None,
    })
}

fn offset_text(offset: Option<&str>) -> Option<String> {
    let Some(offset) = offset else {
        return Some(String::new());
    };
    let sign = offset.get(..1)?;
    let digits = offset.get(1..)?.replace(':', "");
    match digits.as_str() {
        "0000" | "00" => Some("Z".to_owned()),
        _ if digits.len() == 4 => Some(format!("{sign}{}:{}", digits.get(..2)?, digits.get(2..)?)),
        _ if digits.len() == 2 => Some(format!("{sign}{digits}:00")),
        _ => None,
    }
}
