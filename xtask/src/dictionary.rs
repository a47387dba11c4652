//! Makes the dictionary by which the store compresses bodies, from made-up resources of the types that NHS records are made of.
//!
//! The resources are built from the element tables: each element that a type may have, in its order, with codes of the value sets to
//! which it is bound and with the systems and profiles of UK Core. Nobody's data go in. A dictionary that has been released is
//! never changed, since bodies lean on it: a new one comes beside it under its own number.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use definitions::{Definitions, ElementDef};
use fhir::Json;
use serde_json::{Map, Value, json};

/// Where the store has it.
const FILE: &str = "server/store/data/body.dictionary";
/// Beyond some ten KB a dictionary gains little, and each process keeps it prepared.
const SIZE_MAX: usize = 48 << 10;
/// Resources of each type.
const SAMPLES: usize = 160;
/// How deep elements are filled in.
const DEPTH_MAX: u32 = 4;

/// Types that NHS records are made of; those that make most of a record count for more.
const TYPES: [(&str, usize); 36] = [
    ("Patient", 3),
    ("Observation", 6),
    ("Encounter", 4),
    ("Condition", 4),
    ("MedicationRequest", 4),
    ("AllergyIntolerance", 2),
    ("Procedure", 2),
    ("Immunization", 2),
    ("DiagnosticReport", 2),
    ("MedicationStatement", 2),
    ("ServiceRequest", 2),
    ("Appointment", 2),
    ("Organization", 1),
    ("Practitioner", 1),
    ("PractitionerRole", 1),
    ("Location", 1),
    ("RelatedPerson", 1),
    ("EpisodeOfCare", 1),
    ("CarePlan", 1),
    ("CareTeam", 1),
    ("Composition", 1),
    ("Consent", 1),
    ("Communication", 1),
    ("Device", 1),
    ("DocumentReference", 1),
    ("FamilyMemberHistory", 1),
    ("Flag", 1),
    ("Goal", 1),
    ("List", 1),
    ("Medication", 1),
    ("MedicationDispense", 1),
    ("Provenance", 1),
    ("QuestionnaireResponse", 1),
    ("Slot", 1),
    ("Specimen", 1),
    ("Task", 1),
];

const WORDS: [&str; 32] = [
    "blood",
    "pressure",
    "chronic",
    "acute",
    "disorder",
    "disease",
    "type",
    "tablet",
    "oral",
    "capsules",
    "daily",
    "review",
    "left",
    "right",
    "clinic",
    "hospital",
    "general",
    "practice",
    "ward",
    "test",
    "level",
    "rate",
    "heart",
    "lung",
    "kidney",
    "diabetes",
    "care",
    "follow up",
    "assessment",
    "of",
    "with",
    "procedure",
];
const UNITS: [(&str, &str); 10] = [
    ("mmol/L", "mmol/L"),
    ("kg", "kg"),
    ("cm", "cm"),
    ("%", "%"),
    ("beats/minute", "/min"),
    ("breaths/minute", "/min"),
    ("degrees C", "Cel"),
    ("mmHg", "mm[Hg]"),
    ("g/L", "g/L"),
    ("mg", "mg"),
];
const SYSTEMS: [&str; 4] =
    ["http://snomed.info/sct", "http://snomed.info/sct", "http://loinc.org", "https://dmd.nhs.uk"];
const IDENTIFIERS: [&str; 5] = [
    "https://fhir.nhs.uk/Id/nhs-number",
    "https://fhir.nhs.uk/Id/ods-organization-code",
    "https://fhir.nhs.uk/Id/sds-user-id",
    "https://tools.ietf.org/html/rfc4122",
    "urn:oid:2.16.840.1.113883.2.1.3.2.4.18.24",
];

/// Trains the dictionary and writes it.
pub(crate) fn run(root: &Path) -> Result<String> {
    let definitions = Definitions::r4()?;
    let mut maker = Maker { definitions: &definitions, seed: 1 };
    let mut samples = Vec::new();
    for _ in 0..SAMPLES {
        for (type_name, weight) in TYPES {
            for _ in 0..weight {
                samples.push(maker.sample(type_name));
            }
        }
    }
    let dictionary = zstd::dict::from_samples(&samples, SIZE_MAX).context("train the dictionary")?;
    let path = root.join(FILE);
    fs::write(&path, &dictionary).with_context(|| format!("write {}", path.display()))?;
    Ok(format!("{FILE}: {} bytes from {} resources", dictionary.len(), samples.len()))
}

