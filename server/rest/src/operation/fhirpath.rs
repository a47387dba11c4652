//! `$fhirpath`: an expression on a resource that is sent along, as the FHIRPath Lab asks engines.
//! <https://github.com/brianpos/fhirpath-lab/blob/master/server-api.md>

use std::cell::{Cell, RefCell};

use fhir::{Json, Node};
use fhirpath::{Context as Surroundings, Element, Expression, Fault, Host, Temporal, Value as Item};
use profiles::FhirpathHost;
use serde_json::{Value, json};

use crate::answer::{Answer, Outcome};
use crate::failure::{Failure, Reason};
use crate::interaction::written::{check_content_type, parse};
use crate::operation::fhirpath_part::{JSON_VALUE, part};
use crate::perform::Context;
use crate::weir::Weir;

/// The other form in which the lab embeds a resource that is not of R4.
const XML_VALUE: &str = "http://fhir.forms-lab.com/StructureDefinition/xml-value";
/// How many items `context` may find; they share the steps of one evaluation.
const CONTEXTS_MAX: usize = 1000;
/// How much results and traces may hold: a few steps can name a large resource over and over.
const RESULTS_MAX_BYTES: usize = 32 << 20;

/// Parameters with what was asked and a `result` for each context.
pub(crate) fn fhirpath(context: &Context<'_>) -> Result<Answer, Failure> {
    let (weir, request) = (context.weir, context.request);
    check_content_type(request)?;
    if request.body.is_empty() {
        return Err(Failure::bad_request("required", "the request has no body; Parameters are needed"));
    }
    let body = parse(&request.body)?;
    let asked = Asked::read(body.root())?;
    let resource = asked.resource()?;
    let expression = Expression::parse(&asked.expression).map_err(|error| refused("expression", error.into()))?;
    let focus = asked.context.as_deref().map(Expression::parse).transpose();
    let focus = focus.map_err(|error| refused("context", error.into()))?;

    let validator = weir.validator();
    let host = Tracing::new(FhirpathHost::new(&validator), weir);
    let mut around = Surroundings::new(resource.root(), &weir.definitions, &host);
    around.now = Temporal::from_instant(weir.now().0);
    around.is_strict = asked.is_strict;
    around.variables = asked.variables(weir);
    let root = around.resource.clone().ok_or_else(Failure::internal)?;
    let type_name = resource.resource_type().unwrap_or_default();

    let mut foci = vec![(None, root.clone())];
    if let (Some(expression), Some(source)) = (&focus, &asked.context) {
        let found = evaluate(expression, &root, &around, type_name).map_err(|fault| refused("context", fault))?;
        if found.len() > CONTEXTS_MAX {
            return Err(too_costly(format!("parameter `context` may find {CONTEXTS_MAX} items, and finds more")));
        }
        around.steps_max /= found.len().max(1) as u64;
        let named = found.into_iter().enumerate();
        foci = named.map(|(index, item)| (Some(format!("{source}[{index}]")), item)).collect();
    }
    // What the context expression traced is no part of a result.
    host.traces.borrow_mut().clear();
    let mut parameters = vec![json!({"name": "parameters", "part": asked.echo(weir, &resource)})];
    for (name, item) in foci {
        let of_type = item.element().and_then(Element::type_name).unwrap_or_default();
        let found = evaluate(&expression, &item, &around, of_type).map_err(|fault| refused("expression", fault))?;
        let mut parts = host.parts(&found);
        parts.append(&mut host.traces.borrow_mut());
        if host.size_bytes.get() > RESULTS_MAX_BYTES {
            return Err(too_costly("the results are larger than 32 MB".to_owned()));
        }
        parameters.push(with_parts("result", name, parts));
    }
    let answer = json!({"resourceType": "Parameters", "id": "fhirpath", "parameter": parameters});
    Ok(Answer::json(Outcome::Ok, answer.to_string()))
}

/// Checks against the type, unless that was not wanted, and evaluates.
fn evaluate<'a>(
    expression: &Expression,
    focus: &Item<'a>,
    around: &Surroundings<'a>,
    type_name: &str,
) -> Result<Vec<Item<'a>>, Fault> {
    if around.is_strict {
        expression.check(type_name, around.definitions)?;
    }
    expression.evaluate_located(focus, around)
}

fn too_costly(message: String) -> Failure {
    Failure::new(Reason::Unprocessable, "too-costly", message)
}

/// A parameter with a text and parts, each left out when there is none.
fn with_parts(name: &str, text: Option<String>, parts: Vec<Value>) -> Value {
    let text = text.map(|text| ("valueString".to_owned(), Value::String(text)));
    let parts = (!parts.is_empty()).then(|| ("part".to_owned(), Value::Array(parts)));
    Value::Object(std::iter::once(("name".to_owned(), json!(name))).chain(text).chain(parts).collect())
}

fn refused(name: &str, fault: Fault) -> Failure {
    Failure::bad_request("invalid", format!("parameter `{name}`: {fault}"))
}

/// What is asked.
struct Asked<'b> {
    expression: String,
    context: Option<String>,
    is_strict: bool,
    resource: Option<Node<'b>>,
    variables: Vec<Node<'b>>,
}

