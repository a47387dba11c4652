//! A SearchParameter that is written comes into force, changes or goes, in the transaction of its write.

use definitions::{SearchParameterDef, facts};
use fhir::Json;
use search::Registry;

use super::listed::Listed;
use super::retired;
use crate::batch::Written;
use crate::error::StoreError;
use crate::index_row::param_collision;
use crate::prepare::Prepared;
use crate::sql::Statement;
use crate::transaction::Transaction;

/// The resource type that defines search parameters.
pub(crate) const TYPE: &str = "SearchParameter";

/// Brings what the writes of SearchParameters say into force, or refuses them with the reason.
pub(crate) fn register(
    transaction: &mut Transaction<'_>,
    registry: &Registry,
    (ops, written): (&[Prepared], &[Written]),
) -> Result<(), StoreError> {
    for (op, done) in ops.iter().zip(written) {
        match op {
            // A conditional create that matched has written nothing.
            Prepared::Put(put) if put.resource.type_name() == TYPE && put.id == done.id => {
                let definition = active(put.resource.json())?;
                Change { id: &done.id, definition }.apply(transaction, registry)?;
            }
            Prepared::Delete(delete) if delete.type_name == TYPE => {
                Change { id: &delete.id, definition: None }.apply(transaction, registry)?;
            }
            Prepared::Put(_) | Prepared::Delete(_) => {}
        }
    }
    Ok(())
}

/// What an active SearchParameter defines.
fn active(json: &Json) -> Result<Option<SearchParameterDef>, StoreError> {
    if json.root().str("status").as_deref() != Some("active") {
        return Ok(None);
    }
    let definition = facts::search_parameter(&json.root().to_value());
    definition.map(Some).map_err(|reason| refused(&reason))
}

fn refused(reason: &str) -> StoreError {
    StoreError::Rule(format!("the search parameter cannot be used: {reason}"))
}

struct Change<'a> {
    id: &'a str,
    definition: Option<SearchParameterDef>,
}

impl Change<'_> {
    fn apply(self, transaction: &mut Transaction<'_>, registry: &Registry) -> Result<(), StoreError> {
        let mut listed = Listed::all(transaction.session)?;
        let former = listed.iter().position(|one| one.id == self.id).map(|place| listed.remove(place));
        if former.as_ref().map(|one| &one.definition) == self.definition.as_ref() {
            return Ok(());
        }
        let definitions = registry.definitions();
        let generation = transaction.numbers.parameter_generation + 1;
        if let Some(definition) = self.definition {
            if listed.iter().any(|one| one.definition.url == definition.url) {
                return Err(refused("another SearchParameter with its url is in force"));
            }
            let new = Listed { definition, id: self.id.to_owned(), registered: generation, unindexed: Vec::new() };
            listed.push(new);
        }
        check(&listed, registry)?;
        transaction.flush()?;
        transaction.direct();
        let session = &mut *transaction.session;
        if let Some(former) = former {
            former.delete(session)?;
            for type_name in former.types(definitions) {
                retired::add(session, former.key(type_name))?;
            }
        }
        if let Some(mut new) = listed.pop().filter(|one| one.registered == generation) {
            let retired = retired::all(session)?;
            let waits = new.types(definitions).any(|name| retired.contains(&new.key(name)));
            // Of a type without resources there is nothing to index; but what is written while it waits is not indexed.
            let sql = "SELECT type FROM resource_count WHERE live > 0";
            let rows = session.query(&Statement::new(sql, Vec::new()))?;
            let live = rows.iter().map(|row| row.text(0)).collect::<Result<Vec<_>, _>>()?;
            let types = new.types(definitions).filter(|name| waits || live.contains(&name.as_str()));
            new.unindexed = types.cloned().collect();
            new.insert(session)?;
        }
        transaction.numbers.parameter_generation = generation;
        Ok(())
    }
}

/// Refuses a list that cannot be in force as a whole.
fn check(listed: &[Listed], registry: &Registry) -> Result<(), StoreError> {
    let extra: Vec<_> = listed.iter().map(|one| one.definition.clone()).collect();
    let (next, wrong) = Registry::with(registry.definitions(), &extra);
    if let Some(first) = wrong.first() {
        let is_last = listed.last().is_some_and(|one| one.definition.url == first.url);
        return Err(match (is_last, listed.iter().find(|one| one.definition.url == first.url)) {
            (false, Some(other)) => refused(&format!("SearchParameter/{} needs it as it was", other.id)),
            _ => refused(&first.reason),
        });
    }
    for one in listed {
        for type_name in one.types(registry.definitions()) {
            let param = search::param_id(&one.definition.url);
            if let Some((other, code)) = param_collision(&next, type_name, param) {
                return Err(refused(&format!(
                    "the number that its url gives on {type_name} is taken by `{code}` of {other}; give it another url"
                )));
            }
        }
    }
    Ok(())
}
