//! `ValueSet/$expand`: the codes of a value set. <https://hl7.org/fhir/R4/valueset-operation-expand.html>

use std::collections::HashMap;

use definitions::{ConceptDef, DesignationDef, IncludeDef, ValueSetDef};
use fhir::FhirDate;
use serde_json::{Map, Value, json};
use terminology::{Entry, ExpandOptions, Expansion, Versions, is_language};

use crate::answer::{Answer, Outcome};
use crate::failure::Failure;
use crate::operation::coding::{parameter, value_set};
use crate::operation::parameters::Parameters;
use crate::perform::Context;
use crate::stored_definitions::Gathered;

/// Codes of one answer; whoever wants more asks for pages.
pub(crate) const CODES_MAX: usize = 10_000;

/// What R4 has.
pub(crate) const PARAMETERS: [&str; 21] = [
    "url",
    "context",
    "contextDirection",
    "date",
    "system-version",
    "check-system-version",
    "force-system-version",
    "valueSet",
    "valueSetVersion",
    "filter",
    "offset",
    "count",
    "includeDesignations",
    "designation",
    "includeDefinition",
    "activeOnly",
    "excludeNested",
    "excludeNotForUI",
    "excludePostCoordinated",
    "displayLanguage",
    "exclude-system",
];

/// The value set with its expansion.
pub(crate) async fn expand(context: &Context<'_>) -> Result<Answer, Failure> {
    let parameters = Parameters::read(context.request)?;
    parameters.check_all_known(&PARAMETERS, Some("ValueSet"))?;
    let shape = Shape::read(&parameters)?;
    let options = options(&parameters)?;
    let versions = versions(&parameters)?;
    check_direction(&parameters)?;
    check_date(context, &parameters)?;
    let mut gathered = Gathered::new(context);
    let set = value_set(&parameters, &mut gathered, context.request.id.is_some()).await?;
    let body = {
        let known = gathered.known().with_versions(versions);
        let expansion = known.expand(&set, &options)?;
        let mut members = head(&set, shape.with_definition);
        members.insert("expansion".to_owned(), expansion_of(context, &expansion, (&parameters, &shape)));
        Value::Object(members).to_string()
    };
    Ok(Answer { touched: gathered.touched, ..Answer::json(Outcome::Ok, body) })
}

/// How the codes are to be told.
struct Shape {
    language: Option<String>,
    with_designations: bool,
    /// Languages, and systems and codes of uses.
    designations: Vec<String>,
    with_definition: bool,
}

impl Shape {
    fn read(parameters: &Parameters) -> Result<Shape, Failure> {
        let designations: Vec<String> = parameters.every("designation").map(str::to_owned).collect();
        Ok(Shape {
            language: parameters.one("displayLanguage")?.map(str::to_owned),
            with_designations: parameters.flag("includeDesignations")?.unwrap_or(!designations.is_empty()),
            designations,
            with_definition: parameters.flag("includeDefinition")?.unwrap_or(false),
        })
    }

    /// Whether a designation was asked for: by language, or by use as `system|code`.
    fn takes(&self, one: &DesignationDef) -> bool {
        let is_use = |wanted: &str| {
            let coding = one.use_coding.as_ref();
            let text = |name: &str| coding.and_then(|coding| coding.get(name)).and_then(Value::as_str);
            match wanted.split_once('|') {
                Some((system, code)) => text("system") == Some(system) && text("code") == Some(code),
                None => text("code") == Some(wanted),
            }
        };
        let is_asked = |wanted: &String| {
            let language = wanted.strip_prefix("urn:ietf:bcp:47|").unwrap_or(wanted);
            is_language(one.language.as_deref(), language) || is_use(wanted)
        };
        self.designations.is_empty() || self.designations.iter().any(is_asked)
    }
}

