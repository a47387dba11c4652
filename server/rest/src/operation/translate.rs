//! `ConceptMap/$translate`: from the codes of one system to those of another. <https://hl7.org/fhir/R4/conceptmap-operation-translate.html>

use std::sync::Arc;

use definitions::{ConceptMapDef, OtherElementDef};
use fhir::Node;
use serde_json::{Value, json};
use terminology::{Dependency, Match, TranslateRequest, Translation};

use crate::answer::Answer;
use crate::failure::Failure;
use crate::operation::coding::{Coding, answer, codings, one_source, parameter};
use crate::operation::parameters::Parameters;
use crate::perform::Context;
use crate::stored_definitions::{Definition, Gathered};

const PARAMETERS: [&str; 13] = [
    "url",
    "conceptMap",
    "conceptMapVersion",
    "code",
    "system",
    "version",
    "source",
    "coding",
    "codeableConcept",
    "target",
    "targetsystem",
    "dependency",
    "reverse",
];

/// Parameters `result`, `message` and `match`.
pub(crate) async fn translate(context: &Context<'_>) -> Result<Answer, Failure> {
    let parameters = Parameters::read(context.request)?;
    parameters.check_all_known(&PARAMETERS, None)?;
    let asked = request(&parameters)?;
    let mut gathered = Gathered::new(context);
    let map = map(context, &parameters, &mut gathered).await?;
    if map.is_none() {
        // A map that is not named must at least be for what is wanted.
        if asked.source.is_none() && asked.target.is_none() && asked.target_system.is_none() {
            let message = "a map must be named by `url`, or what is wanted by `source`, `target` or `targetsystem`";
            return Err(Failure::bad_request("required", message));
        }
        let parameter = if asked.is_reverse { "target-system" } else { "source-system" };
        for (system, _) in &asked.codings {
            gathered.concept_maps_by(parameter, system).await?;
        }
    }
    let translation = gathered.known().translate(map.as_deref(), &asked)?;
    Ok(answer(told(&translation), gathered))
}

fn request(parameters: &Parameters) -> Result<TranslateRequest, Failure> {
    let owned = |name: &str| parameters.one(name).map(|text| text.map(str::to_owned));
    let codings = codings(parameters, ("system", "version"))?;
    if codings.iter().any(|coding| coding.system.is_empty() || coding.code.is_empty()) {
        return Err(Failure::bad_request("required", "each code needs its code system"));
    }
    Ok(TranslateRequest {
        codings: codings.into_iter().map(|Coding { system, code, .. }| (system, code)).collect(),
        source: owned("source")?,
        target: owned("target")?,
        target_system: owned("targetsystem")?,
        dependencies: parameters.nodes("dependency").map(dependency).collect(),
        is_reverse: parameters.flag("reverse")?.unwrap_or(false),
    })
}

fn dependency(parameter: Node<'_>) -> Dependency {
    let mut dependency = Dependency::default();
    for part in parameter.get("part").into_iter().flat_map(|parts| parts.items()) {
        match part.str("name").as_deref() {
            Some("element") => dependency.element = part.str("valueUri").unwrap_or_default().into_owned(),
            Some("concept") => {
                let concept = part.get("valueCodeableConcept");
                let codings =
                    concept.and_then(|concept| concept.get("coding")).into_iter().flat_map(|list| list.items());
                let codings = codings
                    .map(Coding::read)
                    .map(|one| (Some(one.system).filter(|system| !system.is_empty()), one.code));
                let text = concept.and_then(|concept| concept.str("text")).map(|text| (None, text.into_owned()));
                dependency.values.extend(codings.chain(text));
            }
            _ => {}
        }
    }
    dependency
}

/// The map of the path, of the parameter `conceptMap`, or of `url` and `conceptMapVersion`, if one is named.
async fn map(
    context: &Context<'_>,
    parameters: &Parameters,
    gathered: &mut Gathered<'_>,
) -> Result<Option<Arc<ConceptMapDef>>, Failure> {
    let inline = parameters.part("conceptMap", "resource");
    let found = match (context.request.id.is_some(), inline, parameters.one("url")?) {
        (true, None, None) => gathered.instance().await?,
        (false, Some(inline), None) => Definition::read(inline)?,
        (false, None, Some(url)) => {
            gathered.concept_maps(vec![url.to_owned()]).await?;
            let map = gathered.known().concept_map(url, parameters.one("conceptMapVersion")?)?.clone();
            return Ok(Some(Arc::new(map)));
        }
        (false, None, None) => return Ok(None),
        _ => return Err(one_source("the map", "`conceptMap` or `url`")),
    };
    let Definition::ConceptMap(map) = found else {
        return Err(Failure::bad_request("invalid", "parameter `conceptMap` must be a ConceptMap"));
    };
    gathered.concept_maps(map.unmapped.iter().filter_map(|rule| rule.url.clone()).collect()).await?;
    Ok(Some(map))
}

fn told(translation: &Translation) -> Vec<Value> {
    let is_translated = translation.matches.iter().any(Match::is_translation);
    let mut told = vec![parameter("result", "Boolean", is_translated)];
    let mut messages = Vec::new();
    if !is_translated {
        messages.push("no map that is known here translates the code".to_owned());
    }
    if !translation.depends_on.is_empty() {
        let mut elements = translation.depends_on.clone();
        elements.sort_unstable();
        elements.dedup();
        messages.push(format!("there are mappings that depend on other elements: {}", elements.join(", ")));
    }
    if !messages.is_empty() {
        told.push(parameter("message", "String", messages.join("; ")));
    }
    told.extend(translation.matches.iter().map(told_match));
    told
}

fn told_match(found: &Match) -> Value {
    let mut parts = vec![parameter("equivalence", "Code", found.equivalence.as_str())];
    if let Some(code) = &found.code {
        parts.push(parameter("concept", "Coding", coding((&found.system, code, found.display.as_deref()))));
    }
    parts.extend(found.product.iter().map(product));
    if !found.source.is_empty() {
        parts.push(parameter("source", "Uri", found.source.as_str()));
    }
    json!({"name": "match", "part": parts})
}

fn product(one: &OtherElementDef) -> Value {
    let system = one.system.as_deref().unwrap_or_default();
    let concept = coding((system, &one.value, one.display.as_deref()));
    json!({"name": "product", "part": [parameter("element", "Uri", one.property.as_str()), parameter("concept", "Coding", concept)]})
}

fn coding((system, code, display): (&str, &str, Option<&str>)) -> Value {
    let members =
        [("system", Some(system).filter(|system| !system.is_empty())), ("code", Some(code)), ("display", display)];
    let members = members.into_iter().filter_map(|(name, text)| Some((name.to_owned(), Value::from(text?))));
    Value::Object(members.collect())
}
