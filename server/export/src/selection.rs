//! Who is in an export: decided once, before a line is written, and never widened afterwards.

use std::collections::BTreeMap;
use std::sync::Arc;

use fhir::Instant;
use policy::{
    Cohort, Decision, ExportFacts, ExportRules, Facts, Grant, PersonKey, Task, Withheld, exportable,
    refuse_stale_answer,
};
use store::{OptOutRequest, Review};

use crate::persons::{Cleared, Persons};
use crate::{Export, ExportError};

/// Ids in one search.
const IDS_AT_A_TIME: usize = 100;

/// The persons of an export and how they were chosen.
pub(crate) struct Selection {
    pub(crate) cohort: Arc<Cohort>,
    pub(crate) withheld: Withheld,
    pub(crate) persons_released: u64,
    /// The answer that decided.
    pub(crate) answer: OptOutRequest,
    pub(crate) decided_at: Instant,
    /// How these persons are named.
    pub(crate) cleared: Cleared,
}

impl Selection {
    /// Whether all Patients of a version were judged.
    pub(crate) fn covers(&self, facts: &Facts) -> bool {
        facts.patient_ids.iter().all(|id| self.cleared.has_patient(id))
    }
}

impl Export {
    /// Refuses when there is no fresh answer; gives the newest one.
    pub(crate) async fn fresh_answer(&self) -> Result<OptOutRequest, ExportError> {
        let answer = self.options.store.latest_opt_out_answer().await?;
        refuse_stale_answer(answer.as_ref().map(|answer| answer.asked_at), &self.rules())?;
        answer.ok_or(ExportError::NotFound)
    }

    /// Chooses the persons.
    pub(crate) async fn select(&self) -> Result<Selection, ExportError> {
        let answer = self.fresh_answer().await?;
        let options = &self.options;
        let grant = Grant::for_system(Task::Export, &options.token);
        let rules = self.rules();
        let persons = Persons::gather(&options.store, &options.registry, &grant).await?;
        let mut facts = persons.facts(&self.register().await?).await?;
        withhold_in_review(&mut facts, &persons, &options.store.open_reviews().await?, &rules);
        let (cohort, withheld) = Cohort::decide(facts, &rules);
        let released = cohort.persons();
        Ok(Selection {
            persons_released: released.len() as u64,
            cleared: persons.cleared(&released),
            cohort: Arc::new(cohort),
            withheld,
            answer,
            decided_at: rules.now,
        })
    }

    /// What is known of resources that others refer to; of those that are there.
    pub(crate) async fn facts_of(&self, type_name: &str, ids: &[&str]) -> Result<Vec<Facts>, ExportError> {
        let options = &self.options;
        let grant = Grant::for_system(Task::Export, &options.token);
        let limits = search::Options::default();
        let mut found = Vec::new();
        for ids in ids.chunks(IDS_AT_A_TIME) {
            let params = [("_id".to_owned(), ids.join(","))];
            // A type that is not one of R4 has no resources.
            let Ok(query) = search::parse(type_name, &params, &options.registry, &limits) else { continue };
            let page = store::Page { count: IDS_AT_A_TIME as u32, ..store::Page::default() };
            let result = options.store.search(&grant, &query, page).await?;
            found.extend(result.matches.iter().map(|version| version.facts().clone()));
        }
        Ok(found)
    }

    pub(crate) fn rules(&self) -> ExportRules {
        let hours = i64::try_from(self.options.answer_age_max_hours).unwrap_or(i64::MAX);
        ExportRules { answer_age_max_ms: hours.saturating_mul(3_600_000), ..ExportRules::at(self.now()) }
    }
}

/// Two people of whom it is open whether they are one are withheld together, also through a third.
fn withhold_in_review(
    facts: &mut BTreeMap<PersonKey, ExportFacts>,
    persons: &Persons,
    reviews: &[Review],
    rules: &ExportRules,
) {
    let groups: Vec<Vec<PersonKey>> = reviews.iter().map(|review| group_of(review, persons)).collect();
    loop {
        let mut has_changed = false;
        for group in &groups {
            let decided = |person| facts.get(person).map(|facts| exportable(facts, rules));
            let decisions: Vec<Decision> = group.iter().filter_map(decided).collect();
            let is_any_withheld = decisions.iter().any(|decision| matches!(decision, Decision::Withheld(_)));
            let is_any_partial = decisions.contains(&Decision::ReleaseWithoutGeneralPractice);
            for person in group {
                let Some(facts) = facts.get_mut(person) else { continue };
                let before = exportable(facts, rules);
                if matches!(before, Decision::Withheld(_)) {
                    continue;
                }
                facts.is_merged_with_withheld |= is_any_withheld;
                facts.has_type_1 |= is_any_partial;
                has_changed |= exportable(facts, rules) != before;
            }
        }
        if !has_changed {
            return;
        }
    }
}

fn group_of(review: &Review, persons: &Persons) -> Vec<PersonKey> {
    let question = &review.question;
    let patients = std::iter::once(&question.patient_id).chain(&question.other_patient_id);
    patients.flat_map(|id| persons.of_patient(id)).copied().chain(question.person).collect()
}
