//! The rows of search parameters that came at run time.

use definitions::{Definitions, SearchParameterDef};
use serde::de::DeserializeOwned;

use crate::error::StoreError;
use crate::index_row::param_key;
use crate::sql::{Session, SqlRow, Statement};

/// A search parameter that came as a resource.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Listed {
    /// What it finds where.
    pub(crate) definition: SearchParameterDef,
    /// Logical id of its SearchParameter resource.
    pub(crate) id: String,
    /// Generation with which it came into force: it stands for this meaning of its url.
    pub(crate) registered: i64,
    /// Types of which earlier resources have no rows of it.
    pub(crate) unindexed: Vec<String>,
}

impl Listed {
    /// All of them, in the order in which they came.
    pub(crate) fn all(session: &mut dyn Session) -> Result<Vec<Listed>, StoreError> {
        let sql = "SELECT definition, id, registered, unindexed FROM search_parameter ORDER BY registered, url";
        session.query(&Statement::new(sql, Vec::new()))?.iter().map(listed).collect()
    }

    /// Writes the row.
    pub(crate) fn insert(&self, session: &mut dyn Session) -> Result<(), StoreError> {
        let sql =
            "INSERT INTO search_parameter (url, id, definition, registered, unindexed) VALUES ($1, $2, $3, $4, $5)";
        let values = vec![
            (&self.definition.url).into(),
            (&self.id).into(),
            json(&self.definition)?.into(),
            self.registered.into(),
            json(&self.unindexed)?.into(),
        ];
        session.execute(&Statement::new(sql, values)).map(|_| ())
    }

    /// Says that the resources of some types have their rows; nothing when it means something else by now.
    pub(crate) fn set_indexed(&self, session: &mut dyn Session, types: &[String]) -> Result<bool, StoreError> {
        let left: Vec<&String> = self.unindexed.iter().filter(|name| !types.contains(name)).collect();
        let sql = "UPDATE search_parameter SET unindexed = $1 WHERE url = $2 AND registered = $3";
        let values = vec![json(&left)?.into(), (&self.definition.url).into(), self.registered.into()];
        Ok(session.execute(&Statement::new(sql, values))? > 0)
    }

    /// Takes the row away.
    pub(crate) fn delete(&self, session: &mut dyn Session) -> Result<(), StoreError> {
        let sql = "DELETE FROM search_parameter WHERE url = $1";
        session.execute(&Statement::new(sql, vec![(&self.definition.url).into()])).map(|_| ())
    }

    /// The types that it is for.
    pub(crate) fn types<'d>(&self, definitions: &'d Definitions) -> impl Iterator<Item = &'d String> {
        let is_base = |name: &&String| self.definition.base.iter().any(|base| definitions.is_subtype(name, base));
        definitions.resource_types().iter().filter(is_base)
    }

    /// The number under which its values of a type are indexed.
    pub(crate) fn key(&self, type_name: &str) -> i64 {
        param_key(type_name, search::param_id(&self.definition.url))
    }
}

fn listed(row: &SqlRow) -> Result<Listed, StoreError> {
    Ok(Listed {
        definition: parse(row.text(0)?)?,
        id: row.text(1)?.to_owned(),
        registered: row.i64(2)?,
        unindexed: parse(row.text(3)?)?,
    })
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Corrupt("a search parameter cannot be read".to_owned()))
}

fn json(value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Invalid(error.to_string()))
}
