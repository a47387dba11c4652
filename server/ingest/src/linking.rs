//! Which Patients of a message point to the person of another Patient, and which questions go to the review list.
//!
//! Nothing is decided anew about a Patient whose number, birth date and status are what they were: a link that somebody has
//! undone is not made again by the next message.

use std::collections::BTreeSet;

use fhir::{Instant, NHS_NUMBER_SYSTEM, NhsNumber};
use policy::{Grant, PersonKey};
use search::Registry;
use store::{ExpectedMatches, LinkKind, NewReview, Page, PersonLink, ReviewState, Store, StoreError};

use crate::identity::{Comparison, Identity};
use crate::known::Known;
use crate::plan::Plan;

/// Patients with one number that are looked at; more is a placeholder that slipped through.
const CANDIDATES_MAX: u32 = 50;

/// What is to be written with the message.
#[derive(Default)]
pub(crate) struct Linking {
    pub(crate) links: Vec<PersonLink>,
    pub(crate) reviews: Vec<NewReview>,
    /// What was looked at: a Patient with the same number that another process stores meanwhile must not be overlooked.
    pub(crate) expected: Vec<ExpectedMatches>,
}

/// Where the answers come from.
pub(crate) struct Linker<'a> {
    pub(crate) store: &'a Store,
    pub(crate) registry: &'a Registry,
    pub(crate) grant: &'a Grant,
    pub(crate) now: Instant,
}

/// A Patient that bears the same number.
struct Candidate {
    id: String,
    comparison: Comparison,
    /// None for one that is new in this message.
    person: Option<PersonKey>,
}

/// The identities of the Patients that a message writes.
pub(crate) fn identities(plan: &Plan) -> Vec<(String, Option<Identity>)> {
    let patients = plan.puts.iter().filter(|put| put.type_name == "Patient");
    patients.map(|put| (put.id.clone(), Identity::of(put.resource.json()))).collect()
}

