//! Which patient an app is given: looked up in the person's own name, through policy, so that nobody passes on a record that
//! they could not open.

use std::collections::BTreeSet;

use fhir::{FhirId, NHS_NUMBER_SYSTEM, NhsNumber};
use policy::{Grant, Interaction, Principal, Purpose, Scopes, Subject, Version};
use serde_json::Value;
use smart::LaunchContext;
use store::Page;

use super::authorize::{Asked, Person};
use super::page::Halt;
use crate::failure::{Failure, Reason};
use crate::weir::Weir;

/// More matches for one NHS number are a matter for the review list.
const MATCHES_MAX: u32 = 20;

/// A patient as the consent page names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Patient {
    /// Logical id.
    pub(super) id: String,
    /// Name and birth date.
    pub(super) label: String,
}

/// How the patient is determined.
#[derive(Debug)]
pub(super) enum Picker {
    /// The app needs none.
    NotNeeded,
    /// There is no choice.
    Fixed(Patient),
    /// One of these.
    OneOf(Vec<Patient>),
    /// Any, by NHS number or id.
    Any,
}

/// What a search for a patient gives.
pub(super) enum Found {
    /// This one.
    One(Patient),
    /// None whom the person may open.
    None,
    /// Records of different people.
    Several,
}

/// Says how the patient of a request is determined.
pub(super) async fn picker(
    weir: &Weir,
    asked: &Asked,
    person: &Person,
    launch: Option<&LaunchContext>,
) -> Result<Picker, Halt> {
    if let Some(id) = launch.and_then(|context| context.patient.as_deref()) {
        let patient = if person.login.may_pick(id) { read(weir, asked, person, id).await? } else { None };
        return patient.map(Picker::Fixed).ok_or_else(no_record);
    }
    if !asked.request.needs_patient() {
        return Ok(Picker::NotNeeded);
    }
    if person.login.may_pick_any() {
        return Ok(Picker::Any);
    }
    let mut patients = Vec::new();
    for id in &person.login.patient_ids {
        patients.extend(read(weir, asked, person, id).await?);
    }
    match patients.len() {
        0 => Err(no_record()),
        1 => patients.pop().map(Picker::Fixed).ok_or_else(no_record),
        _ => Ok(Picker::OneOf(patients)),
    }
}

fn no_record() -> Halt {
    Halt::problem(
        Reason::Denied,
        "There is no record that you may open",
        "The app needs the record of a patient, and your login opens none that is kept here. Nothing was shared. Ask the \
         people who gave you the login.",
    )
}

/// Finds a patient by NHS number or logical id.
pub(super) async fn find(weir: &Weir, asked: &Asked, person: &Person, typed: &str) -> Result<Found, Failure> {
    let typed = typed.trim();
    if let Ok(number) = NhsNumber::parse(typed) {
        let found = search(weir, asked, person, &number).await?;
        if !matches!(found, Found::None) {
            return Ok(found);
        }
    }
    Ok(read(weir, asked, person, typed).await?.map_or(Found::None, Found::One))
}

async fn search(weir: &Weir, asked: &Asked, person: &Person, number: &NhsNumber) -> Result<Found, Failure> {
    let grant = grant(asked, person, Interaction::SearchType)?;
    let params = [("identifier".to_owned(), format!("{NHS_NUMBER_SYSTEM}|{}", number.as_str()))];
    let query = search::parse("Patient", &params, &weir.registry(), &search::Options::default())
        .map_err(Failure::bad_search)?;
    let page = Page { as_of: None, after: None, count: MATCHES_MAX };
    let result = weir.store.search(&grant, &query, page).await?;
    let persons: BTreeSet<i64> =
        result.matches.iter().flat_map(|version| version.facts().persons.iter().map(|key| key.0)).collect();
    if persons.len() > 1 {
        return Ok(Found::Several);
    }
    // One person, perhaps with a record from each feed: any of them leads to all.
    let mut patients: Vec<Patient> = result.matches.into_iter().filter_map(|match_| release(&grant, match_)).collect();
    patients.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(patients.into_iter().next().map_or(Found::None, Found::One))
}

async fn read(weir: &Weir, asked: &Asked, person: &Person, id: &str) -> Result<Option<Patient>, Failure> {
    if FhirId::parse(id).is_none() {
        return Ok(None);
    }
    let grant = grant(asked, person, Interaction::Read)?;
    let version = weir.store.read(&grant, "Patient", id).await?;
    Ok(version.and_then(|version| release(&grant, version)))
}

/// What the person at the page may see of patients.
fn grant(asked: &Asked, person: &Person, interaction: Interaction) -> Result<Grant, Failure> {
    let (scopes, _) = Scopes::read("user/Patient.rs");
    let mut principal = Principal::new(asked.client.client_id.clone(), Purpose::DirectCare, scopes);
    principal.user = Some(person.login.user.clone());
    policy::decide(&Subject::Principal(principal), interaction, Some("Patient")).map_err(Failure::from)
}

fn release(grant: &Grant, version: Version) -> Option<Patient> {
    if version.facts().deleted {
        return None;
    }
    let released = policy::release(grant, version).ok()?;
    let resource: Value = serde_json::from_slice(released.bytes()).ok()?;
    Some(Patient { id: released.facts().id.clone(), label: label(&resource) })
}

/// Name and birth date, as far as they are known.
fn label(resource: &Value) -> String {
    let names = resource.get("name").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let is_old = |name: &&Value| name.get("use").and_then(Value::as_str) == Some("old");
    let official = names.iter().find(|name| name.get("use").and_then(Value::as_str) == Some("official"));
    let name = official.or_else(|| names.iter().find(|name| !is_old(name))).and_then(name_text);
    let name = name.unwrap_or_else(|| "Name not known".to_owned());
    match resource.get("birthDate").and_then(Value::as_str) {
        Some(birth_date) => format!("{name}, born {}", in_words(birth_date)),
        None => name,
    }
}

/// A FHIR date as people read it: `3 February 1980`; as it is when it is none.
fn in_words(date: &str) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let mut parts = date.splitn(3, '-');
    let year = parts.next().unwrap_or_default();
    let month = parts.next().and_then(|text| text.parse::<usize>().ok()).and_then(|n| MONTHS.get(n.checked_sub(1)?));
    match (month, parts.next().and_then(|text| text.parse::<u8>().ok())) {
        (Some(month), Some(day)) => format!("{day} {month} {year}"),
        (Some(month), None) => format!("{month} {year}"),
        _ => date.to_owned(),
    }
}

fn name_text(name: &Value) -> Option<String> {
    let given = name.get("given").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let parts: Vec<&str> = given.chain(name.get("family").and_then(Value::as_str)).collect();
    if parts.is_empty() {
        return name.get("text").and_then(Value::as_str).map(str::to_owned);
    }
    Some(parts.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_patient_is_named_by_official_name_and_birth_date() {
        let patient = json!({"name": [{"use": "old", "family": "Before"},
            {"use": "official", "given": ["Ada", "Jo"], "family": "Test"}], "birthDate": "1980-02-03"});
        assert_eq!(label(&patient), "Ada Jo Test, born 3 February 1980");
        assert_eq!(in_words("1980-12"), "December 1980");
        assert_eq!(in_words("1980"), "1980");
        assert_eq!(label(&json!({"name": [{"text": "A. Test"}]})), "A. Test");
        assert_eq!(label(&json!({})), "Name not known");
    }
}
