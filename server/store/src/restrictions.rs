//! Reading the restrictions of a person. They are written with the resource that states them (`write.rs`).

use fhir::Instant;
use policy::{Period, PersonKey, Restriction};

use crate::error::StoreError;
use crate::open::Store;
use crate::sql::{SqlRow, Statement};

/// A restriction and the resource that states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatedRestriction {
    /// The restriction.
    pub restriction: Restriction,
    /// The type of the resource that states it.
    pub source_type: String,
    /// The logical id of that resource.
    pub source_id: String,
}

impl Store {
    /// The restrictions that hold, held or will hold for a person, by any of its patients.
    pub async fn restrictions_of_person(&self, person: PersonKey) -> Result<Vec<StatedRestriction>, StoreError> {
        let sql = "SELECT x.class, x.start_ms, x.end_ms, r.type, r.id FROM patient p \
                   JOIN restriction x ON x.patient_key = p.patient_key \
                   JOIN resource r ON r.res_key = x.source_res_key \
                   WHERE p.person_key = $1 ORDER BY x.restriction_key";
        self.query(Statement::new(sql, vec![person.0.into()])).await?.iter().map(stated).collect()
    }
}

fn stated(row: &SqlRow) -> Result<StatedRestriction, StoreError> {
    let unknown = |_| StoreError::Corrupt("the class of a restriction is not known".to_owned());
    Ok(StatedRestriction {
        restriction: Restriction {
            class: row.text(0)?.parse().map_err(unknown)?,
            period: Period { start: row.opt_i64(1)?.map(Instant), end: row.opt_i64(2)?.map(Instant) },
        },
        source_type: row.text(3)?.to_owned(),
        source_id: row.text(4)?.to_owned(),
    })
}
