//! Mutants of UK Core, made from the published facts and not from our definitions: for every rule of every profile a resource that
//! keeps it and one that breaks it. The breach must be refused by that rule, and the other must not be.

use std::collections::BTreeMap;

use definitions::ElementDef;
use profiles::Options;
use serde_json::{Map, Value, json};

use crate::{counts, issues, shared, validator};

const UK: &str = "https://fhir.hl7.org.uk/StructureDefinition/";

/// Value sets of R5 and R6, which nothing here defines: a code of theirs is not checked.
const OF_LATER_VERSIONS: [&str; 3] = [
    "http://hl7.org/fhir/ValueSet/observation-triggeredbytype",
    "http://hl7.org/fhir/ValueSet/patient-fetalstatus",
    "http://hl7.org/fhir/ValueSet/subscription-payload-content",
];

/// A profile with the elements of those it derives from, and how a mutant of it is embedded.
struct Profile {
    url: String,
    type_name: String,
    elements: Vec<Value>,
    /// The element that an extension stands on.
    context: String,
}

/// What a mutant must be refused with.
struct Mutant {
    rule: String,
    control: Value,
    breach: Value,
    codes: &'static [&'static str],
    /// The names on the way to the element, without indexes.
    path: String,
}

#[test]
fn every_rule_of_uk_core_is_held() {
    let Some(folder) = shared("data/uk-core/facts/structuredefinitions") else { return };
    let mut facts = BTreeMap::new();
    for file in std::fs::read_dir(folder).expect("the facts can be listed") {
        let text = std::fs::read_to_string(file.expect("listed").path()).expect("the facts can be read");
        let fact: Value = serde_json::from_str(&text).expect("the facts are JSON");
        facts.insert(fact["url"].as_str().expect("a fact has a url").to_owned(), fact);
    }
    let mut lines = Vec::new();
    let mut failed = Vec::new();
    let mut total = BTreeMap::new();
    for fact in facts.values() {
        let profile = profile(fact, &facts);
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for mutant in mutants(&profile, fact) {
            let kind = mutant.rule.split_once(' ').map_or("", |(kind, _)| kind);
            let kind = ["cardinality", "fixed", "binding", "closed", "invariant"].iter().find(|one| **one == kind);
            *counts.entry(kind.expect("a known kind")).or_default() += 1;
            *total.entry(*kind.expect("a known kind")).or_insert(0) += 1;
            if let Err(fault) = mutant.check(&profile) {
                failed.push(format!("{} {}: {fault}", profile.url.trim_start_matches(UK), mutant.rule));
            }
        }
        if !counts.is_empty() {
            let counts: Vec<String> = counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            lines.push(format!("| {} | {} |", profile.url.trim_start_matches(UK), counts.join(", ")));
        }
    }
    let all: usize = total.values().sum();
    println!("{all} mutants of {} definitions: {total:?}, {} not refused", facts.len(), failed.len());
    assert!(failed.is_empty(), "{} of {all} failed:\n{}", failed.len(), failed.join("\n"));
    assert!(all > 300, "only {all} mutants");
    let table = format!(
        "{all} mutants, each refused by its rule.\n\n| definition | mutants |\n|---|---|\n{}\n",
        lines.join("\n")
    );
    counts::keep("mutants", &table);
}

fn profile(fact: &Value, facts: &BTreeMap<String, Value>) -> Profile {
    let mut chain = vec![fact];
    while let Some(base) = chain.last().and_then(|last| facts.get(last["baseDefinition"].as_str().unwrap_or_default()))
    {
        chain.push(base);
    }
    let elements = chain.iter().rev().flat_map(|one| one["differential"].as_array().into_iter().flatten().cloned());
    let context = fact["context"].as_array().and_then(|all| all.first());
    Profile {
        url: fact["url"].as_str().expect("a url").to_owned(),
        type_name: fact["type"].as_str().expect("a type").to_owned(),
        elements: elements.collect(),
        context: context.and_then(|one| one["expression"].as_str()).unwrap_or("Patient").to_owned(),
    }
}

