//! The name that was probably meant.

/// The known name nearest to a wrong one, if it is near: two edits, and fewer than half of its letters.
pub(crate) fn nearest<'n>(wrong: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    const LENGTH_MAX_BYTES: usize = 64;
    if wrong.len() > LENGTH_MAX_BYTES {
        return None;
    }
    let wrong = wrong.to_lowercase();
    let scored = known.map(|name| (distance(&wrong, &name.to_lowercase()), name));
    let (edits, name) = scored.min()?;
    (edits <= 2 && edits * 2 < name.len()).then_some(name)
}

/// Edits (a letter added, dropped, changed, or two neighbours swapped) between two texts.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX / 2);
    for (row, a) in left.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, b) in right.iter().enumerate() {
            let changed = at(&above, column) + usize::from(a != b);
            let mut best = changed.min(at(&above, column + 1) + 1).min(at(&current, column) + 1);
            let is_swap = row > 0 && column > 0 && left.get(row - 1) == Some(b) && right.get(column - 1) == Some(a);
            if is_swap {
                best = best.min(at(&before, column - 1) + 1);
            }
            current.push(best);
        }
        before = std::mem::replace(&mut above, current);
    }
    at(&above, right.len())
}
