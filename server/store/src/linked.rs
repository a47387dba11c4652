//! What refers to given resources: what `_revinclude` brings.

use policy::{Grant, Version};

use crate::builder::Builder;
use crate::error::StoreError;
use crate::index_row::param_key;
use crate::intern::{self, Name};
use crate::open::Store;
use crate::predicate::{Reach, Visibility};
use crate::search_type::Hidden;
use crate::version_row::{StoredVersion, complete, keys_text, version_columns};

impl Store {
    /// The current resources of a type that refer by any of the parameters to any of those names, as far as the grant finds them, in the
    /// order of keys; at most `limit`.
    pub async fn referrers(
        &self,
        grant: &Grant,
        (type_name, params): (&str, &[u32]),
        targets: &[(String, String)],
        limit: usize,
    ) -> Result<Vec<Version>, StoreError> {
        let (grant, targets, now) = (grant.clone(), targets.to_vec(), (self.inner.clock)());
        let (type_name, params) = (type_name.to_owned(), params.to_vec());
        let inner = std::sync::Arc::clone(&self.inner);
        self.read_bounded(move |session| {
            let mut visible = Visibility::of(session, &grant, Reach::Search, now)?;
            visible.check_type(&type_name)?;
            let generation = crate::parameters::generation(session)?;
            let known = inner.parameters.at(session, generation)?;
            params.iter().try_for_each(|id| known.check_param(&type_name, *id))?;
            let registry = &known.registry;
            let hidden = Hidden { grant: &grant, registry };
            let names_location = targets.iter().any(|(target_type, _)| target_type == "Location");
            if names_location || params.iter().any(|id| hidden.is_read_by(&type_name, *id)) {
                visible.hide_redacted(session)?;
            }
            let mut keys = Vec::with_capacity(targets.len());
            for (target_type, id) in targets {
                keys.extend(intern::find(session, &Name::Target(target_type, id))?);
            }
            let mut sql = Builder::new(session.dialect());
            sql.push(concat!("SELECT ", version_columns!("r"), " FROM resource r WHERE r.res_key IN ("));
            sql.push("SELECT i.res_key FROM reference_index i WHERE i.param IN (");
            sql.bind_list(params.iter().map(|param| param_key(&type_name, *param))).push(") AND i.target_key ");
            sql.bind_among(&keys_text(&keys));
            sql.push(") AND r.deleted = 0");
            visible.push(&mut sql, "r", &type_name);
            sql.push(" ORDER BY r.res_key LIMIT ").bind(i64::try_from(limit).unwrap_or(i64::MAX));
            let rows = session.query(&sql.build())?;
            let mut versions = rows.into_iter().map(StoredVersion::from_row).collect::<Result<Vec<_>, _>>()?;
            complete(session, &mut versions, now)?;
            Ok(versions.into_iter().map(StoredVersion::into_version).collect())
        })
        .await
    }
}
