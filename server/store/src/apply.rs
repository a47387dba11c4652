//! The writes of one batch, applied in the running transaction.

use std::collections::HashMap;

use bytes::Bytes;
use fhir::{Instant, Json};
use policy::{Facts, Grant, Interaction, Label, PersonKey, Restriction};
use search::FullText;

use crate::batch::{Criteria, CurrentVersion, ExpectedMatches, WriteStatus, Written};
use crate::body::parse_stored;
use crate::error::StoreError;
use crate::index_row;
use crate::intern::Names;
use crate::parameters::Known;
use crate::pending::{COMPARTMENT, RESOURCE, full_text};
use crate::person::PersonUndo;
use crate::prepare::{Indexed, Prepared, PreparedBatch, PreparedDelete, PreparedPut, indexed};
use crate::resource::{Current, by_key, current};
use crate::sql::{Dialect, SqlValue, Statement, Table};
use crate::transaction::Transaction;
use crate::version_row::{Method, StoredVersion, keys_text, labels_of_text, labels_text};

/// A batch on its way into the database.
pub(crate) struct Apply<'a, 'b> {
    transaction: &'a mut Transaction<'b>,
    grant: &'a Grant,
    known: &'a Known,
    batch: &'a PreparedBatch,
    /// The numbers of the batch's names.
    keys: Vec<i64>,
    /// What is there already of what the batch writes.
    existing: HashMap<i64, Current>,
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

impl<'a, 'b> Apply<'a, 'b> {
    /// Looks up what the batch names and what is there of it.
    pub(crate) fn new(
        transaction: &'a mut Transaction<'b>,
        grant: &'a Grant,
        known: &'a Known,
        batch: &'a PreparedBatch,
    ) -> Result<Apply<'a, 'b>, StoreError> {
        let keys = transaction.keys(&batch.names)?;
        let mut apply = Apply { transaction, grant, known, batch, keys, existing: HashMap::new() };
        let names = batch.ops.iter().map(|op| match op {
            Prepared::Put(put) => put.name,
            Prepared::Delete(delete) => delete.name,
        });
        let mut known: Vec<i64> = names.map(|name| apply.key(name)).collect();
        known.retain(|key| !apply.transaction.is_new(*key));
        apply.existing = current(apply.transaction.session, &known)?;
        Ok(apply)
    }

    /// Applies the batch.
    pub(crate) fn run(mut self) -> Result<Vec<Written>, StoreError> {
        let batch = self.batch;
        for ExpectedMatches { query, grant, count } in &batch.expected {
            self.transaction.flush()?;
            let as_seen = (grant, &*self.known.registry, self.transaction.now);
            let limit = i64::try_from(*count).unwrap_or(i64::MAX).saturating_add(1);
            let found = crate::search_type::find_current(self.transaction.session, query, as_seen, limit)?;
            if found.len() != *count {
                return Err(StoreError::Conflict("what the write was decided upon has changed".to_owned()));
            }
        }
        let mut written = Vec::with_capacity(batch.ops.len());
        for op in &batch.ops {
            let done = match op {
                Prepared::Put(put) => self.put(put)?,
                Prepared::Delete(delete) => self.delete(delete)?,
            };
            match done.status {
                WriteStatus::Created => self.transaction.pending.count(&done.type_name, 1),
                WriteStatus::Deleted => self.transaction.pending.count(&done.type_name, -1),
                WriteStatus::Updated | WriteStatus::Unchanged => {}
            }
            written.push(done);
        }
        for link in &batch.links {
            crate::person::apply(self.transaction, link)?;
        }
        if let Some(PersonUndo { event, reason }) = &batch.undo {
            self.transaction.flush()?;
            crate::person::undo(self.transaction, *event, reason)?;
        }
        self.check_denials()?;
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
            self.transaction.flush()?;
            let keys = self.patient_keys(put).into_iter().collect();
            let named = crate::version_row::patients_named(self.transaction.session, &keys)?;
            if keys.is_empty() || keys.iter().any(|key| named.get(key).is_none_or(|(_, person)| person.is_none())) {
                let message = "the patient of a restriction must be a Patient of this server, named as Patient/[id]";
                return Err(StoreError::Rule(message.to_owned()));
            }
        }
        Ok(())
    }

