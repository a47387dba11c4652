//! Lists of strings as JSON in a text column.

use crate::error::StoreError;

/// The JSON of a list.
pub(super) fn to_json(list: &[String]) -> String {
    serde_json::Value::from(list.to_vec()).to_string()
}

/// The list in a column.
pub(super) fn from_json(column: &str, json: &str) -> Result<Vec<String>, StoreError> {
    serde_json::from_str(json).map_err(|_| StoreError::Corrupt(format!("control column `{column}` is not a list")))
}
