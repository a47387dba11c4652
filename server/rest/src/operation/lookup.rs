//! `CodeSystem/$lookup`: what a code means. <https://hl7.org/fhir/R4/codesystem-operation-lookup.html>

use definitions::{CodeSystemDef, ConceptDef, DesignationDef};
use serde_json::{Value, json};
use terminology::is_language;

use crate::answer::Answer;
use crate::failure::Failure;
use crate::operation::coding::{answer, coding, parameter};
use crate::operation::parameters::Parameters;
use crate::perform::Context;
use crate::stored_definitions::Gathered;

/// What R4 has, but for `date`.
const PARAMETERS: [&str; 6] = ["code", "system", "version", "coding", "displayLanguage", "property"];

/// Parameters `name`, `version`, `display`, `designation` and `property`.
pub(crate) async fn lookup(context: &Context<'_>) -> Result<Answer, Failure> {
    let parameters = Parameters::read(context.request)?;
    parameters.check_all_known(&PARAMETERS, None)?;
    let asked = coding(&parameters, ("code", "coding"), parameters.one("system")?.unwrap_or_default())?;
    if asked.system.is_empty() || asked.code.is_empty() {
        return Err(Failure::bad_request("required", "a code and its `system` must be given"));
    }
    let mut gathered = Gathered::new(context);
    gathered.code_systems(std::slice::from_ref(&asked.system)).await?;
    let told = {
        let (system, concept) = gathered.known().lookup(&asked.system, asked.version.as_deref(), &asked.code)?;
        let wanted: Vec<&str> = parameters.every("property").collect();
        let name = system.map(|system| system.name.as_str()).filter(|name| !name.is_empty());
        let mut told = vec![parameter("name", "String", name.unwrap_or(&asked.system))];
        told.extend(
            system.and_then(|system| system.version.as_deref()).map(|text| parameter("version", "String", text)),
        );
        let language = parameters.one("displayLanguage")?;
        told.push(parameter("display", "String", display(concept, language).unwrap_or(&asked.code)));
        if let (Some(system), Some(concept)) = (system, concept) {
            told.extend(designations(concept, &wanted));
            told.extend(properties(system, concept, &wanted));
        }
        told
    };
    Ok(answer(told, gathered))
}

fn display<'c>(concept: Option<&'c ConceptDef>, language: Option<&str>) -> Option<&'c str> {
    let concept = concept?;
    let translated = language.and_then(|language| {
        concept.designations.iter().find(|one| is_language(one.language.as_deref(), language)).map(|one| &one.value)
    });
    translated.or(concept.display.as_ref()).map(String::as_str)
}

/// The other words: all, unless properties are named; then `designation`, or those of a language by `lang.X`.
fn designations(concept: &ConceptDef, wanted: &[&str]) -> Vec<Value> {
    let is_wanted = |one: &&DesignationDef| {
        let is_language =
            |name: &&str| name.strip_prefix("lang.").is_some_and(|asked| is_language(one.language.as_deref(), asked));
        wanted.is_empty() || wanted.contains(&"designation") || wanted.iter().any(is_language)
    };
    let told = concept.designations.iter().filter(is_wanted).map(|one| {
        let mut parts = Vec::new();
        parts.extend(one.language.as_deref().map(|language| parameter("language", "Code", language)));
        parts.extend(one.use_coding.clone().map(|coding| parameter("use", "Coding", coding)));
        parts.push(parameter("value", "String", one.value.as_str()));
        json!({"name": "designation", "part": parts})
    });
    told.collect()
}

fn properties(system: &CodeSystemDef, concept: &ConceptDef, wanted: &[&str]) -> Vec<Value> {
    let is_wanted = |code: &str| wanted.is_empty() || wanted.contains(&code);
    let mut told = Vec::new();
    let mut tell = |code: &str, kind: &str, value: Value, words: Option<&str>| {
        if is_wanted(code) {
            let mut parts = vec![parameter("code", "Code", code), parameter("value", kind, value)];
            parts.extend(words.map(|words| parameter("description", "String", words)));
            told.push(json!({"name": "property", "part": parts}));
        }
    };
    if let Some(definition) = &concept.definition {
        tell("definition", "String", definition.as_str().into(), None);
    }
    let own = |code: &str| concept.properties.iter().any(|one| one.code == code);
    if !own("inactive") {
        tell("inactive", "Boolean", concept.is_inactive.into(), None);
    }
    if concept.is_abstract && !own("notSelectable") {
        tell("notSelectable", "Boolean", true.into(), None);
    }
    for one in &concept.properties {
        tell(&one.code, &one.kind, one.value.clone(), None);
    }
    for parent in &concept.parents {
        let words = system.concept(parent).and_then(|known| known.display.as_deref());
        tell("parent", "Code", parent.as_str().into(), words);
    }
    for child in system.children(&concept.code) {
        tell("child", "Code", child.code.as_str().into(), child.display.as_deref());
    }
    told
}
