//! Persons: who a Patient points to, and the merges that move that pointer and can be undone.
//!
//! A restriction stands with a patient and holds for the person to whom that patient points now, so it follows a merge and
//! its undoing by itself.

use fhir::Instant;
use policy::PersonKey;

use crate::error::StoreError;
use crate::intern::Name;
use crate::open::Store;
use crate::sql::{Session, Statement};
use crate::transaction::Transaction;
use crate::version_row::keys_text;

/// A recorded merge or move, by which it can be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PersonEvent(pub i64);

/// A decision that two Patients are of one person, applied with the writes that led to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonLink {
    /// The Patient that is moved.
    pub patient_id: String,
    /// The Patient whose person it gets.
    pub with_patient_id: String,
    /// How much moves.
    pub kind: LinkKind,
    /// Why, for the record; no patient data.
    pub reason: String,
}

/// The undoing of a merge or link, applied with the writes that it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonUndo {
    /// What is undone.
    pub event: PersonEvent,
    /// Why, for the record; no patient data.
    pub reason: String,
}

/// How much a [`PersonLink`] moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkKind {
    /// This Patient alone: linking by number and birth date.
    Link,
    /// All Patients of its person: a merge message (A40).
    Merge,
}

impl Store {
    /// The person to whom a Patient points.
    pub async fn person_of_patient(&self, patient_id: &str) -> Result<Option<PersonKey>, StoreError> {
        let id = patient_id.to_owned();
        self.read_inline(move |session| Ok(crate::predicate::person_of(session, &id)?.map(PersonKey))).await
    }

    /// The ids of the Patients that point to a person.
    pub async fn patients_of_person(&self, person: PersonKey) -> Result<Vec<String>, StoreError> {
        let sql = "SELECT t.id FROM patient p JOIN target t ON t.target_key = p.patient_key \
                   WHERE p.person_key = $1 AND t.type = 'Patient' ORDER BY t.id";
        let rows = self.query(Statement::new(sql, vec![person.0.into()])).await?;
        rows.iter().map(|row| row.text(0).map(str::to_owned)).collect()
    }

    /// Points one Patient to a person; nothing is recorded when it does so already.
    pub async fn set_person(
        &self,
        patient_id: &str,
        person: PersonKey,
        reason: &str,
    ) -> Result<Option<PersonEvent>, StoreError> {
        let (id, reason) = (patient_id.to_owned(), reason.to_owned());
        let work = move |transaction: &mut Transaction<'_>| {
            let session = &mut *transaction.session;
            let patient = patient_key(session, &id)?;
            check_person(session, person.0)?;
            let from = person_of_key(session, patient)?;
            let movement = Movement { kind: "link", from, to: person.0, reason: &reason, patients: vec![patient] };
            movement.run(session, transaction.now)
        };
        self.inner.writer.submit(work).await
    }

    /// Points all Patients of one person to another.
    pub async fn merge_persons(
        &self,
        survivor: PersonKey,
        loser: PersonKey,
        reason: &str,
    ) -> Result<Option<PersonEvent>, StoreError> {
        let reason = reason.to_owned();
        let work = move |transaction: &mut Transaction<'_>| {
            let session = &mut *transaction.session;
            check_person(session, survivor.0)?;
            check_person(session, loser.0)?;
            merge(session, (survivor.0, loser.0), &reason, transaction.now)
        };
        self.inner.writer.submit(work).await
    }

    /// Undoes a merge or a move: the Patients point to where they did before. Refused when they were moved on since.
    pub async fn unmerge(&self, event: PersonEvent, reason: &str) -> Result<(), StoreError> {
        let reason = reason.to_owned();
        let work = move |transaction: &mut Transaction<'_>| undo(transaction, event, &reason);
        self.inner.writer.submit(work).await
    }

    /// The ids of the Patients that a merge or move moved.
    pub async fn patients_moved(&self, event: PersonEvent) -> Result<Vec<String>, StoreError> {
        self.read_inline(move |session| {
            let sql = "SELECT patients FROM person_event WHERE event_key = $1";
            let rows = session.query(&Statement::new(sql, vec![event.0.into()]))?;
            let moved = rows.first().ok_or_else(|| StoreError::NotFound("the merge".to_owned()))?;
            let sql = format!("SELECT id FROM target WHERE target_key {}", session.dialect().in_list("$1"));
            let found = session.query(&Statement::new(sql, vec![moved.text(0)?.into()]))?;
            found.iter().map(|row| row.text(0).map(str::to_owned)).collect()
        })
        .await
    }

    /// The newest merge or move of a Patient that is not undone.
    pub async fn last_person_event(&self, patient_id: &str) -> Result<Option<PersonEvent>, StoreError> {
        let id = patient_id.to_owned();
        self.read_inline(move |session| {
            let key = patient_key(session, &id)?;
            let sql = "SELECT event_key, patients FROM person_event WHERE undone = 0 AND kind <> 'undo' \
                       ORDER BY event_key DESC";
            for row in session.query(&Statement::new(sql, Vec::new()))? {
                if list(row.text(1)?)?.contains(&key) {
                    return Ok(Some(PersonEvent(row.i64(0)?)));
                }
            }
            Ok(None)
        })
        .await
    }
}

struct Movement<'a> {
    kind: &'static str,
    from: i64,
    to: i64,
    reason: &'a str,
    patients: Vec<i64>,
}

