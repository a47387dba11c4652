//! The primary support reason: why the council helps, said by the council. It is not a diagnosis.

use serde_json::{Value, json};

use super::column::Column;
use super::event::{Event, put};
use super::label::SUPPORT_REASON;
use crate::{Entry, codeable, profile_url, system};

/// Maps the reason to a Condition of its own category; rows of one person with the same reason share it.
pub(super) fn condition(event: &mut Event<'_>) -> Option<Entry> {
    let text = event.row.text(Column::PrimarySupportReason)?;
    let code = SUPPORT_REASON.code(text).map_or_else(|| super::cell::normalise(text), str::to_owned);
    if code == "unknown" {
        return None;
    }
    let concept = event.concept(Column::PrimarySupportReason, &SUPPORT_REASON)?;
    let key = event.key("Condition", &format!("support-reason/{code}"));
    let mut condition = json!({
        "resourceType": "Condition",
        "meta": { "profile": [profile_url("Condition")] },
        "identifier": [{ "system": key.system, "value": key.value }],
        "clinicalStatus": codeable(system::CONDITION_CLINICAL, "active", "Active"),
        "category": [codeable("urn:weir:cld:condition-category", "support-reason", "Social care support reason")],
        "code": concept,
    });
    put(&mut condition, "subject", Some(event.patient()));
    Some(Entry::upsert(key, condition))
}

/// A reference to the reason of this row, if it was mapped.
pub(super) fn reference(condition: Option<&Entry>) -> Option<Value> {
    condition.map(|entry| crate::reference("Condition", &entry.key))
}
