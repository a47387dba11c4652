//! ORU R01: reports and results, order by order.

use super::group::Group;
use super::mapping::Mapping;
use super::patient::{self, Depth};
use super::syntax::{Hl7, Segment};
use super::{encounter, report};
use crate::MapError;

/// One order of a message: an OBR and what follows it.
pub(super) struct Order<'m> {
    pub(super) orc: Option<&'m Segment<'m>>,
    pub(super) obr: &'m Segment<'m>,
    pub(super) notes: Vec<&'m Segment<'m>>,
    pub(super) results: Vec<ResultLine<'m>>,
    pub(super) specimens: Vec<&'m Segment<'m>>,
}

/// An OBX with its notes.
pub(super) struct ResultLine<'m> {
    pub(super) obx: &'m Segment<'m>,
    pub(super) notes: Vec<&'m Segment<'m>>,
}

/// Maps an ORU message.
pub(super) fn map(mapping: &mut Mapping, hl7: &Hl7<'_>) -> Result<(), MapError> {
    if !matches!(mapping.header.trigger.as_str(), "R01" | "R30" | "R31" | "R32" | "") {
        return Err(MapError::unsupported("MSH-9", format!("ORU^{}", mapping.header.trigger)));
    }
    let groups = Group::all(hl7);
    if groups.is_empty() {
        return Err(MapError::missing("PID", "the patient identification segment"));
    }
    let mut count = 0;
    for group in &groups {
        let patient = patient::map(mapping, group, Depth::Subject)?;
        let visit = encounter::logical(mapping, group, &patient);
        for order in orders(group) {
            count += 1;
            report::map(mapping, &order, &report::Subject { patient: &patient, visit: visit.as_ref(), count });
        }
    }
    if count == 0 {
        return Err(MapError::missing("OBR", "an observation request segment"));
    }
    Ok(())
}

/// Cuts a group into orders. An ORC belongs to the OBR after it, or after the results in some messages to none.
fn orders<'m>(group: &Group<'m>) -> Vec<Order<'m>> {
    let mut orders: Vec<Order<'m>> = Vec::new();
    let mut orc = None;
    for segment in &group.segments {
        match (segment.name, orders.last_mut()) {
            ("ORC", _) => orc = Some(*segment),
            ("OBR", _) => orders.push(Order {
                orc: orc.take(),
                obr: segment,
                notes: Vec::new(),
                results: Vec::new(),
                specimens: Vec::new(),
            }),
            ("OBX", Some(order)) => order.results.push(ResultLine { obx: segment, notes: Vec::new() }),
            ("NTE", Some(order)) => match order.results.last_mut() {
                Some(line) => line.notes.push(segment),
                None => order.notes.push(segment),
            },
            ("SPM", Some(order)) => order.specimens.push(segment),
            _ => {}
        }
    }
    orders
}

/// The words of NTE segments.
pub(super) fn note_text(notes: &[&Segment<'_>]) -> String {
    let lines = notes.iter().flat_map(|nte| nte.field(3).repetitions().map(|part| part.text().into_owned()));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}
