//! The person columns: a Patient under the council's number, with the NHS number where it is known.

use fhir::{Issue, NhsNumber};
use serde_json::{Value, json};

use super::cell::normalise;
use super::column::{Column, name};
use super::event::{Event, put};
use super::row::{RowError, unknown_label};
use crate::{Entry, codeable, codeable_text, profile_url, system};

/// Maps the person of an event.
pub(super) fn patient(event: &mut Event<'_>) -> Result<Entry, RowError> {
    let row = event.row;
    let key = event.patient_key();
    let mut identifiers = Vec::new();
    if let Some(number) = row.text(Column::NhsNumber) {
        let value = match NhsNumber::parse(number) {
            Ok(number) => number.as_str().to_owned(),
            Err(_) => {
                let text = "the NHS number is not valid; it is kept as sent and never links";
                event.issues.push(Issue::warning("value", text).detail("nhs-number-invalid"));
                number.to_owned()
            }
        };
        identifiers.push(json!({ "system": system::NHS_NUMBER, "value": value }));
    }
    identifiers.push(json!({ "system": key.system, "value": key.value }));
    let mut patient = json!({
        "resourceType": "Patient",
        "meta": { "profile": [profile_url("Patient")] },
    });
    put(&mut patient, "extension", ethnic_category(event).map(|category| json!([category])));
    put(&mut patient, "identifier", Some(Value::Array(identifiers)));
    put(&mut patient, "name", human_name(event));
    put(&mut patient, "gender", gender(event).map(|code| json!(code)));
    put(&mut patient, "birthDate", row.date(Column::DateOfBirth)?.map(|date| json!(date.to_string())));
    put(&mut patient, "deceasedDateTime", row.date(Column::DateOfDeath)?.map(|date| json!(date.to_string())));
    put(&mut patient, "address", row.text(Column::Postcode).map(|code| json!([{ "use": "home", "postalCode": code }])));
    put(&mut patient, "generalPractitioner", practice(event).map(|practice| json!([practice])));
    put(&mut patient, "managingOrganization", Some(event.council()));
    Ok(Entry::merge(key, patient))
}

fn human_name(event: &Event<'_>) -> Option<Value> {
    let mut human = json!({ "use": "official" });
    let family = event.row.text(Column::LastName);
    let given = event.row.text(Column::FirstName);
    put(&mut human, "family", family.map(|family| json!(family)));
    put(&mut human, "given", given.map(|given| json!(given.split_whitespace().collect::<Vec<_>>())));
    (family.is_some() || given.is_some()).then(|| json!([human]))
}

fn gender(event: &mut Event<'_>) -> Option<&'static str> {
    let text = event.row.text(Column::Gender)?;
    Some(match normalise(text).as_str() {
        "male" | "m" | "1" => "male",
        "female" | "f" | "2" => "female",
        "other" | "indeterminate" | "9" => "other",
        "unknown" | "notknown" | "notstated" | "0" | "x" => "unknown",
        _ => {
            event.issues.push(
                Issue::warning(
                    "code-invalid",
                    format!("column `{}`: the label is not in the list", name(Column::Gender)),
                )
                .detail("label-unknown"),
            );
            "unknown"
        }
    })
}

/// The collection knows 21 groups and the national code list 18: Roma and Arab become "other" of their kind, in words too.
const ETHNICITY: &[(&str, &str, &str)] = &[
    ("gypsy", "C", "White - Any other White background"),
    ("english", "A", "White - British"),
    ("irish", "B", "White - Irish"),
    ("roma", "C", "White - Any other White background"),
    ("whiteandblackcaribbean", "D", "Mixed - White and Black Caribbean"),
    ("whiteandblackafrican", "E", "Mixed - White and Black African"),
    ("whiteandasian", "F", "Mixed - White and Asian"),
    ("indian", "H", "Asian or Asian British - Indian"),
    ("pakistani", "J", "Asian or Asian British - Pakistani"),
    ("bangladeshi", "K", "Asian or Asian British - Bangladeshi"),
    ("chinese", "R", "Other Ethnic Groups - Chinese"),
    ("arab", "S", "Other Ethnic Groups - Any other ethnic group"),
    ("refused", "Z", "Not stated"),
    ("undeclared", "99", "Not known"),
    ("notknown", "99", "Not known"),
];

fn ethnic_category(event: &mut Event<'_>) -> Option<Value> {
    let text = event.row.text(Column::Ethnicity)?;
    let label = normalise(text);
    let found = ETHNICITY.iter().find(|(part, ..)| label.contains(part)).map(|(_, code, display)| (*code, *display));
    let found = found.or_else(|| broad_group(&label));
    let concept = match found {
        Some((code, display)) => {
            let mut concept = codeable(&system::uk_core("EthnicCategoryEngland"), code, display);
            put(&mut concept, "text", Some(json!(text)));
            concept
        }
        None => {
            event.issues.push(unknown_label(Column::Ethnicity));
            codeable_text(text)
        }
    };
    let url = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-EthnicCategory";
    Some(json!({ "url": url, "valueCodeableConcept": concept }))
}

/// The "any other" labels of each group, and the two of the Black group whose words stand in others too.
fn broad_group(label: &str) -> Option<(&'static str, &'static str)> {
    let is_other = label.contains("other") || label.contains("anyother");
    Some(if label.starts_with("white") && is_other {
        ("C", "White - Any other White background")
    } else if label.starts_with("mixed") && is_other {
        ("G", "Mixed - Any other mixed background")
    } else if label.starts_with("asian") && is_other {
        ("L", "Asian or Asian British - Any other Asian background")
    } else if label.starts_with("black") && label.ends_with("caribbean") {
        ("M", "Black or Black British - Caribbean")
    } else if label.starts_with("black") && label.ends_with("african") {
        ("N", "Black or Black British - African")
    } else if label.starts_with("black") && is_other {
        ("P", "Black or Black British - Any other Black background")
    } else if label.starts_with("other") {
        ("S", "Other Ethnic Groups - Any other ethnic group")
    } else {
        return None;
    })
}

fn practice(event: &Event<'_>) -> Option<Value> {
    let code = event.row.text(Column::GpPracticeCode)?;
    let mut practice = json!({
        "type": "Organization",
        "identifier": { "system": system::ODS_ORGANISATION, "value": code },
    });
    put(&mut practice, "display", event.row.text(Column::GpPracticeName).map(|name| json!(name)));
    Some(practice)
}