fn mutants(profile: &Profile, fact: &Value) -> Vec<Mutant> {
    let mut mutants = Vec::new();
    for element in fact["differential"].as_array().into_iter().flatten() {
        let id = element["id"].as_str().expect("an element has an id");
        cardinality(profile, element, id, &mut mutants);
        let fixed = element.as_object().expect("an object").iter().find(|(key, _)| key.starts_with("fixed"));
        if let Some((_, value)) = fixed {
            mutants.extend(fixed_value(profile, id, value));
        }
        let value_set =
            element["binding"]["valueSet"].as_str().filter(|_| element["binding"]["strength"] == "required");
        if let Some(url) = value_set.filter(|url| !OF_LATER_VERSIONS.contains(url)) {
            assert!(validator().definitions().value_set(url).is_some(), "{url} is not known");
            mutants.push(binding(profile, id));
        }
        if element["slicing"]["rules"] == "closed" {
            let (control, breach) = (profile.build(id, 0, &[]), profile.build(id, 1, &[]));
            let rule = format!("closed {id}");
            mutants.push(Mutant { rule, control, breach, codes: &["structure"], path: names(id) });
        }
        for constraint in element["constraint"].as_array().into_iter().flatten() {
            if constraint["severity"] == "error" {
                mutants.push(invariant(constraint["key"].as_str().expect("a key"), id));
            }
        }
    }
    mutants
}

fn cardinality(profile: &Profile, element: &Value, id: &str, mutants: &mut Vec<Mutant>) {
    let Some((parent, _)) = id.rsplit_once('.') else { return };
    let number = |key: &str| element[key].as_str().and_then(|text| text.parse::<usize>().ok());
    let path = names(parent);
    // Without the value that tells the slice an item is of none, and nothing is asked of it.
    if let Some(min) = number("min").filter(|min| *min > 0 && profile.told_slice(id).is_none()) {
        let (control, breach) = (profile.build(id, min, &[]), profile.build(id, min - 1, &[]));
        let rule = format!("cardinality {id} min {min}");
        mutants.push(Mutant { rule, control, breach, codes: &["required"], path: path.clone() });
    }
    // What JSON cannot write twice needs no mutant.
    let is_single = profile.definition(id).is_none_or(|found| found.max == Some(1));
    if let Some(max) = number("max").filter(|max| *max == 0 || !is_single) {
        let (control, breach) = (profile.build(id, max, &[]), profile.build(id, max + 1, &[]));
        mutants.push(Mutant {
            rule: format!("cardinality {id} max {max}"),
            control,
            breach,
            codes: &["structure"],
            path,
        });
    }
}

/// A value that tells a slice cannot be wrong: with another the item is of no slice. It is refused where the slice must be there.
fn fixed_value(profile: &Profile, id: &str, value: &Value) -> Option<Mutant> {
    let other = match value {
        Value::String(_) if id.ends_with("url") => json!("https://example.com/other"),
        Value::String(text) => json!(format!("{text}-other")),
        other => panic!("{id} is fixed to {other}"),
    };
    let control = profile.build(id, 1, &[(id, value)]);
    let breach = profile.build(id, 1, &[(id, &other)]);
    let rule = format!("fixed {id}");
    if let Some(slice) = profile.told_slice(id) {
        let is_required = profile.elements.iter().any(|one| one["id"] == slice && one["min"].as_str() >= Some("1"));
        let path = names(slice.rsplit_once('.').expect("a slice is below the root").0);
        return is_required.then_some(Mutant { rule, control, breach, codes: &["required", "structure"], path });
    }
    let is_own_url = id == "Extension.url";
    let path = if is_own_url { "Extension".to_owned() } else { names(id) };
    let codes: &[&str] = if is_own_url { &["extension"] } else { &["value"] };
    Some(Mutant { rule, control, breach, codes, path })
}

