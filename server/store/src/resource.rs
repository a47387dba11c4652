//! Reads of single resources and versions.

use policy::{Grant, Version};

use crate::builder::Builder;
use crate::error::StoreError;
use crate::open::Store;
use crate::predicate::{Reach, Visibility};
use crate::sql::{Session, Statement};
use crate::version_row::{StoredVersion, complete, version_columns};

impl Store {
    /// The current version, which may be a deletion marker; nothing when there is none or the grant does not reach it.
    pub async fn read(&self, grant: &Grant, type_name: &str, id: &str) -> Result<Option<Version>, StoreError> {
        let (grant, type_name, id) = (grant.clone(), type_name.to_owned(), id.to_owned());
        let now = (self.inner.clock)();
        self.read_inline(move |session| {
            let visible = Visibility::of(session, &grant, Reach::Read, now)?;
            visible.check_type(&type_name)?;
            let mut sql = Builder::new(session.dialect());
            sql.push(concat!("SELECT ", version_columns!("r"), " FROM resource r WHERE r.type = "));
            sql.bind(&type_name).push(" AND r.id = ").bind(&id);
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
            sql.push(concat!("SELECT ", version_columns!("r"), " FROM resource r WHERE r.type = "));
            sql.bind(&type_name).push(" AND r.id = ").bind(&id).push(" AND r.version = ").bind(number);
            visible.push(&mut sql, "r", &type_name);
            if let Some(found) = one(session, &sql.build(), now)? {
                return Ok(Some(found));
            }
            let mut sql = Builder::new(session.dialect());
            sql.push(concat!(
                "SELECT ",
                version_columns!("h"),
                " FROM resource r JOIN history h ON h.res_key = r.res_key"
            ));
            sql.push(" WHERE r.type = ").bind(&type_name).push(" AND r.id = ").bind(&id);
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

/// The current version, for the writer.
pub(crate) fn find(session: &mut dyn Session, type_name: &str, id: &str) -> Result<Option<StoredVersion>, StoreError> {
    let sql = concat!("SELECT ", version_columns!("r"), " FROM resource r WHERE r.type = $1 AND r.id = $2");
    let rows = session.query(&Statement::new(sql, vec![type_name.into(), id.into()]))?;
    rows.into_iter().next().map(StoredVersion::from_row).transpose()
}

/// The current version by key, for the writer.
pub(crate) fn by_key(session: &mut dyn Session, res_key: i64) -> Result<Option<StoredVersion>, StoreError> {
    let sql = concat!("SELECT ", version_columns!("r"), " FROM resource r WHERE r.res_key = $1");
    let rows = session.query(&Statement::new(sql, vec![res_key.into()]))?;
    rows.into_iter().next().map(StoredVersion::from_row).transpose()
}