fn options(parameters: &Parameters) -> Result<ExpandOptions, Failure> {
    // Codes come in one flat list and none is composed here, so that these two are always so.
    parameters.flag("excludeNested")?;
    parameters.flag("excludePostCoordinated")?;
    let versioned = |url: &str| match url.split_once('|') {
        Some((url, version)) => (url.to_owned(), Some(version.to_owned())),
        None => (url.to_owned(), None),
    };
    Ok(ExpandOptions {
        filter: parameters.one("filter")?.map(str::to_owned),
        active_only: parameters.flag("activeOnly")?.unwrap_or(false),
        selectable_only: parameters.flag("excludeNotForUI")?.unwrap_or(false),
        exclude_systems: parameters.every("exclude-system").map(versioned).collect(),
        offset: parameters.number("offset")?.unwrap_or(0) as usize,
        count: parameters.number("count")?.map(|count| count as usize),
        codes_max: CODES_MAX,
    })
}

/// The versions of code systems that were asked for, each as `system|version`.
fn versions(parameters: &Parameters) -> Result<Versions, Failure> {
    let read = |name: &str| {
        let mut found = HashMap::new();
        for text in parameters.every(name) {
            let named = text.split_once('|').filter(|(system, version)| !system.is_empty() && !version.is_empty());
            let Some((system, version)) = named else {
                let message = format!("parameter `{name}` must be a code system and its version, as `system|version`");
                return Err(parameters.refused(name, "value", &message));
            };
            if found.insert(system.to_owned(), version.to_owned()).is_some() {
                let message = format!("parameter `{name}` names one code system twice");
                return Err(parameters.refused(name, "value", &message));
            }
        }
        Ok(found)
    };
    Ok(Versions {
        default: read("system-version")?,
        check: read("check-system-version")?,
        force: read("force-system-version")?,
    })
}

/// One binding holds for what a client sends and for what it is given, so that either direction leads to the same value set.
fn check_direction(parameters: &Parameters) -> Result<(), Failure> {
    let refused = |message| Err(parameters.refused("contextDirection", "value", message));
    match parameters.one("contextDirection")? {
        None => Ok(()),
        Some(_) if parameters.one("context")?.is_none() => refused("parameter `contextDirection` needs `context`"),
        Some("incoming" | "outgoing") => Ok(()),
        Some(_) => refused("parameter `contextDirection` must be incoming or outgoing"),
    }
}

/// Definitions are kept as they are, not as they were: R4 wants an error where an older state was asked for.
fn check_date(context: &Context<'_>, parameters: &Parameters) -> Result<(), Failure> {
    let Some(text) = parameters.one("date")? else { return Ok(()) };
    let Some(date) = FhirDate::parse(text) else {
        return Err(parameters.refused("date", "value", "parameter `date` must be a date or a time"));
    };
    let (first, last) = date.range();
    if (first..=last).contains(&context.weir.now()) {
        return Ok(());
    }
    let message = "definitions are known here as they are now: `date` can be today, and no other day";
    Err(parameters.refused("date", "not-supported", message))
}

/// A value set with its composition.
pub(crate) fn whole(set: &ValueSetDef) -> Value {
    Value::Object(head(set, true))
}

/// The value set without its expansion.
fn head(set: &ValueSetDef, with_definition: bool) -> Map<String, Value> {
    let mut members = Map::new();
    let mut put = |name: &str, value: &str| {
        if !value.is_empty() {
            members.insert(name.to_owned(), value.into());
        }
    };
    put("resourceType", "ValueSet");
    put("url", &set.url);
    put("version", set.version.as_deref().unwrap_or_default());
    put("name", &set.name);
    put("status", if set.status.is_empty() { "unknown" } else { &set.status });
    if with_definition && !set.include.is_empty() {
        let parts = |parts: &[IncludeDef]| parts.iter().map(part).collect::<Vec<_>>();
        let mut compose = json!({"include": parts(&set.include)});
        if let Value::Object(compose) = &mut compose {
            compose.extend(set.inactive.map(|inactive| ("inactive".to_owned(), Value::Bool(inactive))));
            if !set.exclude.is_empty() {
                compose.insert("exclude".to_owned(), parts(&set.exclude).into());
            }
        }
        members.insert("compose".to_owned(), compose);
    }
    members
}

