//! Erasure of a patient: every version of what is about that patient alone, and everything that was worked out or kept of it.
//!
//! What is about somebody else too stays, and is named in the report: it is that person's record as well; so do other Patients of the same
//! person. The restrictions of the erased patient stay in force for both, as numbers without a resource behind them. Bytes may linger in
//! free pages of the database file and in backups until these are overwritten.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use policy::{Denied, Grant};
use search::Options;

use crate::builder::Builder;
use crate::erase_messages;
use crate::error::StoreError;
use crate::intern::{self, Name};
use crate::open::Store;
use crate::parameters::Known;
use crate::predicate::each_patient;
use crate::sql::{Dialect, Session, SqlRow, Statement};
use crate::transaction::Transaction;
use crate::version_row::keys_text;

/// Targets in one search for provenance.
const TARGETS_MAX: usize = 50;

/// What an erasure did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Erased {
    /// Resources that are gone.
    pub resources: u64,
    /// Feed messages that are gone.
    pub messages: u64,
    /// Resources that are about somebody else too and stay, as `Type/id`.
    pub kept: Vec<String>,
    /// Feed messages that told of somebody else too, or have parts in quarantine, and stay.
    pub messages_kept: u64,
    /// Ids of the other Patients of the same person, which stay.
    pub same_person: Vec<String>,
}

/// Type and id of a resource by its key.
pub(crate) type Names = BTreeMap<i64, (String, String)>;

impl Store {
    /// Erases what is about one Patient alone. The caller has audited it before. Nothing of that Patient: not found.
    pub async fn erase_patient(&self, grant: &Grant, patient_id: &str) -> Result<Erased, StoreError> {
        if !grant.is_to_erase() {
            return Err(Denied::new("not-to-erase", "the grant is not one to erase a patient").into());
        }
        let id = patient_id.to_owned();
        // Versions that are superseded or deleted are found by reading through all of them, which must not hold up the writer.
        let (patient, past, as_of) = self
            .read_unbounded(move |session| {
                let name = Name::Target("Patient".to_owned(), id.clone());
                let patient =
                    intern::find(session, &name)?.ok_or_else(|| StoreError::NotFound(format!("Patient/{id}")))?;
                let as_of = newest(session)?;
                Ok((patient, past_of(session, patient, 0)?, as_of))
            })
            .await?;
        let (grant, id, inner) = (grant.clone(), patient_id.to_owned(), Arc::clone(&self.inner));
        let work = move |transaction: &mut Transaction<'_>| {
            transaction.flush()?;
            transaction.direct();
            let generation = transaction.numbers.parameter_generation;
            let known = inner.parameters.within(transaction.session, generation)?;
            let erasure = Erasure { grant: &grant, known: &known, patient, id: &id };
            let mut candidates = past.clone();
            candidates.extend(past_of(transaction.session, patient, as_of)?);
            erasure.run(transaction, candidates)
        };
        self.inner.writer.submit(work).await
    }
}

fn newest(session: &mut dyn Session) -> Result<i64, StoreError> {
    let rows = session.query(&Statement::new("SELECT commit_seq FROM store_state WHERE id = 1", Vec::new()))?;
    rows.first().map_or(Ok(0), |row| row.i64(0))
}

/// Keys of resources of which a version after that number, current or not, is about the patient.
fn past_of(session: &mut dyn Session, patient: i64, after: i64) -> Result<BTreeSet<i64>, StoreError> {
    let mut sql = Builder::new(session.dialect());
    for (alias, table) in [("r", "resource r"), ("h", "history h")] {
        let each = each_patient(session.dialect(), alias);
        sql.push(if alias == "h" { " UNION " } else { "" });
        sql.push(&format!("SELECT {alias}.res_key FROM {table} WHERE {alias}.commit_seq > ")).bind(after);
        sql.push(&format!(" AND {alias}.patients <> '[]' AND EXISTS (SELECT 1 FROM {each} WHERE about.value = "));
        sql.bind(patient).push(")");
    }
    session.query(&sql.build())?.iter().map(|row| row.i64(0)).collect()
}

struct Erasure<'a> {
    grant: &'a Grant,
    known: &'a Known,
    /// Target key of the Patient.
    patient: i64,
    id: &'a str,
}

