//! ADT messages: the patient, the visit, and what else the message tells of them.

use super::event::{self, Event};
use super::group::Group;
use super::mapping::Mapping;
use super::syntax::Hl7;
use super::{clinical, encounter, identifier, observation, patient, sensitivity};
use crate::{MapError, PatientAction};

/// Maps an ADT message; the acts on patients are the answer, the resources stand in the mapping.
pub(super) fn map(mapping: &mut Mapping, hl7: &Hl7<'_>) -> Result<Vec<PatientAction>, MapError> {
    let trigger = mapping.header.trigger.clone();
    let event = event::event(&trigger).ok_or_else(|| MapError::unsupported("MSH-9", format!("ADT^{trigger}")))?;
    let groups = Group::all(hl7);
    if groups.is_empty() {
        return Err(MapError::missing("PID", "the patient identification segment"));
    }
    let mut actions = Vec::new();
    for group in &groups {
        actions.extend(map_group(mapping, group, event)?);
    }
    if event.is_merge && groups.iter().all(|group| group.first("MRG").is_none()) {
        return Err(MapError::missing("MRG-1", "the identifier of the record that is merged"));
    }
    Ok(actions)
}

fn map_group(mapping: &mut Mapping, group: &Group<'_>, event: Event) -> Result<Option<PatientAction>, MapError> {
    let patient = patient::map(mapping, group, event.patient)?;
    let encounter = encounter::map(mapping, group, &patient, event.visit);
    clinical::map(mapping, group, &patient, encounter.as_ref());
    observation::loose(mapping, group, &patient, encounter.as_ref());
    sensitivity::consent(mapping, group, &patient);
    for (name, what) in [
        ("GT1", "guarantor"),
        ("IN1", "insurance"),
        ("ROL", "role"),
        ("PRB", "problem"),
        ("DB1", "disability"),
        ("ACC", "accident"),
    ] {
        if group.first(name).is_some() {
            mapping.note(name, &format!("{what} is not mapped; left out"));
        }
    }
    if group.first("ARV").is_some() {
        mapping.note("ARV", "an access restriction; the patient is labelled restricted");
    }
    let Some(mrg) = group.first("MRG") else {
        return Ok(None);
    };
    if !event.is_merge {
        mapping.warn("MRG", "the move of a visit or an account is not applied");
        return Ok(None);
    }
    let loser = identifier::key(&mapping.header, mrg.field(1))
        .ok_or_else(|| MapError::missing("MRG-1", "the sender's own identifier of the record that is merged"))?;
    if loser == patient {
        mapping.refuse("MRG-1", "the record that is merged is the survivor itself");
        return Ok(None);
    }
    Ok(Some(PatientAction::Merge { survivor: patient, loser }))
}
