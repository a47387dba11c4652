//! The controller's evidence of what jobs disclosed; it outlives the jobs.

use fhir::Instant;

use crate::error::StoreError;
use crate::open::Store;
use crate::sql::{SqlRow, Statement};

/// What a job disclosed and withheld, for the controller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The job.
    pub job_id: String,
    /// What kind of work it was.
    pub kind: String,
    /// The client that asked.
    pub client_id: String,
    /// When it ended.
    pub recorded: Instant,
    /// Counts by rule, the age of the answer and what else the worker gave, as JSON.
    pub evidence: String,
}

const COLUMNS: &str = "SELECT job_id, kind, client_id, recorded, evidence FROM job_evidence";

impl Store {
    /// The evidence of a job, deleted or not.
    pub async fn evidence(&self, job_id: &str) -> Result<Option<Evidence>, StoreError> {
        let statement = Statement::new(format!("{COLUMNS} WHERE job_id = $1"), vec![job_id.into()]);
        self.query(statement).await?.first().map(evidence_of).transpose()
    }

    /// All evidence recorded since a moment, the oldest first.
    pub async fn evidence_since(&self, since: Instant) -> Result<Vec<Evidence>, StoreError> {
        let sql = format!("{COLUMNS} WHERE recorded >= $1 ORDER BY recorded, job_id");
        self.query(Statement::new(sql, vec![since.into()])).await?.iter().map(evidence_of).collect()
    }
}

fn evidence_of(row: &SqlRow) -> Result<Evidence, StoreError> {
    Ok(Evidence {
        job_id: row.text(0)?.to_owned(),
        kind: row.text(1)?.to_owned(),
        client_id: row.text(2)?.to_owned(),
        recorded: Instant(row.i64(3)?),
        evidence: row.text(4)?.to_owned(),
    })
}
