//! Writes of resources: prepared by the caller's thread, applied by the writer in one transaction.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use fhir::{Instant, Json};
use policy::{Facts, Grant, Interaction, Label, PersonKey, Restriction};
use search::Registry;

use crate::batch::{ExpectedMatches, WriteBatch, WriteStatus, Written};
use crate::error::StoreError;
use crate::index_row::{self, IndexRow};
use crate::messages;
use crate::open::Store;
use crate::pending::Pending;
use crate::person::PersonUndo;
use crate::prepare::{Prepared, PreparedBatch, PreparedPut, prepare};
use crate::resource::find;
use crate::sql::Statement;
use crate::version_row::{Method, StoredVersion, keys_text, labels_of_text, labels_text};
use crate::writer::Transaction;

/// Writes that are prepared on the caller's own thread; more go to one that may take its time.
const INLINE_MAX: usize = 8;

impl Store {
    /// Writes all or nothing; durable when it returns. Each write is checked against the grant inside the transaction.
    pub async fn write(&self, grant: &Grant, batch: WriteBatch) -> Result<Vec<Written>, StoreError> {
        let registry = Arc::clone(&self.inner.registry);
        let count = batch.ops.len();
        let prepare_all = move || {
            let WriteBatch { ops, source, message, links, undo, expected, reviews, units } = batch;
            let ops = ops.into_iter().map(|op| prepare(op, &registry)).collect();
            PreparedBatch { ops, source, links, undo, expected, message, reviews, units }
        };
        let prepared = if count <= INLINE_MAX {
            prepare_all()
        } else {
            let stopped = |error: tokio::task::JoinError| StoreError::Unavailable(error.to_string());
            tokio::task::spawn_blocking(prepare_all).await.map_err(stopped)?
        };
        let (grant, registry) = (grant.clone(), Arc::clone(&self.inner.registry));
        let work = move |transaction: &mut Transaction<'_>| {
            let message = match &prepared.message {
                None => None,
                Some(message) => {
                    let kept = messages::record(transaction.session, message, transaction.now)?;
                    Some(kept.ok_or(StoreError::Duplicate)?)
                }
            };
            let pending = Pending::default();
            let apply =
                Apply { transaction: &mut *transaction, grant: &grant, registry: &registry, pending, batch: &prepared };
            let written = apply.run()?;
            if let (Some(key), Some(message)) = (message, &prepared.message) {
                messages::link(transaction.session, key, message, &written)?;
                crate::units::replace(transaction.session, key, &prepared.units)?;
            }
            for review in &prepared.reviews {
                crate::reviews::open(transaction.session, review)?;
            }
            Ok(written)
        };
        self.inner.writer.submit(work).await
    }
}

/// Deletes resources inside a transaction that does more; one that is deleted already is left so.
pub(crate) fn delete_all(
    transaction: &mut Transaction<'_>,
    grant: &Grant,
    registry: &Registry,
    names: Vec<(String, String)>,
) -> Result<(), StoreError> {
    let delete = |(type_name, id)| Prepared::Delete { type_name, id, if_match: None };
    let batch = PreparedBatch {
        ops: names.into_iter().map(delete).collect(),
        source: policy::Source::default(),
        links: Vec::new(),
        undo: None,
        expected: Vec::new(),
        message: None,
        reviews: Vec::new(),
        units: Vec::new(),
    };
    Apply { transaction, grant, registry, pending: Pending::default(), batch: &batch }.run().map(|_| ())
}

struct Apply<'a, 'b> {
    transaction: &'a mut Transaction<'b>,
    grant: &'a Grant,
    registry: &'a Registry,
    pending: Pending,
    batch: &'a PreparedBatch,
}

/// The row that a write makes.
struct NewRow<'a> {
    res_key: i64,
    type_name: &'a str,
    id: &'a str,
    version: u64,
    deleted: bool,
    method: Method,
    patients: String,
    labels: String,
    content_hash: Bytes,
    body: Bytes,
}

