//! `Patient/[id]/$everything`: the Patient, what is recorded of the person, and what that refers to.
//! <https://hl7.org/fhir/R4/patient-operation-everything.html>
//!
//! All pages are of the state in which the first was read. What is referred to comes last, each once, and only when it is about nobody:
//! a record of somebody else does not come along because it is mentioned. It is found by walking the released bodies, so that what is
//! taken out of a body (whereabouts of a sensitive person) leads nowhere.

use fhir::{BundleEntry, BundleWriter, FhirDate, Instant, Json};
use policy::{Released, Subject};
use search::{IndexValue, Kind};
use serde::{Deserialize, Serialize};
use store::{CommitSeq, Compartment, CompartmentPlace, CompartmentRange};

use crate::answer::{Answer, Outcome, Touched};
use crate::failure::Failure;
use crate::interaction::search_type::encoded;
use crate::operation::parameters::Parameters;
use crate::operation::references::{Names, local_targets};
use crate::page_link::{self, Binding};
use crate::perform::Context;

/// Bodies in memory at a time while what they refer to is gathered.
const CHUNK: u32 = 200;

/// Dates that tell no time of care: a value that happens to be a date, and when somebody was born.
const NO_CARE_DATES: [&str; 3] = ["birthdate", "value-date", "_lastUpdated"];

/// What is asked.
struct Wanted {
    patient_id: String,
    types: Vec<String>,
    since: Option<Instant>,
    care: Option<(Instant, Instant)>,
    count: usize,
    /// What stands in links.
    kept: Vec<(String, String)>,
    page: Option<String>,
}

/// Where a page begins; sealed into its link.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct State {
    as_of: i64,
    patients: Vec<i64>,
    place: Place,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
enum Place {
    Records(Option<(i64, i64)>),
    Referred(Option<(String, String)>),
}

/// One page.
pub(crate) async fn everything(context: &Context<'_>) -> Result<Answer, Failure> {
    let wanted = wanted(context)?;
    let search = format!("Patient/{}/$everything?{}", wanted.patient_id, encoded(&wanted.kept));
    let binding = Binding { weir: context.weir, token_hash: &context.caller.token_hash, search: &search };
    let state: State = match &wanted.page {
        Some(text) => page_link::open(text, &binding)?,
        None => first(context, &wanted.patient_id).await?,
    };
    let compartment = Compartment { patients: state.patients.clone(), as_of: CommitSeq(state.as_of) };
    let walk = Walk { context, wanted: &wanted, compartment };
    let mut page = Page { entries: Vec::new(), next: None };
    match state.place {
        Place::Records(after) => {
            walk.records(after.map(|(place, key)| CompartmentPlace(place, key)), &mut page).await?
        }
        Place::Referred(after) => walk.referred(None, after, &mut page).await?,
    }
    let next = match page.next.take() {
        Some(place) => Some(page_link::seal(&State { place, ..state }, &binding)?),
        None => None,
    };
    let url = |page: Option<String>| link(context, &wanted, page);
    let mut writer = BundleWriter::new("searchset").link("self", &url(wanted.page.clone()));
    if let Some(next) = next {
        writer = writer.link("next", &url(Some(next)));
    }
    Ok(answer(context, writer, &page.entries))
}

fn answer(context: &Context<'_>, mut writer: BundleWriter, entries: &[(Released, &'static str)]) -> Answer {
    let mut touched = Touched::default();
    for (released, mode) in entries {
        let facts = released.facts();
        let full_url = format!("{}/{}/{}", context.weir.settings.base_url, facts.type_name, facts.id);
        writer.entry(&BundleEntry {
            full_url: Some(&full_url),
            resource: Some(released.bytes()),
            search_mode: Some(mode),
            ..BundleEntry::default()
        });
        touched.add(facts);
    }
    let mut answer = Answer::json(Outcome::Ok, writer.finish());
    answer.touched = touched;
    answer
}

fn link(context: &Context<'_>, wanted: &Wanted, page: Option<String>) -> String {
    let mut params = wanted.kept.clone();
    params.extend(page.map(|page| (page_link::PARAMETER.to_owned(), page)));
    let query = if params.is_empty() { String::new() } else { format!("?{}", encoded(&params)) };
    format!("{}/Patient/{}/$everything{query}", context.weir.settings.base_url, wanted.patient_id)
}

