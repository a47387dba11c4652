//! Gathers what is known about every person, for the decision who may be in an export.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use fhir::{Json, NHS_NUMBER_SYSTEM, NhsNumber};
use policy::{Answer, Class, Dissent, ExportFacts, Grant, Label, NhsNumberHeld, PersonKey, Version, type_1_statement};
use search::Registry;
use store::{HistoryPage, HistoryTarget, OptOutRegister, Page, Store, StoreError};

/// Versions read at a time.
const PAGE: u32 = 500;
/// Types in which general practice records state a Type 1 objection, and the codes that `policy` understands.
const TYPE_1_TYPES: [&str; 3] = ["Observation", "Condition", "Procedure"];
const TYPE_1_CODES: &str = "827241000000103,9Nu0.,XaZ89,9Nu1.";

/// Calls `see` with every version of every Patient, the newest first.
pub(crate) async fn each_patient_version(
    store: &Store,
    grant: &Grant,
    mut see: impl FnMut(&Version) -> Result<(), StoreError> + Send,
) -> Result<(), StoreError> {
    let mut page = HistoryPage { count: PAGE, ..HistoryPage::default() };
    loop {
        let found = store.history(grant, HistoryTarget::Type("Patient".to_owned()), page.clone()).await?;
        for (version, _) in &found.versions {
            see(version)?;
        }
        match found.next {
            Some(next) => page.before_seq = Some(next),
            None => return Ok(()),
        }
    }
}

/// The NHS numbers of a Patient as they are written, good or not.
pub(crate) fn numbers_of(version: &Version, grant: &Grant) -> Result<Vec<String>, StoreError> {
    let Some(body) = version.system_body(grant).filter(|body| !body.is_empty()) else { return Ok(Vec::new()) };
    let json = Json::parse(body).map_err(|_| StoreError::Corrupt("the body of a Patient is no JSON".to_owned()))?;
    let identifiers = json.root().get("identifier").into_iter().flat_map(|list| list.items());
    let numbers = identifiers.filter(|identifier| identifier.str("system").as_deref() == Some(NHS_NUMBER_SYSTEM));
    Ok(numbers.filter_map(|identifier| identifier.str("value")).map(|value| value.into_owned()).collect())
}

#[derive(Debug, Default)]
struct Known {
    numbers: BTreeSet<String>,
    type_1: Vec<Dissent>,
    restrictions: Vec<Class>,
    is_labelled: bool,
}

/// Everybody, with what was found.
#[derive(Debug, Default)]
pub(crate) struct Persons {
    known: BTreeMap<PersonKey, Known>,
    /// The persons that each Patient is about.
    patients: HashMap<String, Vec<PersonKey>>,
}

impl Persons {
    /// Reads all Patients with their history, and all Type 1 statements.
    pub(crate) async fn gather(store: &Store, registry: &Registry, grant: &Grant) -> Result<Persons, StoreError> {
        let mut persons = Persons::default();
        each_patient_version(store, grant, |version| persons.see_patient(version, grant)).await?;
        for type_name in TYPE_1_TYPES {
            persons.gather_type_1(store, registry, grant, type_name).await?;
        }
        Ok(persons)
    }

    fn see_patient(&mut self, version: &Version, grant: &Grant) -> Result<(), StoreError> {
        let facts = version.facts();
        // Key 0 stands for people who are not known here; they must never come into a cohort.
        let about: Vec<PersonKey> = facts.persons.iter().copied().filter(|person| person.0 > 0).collect();
        let numbers = numbers_of(version, grant)?;
        let is_newest = !facts.deleted && !self.patients.contains_key(&facts.id);
        let is_labelled = |label: &Label| label.is_confidentiality("R") || label.is_confidentiality("V");
        for person in &about {
            let known = self.known.entry(*person).or_default();
            known.numbers.extend(numbers.iter().cloned());
            if is_newest {
                known.restrictions.extend(&facts.restrictions);
                known.is_labelled |= facts.labels.iter().any(is_labelled);
            }
        }
        if is_newest {
            self.patients.insert(facts.id.clone(), about);
        }
        Ok(())
    }

