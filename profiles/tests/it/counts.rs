//! The counts of `conformance/STATUS.md` that these tests find: each is kept in a file of `conformance/counts`, and may not fall.

use std::path::PathBuf;

/// Compares a text with the one that is kept, or writes it where `WEIR_WRITE_STATUS` is set.
pub(crate) fn keep(name: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../conformance/counts/{name}.md"));
    if std::env::var_os("WEIR_WRITE_STATUS").is_some() {
        std::fs::write(&path, text).expect("the counts can be written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(kept, text, "conformance/counts/{name}.md is not what was found");
}