/// The newest state, if the caller may see the Patient.
async fn first(context: &Context<'_>, patient_id: &str) -> Result<State, Failure> {
    let store = &context.weir.store;
    let not_found = || Failure::not_found("Patient", patient_id);
    let patient = store.read(context.grant, "Patient", patient_id).await?.ok_or_else(not_found)?;
    if patient.facts().deleted {
        return Err(Failure::gone("Patient", patient_id));
    }
    policy::release(context.grant, patient).map_err(|_| not_found())?;
    let Compartment { patients, as_of } = store.compartment(patient_id).await?.ok_or_else(not_found)?;
    Ok(State { as_of: as_of.0, patients, place: Place::Records(None) })
}

fn wanted(context: &Context<'_>) -> Result<Wanted, Failure> {
    let limits = context.weir.settings.limits;
    let parameters = Parameters::read(context.request)?;
    parameters.check_known(&["start", "end", "_since", "_type", "_count", page_link::PARAMETER])?;
    let range = |name: &str| {
        let bad = || parameters.refused(name, "value", &format!("parameter `{name}` must be a date"));
        parameters.one(name)?.map(|text| FhirDate::parse(text).map(|date| date.range()).ok_or_else(bad)).transpose()
    };
    let (start, end) = (range("start")?, range("end")?);
    let care = (start.is_some() || end.is_some())
        .then(|| (start.map_or(Instant(i64::MIN), |(low, _)| low), end.map_or(Instant(i64::MAX), |(_, high)| high)));
    let mut types: Vec<String> = Vec::new();
    for (_, list) in parameters.values.iter().filter(|(name, _)| name == "_type") {
        types.extend(list.split(',').map(|name| name.trim().to_owned()));
    }
    if types.iter().any(|name| !context.weir.definitions.is_resource_type(name)) {
        let message = "`_type` names something that is not a resource type of FHIR R4";
        return Err(parameters.refused("_type", "value", message));
    }
    let is_kept = |name: &str| ["start", "end", "_since", "_type", "_count"].contains(&name);
    Ok(Wanted {
        patient_id: patient_id(context)?,
        types,
        since: range("_since")?.map(|(low, _)| low),
        care,
        count: parameters.count("_count")?.unwrap_or(limits.page_count_default).min(limits.page_count_max) as usize,
        kept: parameters.values.iter().filter(|(name, _)| is_kept(name)).cloned().collect(),
        page: parameters.one(page_link::PARAMETER)?.map(str::to_owned),
    })
}

/// The id of the path; of the type, the patient in launch context.
fn patient_id(context: &Context<'_>) -> Result<String, Failure> {
    let launched = match &context.caller.subject {
        Subject::Principal(principal) => principal.patient.clone(),
        Subject::OpenAccess => None,
    };
    context.request.id.clone().or(launched).ok_or_else(|| {
        let message = "Patient/$everything is for a token with a patient in context; otherwise name one: Patient/[id]/$everything";
        Failure::bad_request("not-supported", message)
    })
}

struct Page {
    entries: Vec<(Released, &'static str)>,
    next: Option<Place>,
}

struct Walk<'a> {
    context: &'a Context<'a>,
    wanted: &'a Wanted,
    compartment: Compartment,
}

