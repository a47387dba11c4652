//! The validator: what others call.

use std::collections::HashMap;
use std::sync::Arc;

use definitions::Definitions;
use fhir::{Issue, Json, Node, Severity};
use terminology::Terminology;

use crate::base_rules::BaseRules;
use crate::base_walk::Role;
use crate::differential::without_version;
use crate::options::{AnsweredFacts, Assessment, Options, Strictness, Verdict};
use crate::path::Path;
use crate::profile_table::ProfileTable;
use crate::rule::ProfileRules;
use crate::surroundings::Surroundings;
use crate::validated::Validated;
use crate::walk::Walk;

/// Holds resources against base R4 and profiles; each profile is compiled when it is first met.
#[derive(Debug)]
pub struct Validator {
    definitions: Arc<Definitions>,
    terminology: Arc<Terminology>,
    pub(crate) base: BaseRules,
    profiles: ProfileTable,
    /// Questionnaires, Measures and other resources that resources are held against, by canonical url.
    resources: HashMap<String, Json>,
}

impl Validator {
    /// Makes a validator over a table of definitions, UK Core and other packages laid over it.
    #[must_use]
    pub fn new(definitions: Arc<Definitions>) -> Self {
        let terminology = Arc::new(Terminology::new(Arc::clone(&definitions)));
        let base = BaseRules::new(&definitions);
        let profiles = ProfileTable::new(&definitions);
        Self { definitions, terminology, base, profiles, resources: HashMap::new() }
    }

    /// Adds resources that others are held against: Questionnaires, Measures, whatever has a canonical url.
    #[must_use]
    pub fn with_resources(mut self, resources: impl IntoIterator<Item = Json>) -> Self {
        for resource in resources {
            if let Some(url) = resource.root().str("url").map(|url| url.into_owned()) {
                self.resources.insert(url, resource);
            }
        }
        self
    }

    /// Gives a resource that others are held against, by its canonical url with or without `|version`.
    pub(crate) fn resource(&self, url: &str) -> Option<Node<'_>> {
        self.resources.get(without_version(url)).map(Json::root)
    }

    /// Gives the definitions that it validates against.
    #[must_use]
    pub fn definitions(&self) -> &Arc<Definitions> {
        &self.definitions
    }

    /// Gives the terminology that it asks.
    #[must_use]
    pub fn terminology(&self) -> &Arc<Terminology> {
        &self.terminology
    }

    /// Gives the url of the UK Core profile of a type.
    #[must_use]
    pub fn uk_core_profile_of(&self, type_name: &str) -> Option<&str> {
        self.profiles.uk_core_url_of(type_name)
    }

    pub(crate) fn uk_core_rules_of(&self, type_name: &str) -> Option<&ProfileRules> {
        self.profile(self.uk_core_profile_of(type_name)?)
    }

    /// Gives the rules of a profile by its url, with or without `|version`.
    pub(crate) fn profile(&self, url: &str) -> Option<&ProfileRules> {
        self.profiles.get(url, &self.definitions)
    }

    /// Assesses a resource that somebody wants stored.
    #[must_use]
    pub fn validate(&self, resource: Json, options: &Options, facts: &AnsweredFacts) -> Verdict {
        if options.strictness == Strictness::Off && self.is_resource(&resource) {
            return Verdict::Validated(Validated::new(resource, Vec::new()));
        }
        let Assessment { issues, questions } = self.assess(&resource, options, facts);
        if questions.is_empty() {
            return Self::judge(resource, issues, options);
        }
        Verdict::Needs { resource, issues, questions }
    }

    /// Judges by the issues alone: of a resource that was handed back with questions that nobody answers.
    #[must_use]
    pub fn judge(resource: Json, issues: Vec<Issue>, options: &Options) -> Verdict {
        let is_fatal = issues.iter().any(|issue| issue.severity == Severity::Fatal);
        let is_refused = options.strictness == Strictness::Reject && issues.iter().any(Issue::is_error);
        if is_fatal || is_refused {
            return Verdict::Refused(issues);
        }
        Verdict::Validated(Validated::new(resource, issues))
    }

    /// Lists what is wrong with a resource: for `$validate` and the command line.
    #[must_use]
    pub fn issues(&self, resource: &Json, options: &Options) -> Vec<Issue> {
        self.assess(resource, options, &AnsweredFacts::new()).issues
    }

    /// Lists what is wrong with a resource by what is known, and what would tell more.
    #[must_use]
    pub fn assess(&self, resource: &Json, options: &Options, facts: &AnsweredFacts) -> Assessment {
        let root = resource.root();
        let type_name = root.str("resourceType");
        let is_type = self.is_resource(resource);
        let path = Path::root(type_name.as_deref().filter(|_| is_type).unwrap_or("Resource"));
        let around = Surroundings::new(self, options, facts, root);
        let mut walk = Walk::new(&around, root);
        walk.resource(root, &path, Role::Own, &options.profiles);
        let mut issues = walk.finish();
        if !is_type {
            issues.iter_mut().for_each(|issue| issue.severity = Severity::Fatal);
        }
        Assessment { issues, questions: around.asking.into_questions() }
    }

    /// Says whether resources of a type define something that others name by a canonical url.
    pub(crate) fn is_canonical_type(&self, type_name: &str) -> bool {
        self.definitions.type_named(type_name).is_some_and(|found| {
            found.child("url").is_some_and(|url| url.has_type("uri")) && found.child("experimental").is_some()
        })
    }

    /// Whether it is of a type that R4 has.
    fn is_resource(&self, resource: &Json) -> bool {
        resource.resource_type().is_some_and(|name| self.definitions.is_resource_type(name))
    }
}
