//! Parts of a message that are in quarantine while the rest of it is stored: an entry of a record, a row of a file.

use crate::error::StoreError;
use crate::messages::MessageKey;
use crate::open::Store;
use crate::sql::{Column, Session, SqlRow, Statement, Table};

/// A part of a message that is not stored. The bytes are those of the message, which is run again as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantinedUnit {
    /// Which part, as its source counts: `line-7`, `<bundle>#3`.
    pub unit: String,
    /// Why: a stable code.
    pub code: String,
    /// Its issues as JSON, without patient data.
    pub issues: String,
}

static MESSAGE_UNIT: Table = Table {
    name: "message_unit",
    columns: &[("message_key", Column::I64), ("unit", Column::Text), ("code", Column::Text), ("issues", Column::Text)],
};

/// Puts the parts that are refused now in the place of those that were refused before.
pub(crate) fn replace(session: &mut dyn Session, key: MessageKey, units: &[QuarantinedUnit]) -> Result<(), StoreError> {
    session.execute(&Statement::new("DELETE FROM message_unit WHERE message_key = $1", vec![key.0.into()]))?;
    let row = |one: &QuarantinedUnit| vec![key.0.into(), (&one.unit).into(), (&one.code).into(), (&one.issues).into()];
    session.insert(&MESSAGE_UNIT, units.iter().map(row).collect())
}

impl Store {
    /// The parts of stored messages that are in quarantine, by message; of one message or of all.
    pub async fn quarantined_units(
        &self,
        message: Option<MessageKey>,
    ) -> Result<Vec<(MessageKey, QuarantinedUnit)>, StoreError> {
        const COLUMNS: &str = "SELECT message_key, unit, code, issues FROM message_unit";
        let statement = match message {
            Some(key) => Statement::new(format!("{COLUMNS} WHERE message_key = $1 ORDER BY unit"), vec![key.0.into()]),
            None => Statement::new(format!("{COLUMNS} ORDER BY message_key, unit"), Vec::new()),
        };
        self.query(statement).await?.iter().map(unit_of).collect()
    }
}

fn unit_of(row: &SqlRow) -> Result<(MessageKey, QuarantinedUnit), StoreError> {
    let text = |n| row.text(n).map(str::to_owned);
    Ok((MessageKey(row.i64(0)?), QuarantinedUnit { unit: text(1)?, code: text(2)?, issues: text(3)? }))
}
