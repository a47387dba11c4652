//! Reads of single resources and versions.

use std::collections::HashMap;

use bytes::Bytes;
use policy::{Grant, Version};

use crate::batch::Written;
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

    /// The current versions of what was written, group by group, each group of one type and under its own grant: what a grant does not
    /// reach is left out. All in one snapshot, so that the answer to many writes costs little more than that to one.
    pub async fn read_written(&self, groups: Vec<(Grant, Vec<Written>)>) -> Result<Vec<Vec<Version>>, StoreError> {
        let now = (self.inner.clock)();
        self.read_inline(move |session| {
            groups.iter().map(|(grant, written)| written_versions(session, grant, written, now)).collect()
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

fn written_versions(
    session: &mut dyn Session,
    grant: &Grant,
    written: &[Written],
    now: fhir::Instant,
) -> Result<Vec<Version>, StoreError> {
    let Some(first) = written.first() else { return Ok(Vec::new()) };
    let visible = Visibility::of(session, grant, Reach::Read, now)?;
    visible.check_type(&first.type_name)?;
    // The key alone tells the type too; a condition on it would tempt the planner to walk the whole type.
    let of_type = written.iter().filter(|one| one.type_name == first.type_name);
    let keys: Vec<i64> = of_type.map(|one| one.res_key).collect();
    let mut sql = Builder::new(session.dialect());
    sql.push(concat!("SELECT ", version_columns!("r"), " FROM resource r WHERE r.res_key "));
    match keys.as_slice() {
        [key] => sql.push("= ").bind(*key),
        keys => sql.bind_among(&keys_text(keys)),
    };
    visible.push(&mut sql, "r", &first.type_name);
    let versions = completed(session, &sql.build(), now)?;
    Ok(versions.into_iter().map(StoredVersion::into_version).collect())
}

fn one(session: &mut dyn Session, statement: &Statement, now: fhir::Instant) -> Result<Option<Version>, StoreError> {
    Ok(completed(session, statement, now)?.pop().map(StoredVersion::into_version))
}

fn completed(
    session: &mut dyn Session,
    statement: &Statement,
    now: fhir::Instant,
) -> Result<Vec<StoredVersion>, StoreError> {
    let rows = session.query(statement)?;
    let mut versions = rows.into_iter().map(StoredVersion::from_row).collect::<Result<Vec<_>, _>>()?;
    complete(session, &mut versions, now)?;
    Ok(versions)
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