impl Apply<'_, '_> {
    fn run(mut self) -> Result<Vec<Written>, StoreError> {
        let batch = self.batch;
        for ExpectedMatches { query, count } in &batch.expected {
            let as_seen = (self.grant, self.registry, self.transaction.now);
            let limit = i64::try_from(*count).unwrap_or(i64::MAX).saturating_add(1);
            let found = crate::search_type::find_current(self.transaction.session, query, as_seen, limit)?;
            if found.len() != *count {
                return Err(StoreError::Conflict("what the write was decided upon has changed".to_owned()));
            }
        }
        let mut written = Vec::with_capacity(batch.ops.len());
        let mut touched = HashSet::new();
        let mut live: BTreeMap<String, i64> = BTreeMap::new();
        for op in &batch.ops {
            let (type_name, id, looks) = match op {
                Prepared::Put(put) => (put.resource.type_name(), put.id.as_str(), put.if_none_exist.is_some()),
                Prepared::Delete { type_name, id, .. } => (type_name.as_str(), id.as_str(), false),
            };
            // What follows must see what this transaction wrote already.
            if !touched.insert((type_name, id)) || looks {
                self.pending.flush(self.transaction.session)?;
            }
            let done = match op {
                Prepared::Put(put) => self.put(put)?,
                Prepared::Delete { type_name, id, if_match } => self.delete(type_name, id, *if_match)?,
            };
            match done.status {
                WriteStatus::Created => *live.entry(done.type_name.clone()).or_default() += 1,
                WriteStatus::Deleted => *live.entry(done.type_name.clone()).or_default() -= 1,
                WriteStatus::Updated | WriteStatus::Unchanged => {}
            }
            written.push(done);
        }
        self.pending.flush(self.transaction.session)?;
        for link in &batch.links {
            crate::person::apply(self.transaction, link)?;
        }
        if let Some(PersonUndo { event, reason }) = &batch.undo {
            crate::person::undo(self.transaction, *event, reason)?;
        }
        self.check_denials()?;
        for (type_name, change) in live {
            self.transaction.session.execute(&Statement::new(
                "INSERT INTO resource_count (type, live) VALUES ($1, $2) \
                 ON CONFLICT (type) DO UPDATE SET live = resource_count.live + excluded.live",
                vec![type_name.into(), change.into()],
            ))?;
        }
        Ok(written)
    }

    /// A denial that holds for nobody would be taken for one that holds. Looked at last: the patient may come in the same transaction.
    fn check_denials(&mut self) -> Result<(), StoreError> {
        if self.grant.is_system() {
            return Ok(());
        }
        for op in &self.batch.ops {
            let Prepared::Put(put) = op else { continue };
            if put.restrictions.is_empty() || put.resource.type_name() == "Patient" {
                continue;
            }
            let keys = self.patient_keys(put)?.into_iter().collect();
            let named = crate::version_row::patients_named(self.transaction.session, &keys)?;
            if keys.is_empty() || keys.iter().any(|key| named.get(key).is_none_or(|(_, person)| person.is_none())) {
                let message = "the patient of a restriction must be a Patient of this server, named as Patient/[id]";
                return Err(StoreError::Rule(message.to_owned()));
            }
        }
        Ok(())
    }

