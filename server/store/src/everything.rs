//! The records of a person, walked as of one state: what `Patient/[id]/$everything` reads.

use std::collections::HashMap;

use fhir::Instant;
use policy::{Grant, Version};

use crate::builder::Builder;
use crate::error::StoreError;
use crate::intern::{self, Name};
use crate::open::Store;
use crate::predicate::{Reach, Visibility, each_patient};
use crate::search_type::CommitSeq;
use crate::sql::Session;
use crate::version_row::{StoredVersion, complete, keys_text, version_columns};

/// The records of a person at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compartment {
    /// Keys of the Patients that pointed to the person; a merge in the middle of a walk does not change what is walked.
    pub patients: Vec<i64>,
    /// The state that is read.
    pub as_of: CommitSeq,
}

/// A place in a [`Compartment`]: the Patient that was asked for, the person's other Patients, then everything else by key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CompartmentPlace(pub i64, pub i64);

/// Which part of a compartment.
#[derive(Debug, Clone)]
pub struct CompartmentRange {
    /// The id of the Patient that comes first.
    pub patient_id: String,
    /// Of these types; of all when empty.
    pub types: Vec<String>,
    /// Only versions written at or after this moment.
    pub since: Option<Instant>,
    /// Where the range before ended.
    pub after: Option<CompartmentPlace>,
    /// Most versions of this range.
    pub count: u32,
}

impl Store {
    /// The compartment of the person of a Patient as it is now; nothing when there is no such Patient.
    pub async fn compartment(&self, patient_id: &str) -> Result<Option<Compartment>, StoreError> {
        let Some(person) = self.person_of_patient(patient_id).await? else { return Ok(None) };
        let sql = "SELECT patient_key FROM patient WHERE person_key = $1 ORDER BY patient_key";
        let rows = self.query(crate::sql::Statement::new(sql, vec![person.0.into()])).await?;
        let patients = rows.iter().map(|row| row.i64(0)).collect::<Result<_, _>>()?;
        Ok(Some(Compartment { patients, as_of: self.commit_seq().await? }))
    }

    /// A range of a compartment in order. Shorter than asked for means that it is the last.
    pub async fn compartment_range(
        &self,
        grant: &Grant,
        compartment: &Compartment,
        range: CompartmentRange,
    ) -> Result<Vec<(CompartmentPlace, Version)>, StoreError> {
        let (grant, compartment, now) = (grant.clone(), compartment.clone(), (self.inner.clock)());
        self.read_bounded(move |session| {
            let visible = Visibility::of(session, &grant, Reach::Search, now)?;
            let places = Walk { compartment: &compartment, range: &range, visible: &visible }.places(session)?;
            let keys: Vec<i64> = places.iter().map(|place| place.1).collect();
            let mut found = versions_at(session, &visible, &keys, compartment.as_of, now)?;
            Ok(places.into_iter().filter_map(|place| Some((place, found.remove(&place.1)?.into_version()))).collect())
        })
        .await
    }

    /// Resources by type and id as of one state, in the order of the names; those that are not there, deleted or hidden are left out.
    pub async fn read_at(
        &self,
        grant: &Grant,
        names: &[(String, String)],
        as_of: CommitSeq,
    ) -> Result<Vec<Version>, StoreError> {
        let (grant, names, now) = (grant.clone(), names.to_vec(), (self.inner.clock)());
        self.read_bounded(move |session| {
            let visible = Visibility::of(session, &grant, Reach::Read, now)?;
            let mut keys = Vec::with_capacity(names.len());
            for (type_name, id) in &names {
                keys.extend(intern::find(session, &Name::Target(type_name.clone(), id.clone()))?);
            }
            let mut found = versions_at(session, &visible, &keys, as_of, now)?;
            Ok(keys.iter().filter_map(|key| found.remove(key)).map(StoredVersion::into_version).collect())
        })
        .await
    }
}

struct Walk<'a> {
    compartment: &'a Compartment,
    range: &'a CompartmentRange,
    visible: &'a Visibility<'a>,
}