/// Fills in elements with numbers of its own (SplitMix64), so that the same definitions give the same dictionary.
struct Maker<'d> {
    definitions: &'d Definitions,
    seed: u64,
}

impl Maker<'_> {
    fn sample(&mut self, type_name: &str) -> Vec<u8> {
        let mut resource = Map::new();
        resource.insert("resourceType".to_owned(), type_name.into());
        resource.insert("id".to_owned(), self.uuid().into());
        let profile = format!("https://fhir.hl7.org.uk/StructureDefinition/UKCore-{type_name}");
        resource.insert("meta".to_owned(), json!({ "profile": [profile] }));
        let elements = self.definitions.type_named(type_name).map_or(&[][..], |found| &found.elements);
        let skipped =
            ["id", "meta", "implicitRules", "language", "text", "contained", "extension", "modifierExtension"];
        for element in elements.iter().filter(|element| !skipped.contains(&element.name.as_str())) {
            // Most of what a type may have is seldom sent; what is in the summary is sent more often.
            let chance = match (element.min, element.is_summary) {
                (1.., _) => 100,
                (0, true) => 45,
                (0, false) => 15,
            };
            if self.below(100) < chance {
                self.element(element, 0, &mut resource);
            }
        }
        let id = self.uuid();
        fhir::resource::unstamped(&Json::from_value(&Value::Object(resource)), &id)
    }

    fn element(&mut self, element: &ElementDef, depth: u32, into: &mut Map<String, Value>) {
        let chosen = self.below(element.types.len().min(3) as u64) as usize;
        let type_name = element.types.get(chosen).map_or("BackboneElement", |found| found.code.as_str()).to_owned();
        let type_name = type_name.rsplit(['.', '/']).next().unwrap_or_default();
        let Some(value) = self.value(element, type_name, depth) else { return };
        let mut letters = type_name.chars();
        let name = match letters.next().filter(|_| element.is_choice) {
            Some(first) => format!("{}{}{}", element.name, first.to_ascii_uppercase(), letters.as_str()),
            None => element.name.clone(),
        };
        into.insert(name, if element.max == Some(1) { value } else { Value::Array(vec![value]) });
    }

    fn value(&mut self, element: &ElementDef, type_name: &str, depth: u32) -> Option<Value> {
        let day = format!("20{:02}-{:02}-{:02}", 10 + self.below(16), 1 + self.below(12), 1 + self.below(28));
        let moment = format!("{day}T{:02}:{:02}:00+0{}:00", self.below(24), self.below(60), self.below(2));
        Some(match type_name {
            "boolean" => Value::Bool(self.below(2) == 0),
            "integer" | "positiveInt" | "unsignedInt" => self.below(30).into(),
            "decimal" => json!(self.below(2000) as f64 / 10.0),
            "date" => day.into(),
            "dateTime" | "instant" => moment.into(),
            "time" => "09:30:00".into(),
            "code" => self.concept(element).1.into(),
            "uri" | "url" | "canonical" => "https://fhir.hl7.org.uk/".into(),
            "string" | "markdown" | "String" => self.words().into(),
            "id" => self.uuid().into(),
            "Coding" => self.coding(element),
            "CodeableConcept" => match self.below(3) {
                0 => json!({ "coding": [self.coding(element)] }),
                _ => {
                    let coding = self.coding(element);
                    let text = coding.get("display").cloned().unwrap_or_else(|| self.words().into());
                    json!({ "coding": [coding], "text": text })
                }
            },
            "Quantity" | "SimpleQuantity" | "Age" | "Duration" => {
                let (unit, code) = self.pick(&UNITS);
                let value = self.below(2000) as f64 / 10.0;
                json!({ "value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": code })
            }
            "Reference" => self.reference(element),
            "Identifier" => {
                json!({ "system": self.pick(&IDENTIFIERS), "value": self.below(10_000_000_000).to_string() })
            }
            "Period" => json!({ "start": moment, "end": moment }),
            "HumanName" => {
                json!({ "use": "official", "text": self.words(), "family": self.words(), "given": [self.words()], "prefix": ["Mr"] })
            }
            "Address" => json!({
                "use": "home", "type": "both", "line": [self.words(), self.words()], "city": self.words(), "district": self.words(),
                "postalCode": "LS1 4AP", "country": "GBR",
            }),
            "ContactPoint" => match self.below(2) {
                0 => json!({ "system": "phone", "value": "0113 496 0000", "use": "home" }),
                _ => json!({ "system": "email", "value": "someone@example.org", "use": "work" }),
            },
            "Annotation" => json!({ "time": moment, "text": self.words() }),
            "Dosage" => json!({
                "text": self.words(),
                "timing": { "repeat": { "frequency": 1, "period": 1, "periodUnit": "d" } },
                "route": { "coding": [self.coding(element)] },
                "doseAndRate": [{ "doseQuantity": { "value": 1, "unit": "tablet", "system": "http://unitsofmeasure.org", "code": "{tablet}" } }],
            }),
            "Attachment" => {
                json!({ "contentType": "application/pdf", "url": "https://example.org/", "title": self.words(), "creation": day })
            }
            "BackboneElement" | "Element" if depth < DEPTH_MAX => {
                let mut inner = Map::new();
                for child in self.definitions.children(element).clone() {
                    if child.min > 0 || self.below(100) < 25 {
                        self.element(&child, depth + 1, &mut inner);
                    }
                }
                inner.remove("extension");
                inner.remove("modifierExtension");
                return (!inner.is_empty()).then_some(Value::Object(inner));
            }
            _ => return None,
        })
    }

    fn coding(&mut self, element: &ElementDef) -> Value {
        let (system, code, display) = self.concept(element);
        match display {
            Some(display) => json!({ "system": system, "code": code, "display": display }),
            None => json!({ "system": system, "code": code, "display": self.words() }),
        }
    }

    /// System, code and display: of the value set to which the element is bound, when its codes are known.
    fn concept(&mut self, element: &ElementDef) -> (String, String, Option<String>) {
        let bound = element.binding.as_ref().and_then(|binding| self.definitions.value_set(&binding.value_set));
        let mut known = Vec::new();
        for include in bound.into_iter().flat_map(|set| &set.include) {
            let Some(system) = include.system.clone() else { continue };
            let listed = include.concepts.iter().map(|concept| (concept.code.clone(), concept.display.clone()));
            let all = self.definitions.code_system(&system).into_iter().flat_map(|found| &found.concepts);
            let all = all.map(|concept| (concept.code.clone(), concept.display.clone()));
            let listed: Vec<_> = if include.concepts.is_empty() { all.collect() } else { listed.collect() };
            known.extend(listed.into_iter().take(40).map(|(code, display)| (system.clone(), code, display)));
        }
        let own = ["http://snomed.info/sct", "http://loinc.org"];
        known.retain(|(system, ..)| !own.contains(&system.as_str()));
        let chosen = self.below(known.len() as u64) as usize;
        match known.into_iter().nth(chosen) {
            Some(concept) => concept,
            None => (self.pick(&SYSTEMS).to_owned(), (1_000_000 + self.below(900_000_000)).to_string(), None),
        }
    }

    fn reference(&mut self, element: &ElementDef) -> Value {
        let targets = element.types.iter().flat_map(|found| &found.target_profiles);
        let targets: Vec<&str> = targets.filter_map(|profile| profile.rsplit('/').next()).collect();
        // The patient where it may be one: it is nearly always.
        let target = targets.iter().find(|name| **name == "Patient").or(targets.first()).copied().unwrap_or("Patient");
        let text = format!("{}/{}", if target == "Resource" { "Patient" } else { target }, self.uuid());
        if self.below(3) == 0 {
            json!({ "reference": text, "display": self.words() })
        } else {
            json!({ "reference": text })
        }
    }

    fn words(&mut self) -> String {
        let count = 1 + self.below(3);
        (0..count).map(|_| self.pick(&WORDS)).collect::<Vec<_>>().join(" ")
    }

    fn uuid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        let (a, b, c, d) = (high >> 32, high & 0xffff, low >> 52, low & 0xffff_ffff_ffff);
        format!("{a:08x}-{b:04x}-4{c:03x}-a{c:03x}-{d:012x}")
    }

    fn pick<T: Copy + Default>(&mut self, list: &[T]) -> T {
        list.get(self.below(list.len() as u64) as usize).copied().unwrap_or_default()
    }

    fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.next() % end }
    }

    fn next(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.seed ^ (self.seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
