//! Small-number suppression for every count that an analyst may see: uk secondary-care statistics disclosure rules.

use std::fmt;

/// A count as it may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// Zero is shown.
    Zero,
    /// Between one and seven, which one is not told.
    Suppressed,
    /// Rounded to the nearest five.
    Rounded(u64),
}

/// Turns a true count into one that may be shown.
pub fn suppressed(count: u64) -> Count {
    match count {
        0 => Count::Zero,
        1..=7 => Count::Suppressed,
        larger => Count::Rounded(larger.saturating_add(2) / 5 * 5),
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Count::Zero => f.write_str("0"),
            Count::Suppressed => f.write_str("1-7"),
            Count::Rounded(count) => write!(f, "{count}"),
        }
    }
}
