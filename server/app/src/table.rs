//! Tables for the terminal: columns that line up, words to the left, numbers to the right.

use std::fmt::Write as _;

/// Lines of a table; the first row is the head.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    // The head says nothing about its column; a version, as 1.0.0, is no number.
    let is_number = |column: usize| {
        let mut cells = rows.iter().skip(1).filter_map(|row| row.get(column));
        let is_numeric = |c: char| c.is_ascii_digit() || "-.,% ".contains(c);
        rows.len() > 1 && cells.all(|cell| cell.chars().all(is_numeric) && cell.matches('.').count() < 2)
    };
    let mut text = String::new();
    for row in rows {
        let mut line = String::from("  ");
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let gap = if column == 0 { "" } else { "  " };
            let _ = match is_number(column) {
                true => write!(line, "{gap}{cell:>width$}"),
                false => write!(line, "{gap}{cell:<width$}"),
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [vec!["type".into(), "stored".into()], vec!["Patient".into(), "7".into()]];
        assert_eq!(table(&rows), "  type     stored\n  Patient       7\n");
        let rows = [vec!["NAME".into(), "VERSION".into()], vec!["uk".into(), "1.0.0".into()]];
        assert_eq!(table(&rows), "  NAME  VERSION\n  uk    1.0.0\n");
    }
}
