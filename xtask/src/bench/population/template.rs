//! JSON with places to fill in, written `$name$`.

/// Appends the template with its places filled. Values must be JSON already: nothing is escaped.
pub(super) fn fill(out: &mut String, template: &str, values: &[(&str, &str)]) {
    for (position, part) in template.split('$').enumerate() {
        if position % 2 == 0 {
            out.push_str(part);
            continue;
        }
        let value = values.iter().find(|(name, _)| *name == part);
        debug_assert!(value.is_some(), "the template's `{part}` has no value");
        out.push_str(value.map(|(_, value)| *value).unwrap_or_default());
    }
}
