//! Versions as they were in one state of the store.

use policy::Facts;
use search::{Judged, Registry};

use crate::builder::Builder;
use crate::error::StoreError;
use crate::predicate::Visibility;
use crate::sql::Session;
use crate::version_row::{StoredVersion, keys_text, version_columns};

/// A state of the store, and what may be seen of it.
#[derive(Clone, Copy)]
pub(crate) struct Moment<'a> {
    /// What the caller may see.
    pub(crate) visible: &'a Visibility<'a>,
    /// The last commit of the state.
    pub(crate) as_of: i64,
    /// The last commit there is.
    pub(crate) newest: i64,
}

impl Moment<'_> {
    /// Whether nothing was written since.
    pub(crate) fn is_now(self) -> bool {
        self.as_of >= self.newest
    }

    /// The live versions of those keys in this state, of that type.
    pub(crate) fn versions(
        self,
        session: &mut dyn Session,
        type_name: &str,
        keys: &[i64],
    ) -> Result<Vec<StoredVersion>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let among = keys_text(keys);
        let mut sql = Builder::new(session.dialect());
        sql.push(concat!("SELECT ", version_columns!("r"), " FROM resource r WHERE r.res_key "));
        sql.bind_among(&among);
        sql.push(" AND r.type = ").bind(type_name).push(" AND r.deleted = 0 AND r.commit_seq <= ").bind(self.as_of);
        self.visible.push(&mut sql, "r", type_name);
        if !self.is_now() {
            sql.push(concat!(" UNION ALL SELECT ", version_columns!("h"), " FROM history h WHERE h.res_key "));
            sql.bind_among(&among);
            sql.push(" AND h.type = ").bind(type_name).push(" AND h.deleted = 0 AND h.commit_seq <= ").bind(self.as_of);
            sql.push(" AND h.superseded_seq > ").bind(self.as_of);
            self.visible.push(&mut sql, "h", type_name);
        }
        session.query(&sql.build())?.into_iter().map(StoredVersion::from_row).collect()
    }

    /// The live version of that name in this state.
    pub(crate) fn version(
        self,
        session: &mut dyn Session,
        type_name: &str,
        id: &str,
    ) -> Result<Option<StoredVersion>, StoreError> {
        let name = crate::intern::Name::Target(type_name.to_owned(), id.to_owned());
        match crate::intern::find(session, &name)? {
            Some(key) => Ok(self.versions(session, type_name, &[key])?.pop()),
            None => Ok(None),
        }
    }
}

/// A version with what search finds in it.
pub(crate) fn judged(version: &StoredVersion, registry: &Registry) -> Result<Judged, StoreError> {
    judged_by(version, registry, (true, &|_| true))
}

/// A version with its words, if they are wanted, and what search finds in it by the parameters that are.
pub(crate) fn judged_by(
    version: &StoredVersion,
    registry: &Registry,
    (with_text, wanted): (bool, &dyn Fn(u32) -> bool),
) -> Result<Judged, StoreError> {
    let json = crate::write::parse_stored(&version.body)?;
    let Facts { type_name, id, last_updated, .. } = &version.facts;
    Ok(Judged {
        type_name: type_name.clone(),
        id: id.clone(),
        last_updated: *last_updated,
        entries: search::index_wanted(&json, registry, wanted),
        text: if with_text { search::full_text(&json, registry) } else { search::FullText::default() },
    })
}
