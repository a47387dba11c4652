//! The official FHIRPath R4 suite, where its files are at hand: what fails is listed, and the list only shrinks.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;

use definitions::Definitions;
use fhir::{Json, Node};
use fhirpath::{Context, Expression, NoHost, Temporal, Value};

/// The number of tests, then the name of each that does not pass with its reason after a colon; conformance/STATUS.md is written from it.
const KNOWN_FAILURES: &str = include_str!("suite_known_failures.txt");
/// The list only shrinks.
const KNOWN_FAILURES_MAX: usize = 1;
const EMPTY: &str = r#"{"resourceType": "Basic"}"#;

#[test]
fn official_suite_passes_but_for_the_known_failures() {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/conformance/fhirpath");
    let Ok(text) = std::fs::read_to_string(place.join("tests-fhir-r4.xml")) else {
        let line = "fhirpath: the official suite is left out: there is no ../shared/data/conformance/fhirpath\n";
        // Past the capture of test output.
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        return;
    };
    let definitions = Definitions::r4().unwrap();
    let cases = cases(&text);
    let inputs: BTreeMap<&str, Json> =
        cases.iter().map(|case| (case.input.as_str(), input(&place, &case.input))).collect();
    let known: BTreeSet<&str> = KNOWN_FAILURES.lines().filter_map(|line| Some(line.split_once(": ")?.0)).collect();
    let (mut failed, mut surprises) = (BTreeSet::new(), Vec::new());
    for case in &cases {
        if let Err(why) = run(case, &inputs[case.input.as_str()], &definitions) {
            failed.insert(case.name.as_str());
            if !known.contains(case.name.as_str()) {
                surprises.push(format!("{}: {} -- {why}", case.name, case.expression));
            }
        }
    }
    println!("FHIRPath R4 suite: {} of {} pass", cases.len() - failed.len(), cases.len());
    assert!(KNOWN_FAILURES.starts_with(&format!("{} tests;", cases.len())), "the suite has {} tests", cases.len());
    assert!(known.len() <= KNOWN_FAILURES_MAX, "the list only shrinks");
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));
    let mended: Vec<&&str> = known.difference(&failed).collect();
    assert!(mended.is_empty(), "take off the list of known failures: {mended:?}");
}

struct Case {
    name: String,
    input: String,
    expression: String,
    is_invalid: bool,
    is_predicate: bool,
    outputs: Vec<(String, String)>,
}

/// The suite's own XML is so plain that cutting it at its tags does.
fn cases(text: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    for piece in without_comments(text).split("<test ").skip(1) {
        let piece = piece.split("</test>").next().unwrap_or_default();
        let (head, body) = piece.split_once('>').unwrap();
        let (before, expression) =
            body.split_once("<expression").map(|(_, rest)| rest.split_once('>').unwrap()).unwrap();
        let expression = expression.split("</expression>").next().unwrap_or_default();
        let outputs = body.split("<output").skip(1).map(|output| {
            let (head, text) = output.split_once('>').unwrap();
            let text = if head.ends_with('/') { "" } else { text.split("</output>").next().unwrap_or_default() };
            (attribute(head, "type"), unescaped(text))
        });
        let name = attribute(head, "name");
        // Some names are used twice.
        let count = names.entry(name.clone()).or_default();
        *count += 1;
        let name = if *count > 1 { format!("{name}#{count}") } else { name };
        cases.push(Case {
            name,
            input: attribute(head, "inputfile"),
            expression: unescaped(expression),
            is_invalid: before.contains("invalid=") && !before.contains("invalid=\"false\""),
            is_predicate: attribute(head, "predicate") == "true",
            outputs: outputs.collect(),
        });
    }
    cases
}

fn without_comments(text: &str) -> String {
    let mut pieces = text.split("<!--");
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        plain.push_str(piece.split_once("-->").map_or("", |(_, rest)| rest));
    }
    plain
}

fn attribute(head: &str, name: &str) -> String {
    let found = head.split_once(&format!("{name}=\"")).map(|(_, rest)| rest.split('"').next().unwrap_or_default());
    unescaped(found.unwrap_or_default())
}

fn unescaped(text: &str) -> String {
    let pairs = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&#39;", "'"), ("&amp;", "&")];
    pairs.iter().fold(text.to_owned(), |text, (escaped, plain)| text.replace(escaped, plain))
}

fn input(place: &Path, name: &str) -> Json {
    let Ok(text) = std::fs::read_to_string(place.join("input").join(name)) else {
        return Json::parse(EMPTY.as_bytes()).unwrap();
    };
    let text = if name.ends_with(".xml") { fhir::json_from_any_xml(&text).unwrap().0 } else { text };
    Json::parse(text.as_bytes()).unwrap()
}

fn run(case: &Case, input: &Json, definitions: &Definitions) -> Result<(), String> {
    let root: Node<'_> = input.root();
    let mut context = Context::new(root, definitions, &NoHost);
    context.now = Temporal::from_instant(1_767_225_600_000);
    context.is_strict = true;
    let focus = context.resource.clone().unwrap();
    let type_name = input.resource_type().unwrap_or_default();
    let outcome = Expression::parse(&case.expression).and_then(|expression| {
        expression.check(type_name, definitions)?;
        expression.evaluate(&focus, &context)
    });
    let found = match outcome {
        Err(_) if case.is_invalid => return Ok(()),
        Err(error) => return Err(error.to_string()),
        Ok(_) if case.is_invalid => return Err("expected an error".into()),
        Ok(found) => found,
    };
    if case.is_predicate {
        let truth = match found.as_slice() {
            [] => false,
            [one] => one.as_boolean().unwrap_or(true),
            _ => true,
        };
        let expected = case.outputs.first().is_none_or(|(_, text)| text == "true");
        return if truth == expected { Ok(()) } else { Err(format!("found {truth}")) };
    }
    let shown: Vec<String> = found.iter().map(|value| value.to_text().unwrap_or_default()).collect();
    if found.len() != case.outputs.len() {
        return Err(format!("found {shown:?}"));
    }
    for (value, (type_name, text)) in found.iter().zip(&case.outputs) {
        if !fits(value, type_name, text) {
            return Err(format!("found {shown:?}, expected {text} of {type_name}"));
        }
    }
    Ok(())
}

fn fits(value: &Value<'_>, type_name: &str, expected: &str) -> bool {
    let Some(system) = value.system() else { return false };
    let shown = system.to_text().unwrap_or_default();
    match (&system, type_name) {
        (Value::Decimal(_) | Value::Integer(_), "decimal" | "integer") => {
            shown.parse::<f64>().ok().zip(expected.parse::<f64>().ok()).is_some_and(|(a, b)| (a - b).abs() < 1e-9)
        }
        (Value::Date(_) | Value::DateTime(_), _) => shown == expected.trim_start_matches('@').trim_end_matches('T'),
        (Value::Time(_), _) => shown == expected.trim_start_matches("@T").trim_start_matches('T'),
        (Value::Quantity(_), _) => shown.trim_end_matches('s') == expected.trim_end_matches('s'),
        (Value::Node(_), _) => true,
        _ => shown == expected,
    }
}
