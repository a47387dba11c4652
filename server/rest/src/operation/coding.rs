//! Codes as the terminology operations are given them: one by one, as a Coding or as a CodeableConcept.

use std::sync::Arc;

use definitions::ValueSetDef;
use fhir::Node;
use serde_json::{Value, json};

use crate::answer::{Answer, Outcome};
use crate::failure::{Failure, Reason};
use crate::operation::parameters::Parameters;
use crate::stored_definitions::{Definition, Gathered};

/// A code that is asked about.
#[derive(Debug, Clone, Default)]
pub(crate) struct Coding {
    /// Its code system; empty when none was given.
    pub system: String,
    /// The version of that.
    pub version: Option<String>,
    /// The code.
    pub code: String,
    /// The words that came with it.
    pub display: Option<String>,
}

impl Coding {
    /// Reads a Coding.
    pub(crate) fn read(node: Node<'_>) -> Coding {
        let text = |name| node.str(name).map(|text| text.into_owned());
        Coding {
            system: text("system").unwrap_or_default(),
            version: text("version"),
            code: text("code").unwrap_or_default(),
            display: text("display"),
        }
    }
}

/// The codes of a request: of `code` with the parameters for its system and version, of `coding`, or of `codeableConcept`.
pub(crate) fn codings(parameters: &Parameters, (system, version): (&str, &str)) -> Result<Vec<Coding>, Failure> {
    let code = parameters.one("code")?;
    let coding = parameters.part("coding", "valueCoding");
    let concept = parameters.part("codeableConcept", "valueCodeableConcept");
    let owned = |name: &str| parameters.one(name).map(|text| text.map(str::to_owned));
    match (code, coding, concept) {
        (Some(code), None, None) => Ok(vec![Coding {
            system: owned(system)?.unwrap_or_default(),
            version: owned(version)?,
            code: code.to_owned(),
            display: owned("display")?,
        }]),
        (None, Some(coding), None) => Ok(vec![Coding::read(coding)]),
        (None, None, Some(concept)) => {
            Ok(concept.get("coding").into_iter().flat_map(|list| list.items()).map(Coding::read).collect())
        }
        _ => {
            let message = "exactly one of `code`, `coding` and `codeableConcept` must be given, the latter two in a Parameters resource";
            Err(Failure::bad_request("required", message))
        }
    }
}

/// The one code of a request: of `code` and `system`, or of a Coding.
pub(crate) fn coding(parameters: &Parameters, (code, coding): (&str, &str), system: &str) -> Result<Coding, Failure> {
    match (parameters.one(code)?, parameters.part(coding, "valueCoding")) {
        (Some(text), None) => Ok(Coding {
            system: system.to_owned(),
            version: parameters.one("version")?.map(str::to_owned),
            code: text.to_owned(),
            display: None,
        }),
        (None, Some(node)) => {
            let read = Coding::read(node);
            let version = read.version.clone().or(parameters.one("version")?.map(str::to_owned));
            let system = if read.system.is_empty() { system.to_owned() } else { read.system };
            Ok(Coding { system, version, ..read })
        }
        _ => {
            let message = format!("either `{code}` or `{coding}` must be given, the latter in a Parameters resource");
            Err(Failure::bad_request("required", message))
        }
    }
}

/// The value set of a request: of the path, of the parameter `valueSet`, of `url` and `valueSetVersion`, or the one to
/// which the element of `context` is bound; with all that it refers to.
pub(crate) async fn value_set(
    parameters: &Parameters,
    gathered: &mut Gathered<'_>,
    is_instance: bool,
) -> Result<Arc<ValueSetDef>, Failure> {
    let inline = parameters.part("valueSet", "resource").or_else(|| parameters.whole_body("ValueSet"));
    let bound = match parameters.one("context")? {
        Some(context) => Some(gathered.bound_at(context).ok_or_else(|| {
            let message = "parameter `context` must be the url of a profile or type that is known here, `#` and the path of an element that is bound to a value set";
            parameters.refused("context", "not-found", message)
        })?),
        None => None,
    };
    let named = match (parameters.one("url")?, bound.as_deref()) {
        (Some(_), Some(_)) => return Err(one_source("the value set", "`valueSet`, `url` or `context`")),
        (url, bound) => url.or(bound),
    };
    let found = match (is_instance, inline, named) {
        (true, None, None) => gathered.instance().await?,
        (false, Some(inline), None) => Definition::read(inline)?,
        (false, None, Some(url)) => {
            gathered.value_sets(vec![url.to_owned()]).await?;
            let set = gathered.known().value_set(url, parameters.one("valueSetVersion")?)?.clone();
            gathered.references_of(&set).await?;
            return Ok(Arc::new(set));
        }
        _ => return Err(one_source("the value set", "`valueSet`, `url` or `context`")),
    };
    let Definition::ValueSet(set) = found else {
        return Err(Failure::bad_request("invalid", "parameter `valueSet` must be a ValueSet"));
    };
    // It may refer to itself.
    gathered.put(&set);
    gathered.references_of(&set).await?;
    Ok(set)
}

/// A definition must be named in one way.
pub(crate) fn one_source(what: &str, parameters: &str) -> Failure {
    let message = format!("{what} must be named in one way: by the path, or by one of the parameters {parameters}");
    Failure::bad_request("required", message)
}

/// A parameter of an answer, of a type as it ends the name of the element: `Boolean` of `valueBoolean`.
pub(crate) fn parameter(name: &str, kind: &str, value: impl Into<Value>) -> Value {
    let mut parameter = json!({"name": name});
    if let Value::Object(members) = &mut parameter {
        members.insert(format!("value{kind}"), value.into());
    }
    parameter
}

/// A Parameters resource as the answer.
pub(crate) fn answer(parameters: Vec<Value>, gathered: Gathered<'_>) -> Answer {
    let body = json!({"resourceType": "Parameters", "parameter": parameters});
    Answer { touched: gathered.touched, ..Answer::json(Outcome::Ok, body.to_string()) }
}

/// What something cannot be told without is missing.
pub(crate) fn cannot_tell(missing: &str) -> Failure {
    let message = format!("this cannot be told: the codes of `{missing}` are not all known to this server");
    Failure::new(Reason::Unprocessable, "not-supported", message)
}
