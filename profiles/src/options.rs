//! What a caller asks of a validation, and what it may be asked in turn.

use std::collections::HashMap;

use fhir::{Instant, Issue, Json, Severity};
use terminology::{CodeQuestion, Told};

use crate::validated::Validated;

/// What happens to a resource with errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strictness {
    /// It is refused.
    #[default]
    Reject,
    /// It is taken, and its issues are kept with it.
    Warn,
    /// It is not looked at, but for its type: for imports of what was validated elsewhere, and to measure what validation costs.
    Off,
}

/// How a resource is to be validated; the profiles that it claims in `meta.profile` are looked at in any case.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Further profiles to hold it against, each with or without `|version`.
    pub profiles: Vec<String>,
    /// Whether the UK Core profile of its type applies though it is not claimed.
    pub uk_core: bool,
    /// What happens to a resource with errors.
    pub strictness: Strictness,
    /// Whether all that the reference validator has as an error is one: docs/adr/0004 lists what is meant. Without it those are notes and
    /// warnings, since refusing a record over one would withhold data that care needs.
    pub exacting: bool,
    /// Whether best-practice advice is given.
    pub advice: bool,
    /// Whether elements that a profile marks as must-support are reported where they are missing.
    pub must_support: bool,
    /// Whether urls at the hosts that standards keep for examples are errors: a record of somebody has none.
    pub refuses_example_urls: bool,
    /// Whether a JSON text may hold comments, `// to the end of the line` and `/* between */`, as people write into examples.
    pub allows_comments: bool,
    /// Whether contained resources are passed over, but for being there when references name them.
    pub skips_contained: bool,
    /// The clock of rules that ask for it, as a date of birth that may not lie in the future; without one they say nothing.
    pub now: Option<Instant>,
    /// Where extensions begin that may be unknown, as `https://fhir.nhs.uk/StructureDefinition`.
    pub extension_domains: Vec<String>,
    /// Whether what cannot be told from the definitions at hand comes back as questions; without it, it is not checked.
    pub asks: bool,
    /// How bad a reference is whose target does not exist; `None`: nobody asks. Needs `asks`.
    pub missing_target: Option<Severity>,
}

impl Options {
    /// Base R4 and UK Core, errors refuse: what REST writes get.
    #[must_use]
    pub fn uk_core() -> Self {
        Self { uk_core: true, ..Self::default() }
    }
}

/// Something that only the outside world can answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Question {
    /// Whether the target of a reference to a resource of a server exists.
    ReferenceExists {
        /// The reference as it was written.
        reference: String,
    },
    /// Something about a code that cannot be told from the definitions at hand.
    Code(CodeQuestion),
}

/// The answers so far; a question without an entry was not put to anybody.
pub type AnsweredFacts = HashMap<Question, Told>;

/// What is wrong with a resource as far as it is known, and what would tell more.
#[derive(Debug)]
pub struct Assessment {
    /// What is wrong; what is asked for is not checked.
    pub issues: Vec<Issue>,
    /// What is to be found out, each question once.
    pub questions: Vec<Question>,
}

/// What became of a resource.
#[derive(Debug)]
pub enum Verdict {
    /// It may be stored.
    Validated(Validated),
    /// It may not, for these reasons.
    Refused(Vec<Issue>),
    /// The caller has to answer first, then validate the resource again.
    Needs {
        /// The resource, handed back.
        resource: Json,
        /// What is wrong with it if nothing is found out.
        issues: Vec<Issue>,
        /// What is to be found out.
        questions: Vec<Question>,
    },
}