impl Erasure<'_> {
    fn run(&self, transaction: &mut Transaction<'_>, mut candidates: BTreeSet<i64>) -> Result<Erased, StoreError> {
        let session = &mut *transaction.session;
        candidates.extend(keys(session, "SELECT res_key FROM compartment WHERE patient_key = $1", self.patient)?);
        if candidates.is_empty() {
            return Err(StoreError::NotFound(format!("Patient/{}", self.id)));
        }
        overwrite_deleted(session, "PRAGMA secure_delete = ON")?;
        let shared = self.shared(session, &candidates)?;
        let own: BTreeSet<i64> = candidates.difference(&shared).copied().collect();
        let mut own = names_of(session, &own)?;
        let mut kept = names_of(session, &shared)?;
        self.provenance(transaction, &mut own, &mut kept)?;

        let session = &mut *transaction.session;
        let (messages, messages_kept) = erase_messages::erase(session, &own)?;
        let restrictions = self.restrictions(session)?;
        let live: Vec<(String, String)> = own.values().cloned().collect();
        // Deleting as a client would takes index rows, compartments and restrictions along, and keeps the counters right.
        crate::write::delete_all(transaction, self.grant, self.known, live)?;
        let session = &mut *transaction.session;
        let all = keys_text(&own.keys().copied().collect::<Vec<_>>());
        for (table, column) in [("history", "res_key"), ("resource", "res_key"), ("restriction", "source_res_key")] {
            let sql = format!("DELETE FROM {table} WHERE {column} {}", session.dialect().in_list("$1"));
            session.execute(&Statement::new(sql, vec![all.as_str().into()]))?;
        }
        let others = self.others_of_person(session)?;
        let sql = "DELETE FROM review WHERE patient_id = $1 OR other_patient_id = $1";
        session.execute(&Statement::new(sql, vec![self.id.into()]))?;
        let heir = others.first().map(|(key, _)| *key).or((!kept.is_empty()).then_some(self.patient));
        self.settle_restrictions(session, &restrictions, heir)?;
        if kept.is_empty() {
            self.forget_person(session, others.is_empty())?;
        }
        // What was asked and answered may be about anybody.
        let kinds = crate::jobs::ASYNC_KINDS.map(|kind| format!("'{kind}'")).join(", ");
        session.execute(&Statement::new(format!("DELETE FROM job WHERE kind IN ({kinds})"), Vec::new()))?;
        forget_words(session)?;
        overwrite_deleted(session, "PRAGMA secure_delete = OFF")?;
        let text = |(type_name, id): &(String, String)| format!("{type_name}/{id}");
        Ok(Erased {
            resources: own.len() as u64,
            messages,
            kept: kept.values().map(text).collect(),
            messages_kept,
            same_person: others.into_iter().map(|(_, id)| id).collect(),
        })
    }

    /// Those of which any version is about another patient too.
    fn shared(&self, session: &mut dyn Session, candidates: &BTreeSet<i64>) -> Result<BTreeSet<i64>, StoreError> {
        let among = session.dialect().in_list("$1");
        let sql = format!(
            "SELECT res_key, patients FROM resource WHERE res_key {among} \
             UNION SELECT res_key, patients FROM history WHERE res_key {among}"
        );
        let keys = keys_text(&candidates.iter().copied().collect::<Vec<_>>());
        let mut shared = BTreeSet::new();
        for row in session.query(&Statement::new(sql, vec![keys.into()]))? {
            let patients: Vec<i64> = serde_json::from_str(row.text(1)?)
                .map_err(|_| StoreError::Corrupt("patients of a version".to_owned()))?;
            if patients.iter().any(|patient| *patient != self.patient) {
                shared.insert(row.i64(0)?);
            }
        }
        Ok(shared)
    }

    /// A Provenance of nothing but what is erased goes too; one of something else as well stays.
    fn provenance(
        &self,
        transaction: &mut Transaction<'_>,
        own: &mut Names,
        kept: &mut Names,
    ) -> Result<(), StoreError> {
        let erased: Vec<String> = own.values().map(|(type_name, id)| format!("{type_name}/{id}")).collect();
        let mut found = BTreeSet::new();
        for targets in erased.chunks(TARGETS_MAX) {
            let params = [("target".to_owned(), targets.join(","))];
            let query = search::parse("Provenance", &params, &self.known.registry, &Options::default())
                .map_err(|_| StoreError::Invalid("provenance cannot be searched by target".to_owned()))?;
            let reach = (self.grant, &*self.known.registry, transaction.now);
            found.extend(crate::search_type::find_current(transaction.session, &query, reach, i64::MAX)?);
        }
        for key in found.into_iter().filter(|key| !own.contains_key(key)).collect::<Vec<_>>() {
            let found = crate::resource::current(transaction.session, &[key])?.remove(&key);
            let Some(version) = found.map(|found| found.version) else { continue };
            let json = crate::write::parse_stored(&version.body)?;
            let is_gone =
                |text: &str| erased.iter().any(|name| name == text.split("/_history/").next().unwrap_or(text));
            let targets = json.root().get("target").into_iter().flat_map(|list| list.each());
            let is_of_erased =
                targets.map(|target| target.str("reference")).all(|text| text.is_some_and(|text| is_gone(&text)));
            let list = if is_of_erased && version.patients.is_empty() { &mut *own } else { &mut *kept };
            list.insert(key, (version.facts.type_name, version.facts.id));
        }
        Ok(())
    }

    fn restrictions(&self, session: &mut dyn Session) -> Result<Vec<SqlRow>, StoreError> {
        let sql = "SELECT DISTINCT purpose, class, actor, start_ms, end_ms FROM restriction WHERE patient_key = $1";
        session.query(&Statement::new(sql, vec![self.patient.into()]))
    }

    /// What hid or redacted the patient still does so for what stays, in the name of a Patient that points to the same person. Resource 0
    /// states it, so no later write takes it away.
    fn settle_restrictions(
        &self,
        session: &mut dyn Session,
        restrictions: &[SqlRow],
        heir: Option<i64>,
    ) -> Result<(), StoreError> {
        let sql = match heir {
            // Those that a resource states which stays are its own.
            Some(_) => "DELETE FROM restriction WHERE patient_key = $1 AND source_res_key = 0",
            None => "DELETE FROM restriction WHERE patient_key = $1",
        };
        session.execute(&Statement::new(sql, vec![self.patient.into()]))?;
        let Some(heir) = heir else { return Ok(()) };
        for row in restrictions {
            let sql = "INSERT INTO restriction (patient_key, source_res_key, purpose, class, actor, start_ms, end_ms) \
                       VALUES ($1, 0, $2, $3, $4, $5, $6)";
            let values = [heir.into()].into_iter().chain(row.0.iter().cloned()).collect();
            session.execute(&Statement::new(sql, values))?;
        }
        Ok(())
    }

    /// Key and id of the other Patients that point to the same person; one that was erased and still points there counts no more.
    fn others_of_person(&self, session: &mut dyn Session) -> Result<Vec<(i64, String)>, StoreError> {
        let sql = "SELECT q.patient_key, t.id FROM patient p JOIN patient q ON q.person_key = p.person_key \
                   JOIN target t ON t.target_key = q.patient_key \
                   WHERE p.patient_key = $1 AND q.patient_key <> $1 ORDER BY t.id";
        let mut others = Vec::new();
        for row in session.query(&Statement::new(sql, vec![self.patient.into()]))? {
            let (key, id) = (row.i64(0)?, row.text(1)?.to_owned());
            if is_stored(session, &id)? {
                others.push((key, id));
            }
        }
        Ok(others)
    }

    /// Takes the Patient from its person and from recorded merges, and the person away when nobody points to it any more.
    fn forget_person(&self, session: &mut dyn Session, is_last: bool) -> Result<(), StoreError> {
        let person = keys(session, "SELECT person_key FROM patient WHERE patient_key = $1", self.patient)?;
        let sql = "DELETE FROM patient WHERE patient_key = $1";
        session.execute(&Statement::new(sql, vec![self.patient.into()]))?;
        if let (true, Some(person)) = (is_last, person.first()) {
            for sql in ["DELETE FROM person WHERE person_key = $1", "DELETE FROM review WHERE person_key = $1"] {
                session.execute(&Statement::new(sql, vec![(*person).into()]))?;
            }
        }
        for row in session.query(&Statement::new("SELECT event_key, patients FROM person_event", Vec::new()))? {
            let mut moved: Vec<i64> =
                serde_json::from_str(row.text(1)?).map_err(|_| StoreError::Corrupt("keys of a merge".to_owned()))?;
            if !moved.contains(&self.patient) {
                continue;
            }
            moved.retain(|patient| *patient != self.patient);
            let key = row.i64(0)?;
            session.execute(&if moved.is_empty() {
                Statement::new("DELETE FROM person_event WHERE event_key = $1", vec![key.into()])
            } else {
                let sql = "UPDATE person_event SET patients = $2 WHERE event_key = $1";
                Statement::new(sql, vec![key.into(), keys_text(&moved).into()])
            })?;
        }
        Ok(())
    }
}

