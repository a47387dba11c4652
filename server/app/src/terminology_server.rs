//! The terminology server of the configuration, asked by `weir validate`.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Result, ensure};
use fhir::Issue;
use profiles::{AnsweredFacts, Options, Question, Validator};
use rest::{RemoteOptions, RemoteTerminology};
use terminology::{Added, Embedded};

use crate::cli::StoreArgs;
use crate::wiring::{now, remote_options};

/// An answer may lead to further questions, as of a slice that a code belongs to.
const ROUNDS_MAX: usize = 3;
/// How long one file may wait at the least: nobody's write waits behind it.
const PATIENCE_MS: u64 = 30_000;

/// Who is asked.
pub(crate) struct Asking {
    remote: RemoteTerminology,
}

impl Asking {
    /// Takes the server of the settings.
    pub(crate) fn new(store: &StoreArgs) -> Result<Asking> {
        let options = remote_options(&crate::command::config(store)?);
        ensure!(!options.base_url.is_empty(), "no terminology server is configured: set terminology.server_url");
        let validation_timeout_ms = options.validation_timeout_ms.max(PATIENCE_MS);
        Ok(Asking { remote: RemoteTerminology::new(RemoteOptions { validation_timeout_ms, ..options })? })
    }

    /// Lists what is wrong with a text, with what the server tells of its codes.
    pub(crate) async fn issues(&self, validator: &Validator, bytes: &[u8], options: &Options) -> Vec<Issue> {
        let embedded = Embedded::new(Arc::clone(validator.definitions()), Added::default());
        let began = Instant::now();
        let (mut facts, mut options, mut round) = (AnsweredFacts::new(), options.clone(), 0);
        loop {
            let assessment = validator.assess_text(bytes, &options, &facts);
            let codes = assessment.questions.into_iter().filter_map(|question| match question {
                Question::Code(code) => Some(code),
                Question::ReferenceExists { .. } => None,
            });
            let told = self.remote.tell(codes.collect(), &embedded, began.elapsed(), now()).await;
            if told.is_empty() {
                return assessment.issues;
            }
            facts.extend(told);
            round += 1;
            options.asks = round < ROUNDS_MAX;
        }
    }
}
