//! The file: header, rows, and what becomes of each row.

use std::collections::BTreeMap;

use fhir::{FhirDate, Instant};
use jiff::civil::Date;

use super::cell::{date, decode};
use super::column::{Column, Header};
use super::event::{Event, Kind};
use super::row::{Row, RowError};
use super::{assessment, circumstance, person, request, review, service, support_reason};
use crate::{Entry, MapError, Mapped, Message, Source};

/// Maps a file: one message a row; a row that cannot be mapped is an empty message with one error.
pub fn map(message: &Message<'_>) -> Result<Vec<Mapped>, MapError> {
    if message.bytes.starts_with(b"\xff\xfe") || message.bytes.starts_with(b"\xfe\xff") {
        return Err(MapError::malformed("line 1", "the file is UTF-16; UTF-8 or Windows-1252 is expected"));
    }
    let text = decode(message.bytes);
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut records = reader.records();
    let header = match records.next() {
        Some(Ok(record)) => Header::read(record.iter()).map_err(|missing| {
            let named: Vec<String> = missing.iter().map(|name| format!("`{name}`")).collect();
            MapError::missing("line 1", format!("column {}", named.join(", ")))
        })?,
        Some(Err(_)) => return Err(MapError::malformed("line 1", "the header is not CSV")),
        None => return Err(MapError::missing("line 1", "a header")),
    };
    let today =
        day(message.received).ok_or_else(|| MapError::malformed("message", "the time of receipt is out of range"))?;
    let mut mapped = Vec::new();
    for record in records {
        // The text is valid UTF-8 and rows may differ in length, so that no row can fail to be read.
        let Ok(record) = record else {
            continue;
        };
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        let line = record.position().and_then(|at| u32::try_from(at.line()).ok()).unwrap_or(0);
        mapped.push(map_record(message, &header, &record, line, today));
    }
    if mapped.is_empty() {
        return Err(MapError::missing("line 2", "at least one row"));
    }
    Ok(mapped)
}

fn map_record(message: &Message<'_>, header: &Header, record: &csv::StringRecord, line: u32, today: Date) -> Mapped {
    let row = Row::new(header, record);
    let la_code = row.text(Column::LaCode).map(str::to_owned);
    let ods_code = message.ods_code.map(str::to_owned).or(la_code);
    let event_time = row.date(Column::PeriodEnd).ok().flatten().and_then(midnight);
    let mut mapped = Mapped {
        entries: Vec::new(),
        issues: Vec::new(),
        source: Source { feed: message.feed, system: None, ods_code },
        message_id: format!("line-{line}"),
        part: Some(format!("line-{line}")),
        actions: Vec::new(),
        event_time,
        counts: BTreeMap::from([(kind(&row).to_owned(), 1)]),
    };
    match map_row(&row, record, header, today, &mut mapped) {
        Ok(()) => {}
        Err(error) => {
            mapped.entries.clear();
            mapped.issues = vec![Row::refusal(header, line, &error)];
        }
    }
    mapped
}

fn map_row(
    row: &Row<'_>,
    record: &csv::StringRecord,
    header: &Header,
    today: Date,
    mapped: &mut Mapped,
) -> Result<(), RowError> {
    if record.iter().skip(header.width).any(|cell| !cell.trim().is_empty()) {
        let reason = "the row has more cells than the header; a comma may stand unquoted".to_owned();
        return Err(RowError { column: Column::LaCode, reason });
    }
    let mut event = Event::read(row, today)?;
    let patient = person::patient(&mut event)?;
    let reason = support_reason::condition(&mut event);
    let circumstances = circumstance::observations(&mut event);
    let events: Vec<Entry> = match event.kind {
        Kind::Request => request::entries(&mut event),
        Kind::Assessment => vec![assessment::entry(&mut event, reason.as_ref())],
        Kind::Service => service::entries(&mut event, reason.as_ref()),
        Kind::Review => vec![review::entry(&mut event, reason.as_ref())],
    };
    mapped.message_id = format!("{}/{}/{}", event.la_code, event.person_id, event.identity);
    mapped.issues = event.issues;
    mapped.entries = std::iter::once(patient).chain(reason).chain(circumstances).chain(events).collect();
    Ok(())
}

/// The name under which a row is counted.
fn kind(row: &Row<'_>) -> &'static str {
    row.text(Column::EventType).and_then(Kind::parse).map_or("other", Kind::code)
}

/// Counts the rows of a file that cannot be mapped; one that cannot be read counts as one file.
pub(crate) fn count(bytes: &[u8]) -> BTreeMap<String, usize> {
    let text = decode(bytes);
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let is_filled = |record: &csv::StringRecord| record.iter().any(|cell| !cell.trim().is_empty());
    match reader.records().skip(1).filter(|record| record.as_ref().is_ok_and(is_filled)).count() {
        0 => BTreeMap::from([("file".to_owned(), 1)]),
        rows => BTreeMap::from([("row".to_owned(), rows)]),
    }
}

/// The day on which the file was received, in London.
fn day(received: Instant) -> Option<Date> {
    fhir::london::wall_clock(received).get(..10).and_then(date)
}

/// The start of a day in London.
fn midnight(day: Date) -> Option<Instant> {
    FhirDate::parse(&format!("{day}T00:00:00")).and_then(|day| fhir::london::instant(&day))
}
