//! The national data opt-out: the numbers to ask about, and what was asked and answered.

use fhir::NhsNumber;
use policy::{Grant, Task};
use store::{OptOutRegister, OptOutRequest};

use crate::persons::{each_patient_version, numbers_of};
use crate::{Export, ExportError};

/// The key of the register, in the control data.
const REGISTER_KEY: &str = "opt-out-register";

impl Export {
    /// The valid numbers that anybody here has or ever had, in order: what a release must ask about.
    pub async fn nhs_numbers(&self) -> Result<Vec<NhsNumber>, ExportError> {
        let grant = Grant::for_system(Task::OptOut, &self.options.token);
        let mut numbers = std::collections::BTreeSet::new();
        each_patient_version(&self.options.store, &grant, |version| {
            let found = numbers_of(version, &grant)?;
            numbers.extend(found.iter().filter_map(|text| NhsNumber::parse(text).ok()));
            Ok(())
        })
        .await?;
        Ok(numbers.into_iter().collect())
    }

    /// Records that these numbers are asked about. The id is the hash of the file's text: the same file again, while it waits for
    /// its answer, is the same question.
    pub async fn record_opt_out_request(&self, id: &str, numbers: &[NhsNumber]) -> Result<(), ExportError> {
        if self.open_request(id).await?.is_some() {
            return Ok(());
        }
        let now = self.now();
        let is_known = !self.requests(id).await?.is_empty();
        // The same people again give the same text: the next question about them needs an id of its own.
        let id = if is_known { format!("{id}.{}", now.0) } else { id.to_owned() };
        Ok(self.register().await?.record_request(&id, numbers, now).await?)
    }

    /// Records the numbers that came back, and gives the request back as answered.
    pub async fn record_opt_out_answer(&self, id: &str, returned: &[NhsNumber]) -> Result<OptOutRequest, ExportError> {
        let open = self.open_request(id).await?.unwrap_or_else(|| id.to_owned());
        Ok(self.register().await?.record_answer(&open, returned, self.now()).await?)
    }

    /// The oldest question of that text that waits for an answer and is not too old for one: an answer must not seem fresher
    /// than it is.
    async fn open_request(&self, id: &str) -> Result<Option<String>, ExportError> {
        let rules = self.rules();
        let oldest = rules.now.0.saturating_sub(rules.answer_age_max_ms);
        let requests = self.requests(id).await?;
        let is_open = |request: &&OptOutRequest| request.answered_at.is_none() && request.asked_at.0 >= oldest;
        Ok(requests.iter().rev().find(is_open).map(|request| request.id.clone()))
    }

    /// All questions of that text, the newest first.
    async fn requests(&self, id: &str) -> Result<Vec<OptOutRequest>, ExportError> {
        let is_of = |found: &OptOutRequest| found.id.split('.').next() == Some(id);
        Ok(self.options.store.opt_out_requests().await?.into_iter().filter(is_of).collect())
    }

    pub(crate) async fn register(&self) -> Result<OptOutRegister, ExportError> {
        let options = &self.options;
        let key = options.store.control().key_or_insert(REGISTER_KEY, &(options.random)(), self.now()).await?;
        Ok(options.store.opt_out_register(key))
    }
}
