//! Condition: in GP Connect a problem header. Its links to the coded entry and to other problems stay extensions.

use serde_json::json;

use super::convert::Mapping;
use super::field::{Notes, Object, concept, encounter, rename, repeat};
use crate::system;

pub(super) const MAPPING: Mapping = Mapping {
    source: "Condition",
    target: "Condition",
    elements: &[
        "identifier",
        "clinicalStatus",
        "verificationStatus",
        "category",
        "severity",
        "code",
        "bodySite",
        "subject",
        "encounter",
        "onset[x]",
        "abatement[x]",
        "recordedDate",
        "recorder",
        "asserter",
        "stage",
        "evidence",
        "note",
    ],
    required: &["subject"],
    edit,
};

fn edit(object: &mut Object, notes: &mut Notes) {
    let clinical = ["active", "recurrence", "relapse", "inactive", "remission", "resolved"];
    concept(object, "clinicalStatus", system::CONDITION_CLINICAL, &clinical, notes);
    if object.get("verificationStatus") == Some(&json!("unknown")) {
        object.remove("verificationStatus");
        notes.dropped("verificationStatus", "R4 has no code for an unknown status");
    }
    let verification = ["unconfirmed", "provisional", "differential", "confirmed", "refuted", "entered-in-error"];
    concept(object, "verificationStatus", system::CONDITION_VERIFICATION, &verification, notes);
    // Invariant con-5: a condition entered in error has no clinical status.
    if object.get("verificationStatus").and_then(|status| status.pointer("/coding/0/code"))
        == Some(&json!("entered-in-error"))
    {
        object.remove("clinicalStatus");
    }
    encounter(object, notes);
    rename(object, "assertedDate", "recordedDate");
    // R4 has no boolean abatement: that it ended is what the clinical status says.
    if object.remove("abatementBoolean").is_some() {
        notes.dropped("abatementBoolean", "R4 tells the end by the clinical status");
    }
    for name in ["category", "bodySite", "stage", "evidence", "note"] {
        repeat(object, name);
    }
}