    fn put(&mut self, put: &PreparedPut) -> Result<Written, StoreError> {
        if let Some(query) = &put.if_none_exist {
            let reach = (self.grant, self.registry, self.transaction.now);
            let found = crate::search_type::find_current(self.transaction.session, query, reach, 2)?;
            match found.as_slice() {
                [] => {}
                [key] => {
                    let matched = self.matched(*key, put.interaction)?;
                    // Other writes of the batch refer to it under the id that the caller found or made.
                    if self.batch.ops.len() > 1 && matched.id != put.id {
                        return Err(StoreError::Busy);
                    }
                    return Ok(matched);
                }
                _ => {
                    return Err(StoreError::Conflict("several resources match the condition of the create".to_owned()));
                }
            }
        }
        let type_name = put.resource.type_name();
        let existing = find(self.transaction.session, type_name, &put.id)?;
        let is_live = existing.as_ref().is_some_and(|found| !found.facts.deleted);
        check_version(type_name, &put.id, existing.as_ref(), put.if_match)?;
        if put.interaction == Interaction::Create && existing.is_some() {
            return Err(StoreError::Conflict(format!("{type_name}/{} is there already", put.id)));
        }
        let patients = self.patient_keys(put)?;
        self.check_grant(put, existing.as_ref(), &patients)?;
        let version = existing.as_ref().map_or(0, |found| found.facts.version) + 1;
        if let Some(found) = existing.as_ref().filter(|_| is_live)
            && self.content_hash(found.res_key)? == put.content_hash
        {
            return Ok(written(found, WriteStatus::Unchanged, found.body.clone()));
        }
        let now = self.transaction.now;
        let body = Bytes::from(fhir::resource::stamp(put.resource.json(), &put.id, version, now));
        let res_key = self.res_key(existing.as_ref());
        let row = NewRow {
            res_key,
            type_name,
            id: &put.id,
            version,
            deleted: false,
            method: put.method(),
            patients: keys_text(&patients),
            labels: labels_text(&put.labels),
            content_hash: put.content_hash.clone(),
            body: body.clone(),
        };
        self.store_row(row, existing.as_ref())?;
        if let Some(found) = &existing {
            self.label_earlier(found, &put.labels)?;
        }
        let new_rows = {
            let Transaction { session, interner, .. } = self.transaction;
            index_row::rows(*session, interner, (type_name, res_key), &put.entries)?
        };
        self.replace_index(existing.as_ref(), new_rows)?;
        self.replace_compartment(existing.as_ref(), type_name, res_key, &patients)?;
        if type_name == "Patient" {
            self.ensure_person(patients.first().copied())?;
        }
        self.add_restrictions(res_key, &patients, &put.restrictions)?;
        let status = if is_live { WriteStatus::Updated } else { WriteStatus::Created };
        Ok(Written { type_name: type_name.to_owned(), id: put.id.clone(), version, last_updated: now, status, body })
    }

    fn delete(&mut self, type_name: &str, id: &str, if_match: Option<u64>) -> Result<Written, StoreError> {
        let existing = find(self.transaction.session, type_name, id)?;
        check_version(type_name, id, existing.as_ref(), if_match)?;
        let Some(found) = existing else {
            let (type_name, id) = (type_name.to_owned(), id.to_owned());
            let (last_updated, status) = (self.transaction.now, WriteStatus::Unchanged);
            return Ok(Written { type_name, id, version: 0, last_updated, status, body: Bytes::new() });
        };
        self.check_existing(&found, Interaction::Delete)?;
        if found.facts.deleted {
            return Ok(written(&found, WriteStatus::Unchanged, Bytes::new()));
        }
        self.check_replace(&found)?;
        let row = NewRow {
            res_key: found.res_key,
            type_name,
            id,
            version: found.facts.version + 1,
            deleted: true,
            method: Method::Delete,
            // A marker stays as visible as the resource was.
            patients: keys_text(&found.patients),
            labels: labels_text(&found.facts.labels),
            content_hash: Bytes::new(),
            body: Bytes::new(),
        };
        self.store_row(row, Some(&found))?;
        self.replace_index(Some(&found), Vec::new())?;
        self.replace_compartment(Some(&found), type_name, found.res_key, &[])?;
        let mut done = written(&found, WriteStatus::Deleted, Bytes::new());
        done.version += 1;
        done.last_updated = self.transaction.now;
        Ok(done)
    }