fn binding(profile: &Profile, id: &str) -> Mutant {
    let wrong = json!({"coding": [{"system": "http://example.org/system", "code": "not a code of it"}]});
    let definition = profile.definition(id).expect("a bound element");
    let mut types: Vec<String> = definition.types.iter().map(|one| one.code.clone()).collect();
    if definition.is_choice {
        types = profile.types(id);
    }
    let code = types.first().map(String::as_str).unwrap_or_default();
    let (good, wrong) = match code {
        "code" => (json!("AU"), json!("other")),
        "Coding" => (json!({"display": "x"}), json!({"system": "http://example.org/system", "code": "other"})),
        "Quantity" => {
            (json!({"value": 1}), json!({"value": 1, "system": "http://example.org/system", "code": "other"}))
        }
        _ => (json!({"extension": [{"url": "http://example.org/x", "valueString": "x"}]}), wrong),
    };
    let (control, breach) = (profile.build(id, 1, &[(id, &good)]), profile.build(id, 1, &[(id, &wrong)]));
    Mutant { rule: format!("binding {id}"), control, breach, codes: &["code-invalid"], path: names(id) }
}

/// Invariants are FHIRPath, so the breach of each is written by hand.
fn invariant(key: &str, id: &str) -> Mutant {
    let media = |link: Value| {
        json!({"resourceType": "DiagnosticReport", "media": [{"link": link, "extension":
        [{"url": "http://hl7.org/fhir/5.0/StructureDefinition/extension-DiagnosticReport.media.link",
        "valueReference": {"reference": "DocumentReference/1"}}]}]})
    };
    let collection = |collector: Value| json!({"resourceType": "Specimen", "collection": {"collector": collector}});
    let both = json!({"reference": "Practitioner/1", "extension":
        [{"url": "http://hl7.org/fhir/5.0/StructureDefinition/extension-Specimen.collection.collector",
        "valueReference": {"reference": "Patient/1"}}]});
    let vital =
        |system: &str| json!({"resourceType": "Observation", "code": {"coding": [{"system": system, "code": "1"}]}});
    let immunization = |status: &str| json!({"resourceType": "Immunization", "status": status});
    let (control, breach) = match key {
        "ukcore-diag-lab-002" => (media(json!({"display": "x"})), media(json!({"reference": "Media/1"}))),
        "ukcore-spec-001" => (collection(json!({"reference": "Practitioner/1"})), collection(both)),
        "ukcore-obs-vs-001" => (vital("http://loinc.org"), vital("http://snomed.info/sct")),
        "ukcore-imm-001" => (immunization("completed"), immunization("not-done")),
        other => panic!("invariant {other} has no mutant"),
    };
    Mutant { rule: format!("invariant {key}"), control, breach, codes: &["invariant"], path: names(id) }
}

impl Mutant {
    fn check(&self, profile: &Profile) -> Result<(), String> {
        let profiles = if profile.type_name == "Extension" { Vec::new() } else { vec![profile.url.clone()] };
        let options = Options { profiles, exacting: true, ..Options::default() };
        let found = |resource: &Value| -> Vec<String> {
            let errors = issues(resource, &options).into_iter().filter(|issue| issue.is_error());
            let fitting = errors.filter(|issue| {
                let expression = issue.expression.as_deref().map(plain).unwrap_or_default();
                let path = profile.embedded(&self.path);
                let is_key = !self.rule.starts_with("invariant ")
                    || issue.rule.as_deref().is_some_and(|rule| rule.ends_with(&self.rule.replace("invariant ", "#")));
                self.codes.contains(&issue.code) && expression == path && is_key
            });
            fitting.map(|issue| issue.diagnostics).collect()
        };
        let (control, breach) = (found(&self.control), found(&self.breach));
        if breach.iter().any(|one| !control.contains(one)) {
            return Ok(());
        }
        Err(format!(
            "{} in place of {}; {:?}",
            self.breach,
            self.control,
            issues(&self.breach, &options)
                .iter()
                .filter(|issue| issue.is_error())
                .map(|issue| format!("{} {:?} {}", issue.code, issue.expression, issue.diagnostics))
                .collect::<Vec<_>>()
        ))
    }
}

