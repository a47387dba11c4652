//! What the council knows of a person's life: social history, told by the council and not by a clinician.

use serde_json::{Value, json};

use super::column::{Column, name};
use super::event::{Event, put};
use super::label::{ACCOMMODATION, EMPLOYMENT, HEARING, List, VISION, YES_NO};
use crate::{Entry, codeable, coding, profile_url, system};

/// Column, own code of the question, LOINC code and name where there is one, code list of the answer.
type Question = (Column, &'static str, Option<(&'static str, &'static str)>, &'static List);

const QUESTIONS: &[Question] = &[
    (Column::AccommodationStatus, "accommodation-status", Some(("71802-3", "Housing status")), &ACCOMMODATION),
    (Column::EmploymentStatus, "employment-status", Some(("67875-5", "Employment status - current")), &EMPLOYMENT),
    (Column::HasUnpaidCarer, "has-unpaid-carer", None, &YES_NO),
    (Column::AutismSpectrumDisorder, "autism-spectrum-disorder", None, &YES_NO),
    (Column::VisualImpairment, "visual-impairment", None, &VISION),
    (Column::HearingImpairment, "hearing-impairment", None, &HEARING),
    (Column::Dementia, "dementia", None, &YES_NO),
];

/// Maps the circumstances of a row; each is one resource of the person, whose older versions are its history.
pub(super) fn observations(event: &mut Event<'_>) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (column, code, loinc, list) in QUESTIONS {
        if let Some(answer) = event.concept(*column, list) {
            entries.push(observation(event, *column, code, *loinc, ("valueCodeableConcept", answer)));
        }
    }
    for (column, code) in [(Column::HoursCaring, "hours-caring"), (Column::AdultsCaredFor, "adults-cared-for")] {
        if let Some(text) = event.row.text(column) {
            entries.push(observation(event, column, code, None, amount(column, text)));
        }
    }
    entries
}

/// A whole number where there is one; bands such as `20-34` stay words.
fn amount(column: Column, text: &str) -> (&'static str, Value) {
    let number: Option<u16> = text.strip_suffix(".0").unwrap_or(text).parse().ok();
    match (number, column) {
        (Some(hours), Column::HoursCaring) => (
            "valueQuantity",
            json!({ "value": hours, "unit": "hours per week", "system": system::UCUM, "code": "h/wk" }),
        ),
        (Some(count), _) => ("valueInteger", json!(count)),
        (None, _) => ("valueString", json!(text)),
    }
}

fn observation(
    event: &Event<'_>,
    column: Column,
    code: &str,
    loinc: Option<(&str, &str)>,
    (choice, answer): (&str, Value),
) -> Entry {
    let key = event.key("Observation", &format!("circumstance/{code}"));
    let mut codings: Vec<Value> = loinc.iter().map(|(code, display)| coding(system::LOINC, code, display)).collect();
    codings.push(coding("urn:weir:cld:circumstance", code, name(column)));
    let mut observation = json!({
        "resourceType": "Observation",
        "meta": { "profile": [profile_url("Observation")] },
        "identifier": [{ "system": key.system, "value": key.value }],
        "status": "final",
        "category": [codeable(system::OBSERVATION_CATEGORY, "social-history", "Social History")],
        "code": { "coding": codings, "text": name(column) },
        "subject": event.patient(),
        "effectiveDateTime": event.period_end.to_string(),
        "performer": [event.council()],
    });
    put(&mut observation, choice, Some(answer));
    Entry::upsert(key, observation)
}
