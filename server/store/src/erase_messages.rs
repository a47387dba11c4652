//! The feed messages of an erased patient: those that told of nobody else go.

use std::collections::BTreeSet;

use crate::erase::Names;
use crate::error::StoreError;
use crate::intern::Name;
use crate::sql::{Session, Statement};

/// Erases the messages from which nothing but those resources and such about nobody came; says how many, and how many stay. What stays
/// no longer says that it told of them.
pub(crate) fn erase(session: &mut dyn Session, own: &Names) -> Result<(u64, u64), StoreError> {
    let names: BTreeSet<&(String, String)> = own.values().collect();
    let mut messages = BTreeSet::new();
    for (type_name, id) in &names {
        let sql = "SELECT DISTINCT message_key FROM message_resource WHERE type = $1 AND id = $2";
        for row in session.query(&Statement::new(sql, vec![type_name.into(), id.into()]))? {
            messages.insert(row.i64(0)?);
        }
    }
    let (mut gone, mut kept) = (0, 0);
    for message in messages {
        if tells_of_others(session, message, &names)? {
            kept += 1;
            continue;
        }
        for table in ["message_unit", "message_body", "message_resource", "message"] {
            let sql = format!("DELETE FROM {table} WHERE message_key = $1");
            session.execute(&Statement::new(sql, vec![message.into()]))?;
        }
        gone += 1;
    }
    for (type_name, id) in names {
        let sql = "DELETE FROM message_resource WHERE type = $1 AND id = $2";
        session.execute(&Statement::new(sql, vec![type_name.into(), id.into()]))?;
    }
    Ok((gone, kept))
}

/// Whether a resource of the message is about somebody else, or a part of it is not stored: nobody knows whom that is about.
fn tells_of_others(
    session: &mut dyn Session,
    message: i64,
    own: &BTreeSet<&(String, String)>,
) -> Result<bool, StoreError> {
    let sql = "SELECT 1 FROM message_unit WHERE message_key = $1 LIMIT 1";
    if !session.query(&Statement::new(sql, vec![message.into()]))?.is_empty() {
        return Ok(true);
    }
    let sql = "SELECT DISTINCT type, id FROM message_resource WHERE message_key = $1";
    for row in session.query(&Statement::new(sql, vec![message.into()]))? {
        let name = (row.text(0)?.to_owned(), row.text(1)?.to_owned());
        if own.contains(&name) {
            continue;
        }
        let Some(key) = crate::intern::find(session, &Name::Target(name.0, name.1))? else { continue };
        let found = crate::resource::current(session, &[key])?;
        if found.values().any(|found| !found.version.patients.is_empty()) {
            return Ok(true);
        }
    }
    Ok(false)
}
