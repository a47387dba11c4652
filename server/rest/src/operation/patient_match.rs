//! `Patient/$match`: the Patients that somebody described may be. <https://hl7.org/fhir/R4/patient-operation-match.html>
//!
//! Deterministic. Certain: the same valid NHS number and birth date. Probable: the same family and given name, birth date and postcode.
//! Possible: the same names and birth date. A Patient with another valid NHS number or another gender is somebody else. Everything is
//! compared with what is released to the caller: a person whom policy hides is no match, and what is taken out of a record matches nothing.

use std::collections::BTreeSet;

use fhir::{BundleEntry, BundleWriter, Issue, Json, NHS_NUMBER_SYSTEM, NhsNumber, Node};
use policy::Released;
use search::{Options, normalise};
use store::Page;

use crate::answer::{Answer, Outcome, Touched};
use crate::failure::{Failure, Reason};
use crate::operation::parameters::Parameters;
use crate::perform::Context;

/// Patients with the same number, or the same family name and birth date, that are looked at.
const CANDIDATES_MAX: u32 = 500;

/// How well a Patient matches, from the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Grade {
    Possible,
    Probable,
    Certain,
}

impl Grade {
    /// The score and the code of <https://hl7.org/fhir/R4/valueset-match-grade.html>.
    fn score(self) -> (f64, &'static str) {
        match self {
            Grade::Possible => (0.5, "possible"),
            Grade::Probable => (0.8, "probable"),
            Grade::Certain => (1.0, "certain"),
        }
    }
}

/// A searchset, the most likely first.
pub(crate) async fn patient_match(context: &Context<'_>) -> Result<Answer, Failure> {
    let parameters = Parameters::read(context.request)?;
    parameters.check_known(&["onlyCertainMatches", "count"])?;
    let wanted = match parameters.resource()? {
        Some(resource) if resource.resource_type() == Some("Patient") => Described::of(resource.root()),
        _ => return Err(Failure::bad_request("required", "a Patient is needed as the parameter `resource`")),
    };
    if !wanted.has_number() && !wanted.has_name() {
        let message = "a match needs a valid NHS number and a birth date, or family name, given name and birth date";
        return Err(Failure::bad_request("required", message).at("Patient"));
    }
    let mut found = candidates(context, &wanted).await?;
    let mut notice = None;
    if parameters.flag("onlyCertainMatches")? == Some(true) {
        found.retain(|(grade, _)| *grade == Grade::Certain);
        let persons: BTreeSet<_> = found.iter().flat_map(|(_, released)| released.facts().persons.clone()).collect();
        if persons.len() > 1 {
            found.clear();
            let message = "several persons match, so none of them does for certain";
            notice = Some(Issue::warning("multiple-matches", message));
        }
    }
    if let Some(count) = parameters.count("count")? {
        found.truncate(count as usize);
    }
    Ok(answer(context, &found, notice))
}

fn answer(context: &Context<'_>, found: &[(Grade, Released)], notice: Option<Issue>) -> Answer {
    let mut writer = BundleWriter::new("searchset").total(found.len() as u64);
    let mut touched = Touched::default();
    for (grade, released) in found {
        let full_url = format!("{}/Patient/{}", context.weir.settings.base_url, released.facts().id);
        writer.entry(&BundleEntry {
            full_url: Some(&full_url),
            resource: Some(released.bytes()),
            search_mode: Some("match"),
            search_grade: Some(grade.score()),
            ..BundleEntry::default()
        });
        touched.add(released.facts());
    }
    if let Some(notice) = notice {
        let outcome = fhir::operation_outcome(&[notice]).to_string();
        writer.entry(&BundleEntry {
            resource: Some(outcome.as_bytes()),
            search_mode: Some("outcome"),
            ..BundleEntry::default()
        });
    }
    let mut answer = Answer::json(Outcome::Ok, writer.finish());
    answer.touched = touched;
    answer
}

