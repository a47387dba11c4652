//! Whether a person may be in a secondary-use export. One table, in a fixed order: the first rule that applies gives its name.
//!
//! There is no list of opted-out people: an organisation asks about numbers and hears which are *not* opted out, so whoever is not in
//! a fresh answer is withheld. Merged records count together: every number and every restriction that a person ever had.

use crate::denied::Denied;
use crate::type_1::{Dissent, type_1_dissent};
use fhir::Instant;
use std::fmt;

/// What the register says about one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It was never asked about.
    NotAsked,
    /// The last answer that covers it does not hold it: opted out, unknown or superseded, which cannot be told apart.
    NotReturned,
    /// It was returned at this time, so is not opted out.
    Returned(Instant),
}

/// A number that the person has or ever had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NhsNumberHeld {
    /// Whether it passes the check digit; one that fails cannot be asked about.
    pub is_valid: bool,
    /// What the register says.
    pub answer: Answer,
}

/// What is known about a person for the decision.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExportFacts {
    /// Every number ever had, by every Patient that points at the person.
    pub nhs_numbers: Vec<NhsNumberHeld>,
    /// Type 1 statements of every Patient of the person.
    pub type_1: Vec<Dissent>,
    /// A restriction of class `type-1` holds: already decided when it was stored.
    pub has_type_1: bool,
    /// A restriction of class `sensitive` holds, or a label R or V on any Patient of the person.
    pub is_sensitive: bool,
    /// A restriction of class `consent-deny-secondary-use` holds.
    pub has_consent_deny: bool,
    /// The person was merged with, or is in review as the same as, somebody who is withheld.
    pub is_merged_with_withheld: bool,
    /// A test patient.
    pub is_test_patient: bool,
}

/// Whether the national data opt-out applies to an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NationalDataOptOut {
    /// It does: the default.
    Applies,
    /// It does not, by an exemption that the controller recorded.
    Exempt,
}

/// What a Type 1 objection takes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type1Effect {
    /// Everything of the person that came from general practice.
    GeneralPracticeData,
    /// The person.
    WholePerson,
}

/// The settings of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportRules {
    /// The time of the decision.
    pub now: Instant,
    /// How old an answer may be.
    pub answer_age_max_ms: i64,
    /// Whether the national data opt-out applies.
    pub national_data_opt_out: NationalDataOptOut,
    /// What a Type 1 objection takes out.
    pub type_1: Type1Effect,
    /// Whether test patients are left out.
    pub withholds_test_patients: bool,
}

impl ExportRules {
    /// Seven days: the longest that an answer may be kept and used.
    pub const ANSWER_AGE_MAX_MS: i64 = 7 * 24 * 60 * 60 * 1000;

    /// Makes the strict default at a time.
    pub fn at(now: Instant) -> ExportRules {
        ExportRules {
            now,
            answer_age_max_ms: ExportRules::ANSWER_AGE_MAX_MS,
            national_data_opt_out: NationalDataOptOut::Applies,
            type_1: Type1Effect::GeneralPracticeData,
            withholds_test_patients: false,
        }
    }

    fn is_fresh(&self, at: Instant) -> bool {
        let age_ms = self.now.0.saturating_sub(at.0);
        (0..=self.answer_age_max_ms).contains(&age_ms)
    }
}

/// Why a person was withheld; its text is stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum WithheldRule {
    /// A test patient.
    TestPatient,
    /// No number at all that could be asked about.
    NoValidNhsNumber,
    /// Some number that the person ever had is not in a fresh answer.
    NotInNationalDataOptOutAnswer,
    /// A Type 1 objection, where it takes out the whole person.
    Type1Dissent,
    /// A sensitive record.
    SensitiveRecord,
    /// A consent that denies secondary use.
    ConsentDeny,
    /// Merged with somebody who is withheld.
    MergedPersonWithheld,
}

impl WithheldRule {
    /// Every rule, in the order in which they are asked.
    pub const ALL: [WithheldRule; 7] = [
        WithheldRule::TestPatient,
        WithheldRule::NoValidNhsNumber,
        WithheldRule::NotInNationalDataOptOutAnswer,
        WithheldRule::Type1Dissent,
        WithheldRule::SensitiveRecord,
        WithheldRule::ConsentDeny,
        WithheldRule::MergedPersonWithheld,
    ];

    /// Returns the rule's stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            WithheldRule::TestPatient => "test-patient",
            WithheldRule::NoValidNhsNumber => "no-valid-nhs-number",
            WithheldRule::NotInNationalDataOptOutAnswer => "not-in-national-data-opt-out-answer",
            WithheldRule::Type1Dissent => "type-1-dissent",
            WithheldRule::SensitiveRecord => "sensitive-record",
            WithheldRule::ConsentDeny => "consent-deny",
            WithheldRule::MergedPersonWithheld => "merged-person-withheld",
        }
    }

    fn applies(self, facts: &ExportFacts, rules: &ExportRules) -> bool {
        let asks = rules.national_data_opt_out == NationalDataOptOut::Applies;
        match self {
            WithheldRule::TestPatient => rules.withholds_test_patients && facts.is_test_patient,
            WithheldRule::NoValidNhsNumber => asks && !facts.nhs_numbers.iter().any(|number| number.is_valid),
            WithheldRule::NotInNationalDataOptOutAnswer => {
                asks && !facts.nhs_numbers.iter().all(|number| is_cleared(number, rules))
            }
            WithheldRule::Type1Dissent => rules.type_1 == Type1Effect::WholePerson && has_type_1(facts, rules),
            WithheldRule::SensitiveRecord => facts.is_sensitive,
            WithheldRule::ConsentDeny => facts.has_consent_deny,
            WithheldRule::MergedPersonWithheld => facts.is_merged_with_withheld,
        }
    }
}

impl fmt::Display for WithheldRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What happens with a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The person is in the export.
    Release,
    /// The person is in the export without what came from general practice (rule `type-1-dissent`).
    ReleaseWithoutGeneralPractice,
    /// The person is not in the export.
    Withheld(WithheldRule),
}

/// Decides about one person.
pub fn exportable(facts: &ExportFacts, rules: &ExportRules) -> Decision {
    if let Some(rule) = WithheldRule::ALL.into_iter().find(|rule| rule.applies(facts, rules)) {
        return Decision::Withheld(rule);
    }
    if has_type_1(facts, rules) { Decision::ReleaseWithoutGeneralPractice } else { Decision::Release }
}

/// Refuses a whole export where the opt-out applies and there is no fresh answer.
pub fn refuse_stale_answer(last_answer: Option<Instant>, rules: &ExportRules) -> Result<(), Denied> {
    if rules.national_data_opt_out == NationalDataOptOut::Exempt {
        return Ok(());
    }
    match last_answer {
        Some(at) if rules.is_fresh(at) => Ok(()),
        Some(_) => Err(Denied::new(
            "opt-out-answer-stale",
            "the national data opt-out answer is too old: request and load a new one, then export again",
        )),
        None => Err(Denied::new(
            "opt-out-answer-missing",
            "there is no national data opt-out answer: request and load one, then export again",
        )),
    }
}

fn is_cleared(number: &NhsNumberHeld, rules: &ExportRules) -> bool {
    match number.answer {
        Answer::Returned(at) => number.is_valid && rules.is_fresh(at),
        Answer::NotAsked | Answer::NotReturned => false,
    }
}

fn has_type_1(facts: &ExportFacts, rules: &ExportRules) -> bool {
    facts.has_type_1 || type_1_dissent(&facts.type_1, rules.now)
}
