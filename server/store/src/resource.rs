//! Reads of single resources and versions.

use std::collections::HashMap;

use bytes::Bytes;
use policy::{Grant, Version};

use crate::builder::Builder;
use crate::error::StoreError;
use crate::open::Store;
use crate::predicate::{Reach, Visibility};
use crate::sql::{Session, Statement};
use crate::version_row::{StoredVersion, VERSION_COLUMNS, complete, keys_text, version_columns};

impl Store {
    /// The current version, which may be a deletion marker; nothing when there is none or the grant does not reach it.
    pub async fn read(&self, grant: &Grant, type_name: &str, id: &str) -> Result<Option<Version>, StoreError> {
        let (grant, type_name, id) = (grant.clone(), type_name.to_owned(), id.to_owned());
        let now = (self.inner.clock)();
        self.read_inline(move |session| {
            let visible = Visibility::of(session, &grant, Reach::Read, now)?;
            visible.check_type(&type_name)?;
            let mut sql = Builder::new(session.dialect());
            push_named(&mut sql, &type_name, &id);
            visible.push(&mut sql, "r", &type_name);
            one(session, &sql.build(), now)
        })
        .await
    }

    /// One version, current or not.
    pub async fn vread(
        &self,
        grant: &Grant,
        type_name: &str,
        id: &str,
        version: u64,
    ) -> Result<Option<Version>, StoreError> {
        let (grant, type_name, id) = (grant.clone(), type_name.to_owned(), id.to_owned());
        let now = (self.inner.clock)();
        let Ok(number) = i64::try_from(version) else { return Ok(None) };
        self.read_inline(move |session| {
            let visible = Visibility::of(session, &grant, Reach::Read, now)?;
            visible.check_type(&type_name)?;
            let mut sql = Builder::new(session.dialect());
            push_named(&mut sql, &type_name, &id);
            sql.push(" AND r.version = ").bind(number);
            visible.push(&mut sql, "r", &type_name);
            if let Some(found) = one(session, &sql.build(), now)? {
                return Ok(Some(found));
            }
            let mut sql = Builder::new(session.dialect());
            sql.push(concat!(
                "SELECT ",
                version_columns!("h"),
                " FROM target t JOIN history h ON h.res_key = t.target_key WHERE t.id = "
            ));
            sql.bind(&id).push(" AND t.type = ").bind(&type_name);
            sql.push(" AND h.version = ").bind(number);
            visible.push(&mut sql, "h", &type_name);
            one(session, &sql.build(), now)
        })
        .await
    }
}

fn one(session: &mut dyn Session, statement: &Statement, now: fhir::Instant) -> Result<Option<Version>, StoreError> {
    let rows = session.query(statement)?;
    let mut versions = rows.into_iter().map(StoredVersion::from_row).collect::<Result<Vec<_>, _>>()?;
    complete(session, &mut versions, now)?;
    Ok(versions.pop().map(StoredVersion::into_version))
}

/// The current version of a name: the name leads to the key, the key to the row.
fn push_named(sql: &mut Builder, type_name: &str, id: &str) {
    sql.push(concat!(
        "SELECT ",
        version_columns!("r"),
        " FROM target t JOIN resource r ON r.res_key = t.target_key WHERE t.id = "
    ));
    sql.bind(id).push(" AND t.type = ").bind(type_name);
}

/// A current version as the writer needs it.
pub(crate) struct Current {
    /// The version.
    pub(crate) version: StoredVersion,
    /// The hash of its content.
    pub(crate) content_hash: Bytes,
}

/// The current version by key, for the writer.
pub(crate) fn by_key(session: &mut dyn Session, res_key: i64) -> Result<Option<StoredVersion>, StoreError> {
    Ok(current(session, &[res_key])?.remove(&res_key).map(|found| found.version))
}

/// Current versions by key.
pub(crate) fn current(session: &mut dyn Session, keys: &[i64]) -> Result<HashMap<i64, Current>, StoreError> {
    const COLUMNS: &str =
        concat!("SELECT ", version_columns!("r"), ", r.content_hash FROM resource r WHERE r.res_key ");
    let rows = match keys {
        [] => return Ok(HashMap::new()),
        [key] => session.query(&Statement::new(format!("{COLUMNS}= $1"), vec![(*key).into()]))?,
        _ => {
            let sql = format!("{COLUMNS}{}", session.dialect().in_list("$1"));
            session.query(&Statement::new(sql, vec![keys_text(keys).into()]))?
        }
    };
    rows.into_iter()
        .map(|row| {
            let content_hash = row.bytes(VERSION_COLUMNS)?;
            let version = StoredVersion::from_row(row)?;
            Ok((version.res_key, Current { version, content_hash }))
        })
        .collect()
}
