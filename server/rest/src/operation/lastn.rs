//! `Observation/$lastn`: the newest observations of each code. <https://hl7.org/fhir/R4/observation-operation-lastn.html>

use std::collections::HashMap;

use fhir::{BundleEntry, BundleWriter, FhirDate, Json, Node};
use policy::Released;
use search::{Condition, Filter, FilterParam, Modifier, Options};
use store::Page;

use crate::answer::{Answer, Outcome, Touched};
use crate::failure::{Failure, Reason};
use crate::interaction::search_type::encoded;
use crate::operation::parameters::Parameters;
use crate::perform::Context;

/// Observations read at a time.
const CHUNK: u32 = 500;
/// Observations looked through at most; whoever has more names a code or a date.
const CANDIDATES_MAX: usize = 20_000;

/// Of each group of equivalent codes the newest, the newest first; those of one time all or none.
pub(crate) async fn lastn(context: &Context<'_>) -> Result<Answer, Failure> {
    let weir = context.weir;
    let parameters = Parameters::read(context.request)?;
    let max = parameters.count("max")?.unwrap_or(1) as usize;
    let kept: Vec<(String, String)> = parameters.values.iter().filter(|(name, _)| name != "max").cloned().collect();
    check_criteria(context, &kept)?;
    let observations = candidates(context, kept).await?;
    let chosen = newest(&observations, max);

    let url = format!("{}/Observation/$lastn?{}", weir.settings.base_url, encoded(&parameters.values));
    let mut writer = BundleWriter::new("searchset").total(chosen.len() as u64).link("self", &url);
    let mut touched = Touched::default();
    for observation in chosen {
        let facts = observation.released.facts();
        let full_url = format!("{}/Observation/{}", weir.settings.base_url, facts.id);
        writer.entry(&BundleEntry {
            full_url: Some(&full_url),
            resource: Some(observation.released.bytes()),
            search_mode: Some("match"),
            ..BundleEntry::default()
        });
        touched.add(facts);
    }
    let mut answer = Answer::json(Outcome::Ok, writer.finish());
    answer.touched = touched;
    Ok(answer)
}

/// R4 asks for a subject, and for a category or a code.
fn check_criteria(context: &Context<'_>, params: &[(String, String)]) -> Result<(), Failure> {
    let stems: Vec<&str> = params.iter().filter_map(|(name, _)| name.split([':', '.']).next()).collect();
    let has = |wanted: &[&str]| stems.iter().any(|stem| wanted.contains(stem));
    if !has(&["patient", "subject"]) {
        return Err(Failure::bad_request("required", "`$lastn` needs `patient` or `subject`"));
    }
    let is_code = |stem: &&str| stem.contains("code");
    if !has(&["category"]) && !stems.iter().any(is_code) {
        return Err(Failure::bad_request(
            "required",
            "`$lastn` needs `category`, `code` or another parameter of a code",
        ));
    }
    if has(&["_sort", "_count", "_summary", "_elements", "_total"])
        && context.request.conditions.handling == search::Handling::Strict
    {
        return Err(Failure::bad_request("not-supported", "`$lastn` has an order, a number and a shape of its own"));
    }
    Ok(())
}

struct Observation {
    released: Released,
    /// What its code is known by: codings, else the text.
    codes: Vec<(String, String)>,
    /// The end of its effective time; none is older than any.
    effective: Option<i64>,
}

/// Every observation that matches and that the caller may see, the newest first.
async fn candidates(context: &Context<'_>, params: Vec<(String, String)>) -> Result<Vec<Observation>, Failure> {
    let weir = context.weir;
    let shape = ["_sort", "_count", "_summary", "_elements", "_total"];
    let params: Vec<_> = params.into_iter().filter(|(name, _)| !shape.contains(&name.as_str())).collect();
    let options = Options {
        handling: context.request.conditions.handling,
        base_url: Some(weir.settings.base_url.clone()),
        ..Options::default()
    };
    let registry = weir.registry();
    let query = search::parse("Observation", &params, &registry, &options).map_err(Failure::bad_search)?;
    // A lenient search leaves out what it does not understand; without a subject it would be about everybody.
    let is_subject =
        |id: u32| registry.by_id(id).is_some_and(|param| matches!(param.code.as_str(), "patient" | "subject"));
    let is_of_subject = query.conditions.iter().any(|condition| match condition {
        Condition::Filter(Filter { param: FilterParam::Param(id, _), modifier, .. }) => {
            is_subject(*id) && !matches!(modifier, Modifier::Missing(_) | Modifier::Not)
        }
        Condition::Chain(chain) => is_subject(chain.param),
        _ => false,
    });
    if !is_of_subject {
        return Err(Failure::bad_request("required", "`$lastn` needs a `patient` or `subject` that can be understood"));
    }
    let (mut found, mut page) = (Vec::new(), Page { count: CHUNK, ..Page::default() });
    loop {
        let result = weir.store.search(context.grant, &query, page).await?;
        for version in result.matches {
            let Ok(released) = policy::release(context.grant, version) else { continue };
            found.push(Observation::of(released)?);
        }
        if found.len() > CANDIDATES_MAX {
            let message = format!("more than {CANDIDATES_MAX} observations match; narrow them by code or date");
            return Err(Failure::new(Reason::Unprocessable, "too-costly", message));
        }
        match result.next {
            Some(next) => page = Page { as_of: Some(result.as_of), after: Some(next), count: CHUNK },
            None => break,
        }
    }
    found.sort_by(|a, b| b.effective.cmp(&a.effective).then_with(|| a.released.facts().id.cmp(&b.released.facts().id)));
    Ok(found)
}

