//! What the built-in table says, held against the published standard, and what layers over it change.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::sync::LazyLock;

use definitions::{BindingStrength, Definitions, ElementDef, TypeKind};
use serde_json::json;

static R4: LazyLock<Definitions> = LazyLock::new(|| Definitions::r4().expect("the table is readable"));

#[test]
fn counts_are_those_of_r4() {
    assert_eq!(R4.resource_types().len(), 146);
    assert!(R4.is_resource_type("Patient"));
    assert!(!R4.is_resource_type("DomainResource"), "abstract");
    assert!(!R4.is_resource_type("HumanName"), "a datatype");
    assert_eq!(R4.types().filter(|found| found.kind == TypeKind::Primitive).count(), 20);
    assert_eq!(R4.search_parameters().len(), 1397);
    assert_eq!(R4.profile_urls().count(), 730);
    assert_eq!(R4.value_set_urls().count(), 1311);
    assert_eq!(R4.code_system_urls().count(), 1124);
}

#[test]
fn every_line_of_the_table_is_readable() {
    for url in R4.profile_urls() {
        assert!(R4.profile(url).is_some(), "{url}");
    }
    for url in R4.value_set_urls() {
        assert!(R4.value_set(url).is_some(), "{url}");
    }
    for url in R4.code_system_urls() {
        assert!(R4.code_system(url).is_some(), "{url}");
    }
    assert!(R4.concept_map("http://hl7.org/fhir/ConceptMap/cm-address-use-v2").is_some());
}

#[test]
fn binding_is_read() {
    let gender = R4.element("Patient.gender").expect("defined");
    let binding = gender.binding.as_ref().expect("bound");
    assert_eq!(binding.strength, BindingStrength::Required);
    assert_eq!(binding.value_set, "http://hl7.org/fhir/ValueSet/administrative-gender");
    let language = R4.element("Patient.language").and_then(|language| language.binding.as_ref()).expect("bound");
    assert_eq!(language.strength, BindingStrength::Preferred);
    assert_eq!(language.max_value_set.as_deref(), Some("http://hl7.org/fhir/ValueSet/all-languages"));
}

#[test]
fn choice_is_found_by_its_json_name() {
    let observation = R4.type_named("Observation").expect("defined");
    let value = observation.child("value").expect("defined");
    assert!(value.is_choice);
    assert_eq!(value.types.len(), 11);
    assert_eq!(value.json_name("Quantity"), "valueQuantity");
    let property = observation.property("valueQuantity").expect("defined");
    assert_eq!(property.element.path, "Observation.value[x]");
    assert_eq!(property.type_ref.expect("typed").code, "Quantity");
    assert!(observation.property("valueAddress").is_none());
    assert!(observation.property("value").is_none(), "a choice has no name without a type");
}

#[test]
fn types_are_named_in_fhir_not_in_fhirpath() {
    let code =
        |path: &str| R4.element(path).expect(path).types.iter().map(|found| found.code.clone()).collect::<Vec<_>>();
    assert_eq!(code("Patient.id"), ["id"]);
    assert_eq!(code("HumanName.id"), ["string"]);
    assert_eq!(code("Extension.url"), ["uri"]);
    assert_eq!(code("Bundle.entry.resource"), ["Resource"]);
    assert_eq!(code("Narrative.div"), ["xhtml"]);
}

#[test]
fn content_reference_is_followed() {
    let link = R4.element("Bundle.entry.link").expect("defined");
    assert_eq!(link.content_reference.as_deref(), Some("Bundle.link"));
    assert_eq!(R4.element("Bundle.entry.link.relation").map(|found| found.min), Some(1));
    assert!(R4.element("Questionnaire.item.item.item.linkId").is_some());
}

#[test]
fn elements_keep_cardinality_order_and_rules() {
    let contact = R4.element("Patient.contact").expect("defined");
    assert!(contact.is_list());
    assert_eq!(contact.constraints.iter().map(|rule| rule.key.as_str()).collect::<Vec<_>>(), ["pat-1"]);
    let names: Vec<_> = contact.children.iter().map(|child| child.name.as_str()).skip(3).take(3).collect();
    assert_eq!(names, ["relationship", "name", "telecom"]);
    let patient = R4.type_named("Patient").expect("defined");
    assert!(patient.constraints.iter().any(|rule| rule.key == "dom-6" && rule.is_best_practice));
    assert!(R4.type_named("id").and_then(|id| id.regex.as_deref()).is_some_and(|regex| regex.contains("{1,64}")));
    assert!(R4.is_subtype("Age", "Quantity") && R4.is_subtype("Patient", "Resource"));
}

#[test]
fn search_and_compartments_are_read() {
    let name = R4.search_parameters().iter().find(|found| found.code == "name" && found.base == ["Patient"]);
    assert_eq!(name.and_then(|found| found.expression.as_deref()), Some("Patient.name"));
    assert_eq!(R4.compartment_params("Patient", "Observation"), ["subject", "performer"]);
    assert!(R4.compartment_params("Patient", "Medication").is_empty());
}