impl Walk<'_> {
    fn places(&self, session: &mut dyn Session) -> Result<Vec<CompartmentPlace>, StoreError> {
        let among = session.dialect();
        let patients = keys_text(&self.compartment.patients);
        let mut sql = Builder::new(among);
        sql.push("SELECT v.place, v.res_key FROM (");
        self.push_columns(&mut sql, "r");
        sql.push(" FROM resource r WHERE r.res_key IN (SELECT c.res_key FROM compartment c WHERE c.patient_key ");
        sql.bind_among(&patients);
        sql.push(")");
        self.push_where(&mut sql, "r");
        // What was there and is not any more: the index of types narrows it to what has changed since.
        sql.push(" UNION ALL ");
        self.push_columns(&mut sql, "h");
        sql.push(" FROM history h WHERE h.type IN (SELECT k.type FROM resource_count k) AND h.superseded_seq > ");
        sql.bind(self.compartment.as_of.0);
        sql.push(&format!(" AND EXISTS (SELECT 1 FROM {} WHERE about.value ", each_patient(among, "h")));
        sql.bind_among(&patients);
        sql.push(")");
        self.push_where(&mut sql, "h");
        sql.push(") v");
        if let Some(CompartmentPlace(place, res_key)) = self.range.after {
            sql.push(" WHERE (v.place, v.res_key) > (").bind(place).push(", ").bind(res_key).push(")");
        }
        sql.push(" ORDER BY v.place, v.res_key LIMIT ").bind(i64::from(self.range.count));
        let rows = session.query(&sql.build())?;
        rows.iter().map(|row| Ok(CompartmentPlace(row.i64(0)?, row.i64(1)?))).collect()
    }

    fn push_columns(&self, sql: &mut Builder, alias: &str) {
        sql.push(&format!("SELECT CASE WHEN {alias}.type <> 'Patient' THEN 2 WHEN {alias}.id <> "));
        sql.bind(&self.range.patient_id).push(&format!(" THEN 1 ELSE 0 END AS place, {alias}.res_key AS res_key"));
    }

    fn push_where(&self, sql: &mut Builder, alias: &str) {
        sql.push(&format!(" AND {alias}.deleted = 0 AND {alias}.commit_seq <= ")).bind(self.compartment.as_of.0);
        if !self.range.types.is_empty() {
            sql.push(&format!(" AND {alias}.type IN (")).bind_list(&self.range.types).push(")");
        }
        if let Some(since) = self.range.since {
            sql.push(&format!(" AND {alias}.last_updated >= ")).bind(since);
        }
        self.visible.push_any_type(sql, alias);
    }
}

/// The versions of those keys that were current then, by key.
fn versions_at(
    session: &mut dyn Session,
    visible: &Visibility<'_>,
    keys: &[i64],
    as_of: CommitSeq,
    now: Instant,
) -> Result<HashMap<i64, StoredVersion>, StoreError> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let keys = keys_text(keys);
    let mut sql = Builder::new(session.dialect());
    sql.push(concat!("SELECT ", version_columns!("r"), " FROM resource r WHERE r.res_key "));
    sql.bind_among(&keys);
    sql.push(" AND r.deleted = 0 AND r.commit_seq <= ").bind(as_of.0);
    visible.push_any_type(&mut sql, "r");
    sql.push(concat!(" UNION ALL SELECT ", version_columns!("h"), " FROM history h WHERE h.res_key "));
    sql.bind_among(&keys);
    sql.push(" AND h.deleted = 0 AND h.commit_seq <= ").bind(as_of.0);
    sql.push(" AND h.superseded_seq > ").bind(as_of.0);
    visible.push_any_type(&mut sql, "h");
    let rows = session.query(&sql.build())?;
    let mut versions = rows.into_iter().map(StoredVersion::from_row).collect::<Result<Vec<_>, _>>()?;
    complete(session, &mut versions, now)?;
    Ok(versions.into_iter().map(|version| (version.res_key, version)).collect())
}