impl Observation {
    fn of(released: Released) -> Result<Observation, Failure> {
        let json = Json::parse(released.bytes()).map_err(|_| Failure::internal())?;
        let root = json.root();
        let text = |node: Node<'_>, name| node.str(name).map(|text| text.into_owned()).unwrap_or_default();
        let codings = root.at(&["code", "coding"]).into_iter().flat_map(|list| list.items());
        let mut codes: Vec<_> = codings.map(|coding| (text(coding, "system"), text(coding, "code"))).collect();
        codes.retain(|(_, code)| !code.is_empty());
        if codes.is_empty() {
            // Told from a code by a system that no code can have.
            codes.push((" text".to_owned(), root.get("code").map(|code| text(code, "text")).unwrap_or_default()));
        }
        Ok(Observation { effective: effective(root), codes, released })
    }
}

fn effective(root: Node<'_>) -> Option<i64> {
    let range = |text: &str| FhirDate::parse(text).map(|date| date.range());
    if let Some(text) = root.str("effectiveDateTime").or_else(|| root.str("effectiveInstant")) {
        return range(&text).map(|(_, end)| end.0);
    }
    if let Some(period) = root.get("effectivePeriod") {
        let end = period.str("end").or_else(|| period.str("start"));
        return end.and_then(|text| range(&text)).map(|(_, end)| end.0);
    }
    let events = root.at(&["effectiveTiming", "event"]).into_iter().flat_map(|list| list.items());
    events.filter_map(|event| range(&event.as_str()?)).map(|(_, end)| end.0).max()
}

/// Of each group the first `max`, and those of the time of the last of them.
fn newest(observations: &[Observation], max: usize) -> Vec<&Observation> {
    let groups = groups(observations);
    let mut taken: HashMap<usize, (usize, Option<i64>)> = HashMap::new();
    let mut chosen = Vec::new();
    for (observation, group) in observations.iter().zip(groups) {
        let (count, last) = taken.entry(group).or_insert((0, None));
        let is_tie = *count > 0 && *last == observation.effective;
        if *count < max || is_tie {
            (*count, *last) = (*count + 1, observation.effective);
            chosen.push(observation);
        }
    }
    chosen
}

/// The group of each observation: two that share a coding are of one, and so is whatever shares one with either.
fn groups(observations: &[Observation]) -> Vec<usize> {
    let mut group_of: HashMap<&(String, String), usize> = HashMap::new();
    // Where a group was joined to another; the root of a group stands for itself.
    let mut parents: Vec<usize> = Vec::new();
    let root = |parents: &[usize], mut group: usize| {
        while let Some(parent) = parents.get(group).copied().filter(|parent| *parent != group) {
            group = parent;
        }
        group
    };
    let mut first_of = Vec::with_capacity(observations.len());
    for observation in observations {
        let mut known: Option<usize> = None;
        for code in &observation.codes {
            let Some(found) = group_of.get(code).map(|group| root(&parents, *group)) else { continue };
            match known {
                Some(known) if known != found => {
                    if let Some(parent) = parents.get_mut(found) {
                        *parent = known;
                    }
                }
                _ => known = Some(found),
            }
        }
        let group = known.unwrap_or_else(|| {
            parents.push(parents.len());
            parents.len() - 1
        });
        group_of.extend(observation.codes.iter().map(|code| (code, group)));
        first_of.push(group);
    }
    first_of.into_iter().map(|group| root(&parents, group)).collect()
}
