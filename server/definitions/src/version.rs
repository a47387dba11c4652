//! Versions of definitions, which are mostly but not always those of semver.

use std::cmp::Ordering;

/// Orders versions part by part, numbers as numbers: 1.10 comes after 1.9.
#[must_use]
pub fn compare_versions(a: &str, b: &str) -> Ordering {
    let parts = |text: &str| text.split(['.', '-']).map(str::to_owned).collect::<Vec<_>>();
    let (left, right) = (parts(a), parts(b));
    let compared = left.iter().zip(&right).map(|(a, b)| match (a.parse::<u64>(), b.parse::<u64>()) {
        (Ok(a), Ok(b)) => a.cmp(&b),
        _ => a.cmp(b),
    });
    compared.fold(Ordering::Equal, Ordering::then).then(left.len().cmp(&right.len()))
}
