//! What each ADT event means for the patient and the visit (HL7 table 0003).

use super::patient::Depth;

/// What becomes of the visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Visit {
    /// The event tells the encounter's status.
    Status(&'static str),
    /// The event tells nothing of the status: it follows from the times and class of the visit.
    Inferred,
    /// The event is not about a visit; a PV1 is there by form.
    None,
}

/// One ADT event.
#[derive(Debug, Clone, Copy)]
pub(super) struct Event {
    pub(super) visit: Visit,
    pub(super) patient: Depth,
    /// MRG-1 names a record that the PID's record takes the place of.
    pub(super) is_merge: bool,
}

/// The meaning of an event, none for those that are not about a patient's record (queries, beds).
pub(super) fn event(trigger: &str) -> Option<Event> {
    let plain = |visit| Event { visit, patient: Depth::Demographics, is_merge: false };
    Some(match trigger {
        "A01" => Event { patient: Depth::Registration, ..plain(Visit::Status("in-progress")) },
        "A04" => Event { patient: Depth::Registration, ..plain(Visit::Inferred) },
        "A05" => Event { patient: Depth::Registration, ..plain(Visit::Status("planned")) },
        "A02" | "A06" | "A07" | "A09" | "A10" | "A12" | "A13" | "A22" | "A32" | "A33" | "A52" | "A53" => {
            plain(Visit::Status("in-progress"))
        }
        "A21" => plain(Visit::Status("onleave")),
        "A03" => plain(Visit::Status("finished")),
        "A14" => plain(Visit::Status("planned")),
        "A11" | "A27" | "A38" => plain(Visit::Status("cancelled")),
        "A23" => plain(Visit::Status("entered-in-error")),
        "A08" | "A15" | "A16" | "A17" | "A25" | "A26" | "A42" | "A44" | "A45" | "A50" | "A51" | "A54" | "A55"
        | "A61" | "A62" => plain(Visit::Inferred),
        "A28" => Event { patient: Depth::Registration, ..plain(Visit::None) },
        "A29" => Event { patient: Depth::Removal, ..plain(Visit::None) },
        "A24" | "A31" | "A35" | "A37" | "A41" | "A43" | "A49" | "A60" => plain(Visit::None),
        // A47 replaces one wrong identifier: the record under it lives on under the right one.
        "A18" | "A30" | "A34" | "A36" | "A39" | "A40" | "A46" | "A47" => Event { is_merge: true, ..plain(Visit::None) },
        _ => return None,
    })
}