/// The graded matches, the most likely first.
async fn candidates(context: &Context<'_>, wanted: &Described) -> Result<Vec<(Grade, Released)>, Failure> {
    let mut found: Vec<(Grade, Released)> = Vec::new();
    let mut searches: Vec<Vec<(String, String)>> = Vec::new();
    if let Some(number) = wanted.number.as_ref().filter(|_| wanted.has_number()) {
        searches.push(vec![("identifier".to_owned(), format!("{NHS_NUMBER_SYSTEM}|{number}"))]);
    }
    if let (true, Some(birth_date)) = (wanted.has_name(), &wanted.birth_date) {
        let families = wanted.names.iter().map(|(family, _)| escaped(family)).collect::<Vec<_>>().join(",");
        searches.push(vec![("family".to_owned(), families), ("birthdate".to_owned(), birth_date.clone())]);
    }
    for params in searches {
        for released in search(context, &params).await? {
            let is_known = found.iter().any(|(_, known)| known.facts().id == released.facts().id);
            let json = Json::parse(released.bytes()).map_err(|_| Failure::internal())?;
            if let Some(grade) = wanted.grade(&Described::of(json.root())).filter(|_| !is_known) {
                found.push((grade, released));
            }
        }
    }
    found.sort_by(|(a, left), (b, right)| b.cmp(a).then_with(|| left.facts().id.cmp(&right.facts().id)));
    Ok(found)
}

async fn search(context: &Context<'_>, params: &[(String, String)]) -> Result<Vec<Released>, Failure> {
    let weir = context.weir;
    let query = search::parse("Patient", params, &weir.registry(), &Options::default()).map_err(Failure::bad_search)?;
    let result = weir.store.search(context.grant, &query, Page { count: CANDIDATES_MAX, ..Page::default() }).await?;
    if result.next.is_some() {
        let message = format!("more than {CANDIDATES_MAX} Patients have that name and birth date");
        return Err(Failure::new(Reason::Unprocessable, "too-costly", message));
    }
    Ok(result.matches.into_iter().filter_map(|version| policy::release(context.grant, version).ok()).collect())
}

/// A value as it stands in a search: what would end it is escaped. <https://hl7.org/fhir/R4/search.html#escaping>
fn escaped(text: &str) -> String {
    text.chars().flat_map(|c| matches!(c, '\\' | ',' | '|' | '$').then_some('\\').into_iter().chain([c])).collect()
}

/// What of a Patient is compared.
struct Described {
    number: Option<String>,
    birth_date: Option<String>,
    gender: Option<String>,
    /// Family name and first given name, normalised.
    names: Vec<(String, String)>,
    /// Without spaces, in capitals.
    postcodes: Vec<String>,
}

impl Described {
    fn of(root: Node<'_>) -> Described {
        let each = |name: &str| root.get(name).into_iter().flat_map(|list| list.each()).collect::<Vec<_>>();
        let is_nhs = |identifier: &Node<'_>| identifier.str("system").as_deref() == Some(NHS_NUMBER_SYSTEM);
        let number = each("identifier").into_iter().filter(is_nhs).find_map(|identifier| {
            NhsNumber::parse(&identifier.str("value")?).ok().map(|number| number.as_str().to_owned())
        });
        let names = each("name").into_iter().filter_map(|name| {
            let given = name.get("given")?.each().next()?.as_str()?;
            Some((normalise(&name.str("family")?), normalise(&given)))
        });
        let postcodes = each("address").into_iter().filter_map(|address| {
            let text = address.str("postalCode")?;
            Some(text.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_uppercase())
        });
        let text = |name: &str| root.str(name).map(|text| text.into_owned());
        Described {
            number,
            // A year or month alone tells nobody apart.
            birth_date: text("birthDate").filter(|date| date.len() == 10),
            gender: text("gender").filter(|gender| gender != "unknown"),
            names: names.filter(|(family, given)| !family.is_empty() && !given.is_empty()).collect(),
            postcodes: postcodes.filter(|postcode| !postcode.is_empty()).collect(),
        }
    }

    fn has_number(&self) -> bool {
        self.number.is_some() && self.birth_date.is_some()
    }

    fn has_name(&self) -> bool {
        !self.names.is_empty() && self.birth_date.is_some()
    }

    fn grade(&self, other: &Described) -> Option<Grade> {
        if self.birth_date.is_none() || self.birth_date != other.birth_date {
            return None;
        }
        if let (Some(mine), Some(theirs)) = (&self.number, &other.number) {
            return (mine == theirs).then_some(Grade::Certain);
        }
        let is_other = matches!((&self.gender, &other.gender), (Some(mine), Some(theirs)) if mine != theirs);
        if is_other || !self.names.iter().any(|name| other.names.contains(name)) {
            return None;
        }
        let is_near = self.postcodes.iter().any(|postcode| other.postcodes.contains(postcode));
        Some(if is_near { Grade::Probable } else { Grade::Possible })
    }
}
