//! How much there is, from kept counts and small tables: for the controller, never for a caller of the API.

use std::collections::BTreeMap;

use crate::error::StoreError;
use crate::open::Store;
use crate::sql::Statement;

impl Store {
    /// Current resources by type.
    pub async fn counts_by_type(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        let sql = "SELECT type, live FROM resource_count WHERE live > 0";
        let rows = self.query(Statement::new(sql, Vec::new())).await?;
        rows.iter().map(|row| Ok((row.text(0)?.to_owned(), u64::try_from(row.i64(1)?).unwrap_or_default()))).collect()
    }

    /// Persons to whom a Patient points.
    pub async fn person_count(&self) -> Result<u64, StoreError> {
        let rows = self.query(Statement::new("SELECT COUNT(DISTINCT person_key) FROM patient", Vec::new())).await?;
        rows.first().map_or(Ok(0), |row| Ok(u64::try_from(row.i64(0)?).unwrap_or_default()))
    }
}