    fn matched(&mut self, res_key: i64, interaction: Interaction) -> Result<Written, StoreError> {
        let found = crate::resource::by_key(self.transaction.session, res_key)?
            .ok_or_else(|| StoreError::Corrupt("an index row without a resource".to_owned()))?;
        // Whoever could not have written it may not learn its id.
        self.check_existing(&found, interaction)?;
        Ok(written(&found, WriteStatus::Unchanged, Bytes::new()))
    }

    fn patient_keys(&mut self, put: &PreparedPut) -> Result<Vec<i64>, StoreError> {
        let Transaction { session, interner, .. } = self.transaction;
        put.patients.iter().map(|name| interner.key(*session, name)).collect()
    }

    fn check_grant(
        &mut self,
        put: &PreparedPut,
        existing: Option<&StoredVersion>,
        patients: &[i64],
    ) -> Result<(), StoreError> {
        if self.grant.is_system() {
            return Ok(());
        }
        let type_name = put.resource.type_name().to_owned();
        let mut facts = Facts {
            type_name,
            id: put.id.clone(),
            version: 0,
            persons: Vec::new(),
            patient_ids: Vec::new(),
            labels: put.labels.clone(),
            restrictions: Vec::new(),
            source: self.batch.source.clone(),
            last_updated: self.transaction.now,
            deleted: false,
        };
        let keys = patients.iter().copied().collect();
        for (id, person) in crate::version_row::patients_named(self.transaction.session, &keys)?.into_values() {
            facts.patient_ids.push(id);
            facts.persons.push(PersonKey(person.unwrap_or_default()));
        }
        self.grant.check_write(put.interaction, &facts)?;
        let Some(found) = existing else { return Ok(()) };
        self.check_existing(found, put.interaction)?;
        self.check_replace(found)?;
        self.grant.check_labels_kept(&found.facts.labels, &put.labels)?;
        let is_identity_kept = put.resource.type_name() != "Patient"
            || !self.grant.is_person_limited(put.interaction, "Patient")
            || (!found.facts.deleted && is_same_identity(&parse_stored(&found.body)?, put.resource.json()));
        if is_identity_kept {
            return Ok(());
        }
        let message =
            "identifiers and birth date are what records are linked by; an app of the patient cannot change them";
        Err(policy::Denied::new("identity", message).into())
    }

    /// What the caller cannot see is not there for it.
    fn check_replace(&mut self, found: &StoredVersion) -> Result<(), StoreError> {
        let mut versions = [found.clone()];
        crate::version_row::complete(self.transaction.session, &mut versions, self.transaction.now)?;
        let [found] = &versions;
        self.grant.check_replace(&found.facts).map_err(|denied| match denied.reason {
            "redacted" => denied.into(),
            _ => StoreError::NotFound(format!("{}/{}", found.facts.type_name, found.facts.id)),
        })
    }

    fn check_existing(&mut self, found: &StoredVersion, interaction: Interaction) -> Result<(), StoreError> {
        if self.grant.is_system() {
            return Ok(());
        }
        let mut versions = [found.clone()];
        crate::version_row::complete(self.transaction.session, &mut versions, self.transaction.now)?;
        let [found] = &versions;
        Ok(self.grant.check_write(interaction, &found.facts)?)
    }

    fn content_hash(&mut self, res_key: i64) -> Result<Bytes, StoreError> {
        let statement = Statement::new("SELECT content_hash FROM resource WHERE res_key = $1", vec![res_key.into()]);
        let rows = self.transaction.session.query(&statement)?;
        rows.first().map_or(Ok(Bytes::new()), |row| row.bytes(0))
    }

    fn res_key(&mut self, existing: Option<&StoredVersion>) -> i64 {
        existing.map_or_else(
            || {
                self.transaction.numbers.res_key += 1;
                self.transaction.numbers.res_key
            },
            |found| found.res_key,
        )
    }