impl Walk<'_> {
    /// Fills the page with what is recorded of the person, then with what that refers to.
    async fn records(&self, mut after: Option<CompartmentPlace>, page: &mut Page) -> Result<(), Failure> {
        // From the beginning, what they refer to is gathered on the way.
        let mut targets = after.is_none().then(Names::new);
        loop {
            let (records, last) = self.chunk(after).await?;
            for (place, released) in records {
                if page.entries.len() == self.wanted.count {
                    page.next = Some(Place::Records(after.map(|CompartmentPlace(place, key)| (place, key))));
                    return Ok(());
                }
                if let Some(targets) = &mut targets {
                    targets.extend(self.targets(&released)?);
                }
                page.entries.push((released, "match"));
                after = Some(place);
            }
            match last {
                Some(last) => after = Some(last),
                None => return self.referred(targets, None, page).await,
            }
        }
    }

    /// Some records that the caller may see, and where the next begin.
    async fn chunk(
        &self,
        after: Option<CompartmentPlace>,
    ) -> Result<(Vec<(CompartmentPlace, Released)>, Option<CompartmentPlace>), Failure> {
        let range = CompartmentRange {
            patient_id: self.wanted.patient_id.clone(),
            types: self.wanted.types.clone(),
            since: self.wanted.since,
            after,
            count: CHUNK,
        };
        let found = self.context.weir.store.compartment_range(self.context.grant, &self.compartment, range).await?;
        let last = found.last().map(|(place, _)| *place).filter(|_| found.len() == CHUNK as usize);
        let mut records = Vec::with_capacity(found.len());
        for (place, version) in found {
            // The store has filtered; what is refused here all the same is left out.
            let Ok(released) = policy::release(self.context.grant, version) else { continue };
            if self.is_in_care_range(&released)? {
                records.push((place, released));
            }
        }
        Ok((records, last))
    }

    /// Whether a date of care falls in the range; what has none belongs to every range, so that nothing is lost for want of a date.
    fn is_in_care_range(&self, released: &Released) -> Result<bool, Failure> {
        let Some((start, end)) = self.wanted.care else { return Ok(true) };
        let registry = &self.context.weir.registry();
        let is_care_date = |id: u32| {
            registry.by_id(id).is_some_and(|p| p.kind == Kind::Date && !NO_CARE_DATES.contains(&p.code.as_str()))
        };
        let mut has_date = false;
        for entry in search::index(&parsed(released)?, registry) {
            let IndexValue::Date { start: low, end: high } = entry.value else { continue };
            if !is_care_date(entry.param) {
                continue;
            }
            if low <= end.0 && start.0 <= high {
                return Ok(true);
            }
            has_date = true;
        }
        Ok(!has_date)
    }

    fn targets(&self, released: &Released) -> Result<Names, Failure> {
        Ok(local_targets(&parsed(released)?, &self.context.weir.settings.base_url))
    }

    /// Everything that the records refer to, gathered by walking them again.
    async fn all_targets(&self) -> Result<Names, Failure> {
        let (mut targets, mut after) = (Names::new(), None);
        loop {
            let (records, last) = self.chunk(after).await?;
            for (_, released) in &records {
                targets.extend(self.targets(released)?);
            }
            match last {
                Some(last) => after = Some(last),
                None => return Ok(targets),
            }
        }
    }

    /// Fills the page with what the records refer to and is about nobody.
    async fn referred(
        &self,
        targets: Option<Names>,
        after: Option<(String, String)>,
        page: &mut Page,
    ) -> Result<(), Failure> {
        let targets = match targets {
            Some(targets) => targets,
            // Whether there is anything to come is then known on the next page only.
            None if after.is_none() && page.entries.len() == self.wanted.count => {
                page.next = Some(Place::Referred(None));
                return Ok(());
            }
            None => self.all_targets().await?,
        };
        let is_wanted = |name: &String| self.wanted.types.is_empty() || self.wanted.types.contains(name);
        let names: Vec<(String, String)> = targets
            .into_iter()
            .filter(|name| is_wanted(&name.0) && after.as_ref().is_none_or(|after| name > after))
            .filter(|name| self.context.grant.predicate().types.contains(&name.0))
            .collect();
        let mut last = after;
        for chunk in names.chunks(CHUNK as usize) {
            let found = self.context.weir.store.read_at(self.context.grant, chunk, self.compartment.as_of).await?;
            for version in found {
                let facts = version.facts();
                let name = (facts.type_name.clone(), facts.id.clone());
                let is_about_somebody = !facts.persons.is_empty() || !facts.patient_ids.is_empty();
                let Ok(released) = policy::release(self.context.grant, version) else { continue };
                if is_about_somebody {
                    continue;
                }
                if page.entries.len() == self.wanted.count {
                    page.next = Some(Place::Referred(last));
                    return Ok(());
                }
                page.entries.push((released, "include"));
                last = Some(name);
            }
        }
        Ok(())
    }
}

fn parsed(released: &Released) -> Result<Json, Failure> {
    Json::parse(released.bytes()).map_err(|_| Failure::internal())
}
