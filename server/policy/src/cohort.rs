//! The persons whom one export may hold, decided before a line of it is written.

use crate::export::{Decision, ExportFacts, ExportRules, WithheldRule, exportable};
use crate::facts::{Facts, PersonKey};
use std::collections::BTreeMap;

/// Persons who passed the export rules. Made only by [`Cohort::decide`].
#[derive(Debug, Clone, Default)]
pub struct Cohort {
    whole: Vec<PersonKey>,
    without_general_practice: Vec<PersonKey>,
}

/// How many persons were withheld, by rule: the controller's evidence, never for the analyst.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Withheld {
    /// Persons withheld wholly.
    pub by_rule: BTreeMap<WithheldRule, u64>,
    /// Persons released without the data that came from general practice.
    pub without_general_practice: u64,
}

impl Cohort {
    /// Applies the rules to each person.
    pub fn decide(
        people: impl IntoIterator<Item = (PersonKey, ExportFacts)>,
        rules: &ExportRules,
    ) -> (Cohort, Withheld) {
        let mut cohort = Cohort::default();
        let mut withheld = Withheld::default();
        for (person, facts) in people {
            match exportable(&facts, rules) {
                Decision::Release => cohort.whole.push(person),
                Decision::ReleaseWithoutGeneralPractice => {
                    cohort.without_general_practice.push(person);
                    withheld.without_general_practice += 1;
                }
                Decision::Withheld(rule) => *withheld.by_rule.entry(rule).or_default() += 1,
            }
        }
        cohort.whole.sort_unstable();
        cohort.without_general_practice.sort_unstable();
        (cohort, withheld)
    }

    /// Returns the persons, in order.
    pub fn persons(&self) -> Vec<PersonKey> {
        let mut all = [self.whole.as_slice(), self.without_general_practice.as_slice()].concat();
        all.sort_unstable();
        all
    }

    /// Says whether nobody may be released.
    pub fn is_empty(&self) -> bool {
        self.whole.is_empty() && self.without_general_practice.is_empty()
    }

    /// Says whether every person of a resource is in the cohort, for data from its source.
    pub fn covers(&self, facts: &Facts) -> bool {
        let is_general_practice = facts.source.is_general_practice();
        facts.persons.iter().all(|person| {
            self.whole.binary_search(person).is_ok()
                || (!is_general_practice && self.without_general_practice.binary_search(person).is_ok())
        })
    }
}
