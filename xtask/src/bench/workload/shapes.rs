//! Thirty shapes of searches. Each takes its values from a resource that was loaded, another for each request.

use serde_json::Value;

use crate::bench::population::{Kind, SKEWED_LOINC};

/// Makes the search from a sampled resource and another of the same kind.
type Query = fn(&Sample) -> Option<String>;

/// What a search takes its values from.
pub(crate) struct Sample {
    /// A resource.
    pub(crate) one: Value,
    /// Its patient.
    pub(crate) patient: Value,
    /// Logical ids of three resources of the kind.
    pub(crate) ids: [String; 3],
}

impl Sample {
    fn at(&self, pointer: &str) -> Option<&str> {
        self.one.pointer(pointer)?.as_str()
    }

    fn of_patient(&self, pointer: &str) -> Option<&str> {
        self.patient.pointer(pointer)?.as_str()
    }

    fn loinc(&self) -> Option<String> {
        Some(format!("http://loinc.org|{}", self.at("/code/coding/1/code")?))
    }

    fn snomed(&self) -> Option<String> {
        Some(format!("http://snomed.info/sct|{}", self.at("/code/coding/0/code")?))
    }

    fn patient_id(&self) -> Option<&str> {
        self.of_patient("/id")
    }

    fn nhs_number(&self) -> Option<String> {
        Some(format!("https://fhir.nhs.uk/Id/nhs-number|{}", self.of_patient("/identifier/0/value")?))
    }

    /// The first letters of the family name.
    fn prefix(&self) -> Option<&str> {
        self.of_patient("/name/0/family")?.get(..5)
    }

    /// The day of a date, then the month.
    fn day(&self, pointer: &str) -> Option<&str> {
        self.at(pointer)?.get(..10)
    }

    fn month(&self, pointer: &str) -> Option<&str> {
        self.at(pointer)?.get(..7)
    }

    fn quantity(&self) -> Option<String> {
        let code = self.at("/valueQuantity/code")?.replace('%', "%25").replace('[', "%5B").replace(']', "%5D");
        let code = code.replace('{', "%7B").replace('}', "%7D");
        Some(format!("{}|http://unitsofmeasure.org|{code}", self.one.pointer("/valueQuantity/value")?))
    }
}

/// A shape.
pub(crate) struct Shape {
    /// What it shows.
    pub(crate) name: &'static str,
    /// The kind that it samples.
    pub(crate) kind: Kind,
    /// The search, below the base.
    pub(crate) query: Query,
}

const fn shape(name: &'static str, kind: Kind, query: Query) -> Shape {
    Shape { name, kind, query }
}

/// The shapes.
pub(crate) static SHAPES: [Shape; 30] = [
    shape("token: identifier", Kind::Patient, |s| Some(format!("/Patient?identifier={}", s.nhs_number()?))),
    shape("token: rare code", Kind::Condition, |s| Some(format!("/Condition?code={}", s.snomed()?))),
    shape("token: code", Kind::Observation, |s| Some(format!("/Observation?code={}", s.loinc()?))),
    shape("token: skewed code", Kind::Observation, |_| {
        Some(format!("/Observation?code=http://loinc.org|{SKEWED_LOINC}"))
    }),
    shape("token or token", Kind::Observation, |s| Some(format!("/Observation?code={},{}", s.loinc()?, s.snomed()?))),
    shape("token and date", Kind::Patient, |s| {
        Some(format!("/Patient?gender={}&birthdate={}", s.at("/gender")?, s.at("/birthDate")?))
    }),
    shape("_id: three", Kind::Observation, |s| Some(format!("/Observation?_id={}", s.ids.join(",")))),
    shape("string prefix", Kind::Patient, |s| Some(format!("/Patient?family={}", s.prefix()?))),
    shape("string prefix twice", Kind::Patient, |s| {
        Some(format!("/Patient?family={}&given={}", s.prefix()?, s.at("/name/0/given/0")?))
    }),
    shape("string exact", Kind::Patient, |s| Some(format!("/Patient?family:exact={}", s.at("/name/0/family")?))),
    shape("date: day", Kind::Encounter, |s| Some(format!("/Encounter?date={}", s.day("/period/start")?))),
    shape("date: range", Kind::Encounter, |s| {
        Some(format!("/Encounter?date=ge{}-05&date=lt{}-15", s.month("/period/start")?, s.month("/period/start")?))
    }),
    shape("date: month of birth", Kind::Patient, |s| Some(format!("/Patient?birthdate={}", s.month("/birthDate")?))),
    shape("code and date range", Kind::Observation, |s| {
        let month = s.month("/effectiveDateTime")?;
        Some(format!("/Observation?code={}&date=ge{month}-01&date=lt{month}-20", s.loinc()?))
    }),
    shape("category and day", Kind::Observation, |s| {
        Some(format!("/Observation?category=laboratory&date={}", s.day("/effectiveDateTime")?))
    }),
    shape("patient", Kind::Observation, |s| Some(format!("/Observation?patient={}", s.patient_id()?))),
    shape("patient and code", Kind::Observation, |s| {
        Some(format!("/Observation?patient={}&code={}", s.patient_id()?, s.loinc()?))
    }),
    shape("patient and status", Kind::MedicationRequest, |s| {
        Some(format!("/MedicationRequest?patient={}&status=active", s.patient_id()?))
    }),
    shape("patient, sorted by date", Kind::Observation, |s| {
        Some(format!("/Observation?patient={}&_sort=-date&_count=10", s.patient_id()?))
    }),
    shape("code and quantity", Kind::Observation, |s| {
        Some(format!("/Observation?code={}&value-quantity=gt{}", s.loinc()?, s.quantity()?))
    }),
    shape("component: code and quantity", Kind::Observation, |_| {
        Some("/Observation?component-code-value-quantity=http://loinc.org|8480-6$gt188".to_owned())
    }),
    shape("chained: name", Kind::Observation, |s| {
        Some(format!("/Observation?code={}&subject:Patient.family={}", s.loinc()?, s.prefix()?))
    }),
    shape("chained: identifier", Kind::Encounter, |s| {
        Some(format!("/Encounter?subject:Patient.identifier={}", s.nhs_number()?))
    }),
    shape("_has: condition", Kind::Condition, |s| {
        Some(format!("/Patient?_has:Condition:patient:code={}", s.snomed()?))
    }),
    shape("_has: observation, gender", Kind::Observation, |s| {
        Some(format!("/Patient?gender=female&_has:Observation:patient:code={}", s.loinc()?))
    }),
    shape("_include", Kind::Encounter, |s| {
        Some(format!("/Encounter?date={}&_include=Encounter:subject", s.day("/period/start")?))
    }),
    shape("_revinclude", Kind::Patient, |s| {
        Some(format!("/Patient?identifier={}&_revinclude=Condition:subject", s.nhs_number()?))
    }),
    shape("sorted: code by date", Kind::Observation, |s| {
        Some(format!("/Observation?code={}&_sort=-date&_count=20", s.loinc()?))
    }),
    shape("sorted: name by birth", Kind::Patient, |s| Some(format!("/Patient?family={}&_sort=birthdate", s.prefix()?))),
    shape("counted: code", Kind::Condition, |s| Some(format!("/Condition?code={}&_summary=count", s.snomed()?))),
];
