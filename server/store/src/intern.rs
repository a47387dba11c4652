//! Systems, units and reference targets as integers: long URLs never stand in an index row.

use std::collections::HashMap;

use crate::error::StoreError;
use crate::sql::{Session, Statement};

/// Entries kept in memory; when there are more the cache starts afresh.
const CACHE_MAX: usize = 200_000;

/// Something that has a number instead of its text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Name {
    /// A system URI of a token.
    System(String),
    /// System and code of a unit; the system is empty for a human unit.
    Unit(String, String),
    /// Type and id of a local reference target; the type is empty for a URL, which then stands as the id.
    Target(String, String),
}

/// Gives names their numbers; remembers only what is committed.
#[derive(Default)]
pub(crate) struct Interner {
    known: HashMap<Name, i64>,
    /// Given out in the running group, in order.
    fresh: Vec<Name>,
    mark: usize,
    only_looks: bool,
}

impl Interner {
    /// One that gives nothing a number: for checks, which must not write.
    pub(crate) fn only_looking() -> Self {
        Self { only_looks: true, ..Self::default() }
    }

    /// Begins a request whose numbers may have to be forgotten.
    pub(crate) fn mark(&mut self) {
        self.mark = self.fresh.len();
    }

    /// Forgets the numbers of the request.
    pub(crate) fn reset(&mut self) {
        for name in self.fresh.drain(self.mark.min(self.fresh.len())..) {
            self.known.remove(&name);
        }
    }

    /// Forgets the numbers of the group.
    pub(crate) fn forget(&mut self) {
        self.mark = 0;
        self.reset();
    }

    /// Keeps the numbers of the group, which are committed now.
    pub(crate) fn keep(&mut self) {
        self.fresh.clear();
        if self.known.len() > CACHE_MAX {
            self.known.clear();
        }
    }

    /// The number of a name; gives it one if it has none yet.
    pub(crate) fn key(&mut self, session: &mut dyn Session, name: &Name) -> Result<i64, StoreError> {
        if let Some(key) = self.known.get(name) {
            return Ok(*key);
        }
        let key = match find(session, name)? {
            Some(key) => key,
            None if self.only_looks => return Err(StoreError::NotFound("the name".to_owned())),
            None => create(session, name)?,
        };
        self.known.insert(name.clone(), key);
        self.fresh.push(name.clone());
        Ok(key)
    }
}

/// The number of a name, if it has one.
pub(crate) fn find(session: &mut dyn Session, name: &Name) -> Result<Option<i64>, StoreError> {
    let statement = match name {
        Name::System(system) => Statement::new("SELECT system_key FROM system WHERE system = $1", vec![system.into()]),
        Name::Unit(system, code) => Statement::new(
            "SELECT unit_key FROM unit WHERE code = $1 AND system = $2",
            vec![code.into(), system.into()],
        ),
        Name::Target(type_name, id) => Statement::new(
            "SELECT target_key FROM target WHERE id = $1 AND type = $2",
            vec![id.into(), type_name.into()],
        ),
    };
    session.query(&statement)?.first().map(|row| row.i64(0)).transpose()
}

fn create(session: &mut dyn Session, name: &Name) -> Result<i64, StoreError> {
    let statement = match name {
        Name::System(system) => {
            Statement::new("INSERT INTO system (system) VALUES ($1) RETURNING system_key", vec![system.into()])
        }
        Name::Unit(system, code) => Statement::new(
            "INSERT INTO unit (system, code) VALUES ($1, $2) RETURNING unit_key",
            vec![system.into(), code.into()],
        ),
        Name::Target(type_name, id) => Statement::new(
            "INSERT INTO target (type, id) VALUES ($1, $2) RETURNING target_key",
            vec![type_name.into(), id.into()],
        ),
    };
    let rows = session.query(&statement)?;
    rows.first().ok_or_else(|| StoreError::Database("insert gave no key".to_owned()))?.i64(0)
}