impl Profile {
    /// Makes a resource with as many of an element as are asked for; `values` gives those of elements by id.
    fn build(&self, id: &str, count: usize, values: &[(&str, &Value)]) -> Value {
        let root = &validator().definitions().type_named(&self.type_name).expect("a type").elements;
        let mut object = Map::new();
        if self.type_name == "Extension" {
            object.insert("url".to_owned(), json!(self.url));
        } else {
            object.insert("resourceType".to_owned(), json!(self.type_name));
        }
        let segments: Vec<&str> = id.split('.').collect();
        self.fill(&mut object, root, &segments, 1, (count, values));
        if self.type_name == "Extension" { self.embed(Value::Object(object)) } else { Value::Object(object) }
    }

    /// Adds the element of one segment, and below it those that follow.
    fn fill(
        &self,
        object: &mut Map<String, Value>,
        elements: &'static [ElementDef],
        segments: &[&str],
        at: usize,
        (count, values): (usize, &[(&str, &Value)]),
    ) {
        let Some(segment) = segments.get(at) else { return };
        let id = segments[..=at].join(".");
        let (name, slice) = segment.split_once(':').map_or((*segment, None), |(name, slice)| (name, Some(slice)));
        let name = name.trim_end_matches("[x]");
        let element = elements.iter().find(|one| one.name == name).unwrap_or_else(|| panic!("{id} is not known"));
        let is_last = at + 1 == segments.len();
        let type_code = self.types(&id).first().cloned().or(element.types.first().map(|one| one.code.clone()));
        let type_code = type_code.unwrap_or_else(|| "BackboneElement".to_owned());
        let asked = count;
        let count = if is_last { count } else { 1 };
        let mut items = Vec::new();
        for _ in 0..count {
            let held = if is_last || slice.is_some() { None } else { take(object, element, &type_code) };
            let mut item =
                if is_last { self.sample(&id, &type_code, values) } else { held.unwrap_or_else(|| json!({})) };
            if let (Some(below), true) = (item.as_object_mut(), slice.is_some()) {
                self.set_fixed(below, &id, children(element, &type_code), values);
                if let Some(url) = self.extension_url(&id) {
                    below.insert("url".to_owned(), json!(url));
                }
            }
            if let Some(below) = item.as_object_mut().filter(|_| !is_last) {
                self.fill(below, children(element, &type_code), segments, at + 1, (asked, values));
            }
            items.push(item);
        }
        if is_last && slice.is_none() {
            take(object, element, &type_code);
        }
        put(object, element, &type_code, items);
    }

    fn sample(&self, id: &str, type_code: &str, values: &[(&str, &Value)]) -> Value {
        if let Some((_, value)) = values.iter().find(|(own, _)| *own == id) {
            return (*value).clone();
        }
        let fixed = self.elements.iter().filter(|one| one["id"] == id);
        let mut fixed = fixed.filter_map(|one| one.as_object()?.iter().find(|(key, _)| key.starts_with("fixed")));
        if let Some((_, value)) = fixed.next_back() {
            return value.clone();
        }
        match type_code {
            "string" | "markdown" | "code" | "id" => json!("x"),
            "uri" | "url" | "canonical" => json!("urn:x"),
            "boolean" => json!(true),
            "integer" | "decimal" | "positiveInt" | "unsignedInt" => json!(1),
            "dateTime" | "date" => json!("2020-01-01"),
            "instant" => json!("2020-01-01T00:00:00Z"),
            "Extension" => json!({"url": "http://example.org/x"}),
            "Reference" => json!({"display": "x"}),
            _ => json!({"extension": [{"url": "http://example.org/x", "valueString": "x"}]}),
        }
    }