fn part(part: &IncludeDef) -> Value {
    let concept = |one: &ConceptDef| {
        let display = one.display.as_ref().map(|display| ("display".to_owned(), Value::from(display.as_str())));
        Value::Object(std::iter::once(("code".to_owned(), Value::from(one.code.as_str()))).chain(display).collect())
    };
    let lists = [
        ("concept", part.concepts.iter().map(concept).collect::<Vec<_>>()),
        (
            "filter",
            part.filters
                .iter()
                .map(|one| json!({"property": one.property, "op": one.op, "value": one.value}))
                .collect(),
        ),
        ("valueSet", part.value_sets.iter().map(|url| Value::from(url.as_str())).collect()),
    ];
    let texts = [("system", &part.system), ("version", &part.version)];
    let texts = texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), Value::from(text.as_deref()?))));
    let lists = lists.into_iter().filter(|(_, list)| !list.is_empty());
    Value::Object(texts.chain(lists.map(|(name, list)| (name.to_owned(), list.into()))).collect())
}

fn expansion_of(context: &Context<'_>, expansion: &Expansion<'_>, (asked, shape): (&Parameters, &Shape)) -> Value {
    let mut told = Vec::new();
    for (name, kind) in [
        ("filter", "String"),
        ("displayLanguage", "Code"),
        ("includeDesignations", "Boolean"),
        ("activeOnly", "Boolean"),
        ("excludeNotForUI", "Boolean"),
        ("designation", "String"),
        ("exclude-system", "Uri"),
        ("system-version", "Uri"),
        ("check-system-version", "Uri"),
        ("force-system-version", "Uri"),
        ("date", "DateTime"),
        ("offset", "Integer"),
        ("count", "Integer"),
    ] {
        for text in asked.every(name) {
            let value = match kind {
                "Boolean" | "Integer" => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
                _ => Value::from(text),
            };
            told.push(parameter(name, kind, value));
        }
    }
    for (system, version) in &expansion.used {
        let version = version.map(|version| format!("{system}|{version}"));
        told.push(parameter("version", "Uri", version.unwrap_or_else(|| (*system).to_owned())));
    }
    let mut members = json!({
        "identifier": format!("urn:uuid:{}", context.weir.new_id()),
        "timestamp": context.weir.now().to_fhir(),
        "total": expansion.total,
    });
    if let Value::Object(members) = &mut members {
        members.extend(
            asked.every("offset").next().map(|_| ("offset".to_owned(), json!(asked.number("offset").ok().flatten()))),
        );
        if !told.is_empty() {
            members.insert("parameter".to_owned(), told.into());
        }
        let contains: Vec<Value> = expansion.entries.iter().map(|entry| contained(entry, shape)).collect();
        if !contains.is_empty() {
            members.insert("contains".to_owned(), contains.into());
        }
    }
    members
}

fn contained(entry: &Entry<'_>, shape: &Shape) -> Value {
    let mut members = Map::new();
    members.insert("system".to_owned(), entry.system.into());
    if entry.is_abstract() {
        members.insert("abstract".to_owned(), true.into());
    }
    if entry.is_inactive() {
        members.insert("inactive".to_owned(), true.into());
    }
    members.insert("code".to_owned(), entry.code.into());
    if let Some(display) = entry.display(shape.language.as_deref()) {
        members.insert("display".to_owned(), display.into());
    }
    if shape.with_designations {
        let designations: Vec<Value> = entry.designations().filter(|one| shape.takes(one)).map(designation).collect();
        if !designations.is_empty() {
            members.insert("designation".to_owned(), designations.into());
        }
    }
    Value::Object(members)
}

fn designation(one: &DesignationDef) -> Value {
    let mut members = Map::new();
    members.extend(one.language.as_deref().map(|language| ("language".to_owned(), Value::from(language))));
    members.extend(one.use_coding.clone().map(|coding| ("use".to_owned(), coding)));
    members.insert("value".to_owned(), one.value.as_str().into());
    Value::Object(members)
}
