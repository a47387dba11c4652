//! What a request sees of the running transaction: the connection, the numbers, the names, and the rows that wait.

use std::collections::HashSet;
use std::sync::Arc;

use fhir::Instant;

use crate::error::StoreError;
use crate::intern::{self, Interner, Name};
use crate::pending::{LABELS_USED, Mark, PATIENT, PERSON, Pending, TARGET, TEXT};
use crate::sql::{Dialect, Session, Statement};

/// Numbers that the writer hands out; kept in `store_state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Numbers {
    /// The last commit number.
    pub(crate) commit_seq: i64,
    /// The latest `lastUpdated`: it never goes back, so that it orders versions as commit numbers do.
    pub(crate) last_updated: Instant,
    target_key: i64,
    text_key: i64,
    person_key: i64,
    /// Of the search parameters in force; see [`crate::parameters`].
    pub(crate) parameter_generation: i64,
}

impl Numbers {
    /// The last key given to a name: no resource has a greater one.
    pub(crate) fn last_target_key(&self) -> i64 {
        self.target_key
    }

    /// Reads them; on PostgreSQL nobody else has them until the end of the transaction.
    pub(crate) fn load(session: &mut dyn Session) -> Result<Numbers, StoreError> {
        let sql = match session.dialect() {
            Dialect::Sqlite => {
                "SELECT commit_seq, last_updated, target_key, text_key, person_key, parameter_generation FROM store_state \
                 WHERE id = 1"
            }
            Dialect::Postgres => {
                "SELECT commit_seq, last_updated, target_key, text_key, person_key, parameter_generation FROM store_state \
                 WHERE id = 1 FOR UPDATE"
            }
        };
        let rows = session.query(&Statement::new(sql, Vec::new()))?;
        let row = rows.first().ok_or_else(|| StoreError::Corrupt("store_state is empty".to_owned()))?;
        Ok(Numbers {
            commit_seq: row.i64(0)?,
            last_updated: Instant(row.i64(1)?),
            target_key: row.i64(2)?,
            text_key: row.i64(3)?,
            person_key: row.i64(4)?,
            parameter_generation: row.i64(5)?,
        })
    }
}

/// The running transaction.
pub(crate) struct Transaction<'a> {
    /// The connection. Whoever changes the database through it in a request without a savepoint says so ([`Transaction::direct`]).
    pub(crate) session: &'a mut dyn Session,
    /// The numbers.
    pub(crate) numbers: Numbers,
    /// Rows that wait for [`Transaction::flush`].
    pub(crate) pending: Pending,
    /// The moment of the transaction.
    pub(crate) now: Instant,
    interner: &'a mut Interner,
    /// Rows of names, which stay when a request is refused: a name that nobody uses does no harm.
    names: Pending,
    /// Target keys beyond this one were given out by this transaction.
    last_target_key: i64,
    /// Resources that this transaction may have written.
    written: HashSet<i64>,
    /// Patients to whom this transaction may have given a person.
    persons: HashSet<i64>,
    /// Lists of labels that `labels_used` has.
    labels: HashSet<String>,
    mark: Mark,
    is_direct: bool,
}

