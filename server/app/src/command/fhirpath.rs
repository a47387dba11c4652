//! `weir fhirpath`: an expression, or many, evaluated without a server.

use std::collections::HashMap;
use std::io::{BufRead as _, Read as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};

use anyhow::{Context as _, Result, anyhow, bail};
use definitions::Definitions;
use fhir::Json;
use fhirpath::{Context, Element, Expression, Host, Temporal, Value};
use profiles::{FhirpathHost, Validator};
use serde_json::json;

use crate::cli::FhirpathArgs;

/// Ten times what a server allows: enough to look through every element of a large Bundle, and no more than seconds.
const STEPS_MAX: u64 = 10_000_000;
/// How many expressions and resources a batch keeps at hand.
const EXPRESSIONS_MAX: usize = 10_000;
const RESOURCES_MAX: usize = 64;
/// What stands for the resource where there is none.
const NOTHING: &[u8] = b"{}";

/// Evaluates and prints.
pub fn run(arguments: &FhirpathArgs) -> Result<ExitCode> {
    let mut engine = Engine::new(arguments.lenient)?;
    let Some(expression) = arguments.expression.as_deref() else {
        batch(&mut engine)?;
        return Ok(ExitCode::SUCCESS);
    };
    let resource = match arguments.file.as_deref() {
        Some(file) => Some(Arc::new(read(file)?)),
        None => None,
    };
    let found = engine.evaluate(expression, resource, Traces::Shown)?;
    crate::out(&format!("{}\n", serde_json::to_string(&found)?));
    Ok(ExitCode::SUCCESS)
}

/// Answers each line with a line.
fn batch(engine: &mut Engine) -> Result<()> {
    for line in std::io::stdin().lock().split(b'\n') {
        let line = line.context("read standard input")?;
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let question = serde_json::from_slice::<serde_json::Value>(&line);
        let id = question.as_ref().ok().and_then(|question| question.get("id")).cloned().unwrap_or_default();
        let answer =
            question.map_err(|_| anyhow!("the line is not JSON")).and_then(|question| engine.answer(&question));
        let answer = match answer {
            Ok(found) => json!({"id": id, "result": found}),
            Err(error) => json!({"id": id, "error": format!("{error:#}")}),
        };
        crate::out(&format!("{answer}\n"));
    }
    Ok(())
}

/// Whether what `trace()` is given is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Traces {
    Shown,
    Dropped,
}

/// Definitions, and what has been compiled and read.
struct Engine {
    definitions: Definitions,
    validator: OnceLock<Option<Validator>>,
    is_lenient: bool,
    expressions: HashMap<String, Expression>,
    resources: HashMap<String, Arc<Json>>,
}

impl Engine {
    fn new(is_lenient: bool) -> Result<Engine> {
        let definitions = Definitions::r4().context("read the embedded R4 definitions")?;
        let (expressions, resources) = (HashMap::new(), HashMap::new());
        Ok(Engine { definitions, validator: OnceLock::new(), is_lenient, expressions, resources })
    }

    fn answer(&mut self, question: &serde_json::Value) -> Result<Vec<serde_json::Value>> {
        let expression = question.get("expression").and_then(|found| found.as_str());
        let expression = expression.context("`expression` must be a text")?;
        let resource = match question.get("resource") {
            None | Some(serde_json::Value::Null) => None,
            Some(serde_json::Value::String(path)) if path == "-" => {
                bail!("`resource` must be a file: standard input holds the batch")
            }
            Some(serde_json::Value::String(path)) => Some(self.resource(path)?),
            Some(_) => bail!("`resource` must be a path or null"),
        };
        self.evaluate(expression, resource, Traces::Dropped)
    }

    fn resource(&mut self, path: &str) -> Result<Arc<Json>> {
        if let Some(known) = self.resources.get(path) {
            return Ok(Arc::clone(known));
        }
        let found = Arc::new(read(Path::new(path))?);
        if self.resources.len() >= RESOURCES_MAX {
            self.resources.clear();
        }
        self.resources.insert(path.to_owned(), Arc::clone(&found));
        Ok(found)
    }

    fn evaluate(
        &mut self,
        source: &str,
        resource: Option<Arc<Json>>,
        traces: Traces,
    ) -> Result<Vec<serde_json::Value>> {
        if !self.expressions.contains_key(source) {
            if self.expressions.len() >= EXPRESSIONS_MAX {
                self.expressions.clear();
            }
            self.expressions.insert(source.to_owned(), Expression::parse(source)?);
        }
        let expression = self.expressions.get(source).context("the expression was compiled just now")?;
        let has_resource = resource.is_some();
        let document = match resource {
            Some(resource) => resource,
            None => Arc::new(Json::parse(NOTHING)?),
        };
        if !self.is_lenient {
            expression.check(document.resource_type().unwrap_or_default(), &self.definitions)?;
        }
        let host = LazyHost { engine: self, traces };
        let mut context = Context::new(document.root(), &self.definitions, &host);
        context.now = Temporal::from_instant(crate::wiring::now().0);
        context.is_strict = !self.is_lenient;
        context.steps_max = STEPS_MAX;
        let focus = context.resource.clone().context("a context has a resource")?;
        if !has_resource {
            (context.resource, context.root_resource) = (None, None);
        }
        let found = expression.evaluate_located(&focus, &context)?;
        Ok(found.iter().filter_map(Value::to_json).collect())
    }
}

/// Makes the validator, UK Core and all, when an expression asks what only it knows.
struct LazyHost<'e> {
    engine: &'e Engine,
    traces: Traces,
}

impl LazyHost<'_> {
    fn ask<T>(&self, question: impl FnOnce(&FhirpathHost<'_>) -> Option<T>) -> Option<T> {
        let make = || Some(Validator::new(Arc::new(profiles::with_uk_core(&self.engine.definitions).ok()?)));
        question(&FhirpathHost::new(self.engine.validator.get_or_init(make).as_ref()?))
    }
}

impl Host for LazyHost<'_> {
    fn member_of(&self, value_set: &str, system: Option<&str>, code: &str) -> Option<bool> {
        self.ask(|host| host.member_of(value_set, system, code))
    }

    fn subsumes(&self, system: &str, code: &str, other: &str) -> Option<bool> {
        self.ask(|host| host.subsumes(system, code, other))
    }

    fn conforms_to(&self, element: &Element<'_>, profile: &str) -> Option<bool> {
        self.ask(|host| host.conforms_to(element, profile))
    }

    fn trace(&self, name: &str, items: &[Value<'_>]) {
        if self.traces == Traces::Shown {
            let shown: Vec<_> = items.iter().filter_map(Value::to_json).collect();
            crate::complain(&format!("trace {name}: {}", serde_json::Value::Array(shown)));
        }
    }
}

/// A resource from a file, `-` being standard input; the first character that is not white space tells JSON from XML.
fn read(file: &Path) -> Result<Json> {
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut bytes).context("read standard input")?;
    } else {
        bytes = std::fs::read(file).with_context(|| format!("read {}", file.display()))?;
    }
    let place = || file.display().to_string();
    let start = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
    if start.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<') {
        let text = std::str::from_utf8(start).with_context(place)?;
        bytes = fhir::json_from_any_xml(text).with_context(place)?.0.into_bytes();
    }
    Json::parse_owned(bytes).with_context(place)
}