/// Has SQLite write the full text anew: what is deleted there is only marked so, word for word, until then.
fn forget_words(session: &mut dyn Session) -> Result<(), StoreError> {
    if session.dialect() == Dialect::Sqlite {
        session.execute(&Statement::new("INSERT INTO full_text (full_text) VALUES ('optimize')", Vec::new()))?;
    }
    Ok(())
}

/// Whether a Patient of that id is stored, deleted or not.
fn is_stored(session: &mut dyn Session, id: &str) -> Result<bool, StoreError> {
    let key = intern::find(session, &Name::Target("Patient".to_owned(), id.to_owned()))?;
    Ok(!crate::resource::current(session, key.as_slice())?.is_empty())
}

/// Has SQLite overwrite what is deleted, or not: it costs writes, so it is on for an erasure alone.
fn overwrite_deleted(session: &mut dyn Session, pragma: &'static str) -> Result<(), StoreError> {
    if session.dialect() == Dialect::Sqlite {
        // It answers with a row.
        session.query(&Statement::new(pragma, Vec::new()))?;
    }
    Ok(())
}

fn names_of(session: &mut dyn Session, keys: &BTreeSet<i64>) -> Result<Names, StoreError> {
    let sql = format!("SELECT res_key, type, id FROM resource WHERE res_key {}", session.dialect().in_list("$1"));
    let keys = keys_text(&keys.iter().copied().collect::<Vec<_>>());
    let rows = session.query(&Statement::new(sql, vec![keys.into()]))?;
    rows.iter().map(|row| Ok((row.i64(0)?, (row.text(1)?.to_owned(), row.text(2)?.to_owned())))).collect()
}

fn keys(session: &mut dyn Session, sql: &'static str, value: i64) -> Result<Vec<i64>, StoreError> {
    session.query(&Statement::new(sql, vec![value.into()]))?.iter().map(|row| row.i64(0)).collect()
}
