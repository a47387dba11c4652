//! One row: its cells by column, its dates, and what is wrong with it.

use fhir::Issue;
use jiff::civil::Date;

use super::cell;
use super::column::{Column, Header, name};

/// Why a row cannot be mapped: the column and the reason, never what stood there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RowError {
    pub(super) column: Column,
    pub(super) reason: String,
}

/// A row of the file.
pub(super) struct Row<'a> {
    header: &'a Header,
    record: &'a csv::StringRecord,
}

impl<'a> Row<'a> {
    pub(super) fn new(header: &'a Header, record: &'a csv::StringRecord) -> Self {
        Self { header, record }
    }

    /// The trimmed text of a cell, if there is any.
    pub(super) fn text(&self, column: Column) -> Option<&'a str> {
        let text = self.record.get(self.header.place(column)?)?.trim();
        if text.is_empty() || text.eq_ignore_ascii_case("null") { None } else { Some(text) }
    }

    /// The text of a cell that must be filled.
    pub(super) fn required(&self, column: Column) -> Result<&'a str, RowError> {
        self.text(column).ok_or_else(|| RowError { column, reason: "a value is required".to_owned() })
    }

    /// The date in a cell.
    pub(super) fn date(&self, column: Column) -> Result<Option<Date>, RowError> {
        let Some(text) = self.text(column) else {
            return Ok(None);
        };
        let reason = "a date as dd/mm/yyyy or yyyy-mm-dd is expected".to_owned();
        cell::date(text).map(Some).ok_or(RowError { column, reason })
    }

    /// The date in a cell that must be filled.
    pub(super) fn required_date(&self, column: Column) -> Result<Date, RowError> {
        self.required(column)?;
        self.date(column)?.ok_or_else(|| RowError { column, reason: "a date is required".to_owned() })
    }

    /// An issue for a row that cannot be mapped, at its line and column.
    pub(super) fn refusal(header: &Header, line: u32, error: &RowError) -> Issue {
        let place = header.place(error.column).and_then(|at| u32::try_from(at + 1).ok()).unwrap_or(1);
        Issue::error("value", format!("line {line}, column `{}`: {}", name(error.column), error.reason))
            .line_column((line, place))
            .detail("row-refused")
    }
}

/// An issue about a label that the lists do not know: it is kept as text.
pub(super) fn unknown_label(column: Column) -> Issue {
    Issue::warning(
        "code-invalid",
        format!("column `{}`: the label is not in the list and is kept as text", name(column)),
    )
    .detail("label-unknown")
}