/// Makes one Patient's person that of another, in the transaction of a write. Either may still be to come.
pub(crate) fn apply(transaction: &mut Transaction<'_>, link: &PersonLink) -> Result<Option<PersonEvent>, StoreError> {
    let mut person = |id: &str| {
        let key = transaction.key(Name::Target("Patient".to_owned(), id.to_owned()))?;
        transaction.ensure_person(key)?;
        Ok::<i64, StoreError>(key)
    };
    let (patient, with) = (person(&link.patient_id)?, person(&link.with_patient_id)?);
    transaction.flush()?;
    transaction.direct();
    let session = &mut *transaction.session;
    let (from, to) = (person_of_key(session, patient)?, person_of_key(session, with)?);
    match link.kind {
        LinkKind::Link => {
            let movement = Movement { kind: "link", from, to, reason: &link.reason, patients: vec![patient] };
            movement.run(session, transaction.now)
        }
        LinkKind::Merge => merge(session, (to, from), &link.reason, transaction.now),
    }
}

fn merge(
    session: &mut dyn Session,
    (survivor, loser): (i64, i64),
    reason: &str,
    now: Instant,
) -> Result<Option<PersonEvent>, StoreError> {
    let patients = keys(session, "SELECT patient_key FROM patient WHERE person_key = $1", loser)?;
    Movement { kind: "merge", from: loser, to: survivor, reason, patients }.run(session, now)
}

impl Movement<'_> {
    fn run(self, session: &mut dyn Session, now: Instant) -> Result<Option<PersonEvent>, StoreError> {
        if self.from == self.to || self.patients.is_empty() {
            return Ok(None);
        }
        point(session, &self.patients, self.to)?;
        let rows = session.query(&Statement::new(
            "INSERT INTO person_event (at, kind, from_person, to_person, reason, patients, undone) \
             VALUES ($1, $2, $3, $4, $5, $6, 0) RETURNING event_key",
            vec![
                now.into(),
                self.kind.into(),
                self.from.into(),
                self.to.into(),
                self.reason.into(),
                keys_text(&self.patients).into(),
            ],
        ))?;
        rows.first().map(|row| row.i64(0).map(PersonEvent)).transpose()
    }
}

pub(crate) fn undo(transaction: &mut Transaction<'_>, event: PersonEvent, reason: &str) -> Result<(), StoreError> {
    transaction.direct();
    let session = &mut *transaction.session;
    let sql =
        "SELECT from_person, to_person, patients, undone FROM person_event WHERE event_key = $1 AND kind <> 'undo'";
    let rows = session.query(&Statement::new(sql, vec![event.0.into()]))?;
    let row = rows.first().ok_or_else(|| StoreError::NotFound("the merge".to_owned()))?;
    let (from, to, patients) = (row.i64(0)?, row.i64(1)?, list(row.text(2)?)?);
    if row.i64(3)? != 0 {
        return Err(StoreError::Conflict("the merge is undone already".to_owned()));
    }
    for patient in &patients {
        if person_of_key(session, *patient)? != to {
            return Err(StoreError::Conflict("a patient of the merge was moved on since: undo that first".to_owned()));
        }
    }
    point(session, &patients, from)?;
    session
        .execute(&Statement::new("UPDATE person_event SET undone = 1 WHERE event_key = $1", vec![event.0.into()]))?;
    session.execute(&Statement::new(
        "INSERT INTO person_event (at, kind, from_person, to_person, reason, patients, undone) \
         VALUES ($1, 'undo', $2, $3, $4, $5, 0)",
        vec![transaction.now.into(), to.into(), from.into(), reason.into(), keys_text(&patients).into()],
    ))?;
    Ok(())
}

fn point(session: &mut dyn Session, patients: &[i64], person: i64) -> Result<(), StoreError> {
    let sql = format!("UPDATE patient SET person_key = $1 WHERE patient_key {}", session.dialect().in_list("$2"));
    session.execute(&Statement::new(sql, vec![person.into(), keys_text(patients).into()])).map(|_| ())
}

fn patient_key(session: &mut dyn Session, id: &str) -> Result<i64, StoreError> {
    let sql = "SELECT p.patient_key FROM target t JOIN patient p ON p.patient_key = t.target_key \
               WHERE t.id = $1 AND t.type = 'Patient'";
    let rows = session.query(&Statement::new(sql, vec![id.into()]))?;
    rows.first().ok_or_else(|| StoreError::NotFound("the patient".to_owned()))?.i64(0)
}

/// The person of a Patient by its key.
pub(crate) fn of_key(session: &mut dyn Session, patient: i64) -> Result<Option<i64>, StoreError> {
    let known = keys(session, "SELECT person_key FROM patient WHERE patient_key = $1", patient)?;
    Ok(known.first().copied())
}

fn person_of_key(session: &mut dyn Session, patient: i64) -> Result<i64, StoreError> {
    of_key(session, patient)?.ok_or_else(|| StoreError::NotFound("the patient".to_owned()))
}

fn check_person(session: &mut dyn Session, person: i64) -> Result<(), StoreError> {
    let known = keys(session, "SELECT person_key FROM person WHERE person_key = $1", person)?;
    known.first().map(|_| ()).ok_or_else(|| StoreError::NotFound("the person".to_owned()))
}

fn keys(session: &mut dyn Session, sql: &'static str, value: i64) -> Result<Vec<i64>, StoreError> {
    session.query(&Statement::new(sql, vec![value.into()]))?.iter().map(|row| row.i64(0)).collect()
}

fn list(text: &str) -> Result<Vec<i64>, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Corrupt("keys of a merge".to_owned()))
}
