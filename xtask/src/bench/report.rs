//! The rows that were measured: an aligned table for people, JSON for programs.

use std::fmt::Write as _;

use serde::Serialize;

use super::drive::Measured;

/// One measured row; what was not measured in it is left out.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Row {
    /// The workload it belongs to.
    pub(crate) workload: &'static str,
    /// What was done.
    pub(crate) what: String,
    /// Connections at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) connections: Option<usize>,
    /// Units a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rate: Option<f64>,
    /// The unit of the rate, or of the value.
    pub(crate) unit: &'static str,
    /// Median latency in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) p50_ms: Option<f64>,
    /// Latency that one in a hundred exceeds, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) p99_ms: Option<f64>,
    /// A figure that is no rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<f64>,
    /// Microseconds of processor time that the server used for a unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) processor_us: Option<f64>,
    /// Highest resident memory of the server meanwhile, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rss_peak_bytes: Option<u64>,
    /// Share of the ceiling's rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ratio_to_ceiling: Option<f64>,
    /// Requests that went wrong.
    pub(crate) errors: u64,
    /// What else is to be said.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) note: String,
}

impl Row {
    /// A row of what was driven.
    pub(crate) fn measured(
        workload: &'static str,
        what: &str,
        unit: &'static str,
        connections: usize,
        measured: &Measured,
    ) -> Row {
        Row {
            connections: Some(connections),
            rate: Some(measured.rate()),
            p50_ms: Some(measured.percentile_ms(50)),
            p99_ms: Some(measured.percentile_ms(99)),
            processor_us: Some(measured.processor_s * 1e6 / measured.units.max(1) as f64),
            rss_peak_bytes: Some(measured.rss_peak_bytes),
            errors: measured.errors,
            note: measured.first_error.clone().unwrap_or_default(),
            ..Row::value(workload, what, unit, None)
        }
    }

    /// A row with one figure, or with none.
    pub(crate) fn value(workload: &'static str, what: &str, unit: &'static str, value: Option<f64>) -> Row {
        Row { workload, what: what.to_owned(), unit, value, ..Row::default() }
    }

    /// The same row with more to say.
    pub(crate) fn noting(mut self, note: &str) -> Row {
        if !self.note.is_empty() {
            self.note.push_str("; ");
        }
        self.note.push_str(note);
        self
    }
}

/// The table.
pub(crate) fn table(rows: &[Row]) -> String {
    let head = [
        "workload",
        "what",
        "conns",
        "figure",
        "unit",
        "p50 ms",
        "p99 ms",
        "cpu us",
        "of ceiling",
        "peak MB",
        "errors",
        "note",
    ];
    let mut cells: Vec<Vec<String>> = vec![head.map(str::to_owned).to_vec()];
    cells.extend(rows.iter().map(|row| {
        vec![
            row.workload.to_owned(),
            row.what.clone(),
            row.connections.map(|number| number.to_string()).unwrap_or_default(),
            row.rate.or(row.value).map(figure).unwrap_or_default(),
            row.unit.to_owned(),
            row.p50_ms.map(|ms| format!("{ms:.2}")).unwrap_or_default(),
            row.p99_ms.map(|ms| format!("{ms:.2}")).unwrap_or_default(),
            row.processor_us.map(|us| format!("{us:.0}")).unwrap_or_default(),
            row.ratio_to_ceiling.map(|ratio| format!("{:.0} %", ratio * 100.0)).unwrap_or_default(),
            row.rss_peak_bytes.map(|bytes| (bytes / 1_000_000).to_string()).unwrap_or_default(),
            row.errors.to_string(),
            row.note.clone(),
        ]
    }));
    aligned(&cells)
}

/// As many digits as tell something.
fn figure(number: f64) -> String {
    match number.abs() {
        1000.0.. => format!("{number:.0}"),
        10.0.. => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}

fn aligned(cells: &[Vec<String>]) -> String {
    let columns = cells.first().map_or(0, Vec::len);
    let width = |column: usize| cells.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    let mut text = String::new();
    for row in cells {
        let mut line = String::new();
        for (position, (cell, width)) in row.iter().zip(&widths).enumerate() {
            // Figures to the right, words to the left.
            let is_figure = (2..4).contains(&position) || (5..11).contains(&position);
            let _ = if is_figure { write!(line, "{cell:>width$}  ") } else { write!(line, "{cell:<width$}  ") };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