impl<'a> Transaction<'a> {
    /// A transaction that has begun.
    pub(crate) fn new(
        session: &'a mut dyn Session,
        interner: &'a mut Interner,
        numbers: Numbers,
        now: Instant,
    ) -> Transaction<'a> {
        Transaction {
            session,
            numbers,
            pending: Pending::default(),
            now,
            interner,
            names: Pending::default(),
            last_target_key: numbers.target_key,
            written: HashSet::new(),
            persons: HashSet::new(),
            labels: HashSet::new(),
            mark: Mark::default(),
            is_direct: false,
        }
    }

    /// Begins a request.
    pub(crate) fn begin_request(&mut self) {
        self.mark = self.pending.mark();
        self.interner.mark();
        self.is_direct = false;
    }

    /// Takes out the rows of a refused request.
    pub(crate) fn undo_request(&mut self) {
        self.pending.truncate(std::mem::take(&mut self.mark));
    }

    /// Goes back to the savepoint of a failed request.
    pub(crate) fn roll_back_request(&mut self) -> Result<(), StoreError> {
        self.interner.reset();
        (self.pending, self.names) = (Pending::default(), Pending::default());
        self.labels.clear();
        self.session.command("ROLLBACK TO SAVEPOINT request")?;
        self.session.command("RELEASE SAVEPOINT request")
    }

    /// Says that the request changes the database itself: it cannot be taken out alone any more.
    pub(crate) fn direct(&mut self) {
        self.is_direct = true;
    }

    /// Whether the request has changed the database itself.
    pub(crate) fn is_direct(&self) -> bool {
        self.is_direct
    }

    /// Takes down a list of labels that a version gets, as its column has it; [`crate::predicate`] asks which labels there are. It stays
    /// when the request is refused, as names do.
    pub(crate) fn use_labels(&mut self, labels: &str) -> Result<(), StoreError> {
        if labels == "[]" || self.labels.contains(labels) {
            return Ok(());
        }
        let sql = "SELECT 1 FROM labels_used WHERE labels = $1";
        if self.session.query(&Statement::new(sql, vec![labels.into()]))?.is_empty() {
            self.names.add(&LABELS_USED, vec![labels.into()]);
        }
        self.labels.insert(labels.to_owned());
        Ok(())
    }

    /// Inserts what waits, so that statements see it.
    pub(crate) fn flush(&mut self) -> Result<(), StoreError> {
        self.names.flush(self.session)?;
        if self.pending.is_empty() {
            return Ok(());
        }
        self.is_direct |= self.pending.has_since(&self.mark);
        self.mark = Mark::default();
        self.pending.flush(self.session)
    }

    /// Runs a statement that changes the database itself.
    pub(crate) fn execute(&mut self, statement: &Statement) -> Result<(), StoreError> {
        self.direct();
        self.session.execute(statement).map(|_| ())
    }

    /// Keeps the numbers, if any were given out.
    pub(crate) fn finish(&mut self, before: Numbers) -> Result<(), StoreError> {
        if self.numbers == before {
            return Ok(());
        }
        self.numbers.last_updated = self.now;
        let Numbers { commit_seq, last_updated, target_key, text_key, person_key, parameter_generation } = self.numbers;
        self.session
            .execute(&Statement::new(
                "UPDATE store_state SET commit_seq = $1, last_updated = $2, target_key = $3, text_key = $4, \
                 person_key = $5, parameter_generation = $6 WHERE id = 1",
                vec![
                    commit_seq.into(),
                    last_updated.into(),
                    target_key.into(),
                    text_key.into(),
                    person_key.into(),
                    parameter_generation.into(),
                ],
            ))
            .map(|_| ())
    }

    /// The numbers of names, in their order; gives one to those that have none yet.
    pub(crate) fn keys(&mut self, names: &[Arc<Name>]) -> Result<Vec<i64>, StoreError> {
        let mut keys: Vec<i64> = Vec::with_capacity(names.len());
        let mut unknown = Vec::new();
        for (n, name) in names.iter().enumerate() {
            let key = self.interner.known(name);
            if key.is_none() {
                unknown.push(n);
            }
            keys.push(key.unwrap_or_default());
        }
        if unknown.is_empty() {
            return Ok(keys);
        }
        let looked_for: Vec<Arc<Name>> = unknown.iter().filter_map(|n| names.get(*n)).cloned().collect();
        let found = intern::find_all(self.session, &looked_for)?;
        for ((n, name), found) in unknown.into_iter().zip(&looked_for).zip(found) {
            let key = match found {
                Some(key) => key,
                None => self.create(name)?,
            };
            self.interner.learn(name, key);
            if let Some(place) = keys.get_mut(n) {
                *place = key;
            }
        }
        Ok(keys)
    }

    /// The number of one name.
    pub(crate) fn key(&mut self, name: Name) -> Result<i64, StoreError> {
        let keys = self.keys(&[Arc::new(name)])?;
        keys.first().copied().ok_or_else(|| StoreError::Corrupt("a name without a number".to_owned()))
    }

    fn create(&mut self, name: &Name) -> Result<i64, StoreError> {
        Ok(match name {
            Name::Target(type_name, id) => {
                self.numbers.target_key += 1;
                let key = self.numbers.target_key;
                self.names.add(&TARGET, vec![key.into(), id.into(), type_name.into()]);
                key
            }
            Name::Text(text) => {
                self.numbers.text_key += 1;
                self.names.add(&TEXT, vec![self.numbers.text_key.into(), text.into()]);
                self.numbers.text_key
            }
            Name::System(_) | Name::Unit(..) => intern::create(self.session, name)?,
        })
    }

    /// Whether that number was given out by this transaction, so that no row bears it but those that it wrote.
    pub(crate) fn is_new(&self, target_key: i64) -> bool {
        target_key > self.last_target_key
    }

    /// Notes that a resource is written; whether it may have been written before in this transaction.
    pub(crate) fn note_written(&mut self, res_key: i64) {
        self.written.insert(res_key);
    }

    /// Whether this transaction may have written the resource.
    pub(crate) fn may_have_written(&self, res_key: i64) -> bool {
        self.written.contains(&res_key)
    }

    /// Gives a Patient a person of its own, if it has none.
    pub(crate) fn ensure_person(&mut self, patient_key: i64) -> Result<(), StoreError> {
        if self.persons.contains(&patient_key) {
            self.flush()?;
        }
        // What is new and was not given one here has none.
        let may_have_one = !self.is_new(patient_key) || self.persons.contains(&patient_key);
        if may_have_one && crate::person::of_key(self.session, patient_key)?.is_some() {
            return Ok(());
        }
        self.numbers.person_key += 1;
        let person_key = self.numbers.person_key;
        self.pending.add(&PERSON, vec![person_key.into(), self.now.into()]);
        self.pending.add(&PATIENT, vec![patient_key.into(), person_key.into()]);
        self.persons.insert(patient_key);
        Ok(())
    }
}