    /// Gives an item of a slice the values that are fixed below it.
    fn set_fixed(
        &self,
        item: &mut Map<String, Value>,
        slice: &str,
        elements: &'static [ElementDef],
        values: &[(&str, &Value)],
    ) {
        // What holds for the slice of every item holds for it within a slice, too.
        let (above, last) = slice.rsplit_once('.').expect("a slice is below the root");
        let general = format!("{}.{last}", names(above));
        for element in &self.elements {
            let Some(id) = element["id"].as_str() else { continue };
            let below = id.strip_prefix(slice).or_else(|| id.strip_prefix(general.as_str()));
            let Some(rest) = below.and_then(|rest| rest.strip_prefix('.')) else { continue };
            let fixed = element.as_object().expect("an object").iter().find(|(key, _)| key.starts_with("fixed"));
            let Some((_, value)) = fixed.filter(|_| !rest.contains(':')) else { continue };
            let value = values.iter().find(|(own, _)| *own == id).map_or(value, |(_, value)| value);
            self.set(item, elements, rest, id, value);
        }
    }

    fn set(
        &self,
        object: &mut Map<String, Value>,
        elements: &'static [ElementDef],
        rest: &str,
        id: &str,
        value: &Value,
    ) {
        let (name, below) = rest.split_once('.').map_or((rest, None), |(name, below)| (name, Some(below)));
        let plain = name.trim_end_matches("[x]");
        let element = elements.iter().find(|one| one.name == plain).unwrap_or_else(|| panic!("{id} is not known"));
        let own_id = below.map_or(id, |below| id.strip_suffix(below).expect("its end").trim_end_matches('.'));
        let type_code = self.types(own_id).first().cloned().or(element.types.first().map(|one| one.code.clone()));
        let type_code = type_code.unwrap_or_default();
        let Some(below) = below else { return put(object, element, &type_code, vec![value.clone()]) };
        let key = element.json_name(&type_code);
        let held = object.entry(key).or_insert_with(|| if element.is_list() { json!([{}]) } else { json!({}) });
        let held = if element.is_list() { &mut held[0] } else { held };
        if let Some(held) = held.as_object_mut() {
            self.set(held, children(element, &type_code), below, id, value);
        }
    }

    fn types(&self, id: &str) -> Vec<String> {
        let own = self.elements.iter().filter(|one| one["id"] == id);
        let types = own.filter_map(|one| one["type"].as_array()).next_back();
        types.into_iter().flatten().filter_map(|one| one["code"].as_str()).map(str::to_owned).collect()
    }

    fn extension_url(&self, id: &str) -> Option<String> {
        let own = self.elements.iter().filter(|one| one["id"] == id);
        own.filter_map(|one| one["type"][0]["profile"][0].as_str()).next_back().map(str::to_owned)
    }

    /// Finds the slice that an element's value tells, if it is one of the discriminators.
    fn told_slice(&self, id: &str) -> Option<String> {
        for (end, _) in id.match_indices('.').chain([(id.len(), "")]) {
            let slice = &id[..end];
            let Some((list, _)) = slice.rsplit_once(':').filter(|(_, name)| !name.contains('.')) else { continue };
            let slicing = self
                .elements
                .iter()
                .filter(|one| one["id"] == list)
                .find_map(|one| one["slicing"]["discriminator"].as_array());
            let rest = id.strip_prefix(slice)?.trim_start_matches('.');
            let is_url = list.ends_with("extension") && rest == "url";
            if is_url || slicing.into_iter().flatten().any(|one| one["path"] == rest) {
                return Some(slice.to_owned());
            }
        }
        None
    }

