//! Index rows of what is in force no more: removed a few at a time, so that writes go on meanwhile.

use std::collections::HashSet;

use crate::error::StoreError;
use crate::index_row::TABLES;
use crate::open::Store;
use crate::sql::{Session, Statement};
use crate::transaction::Transaction;

/// Rows removed in one transaction.
const CHUNK: i64 = 2_000;

/// Numbers of index tables whose rows are being removed.
pub(crate) fn all(session: &mut dyn Session) -> Result<HashSet<i64>, StoreError> {
    session
        .query(&Statement::new("SELECT param FROM retired_param", Vec::new()))?
        .iter()
        .map(|row| row.i64(0))
        .collect()
}

/// Has the rows of a number removed from now on.
pub(crate) fn add(session: &mut dyn Session, key: i64) -> Result<(), StoreError> {
    let sql = "INSERT INTO retired_param (param, is_cleared) VALUES ($1, 0) \
               ON CONFLICT (param) DO UPDATE SET is_cleared = 0";
    session.execute(&Statement::new(sql, vec![key.into()])).map(|_| ())
}

impl Store {
    /// Removes some index rows of search parameters that were taken out or changed. Says whether there may be more.
    pub async fn clear_retired_parameters(&self) -> Result<bool, StoreError> {
        let sql = "SELECT param FROM retired_param LIMIT 1";
        if self.query(Statement::new(sql, Vec::new())).await?.is_empty() {
            return Ok(false);
        }
        let is_left = self.inner.writer.submit(clear).await?;
        self.refresh_parameters().await?;
        Ok(is_left)
    }
}

/// The numbers stay listed until the last of them is clear: then, in one step, what waited for them is in force.
fn clear(transaction: &mut Transaction<'_>) -> Result<bool, StoreError> {
    transaction.flush()?;
    transaction.direct();
    let session = &mut *transaction.session;
    let sql = "SELECT param FROM retired_param WHERE is_cleared = 0 ORDER BY param LIMIT 1";
    let Some(param) = session.query(&Statement::new(sql, Vec::new()))?.first().map(|row| row.i64(0)).transpose()?
    else {
        if session.execute(&Statement::new("DELETE FROM retired_param", Vec::new()))? > 0 {
            transaction.numbers.parameter_generation += 1;
        }
        return Ok(false);
    };
    let mut removed = 0;
    for table in &TABLES {
        let columns: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
        let (columns, name) = (columns.join(", "), table.name);
        let sql = format!(
            "DELETE FROM {name} WHERE ({columns}) IN (SELECT {columns} FROM {name} WHERE param = $1 LIMIT {CHUNK})"
        );
        removed += session.execute(&Statement::new(sql, vec![param.into()]))?;
    }
    if removed == 0 {
        let sql = "UPDATE retired_param SET is_cleared = 1 WHERE param = $1";
        session.execute(&Statement::new(sql, vec![param.into()]))?;
    }
    Ok(true)
}