impl<'b> Asked<'b> {
    fn read(body: Node<'b>) -> Result<Asked<'b>, Failure> {
        if body.str("resourceType").as_deref() != Some("Parameters") {
            return Err(Failure::bad_request("invalid", "the body must be of type Parameters"));
        }
        let (mut expression, mut context, mut is_strict) = (None, None, true);
        let (mut resource, mut variables) = (None, Vec::new());
        for parameter in body.get("parameter").into_iter().flat_map(|list| list.items()) {
            let text = || parameter.str("valueString").map(std::borrow::Cow::into_owned);
            match parameter.str("name").as_deref() {
                Some("expression") => expression = text(),
                Some("context") => context = text().filter(|text| !text.trim().is_empty()),
                Some("validate") => {
                    is_strict = parameter.get("valueBoolean").and_then(|node| node.as_bool()) != Some(false)
                }
                Some("resource") => resource = Some(parameter),
                Some("variables") => variables.extend(parameter.get("part").into_iter().flat_map(|list| list.items())),
                // Memberships are answered from this server's own terminology.
                Some("terminologyserver") => {}
                _ => {
                    let message = "the operation takes expression, context, validate, variables, resource and terminologyserver; another \
                                   parameter was given";
                    return Err(Failure::bad_request("not-supported", message));
                }
            }
        }
        let missing = || Failure::bad_request("required", "parameter `expression` is needed, a valueString");
        Ok(Asked { expression: expression.ok_or_else(missing)?, context, is_strict, resource, variables })
    }

    /// The resource itself, or the one that an extension holds as text.
    fn resource(&self) -> Result<Json, Failure> {
        let missing = || {
            Failure::bad_request(
                "required",
                "parameter `resource` is needed: a resource, or one in a json-value extension",
            )
        };
        let parameter = self.resource.ok_or_else(missing)?;
        if let Some(resource) = parameter.get("resource") {
            return Ok(resource.to_json());
        }
        let extensions = || parameter.get("extension").into_iter().flat_map(|list| list.items());
        let embedded = |url: &str| extensions().find(|one| one.str("url").as_deref() == Some(url))?.str("valueString");
        if let Some(text) = embedded(JSON_VALUE) {
            return parse(text.as_bytes());
        }
        let text = embedded(XML_VALUE).ok_or_else(missing)?;
        let (json, _) =
            fhir::json_from_any_xml(&text).map_err(|error| Failure::bad_request("structure", error.to_string()))?;
        parse(json.as_bytes())
    }

    /// The variables by name; one without a value is empty.
    fn variables(&self, weir: &'b Weir) -> Vec<(String, Vec<Item<'b>>)> {
        let definitions = &weir.definitions;
        // An extension takes every type of value.
        let of_any = definitions.type_named("Extension");
        let value = |part: &Node<'b>| {
            if let Some(resource) = part.get("resource") {
                return Some(Element::new(resource, None, definitions));
            }
            let (key, node) = part.members().find(|(key, _)| key.starts_with("value"))?;
            let type_name = of_any?.property(&key)?.type_ref?.code.as_str();
            Some(Element::new(node, Some(type_name), definitions))
        };
        let named =
            |part: &Node<'b>| Some((part.str("name")?.into_owned(), value(part).map(Item::Node).into_iter().collect()));
        self.variables.iter().filter_map(named).collect()
    }

    /// The parts of `parameters`: who evaluated, and what.
    fn echo(&self, weir: &Weir, resource: &Json) -> Vec<Value> {
        let evaluator = format!("Weir {} (R4)", weir.settings.version);
        let mut parts = vec![
            json!({"name": "evaluator", "valueString": evaluator}),
            json!({"name": "expression", "valueString": self.expression}),
        ];
        if let Some(context) = &self.context {
            parts.push(json!({"name": "context", "valueString": context}));
        }
        parts.push(json!({"name": "resource", "resource": resource.root().to_value()}));
        if !self.variables.is_empty() {
            let variables: Vec<Value> = self.variables.iter().map(Node::to_value).collect();
            parts.push(json!({"name": "variables", "part": variables}));
        }
        parts
    }
}

/// Keeps what `trace()` is given, as parts of the result.
struct Tracing<'w> {
    host: FhirpathHost<'w>,
    weir: &'w Weir,
    traces: RefCell<Vec<Value>>,
    /// What has been given as results and traces, about.
    size_bytes: Cell<usize>,
}

impl<'w> Tracing<'w> {
    fn new(host: FhirpathHost<'w>, weir: &'w Weir) -> Self {
        Tracing { host, weir, traces: RefCell::new(Vec::new()), size_bytes: Cell::new(0) }
    }

    /// The items as parts; none beyond the size that an answer may have, which is refused as a whole.
    fn parts(&self, items: &[Item<'_>]) -> Vec<Value> {
        let within = items.iter().take_while(|item| {
            let size_bytes = match item {
                Item::Node(element) => element.node.map_or(0, |node| node.raw().len()),
                Item::String(text) => text.len(),
                _ => 0,
            };
            // A part takes something beside its value.
            self.size_bytes.set(self.size_bytes.get().saturating_add(size_bytes + 32));
            self.size_bytes.get() <= RESULTS_MAX_BYTES
        });
        within.filter_map(|item| part(item, self.weir)).collect()
    }
}

impl Host for Tracing<'_> {
    fn member_of(&self, value_set: &str, system: Option<&str>, code: &str) -> Option<bool> {
        self.host.member_of(value_set, system, code)
    }

    fn subsumes(&self, system: &str, code: &str, other: &str) -> Option<bool> {
        self.host.subsumes(system, code, other)
    }

    fn conforms_to(&self, element: &Element<'_>, profile: &str) -> Option<bool> {
        self.host.conforms_to(element, profile)
    }

    fn trace(&self, name: &str, items: &[Item<'_>]) {
        let parts = self.parts(items);
        self.traces.borrow_mut().push(with_parts("trace", Some(name.to_owned()), parts));
    }
}