impl Linker<'_> {
    /// Decides.
    pub(crate) async fn link(&self, plan: &Plan, known: &Known) -> Result<Linking, StoreError> {
        let mut linking = Linking::default();
        // Merges come first: what follows links whole records.
        for (survivor, loser) in &plan.merges {
            linking.links.push(PersonLink {
                patient_id: loser.clone(),
                with_patient_id: survivor.clone(),
                kind: LinkKind::Merge,
                reason: "merge-message".to_owned(),
            });
        }
        let patients = identities(plan);
        for (place, (id, identity)) in patients.iter().enumerate() {
            let before = known.json("Patient", id);
            let was = before.as_ref().and_then(Identity::of);
            if before.is_some() && was == *identity {
                continue;
            }
            if was.as_ref().map(|was| &was.number) != identity.as_ref().map(|now| &now.number)
                && was.is_some()
                && self.company(id).await?.1 > 1
            {
                linking.reviews.push(self.review(id, None, "nhs-number-changed"));
                continue;
            }
            let Some(identity) = identity else { continue };
            let earlier = patients.get(..place).unwrap_or_default();
            let (stored, expected) = self.stored_with(&identity.number).await?;
            linking.expected.extend(expected);
            let stored = stored.into_iter().filter(|(other, _)| patients.iter().all(|(written, _)| written != other));
            let candidates = self.candidates(id, identity, plan, earlier, stored).await?;
            self.decide(id, plan, candidates, &mut linking).await?;
        }
        Ok(linking)
    }

    async fn candidates(
        &self,
        id: &str,
        identity: &Identity,
        plan: &Plan,
        earlier: &[(String, Option<Identity>)],
        stored: impl Iterator<Item = (String, Identity)>,
    ) -> Result<Vec<Candidate>, StoreError> {
        let is_merged_with = |other: &str| {
            plan.merges
                .iter()
                .any(|(survivor, loser)| (survivor == id && loser == other) || (survivor == other && loser == id))
        };
        let mut found: Vec<(String, Identity)> = earlier
            .iter()
            .filter_map(|(other, theirs)| theirs.clone().map(|theirs| (other.clone(), theirs)))
            .filter(|(_, theirs)| theirs.number == identity.number)
            .collect();
        found.extend(stored);
        let mut candidates = Vec::with_capacity(found.len());
        for (other, theirs) in found {
            if other == id || is_merged_with(&other) {
                continue;
            }
            let person = self.store.person_of_patient(&other).await?;
            candidates.push(Candidate { comparison: identity.compare(&theirs), id: other, person });
        }
        Ok(candidates)
    }

    async fn stored_with(
        &self,
        number: &NhsNumber,
    ) -> Result<(Vec<(String, Identity)>, Option<ExpectedMatches>), StoreError> {
        let params = [("identifier".to_owned(), format!("{NHS_NUMBER_SYSTEM}|{}", number.as_str()))];
        let query = search::parse("Patient", &params, self.registry, &search::Options::default())
            .map_err(|_| StoreError::Invalid("the search by number is not understood".to_owned()))?;
        let page = Page { count: CANDIDATES_MAX, ..Page::default() };
        let found = self.store.search(self.grant, &query, page).await?;
        let identity_of = |version: &policy::Version| {
            let json = fhir::Json::parse(version.system_body(self.grant)?).ok()?;
            // A number that stands there as an old one, or beside another, is no evidence.
            let identity = Identity::of(&json).filter(|identity| identity.number == *number)?;
            Some((version.facts().id.clone(), identity))
        };
        let stored = found.matches.iter().filter_map(identity_of).collect();
        let count = found.matches.len();
        let is_all = count < CANDIDATES_MAX as usize;
        Ok((stored, is_all.then_some(ExpectedMatches { query, grant: self.grant.clone(), count })))
    }

    async fn decide(
        &self,
        id: &str,
        plan: &Plan,
        candidates: Vec<Candidate>,
        linking: &mut Linking,
    ) -> Result<(), StoreError> {
        let mut same = Vec::new();
        for candidate in candidates {
            match candidate.comparison {
                Comparison::Unsure(reason) => linking.reviews.push(self.review(id, Some(&candidate.id), reason)),
                Comparison::Same(reason) => same.push((candidate, reason)),
            }
        }
        let Some(((first, reason), others)) = same.split_first() else { return Ok(()) };
        let (person, count) = self.company(id).await?;
        let is_known = |candidate: &Candidate| person.is_some() && candidate.person == person;
        if others.iter().all(|(other, _)| other.person == first.person) && is_known(first) {
            return Ok(());
        }
        let persons: BTreeSet<PersonKey> = same.iter().filter_map(|(candidate, _)| candidate.person).collect();
        let is_survivor = plan.merges.iter().any(|(survivor, loser)| survivor == id || loser == id);
        let question = if persons.len() > 1 {
            Some("several-persons")
        } else if self.is_told_apart(id, &same).await? {
            Some("told-apart-before")
        } else if (count > 1 || is_survivor) && self.company(&first.id).await?.1 > 1 {
            Some("linked-elsewhere")
        } else {
            None
        };
        if let Some(question) = question {
            linking.reviews.extend(same.iter().map(|(other, _)| self.review(id, Some(&other.id), question)));
            return Ok(());
        }
        // One that stands alone moves to one that is in company, so that no link is torn.
        let is_in_company = count > 1 || is_survivor;
        let (moved, with) = if is_in_company { (&first.id, id) } else { (&id.to_owned(), first.id.as_str()) };
        linking.links.push(PersonLink {
            patient_id: moved.clone(),
            with_patient_id: with.to_owned(),
            kind: LinkKind::Link,
            reason: (*reason).to_owned(),
        });
        Ok(())
    }

    /// The person of a Patient and how many Patients point there.
    async fn company(&self, id: &str) -> Result<(Option<PersonKey>, usize), StoreError> {
        match self.store.person_of_patient(id).await? {
            None => Ok((None, 0)),
            Some(person) => Ok((Some(person), self.store.patients_of_person(person).await?.len())),
        }
    }

    /// Whether somebody decided that the Patient and one of these are two persons.
    async fn is_told_apart(&self, id: &str, same: &[(Candidate, &'static str)]) -> Result<bool, StoreError> {
        let decided = self.store.reviews(ReviewState::Different).await?;
        Ok(decided.iter().any(|review| {
            let pair = (review.question.patient_id.as_str(), review.question.other_patient_id.as_deref());
            same.iter().any(|(other, _)| pair == (id, Some(other.id.as_str())) || pair == (other.id.as_str(), Some(id)))
        }))
    }

    fn review(&self, id: &str, other: Option<&str>, reason: &str) -> NewReview {
        NewReview {
            patient_id: id.to_owned(),
            other_patient_id: other.map(str::to_owned),
            person: None,
            reason: reason.to_owned(),
            opened: self.now,
        }
    }
}
