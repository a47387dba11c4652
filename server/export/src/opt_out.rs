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

    /// Records that these numbers are asked about. The same file again is the same question: the id is the hash of its text.
    pub async fn record_opt_out_request(&self, id: &str, numbers: &[NhsNumber]) -> Result<(), ExportError> {
        let register = self.register().await?;
        Ok(register.record_request(id, numbers, self.now()).await?)
    }

    /// Records the numbers that came back, and gives the request back as answered.
    pub async fn record_opt_out_answer(&self, id: &str, returned: &[NhsNumber]) -> Result<OptOutRequest, ExportError> {
        Ok(self.register().await?.record_answer(id, returned, self.now()).await?)
    }

    pub(crate) async fn register(&self) -> Result<OptOutRegister, ExportError> {
        let options = &self.options;
        let key = options.store.control().key_or_insert(REGISTER_KEY, &(options.random)(), self.now()).await?;
        Ok(options.store.opt_out_register(key))
    }
}