#[test]
fn codes_are_found_with_their_place() {
    let gender = R4.code_system("http://hl7.org/fhir/administrative-gender|4.0.1").expect("defined");
    assert_eq!(gender.concept("female").and_then(|found| found.display.as_deref()), Some("Female"));
    assert!(gender.concept("Female").is_none(), "case counts");
    let role = R4.code_system("http://terminology.hl7.org/CodeSystem/v3-RoleCode").expect("defined");
    assert!(role.is_a("MTH", "PRN") && role.is_a("MTH", "FAMMEMB") && !role.is_a("PRN", "MTH"));
    let set = R4.value_set("http://terminology.hl7.org/ValueSet/v3-ServiceDeliveryLocationRoleType").expect("defined");
    assert_eq!(
        set.include.first().and_then(|include| include.filters.first()).map(|filter| filter.op.as_str()),
        Some("is-a")
    );
}

#[test]
fn extension_keeps_its_context() {
    let birth_place = R4.profile("http://hl7.org/fhir/StructureDefinition/patient-birthPlace").expect("defined");
    assert_eq!(birth_place.type_name, "Extension");
    assert_eq!(birth_place.context.first().map(|context| context.expression.as_str()), Some("Patient"));
    assert!(birth_place.differential.iter().all(|element| element.get("definition").is_none()), "no prose");
}

#[test]
fn layer_adds_and_replaces() {
    let layered = R4
        .with_overlay(vec![
            json!({"resourceType": "CodeSystem", "url": "http://hl7.org/fhir/administrative-gender", "content": "complete",
                "caseSensitive": true, "concept": [{"code": "a", "concept": [{"code": "b"}]}]}),
            json!({"resourceType": "StructureDefinition", "url": "urn:example:profile", "derivation": "constraint",
                "type": "Patient", "kind": "resource", "name": "P",
                "differential": {"element": [{"id": "Patient", "path": "Patient", "short": "prose"}]}}),
            json!({"resourceType": "Patient"}),
        ])
        .expect("well formed");
    assert_eq!(layered.generation(), R4.generation() + 1);
    let system = layered.code_system("http://hl7.org/fhir/administrative-gender").expect("replaced");
    assert!(system.concept("female").is_none() && system.is_a("b", "a"));
    let profile = layered.profile("urn:example:profile|1.0").expect("added");
    assert_eq!(profile.differential, [json!({"id": "Patient", "path": "Patient"})]);
    assert!(R4.profile("urn:example:profile").is_none(), "the table below stays as it was");
}

#[test]
fn layer_refuses_a_definition_without_a_url() {
    let refused = R4.with_overlay(vec![json!({"resourceType": "ValueSet", "name": "nameless"})]);
    let message = refused.err().map(|error| error.to_string());
    assert_eq!(message.as_deref(), Some("definition 0 cannot be added: there is no `url`"));
}

#[test]
fn every_name_in_the_table_leads_somewhere() {
    fn check(element: &ElementDef, faults: &mut Vec<String>) {
        let path = &element.path;
        if element.types.is_empty() && element.content_reference.is_none() {
            faults.push(format!("{path} has no type"));
        }
        let unknown = element.types.iter().filter(|found| R4.type_named(&found.code).is_none());
        faults.extend(unknown.map(|found| format!("{path} has the type {}", found.code)));
        if element.content_reference.as_deref().is_some_and(|target| R4.element(target).is_none()) {
            faults.push(format!("{path} refers to nothing"));
        }
        let is_bound = element.binding.as_ref().filter(|binding| binding.strength == BindingStrength::Required);
        let value_set = is_bound.and_then(|binding| R4.value_set(&binding.value_set));
        // LOINC answer lists are LOINC's own.
        if is_bound.is_some_and(|binding| !binding.value_set.starts_with("http://loinc.org/")) && value_set.is_none() {
            faults.push(format!("{path} is bound to nothing"));
        }
        element.children.iter().for_each(|child| check(child, faults));
    }
    let mut faults = Vec::new();
    for found in R4.types() {
        found.elements.iter().for_each(|element| check(element, &mut faults));
        if found.base.as_deref().is_some_and(|base| R4.type_named(base).is_none()) {
            faults.push(format!("{} extends nothing", found.name));
        }
    }
    for parameter in R4.search_parameters() {
        let types = parameter.base.iter().chain(&parameter.targets);
        let unknown = types.filter(|name| R4.type_named(name).is_none());
        faults.extend(unknown.map(|name| format!("{} is for {name}", parameter.url)));
        let is_known = |url: &str| R4.search_parameters().iter().any(|known| known.url == url);
        let unknown = parameter.components.iter().filter(|part| !is_known(&part.definition));
        faults.extend(unknown.map(|part| format!("{} is made of {}", parameter.url, part.definition)));
    }
    for (compartment, (type_name, codes)) in
        R4.compartments().iter().flat_map(|one| one.params.iter().map(move |entry| (one, entry)))
    {
        for code in codes.iter().filter(|code| *code != "{def}") {
            let is_known =
                R4.search_parameters().iter().any(|known| known.code == *code && known.base.contains(type_name));
            if !is_known {
                faults.push(format!("{} holds {type_name} by {code}", compartment.code));
            }
        }
    }
    assert_eq!(faults, Vec::<String>::new());
}
