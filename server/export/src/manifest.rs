//! The manifest of a finished job. <https://hl7.org/fhir/uv/bulkdata/STU2/export.html#response---complete-status>
//!
//! It never says how many people were withheld: that would answer questions about one person.

use fhir::Instant;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Job, JobFile, StoreError};

use crate::request::JobRequest;

/// What a finished job keeps beside its files.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct JobResult {
    pub(crate) transaction_time_ms: i64,
    /// The folder of the attempt that finished, within that of the job.
    pub(crate) folder: String,
}

impl JobResult {
    /// Reads it from its job.
    pub(crate) fn of(job: &Job) -> Result<JobResult, StoreError> {
        let corrupt = || StoreError::Corrupt("the result of an export job".to_owned());
        serde_json::from_str(job.result.as_deref().unwrap_or_default()).map_err(|_| corrupt())
    }
}

/// The manifest as JSON.
pub(crate) fn manifest(job: &Job, files: &[JobFile], base_url: &str) -> Result<Value, StoreError> {
    let (request, result) = (JobRequest::of(job)?, JobResult::of(job)?);
    let list = |kind: &str| -> Vec<Value> {
        let of_kind = files.iter().filter(|file| file.kind == kind);
        let entry = |file: &JobFile| {
            let url = format!("{base_url}/$export/{}/{}", job.id, file.name);
            json!({"type": file.type_name, "url": url, "count": file.resources})
        };
        of_kind.map(entry).collect()
    };
    let mut manifest = json!({
        "transactionTime": Instant(result.transaction_time_ms).to_fhir(),
        "request": request.request_url,
        "requiresAccessToken": true,
        "output": list("output"),
    });
    if let Some(members) = manifest.as_object_mut() {
        if request.since_ms.is_some() {
            members.insert("deleted".to_owned(), list("deleted").into());
        }
        members.insert("error".to_owned(), Value::Array(Vec::new()));
    }
    Ok(manifest)
}
