//! List. Warning codes and the reason of emptiness are what tells a reader that a record is incomplete: both stay.

use super::convert::Mapping;
use super::field::{Notes, Object, repeat};

pub(super) const MAPPING: Mapping = Mapping {
    source: "List",
    target: "List",
    elements: &[
        "identifier",
        "status",
        "mode",
        "title",
        "code",
        "subject",
        "encounter",
        "date",
        "source",
        "orderedBy",
        "note",
        "entry",
        "emptyReason",
    ],
    required: &["status", "mode"],
    edit,
};

fn edit(object: &mut Object, notes: &mut Notes) {
    repeat(object, "note");
    repeat(object, "entry");
    // Invariant lst-1: a list that has entries is not empty.
    if object.contains_key("entry") && object.remove("emptyReason").is_some() {
        notes.dropped("emptyReason", "the list has entries");
    }
}