    fn store_row(&mut self, row: NewRow<'_>, existing: Option<&StoredVersion>) -> Result<(), StoreError> {
        self.transaction.numbers.commit_seq += 1;
        let commit_seq = self.transaction.numbers.commit_seq;
        let source = &self.batch.source;
        let is_general_practice =
            source.is_general_practice() || existing.is_some_and(|found| found.facts.source.is_general_practice());
        let version = i64::try_from(row.version).map_err(|_| StoreError::Corrupt("version number".to_owned()))?;
        let values = vec![
            row.res_key.into(),
            row.type_name.into(),
            row.id.into(),
            version.into(),
            self.transaction.now.into(),
            row.deleted.into(),
            commit_seq.into(),
            row.method.as_str().into(),
            row.patients.into(),
            row.labels.into(),
            (&source.feed).into(),
            source.system.clone().into(),
            source.ods_code.clone().into(),
            is_general_practice.into(),
            row.content_hash.into(),
            row.body.into(),
        ];
        match existing {
            None => self.pending.add(&crate::pending::RESOURCE, values),
            Some(found) => {
                self.supersede(found.res_key, commit_seq)?;
                self.transaction.session.execute(&Statement::new(UPDATE, values))?;
            }
        }
        Ok(())
    }

    fn supersede(&mut self, res_key: i64, superseded_seq: i64) -> Result<(), StoreError> {
        let sql = "INSERT INTO history (superseded_seq, commit_seq, res_key, type, id, version, last_updated, deleted, \
                   method, patients, labels, source_feed, source_system, ods_code, general_practice, body) \
                   SELECT CAST($1 AS BIGINT), commit_seq, res_key, type, id, version, last_updated, deleted, method, \
                   patients, labels, source_feed, source_system, ods_code, general_practice, body \
                   FROM resource WHERE res_key = $2";
        let statement = Statement::new(sql, vec![superseded_seq.into(), res_key.into()]);
        self.transaction.session.execute(&statement).map(|_| ())
    }

    /// A confidentiality label that comes later holds for the earlier versions too: they mostly say the same.
    fn label_earlier(&mut self, found: &StoredVersion, labels: &[Label]) -> Result<(), StoreError> {
        let is_new = |label: &&Label, known: &[Label]| {
            (label.is_confidentiality("R") || label.is_confidentiality("V")) && !known.contains(label)
        };
        if !labels.iter().any(|label| is_new(&label, &found.facts.labels)) {
            return Ok(());
        }
        let session = &mut self.transaction.session;
        let sql = "SELECT commit_seq, labels FROM history WHERE res_key = $1";
        for row in session.query(&Statement::new(sql, vec![found.res_key.into()]))? {
            let mut known = labels_of_text(row.text(1)?)?;
            let missing: Vec<Label> = labels.iter().filter(|label| is_new(label, &known)).cloned().collect();
            known.extend(missing);
            let values = vec![labels_text(&known).into(), row.i64(0)?.into()];
            session.execute(&Statement::new("UPDATE history SET labels = $1 WHERE commit_seq = $2", values))?;
        }
        Ok(())
    }

    /// Puts new index rows in the place of the old ones, which are worked out again from the old body; takes away the
    /// restrictions that the old body stated.
    fn replace_index(
        &mut self,
        existing: Option<&StoredVersion>,
        mut new_rows: Vec<IndexRow>,
    ) -> Result<(), StoreError> {
        let Transaction { session, interner, .. } = self.transaction;
        if let Some(found) = existing.filter(|found| !found.facts.deleted) {
            let json = parse_stored(&found.body)?;
            if !policy::restrictions_of(&json).restrictions.is_empty() {
                let sql = "DELETE FROM restriction WHERE source_res_key = $1";
                session.execute(&Statement::new(sql, vec![found.res_key.into()]))?;
            }
            let entries = index_row::entries(&json, self.registry);
            let key = (found.facts.type_name.as_str(), found.res_key);
            for old in index_row::rows(*session, interner, key, &entries)? {
                match new_rows.iter().position(|new| *new == old) {
                    Some(same) => drop(new_rows.swap_remove(same)),
                    None => index_row::delete(*session, old)?,
                }
            }
        }
        for (table, values) in new_rows {
            self.pending.add_index(table, values);
        }
        Ok(())
    }