    async fn gather_type_1(
        &mut self,
        store: &Store,
        registry: &Registry,
        grant: &Grant,
        type_name: &str,
    ) -> Result<(), StoreError> {
        let options = search::Options::default();
        let params = [("code".to_owned(), TYPE_1_CODES.to_owned())];
        let query = search::parse(type_name, &params, registry, &options)
            .map_err(|_| StoreError::Invalid(format!("{type_name} cannot be searched by code")))?;
        let mut page = Page { count: PAGE, ..Page::default() };
        loop {
            let found = store.search(grant, &query, page).await?;
            for version in &found.matches {
                let json = version.system_body(grant).and_then(|body| Json::parse(body).ok());
                let Some(statement) = json.as_ref().and_then(type_1_statement) else { continue };
                for person in &version.facts().persons {
                    if let Some(known) = self.known.get_mut(person) {
                        known.type_1.push(statement);
                    }
                }
            }
            match found.next {
                Some(next) => page = Page { as_of: Some(found.as_of), after: Some(next), count: PAGE },
                None => return Ok(()),
            }
        }
    }

    /// The facts of each person, with what the register says about every number that the person ever had.
    pub(crate) async fn facts(
        &self,
        register: &OptOutRegister,
    ) -> Result<BTreeMap<PersonKey, ExportFacts>, StoreError> {
        let texts = self.known.values().flat_map(|known| &known.numbers);
        let numbers: BTreeSet<NhsNumber> = texts.filter_map(|text| NhsNumber::parse(text).ok()).collect();
        let numbers: Vec<NhsNumber> = numbers.into_iter().collect();
        let answers = register.answers(&numbers).await?;
        let held = |text: &String| {
            let number = NhsNumber::parse(text).ok();
            let answer = match number.as_ref().and_then(|number| answers.get(number)) {
                None => Answer::NotAsked,
                // The status may be as old as the question, so that is the age that counts.
                Some(answer) if answer.returned => Answer::Returned(answer.asked_at),
                Some(_) => Answer::NotReturned,
            };
            NhsNumberHeld { is_valid: number.is_some(), answer }
        };
        let facts_of = |known: &Known| ExportFacts {
            nhs_numbers: known.numbers.iter().map(held).collect(),
            type_1: known.type_1.clone(),
            has_type_1: known.restrictions.contains(&Class::Type1),
            is_sensitive: known.is_labelled || known.restrictions.contains(&Class::Sensitive),
            has_consent_deny: known.restrictions.contains(&Class::ConsentDenySecondaryUse),
            is_merged_with_withheld: false,
            is_test_patient: false,
        };
        Ok(self.known.iter().map(|(person, known)| (*person, facts_of(known))).collect())
    }

    /// The persons of a Patient.
    pub(crate) fn of_patient(&self, patient_id: &str) -> &[PersonKey] {
        self.patients.get(patient_id).map_or(&[], Vec::as_slice)
    }

    /// Those whose every person is in the list, which is sorted.
    pub(crate) fn cleared(self, persons: &[PersonKey]) -> Cleared {
        let is_cleared = |person: &PersonKey| persons.binary_search(person).is_ok();
        let is_in = |about: &Vec<PersonKey>| !about.is_empty() && about.iter().all(is_cleared);
        let mut cleared = Cleared {
            patients: self.patients.into_iter().filter(|(_, about)| is_in(about)).map(|(id, _)| id).collect(),
            ..Cleared::default()
        };
        for (person, known) in &self.known {
            let numbers = known.numbers.iter().filter_map(|text| NhsNumber::parse(text).ok());
            if is_cleared(person) { cleared.numbers.extend(numbers) } else { cleared.withheld_numbers.extend(numbers) }
        }
        cleared
    }
}

/// The people of an export, as resources name them.
#[derive(Debug, Default)]
pub(crate) struct Cleared {
    /// The Patients of these persons when they were chosen. A record that is moved to one of them while the export runs was
    /// never judged, and stays out.
    patients: HashSet<String>,
    numbers: HashSet<NhsNumber>,
    withheld_numbers: HashSet<NhsNumber>,
}

impl Cleared {
    /// Whether a Patient is in the export.
    pub(crate) fn has_patient(&self, id: &str) -> bool {
        self.patients.contains(id)
    }

    /// Whether a number is that of somebody in the export, and of nobody else.
    pub(crate) fn has_number(&self, number: &NhsNumber) -> bool {
        self.numbers.contains(number) && !self.is_withheld(number)
    }

    /// Whether a number is that of somebody known here who is not in the export.
    pub(crate) fn is_withheld(&self, number: &NhsNumber) -> bool {
        self.withheld_numbers.contains(number)
    }
}
