//! Phase two of a validation over REST: what the validator asks is found out, then it judges. What of codes is told does not depend on who
//! asks; what of targets of references does, so that a refusal tells nobody of what is hidden from them.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use fhir::{Issue, Json, Reference, path_below};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use policy::Interaction;
use profiles::{AnsweredFacts, Options, Question, Strictness, Validated, Validator, Verdict};
use store::StoreError;
use terminology::Told;
use tokio::sync::Mutex;

use crate::access;
use crate::failure::{Failure, Reason};
use crate::perform::Context;
use crate::request::Caller;
use crate::weir::Weir;

/// An answer may lead to further questions, as of a slice that a code belongs to.
const ROUNDS_MAX: usize = 3;
/// Targets that are read at a time.
const READ_AT_ONCE: usize = 8;

/// Who answers the questions of one request.
pub(crate) struct Answers<'c> {
    pub weir: &'c Weir,
    caller: &'c Caller,
    /// `Type/id` of what the same transaction writes, and whether it is there afterwards.
    coming: HashMap<String, bool>,
    /// What was found out so far, of all resources of the request.
    found: Mutex<Found>,
}

/// What was found out so far.
#[derive(Default)]
struct Found {
    facts: AnsweredFacts,
    asked: HashSet<Question>,
    /// How long the other terminology server was waited for.
    waited: Duration,
}

impl<'c> Answers<'c> {
    /// For a resource on its own, which may refer to itself.
    pub(crate) fn new(context: &Context<'c>) -> Answers<'c> {
        let request = context.request;
        let own = request.id.as_ref().filter(|_| request.interaction.is_write());
        let own = own.map(|id| (format!("{}/{id}", request.type_str()), true));
        Answers::with(context, own.into_iter().collect())
    }

    /// For a resource of a transaction.
    pub(crate) fn with(context: &Context<'c>, coming: HashMap<String, bool>) -> Answers<'c> {
        Answers { weir: context.weir, caller: context.caller, coming, found: Mutex::default() }
    }

    /// Validates as configuration says, but for the strictness; errors make it a 422.
    pub(crate) async fn validated(&self, json: Json, strictness: Strictness) -> Result<Validated, Failure> {
        let mut options = Options { strictness, ..self.options() };
        let validator = self.weir.validator();
        let (mut json, mut found, mut round) = (json, self.found.lock().await, 0);
        let verdict = loop {
            match validator.validate(json, &options, &found.facts) {
                Verdict::Needs { resource, issues, questions } => {
                    if !self.find_out(questions, &mut found).await? {
                        break Validator::judge(resource, issues, &options);
                    }
                    round += 1;
                    options.asks = round < ROUNDS_MAX;
                    json = resource;
                }
                verdict => break verdict,
            }
        };
        match verdict {
            Verdict::Validated(validated) => Ok(validated),
            Verdict::Refused(issues) => Err(Failure::with_issues(Reason::Unprocessable, issues)),
            Verdict::Needs { .. } => Err(Failure::internal()),
        }
    }

    /// Lists what is wrong with a resource.
    pub(crate) async fn issues(&self, json: &Json, mut options: Options) -> Result<Vec<Issue>, Failure> {
        let validator = self.weir.validator();
        let (mut found, mut round) = (self.found.lock().await, 0);
        loop {
            let assessment = validator.assess(json, &options, &found.facts);
            let questions = assessment.questions;
            if questions.is_empty() || !self.find_out(questions, &mut found).await? {
                return Ok(assessment.issues);
            }
            round += 1;
            options.asks = round < ROUNDS_MAX;
        }
    }

    /// Finds out what another terminology server must tell of resources that come together, at once: one after the other they would wait
    /// for each other's answers.
    pub(crate) async fn prepare(&self, resources: impl Iterator<Item = Json>) -> Result<(), Failure> {
        if !self.weir.terminologies.asks_elsewhere() {
            return Ok(());
        }
        let (validator, options) = (self.weir.validator(), Options { missing_target: None, ..self.options() });
        let mut found = self.found.lock().await;
        let assess = |json| validator.assess(&json, &options, &found.facts).questions;
        let questions: Vec<Question> = resources.flat_map(assess).collect();
        self.find_out(questions, &mut found).await?;
        Ok(())
    }

    /// What every validation over REST looks at.
    pub(crate) fn options(&self) -> Options {
        let settings = &self.weir.settings;
        let missing_target = settings.missing_target;
        Options {
            uk_core: settings.is_uk_core_required,
            missing_target,
            asks: missing_target.is_some() || self.weir.terminologies.can_tell(),
            now: Some(self.weir.now()),
            ..Options::default()
        }
    }

    /// Finds out what was not asked before; false when that told nothing, so that the issues stand.
    async fn find_out(&self, questions: Vec<Question>, found: &mut Found) -> Result<bool, Failure> {
        let fresh: Vec<Question> = questions.into_iter().filter(|one| found.asked.insert(one.clone())).collect();
        let (references, codes): (Vec<_>, Vec<_>) =
            fresh.into_iter().partition(|one| matches!(one, Question::ReferenceExists { .. }));
        let mut told = self.targets(references).await?;
        if !codes.is_empty() {
            let started = tokio::time::Instant::now();
            told.extend(self.weir.terminologies.tell(codes, found.waited).await);
            found.waited += started.elapsed();
        }
        let is_told = !told.is_empty();
        found.facts.extend(told);
        Ok(is_told)
    }

    async fn targets(&self, questions: Vec<Question>) -> Result<AnsweredFacts, Failure> {
        let told = stream::iter(questions.into_iter().map(|question| async move {
            let Question::ReferenceExists { reference } = &question else { return Ok(None) };
            let exists = self.exists(reference).await?;
            let told = exists.map(|exists| if exists { Told::Yes { displays: Vec::new() } } else { Told::No });
            Ok::<_, Failure>(told.map(|told| (question, told)))
        }));
        let told: Vec<_> = told.buffer_unordered(READ_AT_ONCE).try_collect().await?;
        Ok(told.into_iter().flatten().collect())
    }

    /// Whether the caller would find the target. What is hidden from them is as if it were not there; whoever may not read the type at all is
    /// told nothing, so that nothing is told of it.
    async fn exists(&self, reference: &str) -> Result<Option<bool>, Failure> {
        let relative = path_below(&self.weir.settings.base_url, reference).unwrap_or(reference);
        let Reference::Relative { type_name, id, .. } = Reference::parse(relative) else { return Ok(None) };
        if let Some(is_there) = self.coming.get(&format!("{type_name}/{id}")) {
            return Ok(Some(*is_there));
        }
        let Ok(grant) = access::also(self.caller, Interaction::Read, &type_name) else { return Ok(None) };
        match self.weir.store.read(&grant, &type_name, &id).await {
            Ok(Some(version)) => Ok(Some(!version.facts().deleted && policy::release(&grant, version).is_ok())),
            Ok(None) | Err(StoreError::Denied(_)) => Ok(Some(false)),
            Err(error) => Err(error.into()),
        }
    }
}