    fn put(&mut self, put: &PreparedPut) -> Result<Written, StoreError> {
        if let Some(Criteria { query, grant }) = &put.if_none_exist {
            self.transaction.flush()?;
            let reach = (grant, &*self.known.registry, self.transaction.now);
            let found = crate::search_type::find_current(self.transaction.session, query, reach, 2)?;
            match found.as_slice() {
                [] => {}
                [key] => {
                    let matched = self.matched(*key, put.interaction)?;
                    // Other writes of the batch refer to it under the id that the caller found or made.
                    if self.batch.ops.len() > 1 && matched.id != put.id {
                        return Err(match self.is_written_too(&matched) {
                            true => StoreError::Invalid("another write meets the condition of the create".to_owned()),
                            false => StoreError::Conflict("what the write was decided upon has changed".to_owned()),
                        });
                    }
                    return Ok(matched);
                }
                _ => {
                    return Err(StoreError::Conflict("several resources match the condition of the create".to_owned()));
                }
            }
        }
        let (type_name, res_key) = (put.resource.type_name(), self.key(put.name));
        let existing = self.take_existing(res_key)?;
        let (existing, content_hash) = existing.map(|found| (found.version, found.content_hash)).unzip();
        let is_live = existing.as_ref().is_some_and(|found: &StoredVersion| !found.facts.deleted);
        if put.interaction == Interaction::Create && existing.is_some() {
            return Err(StoreError::Conflict(format!("{type_name}/{} is there already", put.id)));
        }
        let patients = self.patient_keys(put);
        let before = self.check_grant(put, existing.as_ref(), &patients)?;
        // Which version is current is told after the grant was asked, and only to whoever may see it.
        check_version((type_name, &put.id), existing.as_ref(), put.if_match.as_ref())?;
        let version = existing.as_ref().map_or(0, |found| found.facts.version) + 1;
        if let Some(found) = existing.as_ref().filter(|_| is_live)
            && content_hash.as_ref() == Some(&put.content_hash)
        {
            return Ok(Written { patients: before, ..written(found, WriteStatus::Unchanged, found.body.clone()) });
        }
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
            body: put.body.clone(),
        };
        self.store_row(row, existing.as_ref())?;
        if let Some(found) = &existing {
            self.label_earlier(found, &put.labels)?;
        }
        let new_rows = put.rows.iter().map(|row| row.resolve(&self.keys, res_key)).collect();
        self.replace_index(existing.as_ref(), res_key, (new_rows, &put.words))?;
        self.replace_compartment(existing.as_ref(), type_name, res_key, &patients)?;
        if let (true, Some(patient)) = (type_name == "Patient", patients.first()) {
            self.transaction.ensure_person(*patient)?;
        }
        self.add_restrictions(res_key, &patients, &put.restrictions)?;
        let (last_updated, status) =
            (self.transaction.now, if is_live { WriteStatus::Updated } else { WriteStatus::Created });
        let (type_name, id) = (type_name.to_owned(), put.id.clone());
        // The body is put together outside the writer, and the patients of the new version are added to those of the old.
        Ok(Written { res_key, type_name, id, version, last_updated, status, patients: before, body: Bytes::new() })
    }

    /// Whether another write of the batch is of that resource.
    fn is_written_too(&self, matched: &Written) -> bool {
        let same = |type_name: &str, id: &str| type_name == matched.type_name && id == matched.id;
        self.batch.ops.iter().any(|op| match op {
            Prepared::Put(put) => same(put.resource.type_name(), &put.id),
            Prepared::Delete(delete) => same(&delete.type_name, &delete.id),
        })
    }

    fn delete(&mut self, delete: &PreparedDelete) -> Result<Written, StoreError> {
        let (type_name, id) = (delete.type_name.as_str(), delete.id.as_str());
        let existing = self.take_existing(self.key(delete.name))?.map(|found| found.version);
        let facts = existing.as_ref().map(|found| self.facts_now(found)).transpose()?;
        let seen = facts.as_ref().map_or(Ok(()), |facts| self.check_existing(Interaction::Delete, facts));
        // What the caller may not see is answered as what is not there.
        let existing = match seen {
            Err(error) if is_hidden(&error) => None,
            other => other.map(|()| existing)?,
        };
        check_version((type_name, id), existing.as_ref(), delete.if_match.as_ref())?;
        let (Some(found), Some(facts)) = (existing, facts) else {
            let (type_name, id) = (type_name.to_owned(), id.to_owned());
            let (last_updated, status) = (self.transaction.now, WriteStatus::Unchanged);
            let (patients, body) = (Vec::new(), Bytes::new());
            return Ok(Written { res_key: 0, type_name, id, version: 0, last_updated, status, patients, body });
        };
        if found.facts.deleted {
            let unchanged = written(&found, WriteStatus::Unchanged, Bytes::new());
            return Ok(Written { patients: facts.patient_ids, ..unchanged });
        }
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
        self.replace_index(Some(&found), found.res_key, (Vec::new(), &FullText::default()))?;
        self.replace_compartment(Some(&found), type_name, found.res_key, &[])?;
        let mut done = written(&found, WriteStatus::Deleted, Bytes::new());
        done.version += 1;
        done.patients = facts.patient_ids;
        done.last_updated = self.transaction.now;
        Ok(done)
    }

    fn key(&self, name: usize) -> i64 {
        self.keys.get(name).copied().unwrap_or_default()
    }

    fn patient_keys(&self, put: &PreparedPut) -> Vec<i64> {
        put.patients.iter().map(|name| self.key(*name)).collect()
    }

    /// The current version, and a note that there will be another.
    fn take_existing(&mut self, res_key: i64) -> Result<Option<Current>, StoreError> {
        let found = if self.transaction.may_have_written(res_key) {
            self.transaction.flush()?;
            current(self.transaction.session, &[res_key])?.remove(&res_key)
        } else {
            self.existing.remove(&res_key)
        };
        self.transaction.note_written(res_key);
        Ok(found)
    }

    fn matched(&mut self, res_key: i64, interaction: Interaction) -> Result<Written, StoreError> {
        let found = by_key(self.transaction.session, res_key)?
            .ok_or_else(|| StoreError::Corrupt("an index row without a resource".to_owned()))?;
        // Whoever could not have written it may not learn its id.
        let facts = self.facts_now(&found)?;
        self.grant.check_write(interaction, &facts)?;
        Ok(Written { patients: facts.patient_ids, ..written(&found, WriteStatus::Unchanged, Bytes::new()) })
    }

    /// Checks the write; gives the ids of the Patients of what is there already, which the server's own work does not ask for.
    fn check_grant(
        &mut self,
        put: &PreparedPut,
        existing: Option<&StoredVersion>,
        patients: &[i64],
    ) -> Result<Vec<String>, StoreError> {
        if self.grant.is_system() {
            if let Some(found) = existing {
                self.grant.check_labels_kept(&found.facts.labels, &put.labels)?;
            }
            return Ok(Vec::new());
        }
        let is_limited = self.grant.is_person_limited(put.interaction, put.resource.type_name());
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
        // Only a grant of one person asks whom it is about.
        if is_limited {
            self.transaction.flush()?;
            let keys = patients.iter().copied().collect();
            for (id, person) in crate::version_row::patients_named(self.transaction.session, &keys)?.into_values() {
                facts.patient_ids.push(id);
                facts.persons.push(PersonKey(person.unwrap_or_default()));
            }
        }
        self.grant.check_write(put.interaction, &facts)?;
        let Some(found) = existing else { return Ok(Vec::new()) };
        let facts = self.facts_now(found)?;
        if let Err(error) = self.check_existing(put.interaction, &facts) {
            // Which version of it is current is nothing to tell whoever may not see it.
            if is_hidden(&error) {
                check_version((&facts.type_name, &facts.id), None, put.if_match.as_ref())?;
            }
            return Err(error);
        }
        self.grant.check_labels_kept(&found.facts.labels, &put.labels)?;
        let is_identity_kept = put.resource.type_name() != "Patient"
            || !is_limited
            || (!found.facts.deleted && is_same_identity(&parse_stored(&found.body)?, put.resource.json()));
        if is_identity_kept {
            return Ok(facts.patient_ids);
        }
        let message =
            "identifiers and birth date are what records are linked by; an app of the patient cannot change them";
        Err(policy::Denied::new("identity", message).into())
    }

    /// Whether the caller may write over, or delete, what is there.
    fn check_existing(&self, interaction: Interaction, facts: &Facts) -> Result<(), StoreError> {
        self.grant.check_write(interaction, facts)?;
        // Deleting what is deleted changes nothing.
        if facts.deleted && interaction == Interaction::Delete { Ok(()) } else { self.check_replace(facts) }
    }

    /// What the caller cannot see is not there for it.
    fn check_replace(&self, facts: &Facts) -> Result<(), StoreError> {
        self.grant.check_replace(facts).map_err(|denied| match denied.reason {
            "redacted" => denied.into(),
            _ => StoreError::NotFound(format!("{}/{}", facts.type_name, facts.id)),
        })
    }

    /// The facts of what is there, with its persons and their restrictions as they are now.
    fn facts_now(&mut self, found: &StoredVersion) -> Result<Facts, StoreError> {
        self.transaction.flush()?;
        let mut versions = [found.clone()];
        crate::version_row::complete(self.transaction.session, &mut versions, self.transaction.now)?;
        let [found] = versions;
        Ok(found.facts)
    }

    fn store_row(&mut self, row: NewRow<'_>, existing: Option<&StoredVersion>) -> Result<(), StoreError> {
        self.transaction.numbers.commit_seq += 1;
        let commit_seq = self.transaction.numbers.commit_seq;
        let source = &self.batch.source;
        let is_general_practice =
            source.is_general_practice() || existing.is_some_and(|found| found.facts.source.is_general_practice());
        let version = i64::try_from(row.version).map_err(|_| StoreError::Corrupt("version number".to_owned()))?;
        self.transaction.use_labels(&row.labels)?;
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
            None => self.transaction.pending.add(&RESOURCE, values),
            Some(found) => {
                self.supersede(found.res_key, commit_seq)?;
                self.transaction.execute(&Statement::new(UPDATE, values))?;
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
        self.transaction.execute(&statement)
    }

    /// A confidentiality label that comes later holds for the earlier versions too: they mostly say the same.
    fn label_earlier(&mut self, found: &StoredVersion, labels: &[Label]) -> Result<(), StoreError> {
        let is_new = |label: &&Label, known: &[Label]| {
            (label.is_confidentiality("R") || label.is_confidentiality("V")) && !known.contains(label)
        };
        if !labels.iter().any(|label| is_new(&label, &found.facts.labels)) {
            return Ok(());
        }
        self.transaction.direct();
        let session = &mut *self.transaction.session;
        let sql = "SELECT commit_seq, labels FROM history WHERE res_key = $1";
        for row in session.query(&Statement::new(sql, vec![found.res_key.into()]))? {
            let mut known = labels_of_text(row.text(1)?)?;
            let missing: Vec<Label> = labels.iter().filter(|label| is_new(label, &known)).cloned().collect();
            known.extend(missing);
            let labels = labels_text(&known);
            self.transaction.use_labels(&labels)?;
            let session = &mut *self.transaction.session;
            let values = vec![labels.into(), row.i64(0)?.into()];
            session.execute(&Statement::new("UPDATE history SET labels = $1 WHERE commit_seq = $2", values))?;
        }
        Ok(())
    }

    /// Puts new index rows in the place of the old ones, which are worked out again from the old body; takes away the
    /// restrictions that the old body stated.
    fn replace_index(
        &mut self,
        existing: Option<&StoredVersion>,
        res_key: i64,
        (mut new_rows, new_words): (Vec<(&'static Table, Vec<SqlValue>)>, &FullText),
    ) -> Result<(), StoreError> {
        let mut old_words = FullText::default();
        if let Some(found) = existing.filter(|found| !found.facts.deleted) {
            let json = parse_stored(&found.body)?;
            if !policy::restrictions_of(&json).restrictions.is_empty() {
                let sql = "DELETE FROM restriction WHERE source_res_key = $1";
                self.transaction.execute(&Statement::new(sql, vec![res_key.into()]))?;
            }
            let mut names = Names::default();
            let Indexed { rows, words } = indexed(&json, &self.known.registry, &mut names);
            let keys = self.transaction.keys(names.list())?;
            old_words = words;
            self.transaction.direct();
            for old in rows.iter().map(|row| row.resolve(&keys, res_key)) {
                match new_rows.iter().position(|new| new.1 == old.1 && std::ptr::eq(new.0, old.0)) {
                    // The old one is there only if it was written since the parameter came.
                    Some(_) if index_row::param_of(&old.1).is_some_and(|param| self.known.is_partial(param)) => {}
                    Some(same) => drop(new_rows.swap_remove(same)),
                    None => index_row::delete(self.transaction.session, old.0, old.1)?,
                }
            }
        }
        for (table, values) in new_rows {
            self.transaction.pending.add(table, values);
        }
        self.replace_words(res_key, &old_words, new_words)
    }

    fn replace_words(&mut self, res_key: i64, old: &FullText, new: &FullText) -> Result<(), StoreError> {
        if old == new {
            return Ok(());
        }
        let dialect = self.transaction.session.dialect();
        if *old != FullText::default() {
            let key = if dialect == Dialect::Sqlite { "rowid" } else { "res_key" };
            let sql = format!("DELETE FROM full_text WHERE {key} = $1");
            self.transaction.execute(&Statement::new(sql, vec![res_key.into()]))?;
        }
        if *new != FullText::default() {
            let values = vec![res_key.into(), (&new.narrative).into(), (&new.content).into()];
            self.transaction.pending.add(full_text(dialect), values);
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
            self.transaction.execute(&Statement::new(
                "DELETE FROM compartment WHERE patient_key = $1 AND type = $2 AND res_key = $3",
                vec![(*patient).into(), type_name.into(), res_key.into()],
            ))?;
        }
        for patient in patients.iter().filter(|patient| !old.contains(patient)) {
            let values = vec![(*patient).into(), type_name.into(), res_key.into()];
            self.transaction.pending.add(&COMPARTMENT, values);
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
            self.transaction.execute(&Statement::new(
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
}

const UPDATE: &str = "UPDATE resource SET (res_key, type, id, version, last_updated, deleted, commit_seq, method, patients, \
                      labels, source_feed, source_system, ods_code, general_practice, content_hash, body) = \
                      ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) WHERE res_key = $1";

/// Whether two versions of a Patient bear the same identifiers and birth date.
fn is_same_identity(before: &Json, after: &Json) -> bool {
    let of = |json: &Json, name: &str| json.root().get(name).map(|node| node.to_value());
    ["identifier", "birthDate"].iter().all(|name| of(before, name) == of(after, name))
}

fn check_version(
    (type_name, id): (&str, &str),
    existing: Option<&StoredVersion>,
    if_match: Option<&CurrentVersion>,
) -> Result<(), StoreError> {
    let live = existing.filter(|found| !found.facts.deleted).map(|found| found.facts.version);
    match if_match.filter(|rule| !rule.holds(live)) {
        None => Ok(()),
        Some(CurrentVersion::Any) => Err(StoreError::Conflict(format!("there is no {type_name}/{id} to be matched"))),
        Some(CurrentVersion::OneOf(versions)) => Err(StoreError::Conflict(match versions.as_slice() {
            [wanted] => format!("version {wanted} of {type_name}/{id} is not the current one"),
            _ => format!("none of the versions named is the current one of {type_name}/{id}"),
        })),
        Some(CurrentVersion::Absent | CurrentVersion::NoneOf(_)) => {
            Err(StoreError::RuledOut(format!("{type_name}/{id}, which `If-None-Match` rules out, is there")))
        }
    }
}

/// Whether it is refused because the caller may not see what is there.
fn is_hidden(error: &StoreError) -> bool {
    match error {
        StoreError::Denied(denied) => denied.reason == "other-person",
        error => matches!(error, StoreError::NotFound(_)),
    }
}

fn written(found: &StoredVersion, status: WriteStatus, body: Bytes) -> Written {
    let Facts { type_name, id, version, .. } = found.facts.clone();
    let last_updated: Instant = found.facts.last_updated;
    let patients = found.facts.patient_ids.clone();
    Written { res_key: found.res_key, type_name, id, version, last_updated, status, patients, body }
}
