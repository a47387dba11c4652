//! What cannot be told from the definitions at hand: asked of the caller, and answered by what it found out.

use std::cell::RefCell;
use std::collections::HashSet;

use terminology::{CodeQuestion, Membership, Told};

use crate::options::{AnsweredFacts, Options, Question};
use crate::surroundings::Surroundings;

/// More questions about one resource are more than anybody should answer; the rest stays not checked.
const QUESTIONS_MAX: usize = 2_000;

/// The answers at hand and the questions that are left.
pub(crate) struct Asking<'a> {
    facts: &'a AnsweredFacts,
    is_open: bool,
    questions: RefCell<HashSet<Question>>,
}

impl<'a> Asking<'a> {
    pub(crate) fn new(options: &Options, facts: &'a AnsweredFacts) -> Self {
        Self { facts, is_open: options.asks, questions: RefCell::default() }
    }

    /// Gives the questions that are left.
    pub(crate) fn into_questions(self) -> Vec<Question> {
        self.questions.into_inner().into_iter().collect()
    }

    /// Gives the answer, or notes the question.
    pub(crate) fn ask(&self, question: impl FnOnce() -> Question) -> Option<&'a Told> {
        if !self.is_open && self.facts.is_empty() {
            return None;
        }
        let question = question();
        let told = self.facts.get(&question);
        let mut questions = self.questions.borrow_mut();
        if told.is_none() && self.is_open && questions.len() < QUESTIONS_MAX {
            questions.insert(question);
        }
        told
    }

    /// Says whether somebody was asked about codes of a system or value set, and did not tell.
    pub(crate) fn is_unanswered(&self, missing: &str) -> bool {
        let is_about = |question: &Question| match question {
            Question::Code(CodeQuestion::InValueSet { value_set, system, .. }) => {
                value_set == missing || system.as_deref() == Some(missing)
            }
            Question::Code(CodeQuestion::InSystem { system, .. }) => system == missing,
            Question::ReferenceExists { .. } => false,
        };
        self.facts.iter().any(|(question, told)| *told == Told::Unknown && is_about(question))
    }

    /// Puts the answer in place of what cannot be told here.
    fn settled(&self, here: Membership, question: impl FnOnce() -> CodeQuestion) -> Membership {
        match self.ask(|| Question::Code(question())) {
            Some(Told::Yes { .. }) => Membership::Member,
            Some(Told::No) => Membership::NotMember,
            Some(Told::Unknown) | None => here,
        }
    }
}

impl Surroundings<'_> {
    /// Says whether a code is in a value set; without a system (an element of type `code`) the code alone decides.
    pub(crate) fn check(&self, value_set: &str, system: Option<&str>, code: &str) -> Membership {
        let here = self.validator.terminology().check(value_set, system, code);
        if !matches!(here, Membership::NotChecked { .. }) {
            return here;
        }
        self.asking.settled(here, || CodeQuestion::InValueSet {
            value_set: value_set.to_owned(),
            system: system.map(str::to_owned),
            code: code.to_owned(),
        })
    }

    /// Says whether a system has a code, apart from any value set.
    pub(crate) fn check_code(&self, system: &str, code: &str) -> Membership {
        let here = self.validator.terminology().check_code(system, code);
        if !matches!(here, Membership::NotChecked { .. }) {
            return here;
        }
        self.asking.settled(here, || in_system(system, code))
    }

    /// Gives the words that others told for a code which is not known here.
    pub(crate) fn told_displays(&self, system: &str, code: &str) -> &[String] {
        match self.asking.ask(|| Question::Code(in_system(system, code))) {
            Some(Told::Yes { displays }) => displays,
            _ => &[],
        }
    }
}

fn in_system(system: &str, code: &str) -> CodeQuestion {
    CodeQuestion::InSystem { system: system.to_owned(), code: code.to_owned() }
}