    fn replace_compartment(
        &mut self,
        existing: Option<&StoredVersion>,
        type_name: &str,
        res_key: i64,
        patients: &[i64],
    ) -> Result<(), StoreError> {
        let live = existing.filter(|found| !found.facts.deleted);
        let old: &[i64] = live.map_or(&[], |found| found.patients.as_slice());
        for patient in old.iter().filter(|patient| !patients.contains(patient)) {
            self.transaction.session.execute(&Statement::new(
                "DELETE FROM compartment WHERE patient_key = $1 AND type = $2 AND res_key = $3",
                vec![(*patient).into(), type_name.into(), res_key.into()],
            ))?;
        }
        for patient in patients.iter().filter(|patient| !old.contains(patient)) {
            let values = vec![(*patient).into(), type_name.into(), res_key.into()];
            self.pending.add(&crate::pending::COMPARTMENT, values);
        }
        Ok(())
    }

    /// What a Consent or a label states of its patients is in force from the moment that it is stored.
    fn add_restrictions(
        &mut self,
        res_key: i64,
        patients: &[i64],
        restrictions: &[Restriction],
    ) -> Result<(), StoreError> {
        for (patient, restriction) in
            patients.iter().flat_map(|patient| restrictions.iter().map(move |one| (patient, one)))
        {
            let purpose = restriction.class.purpose().map_or("", |purpose| purpose.as_str());
            self.transaction.session.execute(&Statement::new(
                "INSERT INTO restriction (patient_key, source_res_key, purpose, class, actor, start_ms, end_ms) \
                 VALUES ($1, $2, $3, $4, '', $5, $6)",
                vec![
                    (*patient).into(),
                    res_key.into(),
                    purpose.into(),
                    restriction.class.as_str().into(),
                    restriction.period.start.into(),
                    restriction.period.end.into(),
                ],
            ))?;
        }
        Ok(())
    }

    /// A Patient that is new gets a person of its own; linking is decided elsewhere.
    fn ensure_person(&mut self, patient: Option<i64>) -> Result<(), StoreError> {
        let Some(patient) = patient else { return Ok(()) };
        crate::person::ensure(self.transaction.session, patient, self.transaction.now).map(|_| ())
    }
}

const UPDATE: &str = "UPDATE resource SET (res_key, type, id, version, last_updated, deleted, commit_seq, method, patients, \
                      labels, source_feed, source_system, ods_code, general_practice, content_hash, body) = \
                      ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) WHERE res_key = $1";

/// Whether two versions of a Patient bear the same identifiers and birth date.
fn is_same_identity(before: &Json, after: &Json) -> bool {
    let of = |json: &Json, name: &str| json.root().get(name).map(|node| node.to_value());
    ["identifier", "birthDate"].iter().all(|name| of(before, name) == of(after, name))
}

/// The tree of a body that this program stored.
pub(crate) fn parse_stored(body: &Bytes) -> Result<Json, StoreError> {
    Json::parse(body).map_err(|_| StoreError::Corrupt("a stored body is not JSON".to_owned()))
}

fn check_version(
    type_name: &str,
    id: &str,
    existing: Option<&StoredVersion>,
    if_match: Option<u64>,
) -> Result<(), StoreError> {
    let Some(wanted) = if_match else { return Ok(()) };
    match existing {
        Some(found) if found.facts.version == wanted && !found.facts.deleted => Ok(()),
        _ => Err(StoreError::Conflict(format!("version {wanted} of {type_name}/{id} is not the current one"))),
    }
}

fn written(found: &StoredVersion, status: WriteStatus, body: Bytes) -> Written {
    let Facts { type_name, id, version, .. } = found.facts.clone();
    let last_updated: Instant = found.facts.last_updated;
    Written { type_name, id, version, last_updated, status, body }
}