    fn definition(&self, id: &str) -> Option<&'static ElementDef> {
        let mut elements = &validator().definitions().type_named(&self.type_name)?.elements;
        let mut found = None;
        let segments: Vec<&str> = id.split('.').collect();
        for at in 1..segments.len() {
            let name = segments[at].split(':').next()?.trim_end_matches("[x]");
            let element = elements.iter().find(|one| one.name == name)?;
            let type_code = self
                .types(&segments[..=at].join("."))
                .first()
                .cloned()
                .or(element.types.first().map(|one| one.code.clone()));
            elements = children(element, type_code.as_deref().unwrap_or_default());
            found = Some(element);
        }
        found
    }

    /// Puts an extension where its definition lets it stand.
    fn embed(&self, extension: Value) -> Value {
        let context = self.place();
        let mut segments = context.split('.');
        let type_name = segments.next().expect("a type").to_owned();
        let mut below = json!({"extension": [extension]});
        let mut path: Vec<&str> = segments.collect();
        while let Some(name) = path.pop() {
            let owner = format!("{type_name}.{}", path.iter().chain([&name]).copied().collect::<Vec<_>>().join("."));
            let element = element_at(&owner);
            let code = element.types.first().map(|one| one.code.clone()).unwrap_or_default();
            let mut object = Map::new();
            put(&mut object, element, &code, vec![below]);
            below = Value::Object(object);
        }
        below["resourceType"] = json!(type_name);
        below
    }

    /// The path of an element of a resource that has the extension.
    fn place(&self) -> String {
        match self.context.as_str() {
            "Address" => "Patient.address".to_owned(),
            "Coding" => "Patient.maritalStatus.coding".to_owned(),
            "ContactPoint.system" => "Patient.telecom.system".to_owned(),
            "Identifier" => "Patient.identifier".to_owned(),
            "CodeableConcept" => "Patient.maritalStatus".to_owned(),
            "Resource" => "Patient".to_owned(),
            other => other.to_owned(),
        }
    }

    fn embedded(&self, path: &str) -> String {
        match path.strip_prefix("Extension") {
            Some(rest) if self.type_name == "Extension" => format!("{}.extension{rest}", self.place()),
            _ => path.to_owned(),
        }
    }
}

/// Finds an element by its path, through datatypes too.
fn element_at(path: &str) -> &'static ElementDef {
    let mut names = path.split('.');
    let type_name = names.next().expect("a type");
    let mut elements = &validator().definitions().type_named(type_name).expect("a type").elements;
    let mut found = None;
    for name in names {
        let element = elements.iter().find(|one| one.name == name).unwrap_or_else(|| panic!("{path} is not known"));
        let code = element.types.first().map(|one| one.code.as_str()).unwrap_or_default();
        elements = children(element, code);
        found = Some(element);
    }
    found.expect("an element")
}

fn children(element: &'static ElementDef, type_code: &str) -> &'static Vec<ElementDef> {
    let definitions = validator().definitions();
    let own = definitions.children(element);
    if own.is_empty() {
        &definitions.type_named(type_code).unwrap_or_else(|| panic!("{type_code} is no type")).elements
    } else {
        own
    }
}

/// Takes what stands under a property; of a list its first item.
fn take(object: &mut Map<String, Value>, element: &ElementDef, type_code: &str) -> Option<Value> {
    match object.remove(&element.json_name(type_code))? {
        Value::Array(items) => items.into_iter().next(),
        other => Some(other),
    }
}

/// Writes items under a property, as a list where the element is one, beside the value for a primitive with extensions.
fn put(object: &mut Map<String, Value>, element: &ElementDef, type_code: &str, items: Vec<Value>) {
    let is_primitive = type_code.starts_with(|letter: char| letter.is_ascii_lowercase());
    let mut key = element.json_name(type_code);
    if is_primitive && items.first().is_some_and(Value::is_object) {
        key.insert(0, '_');
    }
    if items.is_empty() {
        return;
    }
    if element.is_list() {
        let held = object.entry(key).or_insert_with(|| json!([]));
        held.as_array_mut().expect("a list").extend(items);
    } else if let Some(item) = items.into_iter().next() {
        object.insert(key, item);
    }
}

/// Leaves slices and `[x]` out of an element id.
fn names(id: &str) -> String {
    let names = id.split('.').map(|segment| segment.split(':').next().unwrap_or_default().trim_end_matches("[x]"));
    names.collect::<Vec<_>>().join(".")
}

/// Leaves indexes and types out of an expression.
fn plain(expression: &str) -> String {
    let names = expression.split('.').filter(|part| !part.starts_with("ofType("));
    names.map(|part| part.split('[').next().unwrap_or_default()).collect::<Vec<_>>().join(".")
}
