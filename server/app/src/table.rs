//! Tables for the terminal: columns that line up, words to the left, numbers to the right.

use std::fmt::Write as _;

/// Lines of a table; the first row is the head.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or_default()).collect();
    // The head says nothing about its column.
    let is_number = |column: usize| {
        let cells = rows.iter().skip(1).filter_map(|row| row.get(column));
        rows.len() > 1 && cells.clone().all(|cell| cell.chars().all(|c| c.is_ascii_digit() || "-.,% ".contains(c)))
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
    }
}
