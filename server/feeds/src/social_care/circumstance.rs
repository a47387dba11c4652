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
    if let Some(hours) = number(event, Column::HoursCaring) {
        let quantity = json!({ "value": hours, "unit": "hours per week", "system": system::UCUM, "code": "h/wk" });
        entries.push(observation(event, Column::HoursCaring, "hours-caring", None, ("valueQuantity", quantity)));
    }
    if let Some(adults) = number(event, Column::AdultsCaredFor) {
        let count = ("valueInteger", adults);
        entries.push(observation(event, Column::AdultsCaredFor, "adults-cared-for", None, count));
    }
    entries
}

/// A whole number; bands such as `20-34` are no number and are left to the text of the source.
fn number(event: &mut Event<'_>, column: Column) -> Option<Value> {
    let text = event.row.text(column)?;
    let number: Option<u16> =
        text.parse().ok().or_else(|| text.strip_suffix(".0").and_then(|whole| whole.parse().ok()));
    if number.is_none() {
        let words = format!("column `{}`: a whole number is expected; it was left out", name(column));
        event.issues.push(fhir::Issue::warning("value", words).detail("element-left-out"));
    }
    number.map(|number| json!(number))
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
