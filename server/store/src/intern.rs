//! Systems, units, texts and reference targets as integers: what is long or repeats never stands in an index row.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::StoreError;
use crate::sql::{Dialect, Session, Statement};

/// Memory for names that were used lately; the half that was not used again goes when the other is full.
const CACHE_BYTES_MAX: usize = 32 << 20;
/// What an entry takes beside its text.
const ENTRY_BYTES: usize = 128;

/// Something that has a number instead of its text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Name {
    /// A system URI of a token.
    System(String),
    /// System and code of a unit; the system is empty for a human unit.
    Unit(String, String),
    /// Type and id of a resource, stored or referred to; the type is empty for a URL, which then stands as the id.
    Target(String, String),
    /// What a code is called.
    Text(String),
}

impl Name {
    fn bytes(&self) -> usize {
        ENTRY_BYTES
            + match self {
                Name::System(text) | Name::Text(text) => text.len(),
                Name::Unit(first, second) | Name::Target(first, second) => first.len() + second.len(),
            }
    }
}

/// The names of a batch, each once, in the order of their places.
#[derive(Default)]
pub(crate) struct Names {
    list: Vec<Arc<Name>>,
    places: HashMap<Arc<Name>, usize>,
}

impl Names {
    /// The place of a name.
    pub(crate) fn place(&mut self, name: Name) -> usize {
        if let Some(place) = self.places.get(&name) {
            return *place;
        }
        let (name, place) = (Arc::new(name), self.list.len());
        self.list.push(Arc::clone(&name));
        self.places.insert(name, place);
        place
    }

    /// All of them.
    pub(crate) fn list(&self) -> &[Arc<Name>] {
        &self.list
    }
}

/// Remembers the numbers of names, once they are committed.
#[derive(Default)]
pub(crate) struct Interner {
    recent: HashMap<Arc<Name>, i64>,
    recent_bytes: usize,
    older: HashMap<Arc<Name>, i64>,
    /// Learnt in the running group, in order.
    fresh: Vec<Arc<Name>>,
    mark: usize,
}

impl Interner {
    /// Begins a request whose numbers may have to be forgotten.
    pub(crate) fn mark(&mut self) {
        self.mark = self.fresh.len();
    }

    /// Forgets the numbers of the request.
    pub(crate) fn reset(&mut self) {
        for name in self.fresh.drain(self.mark.min(self.fresh.len())..) {
            self.recent.remove(&name);
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
        if self.recent_bytes > CACHE_BYTES_MAX / 2 {
            self.older = std::mem::take(&mut self.recent);
            self.recent_bytes = 0;
        }
    }

    /// The number of a name, if it is remembered.
    pub(crate) fn known(&mut self, name: &Arc<Name>) -> Option<i64> {
        if let Some(key) = self.recent.get(name) {
            return Some(*key);
        }
        let key = self.older.remove(name)?;
        self.remember(name, key);
        Some(key)
    }

    /// Learns the number of a name.
    pub(crate) fn learn(&mut self, name: &Arc<Name>, key: i64) {
        self.remember(name, key);
        self.fresh.push(Arc::clone(name));
    }

    fn remember(&mut self, name: &Arc<Name>, key: i64) {
        self.recent_bytes += name.bytes();
        self.recent.insert(Arc::clone(name), key);
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
        Name::Text(text) => Statement::new("SELECT text_key FROM text WHERE value = $1", vec![text.into()]),
    };
    session.query(&statement)?.first().map(|row| row.i64(0)).transpose()
}

/// The numbers of names, where they have one: on PostgreSQL with two round trips for however many targets and texts.
pub(crate) fn find_all(session: &mut dyn Session, names: &[Arc<Name>]) -> Result<Vec<Option<i64>>, StoreError> {
    if session.dialect() == Dialect::Sqlite || names.len() == 1 {
        return names.iter().map(|name| find(session, name)).collect();
    }
    let mut found = vec![None; names.len()];
    let (mut targets, mut texts) = (Vec::new(), Vec::new());
    for (n, name) in names.iter().enumerate() {
        match &**name {
            Name::Target(type_name, id) => targets.push((n, type_name, id)),
            Name::Text(text) => texts.push((n, text)),
            Name::System(_) | Name::Unit(..) => {
                if let Some(place) = found.get_mut(n) {
                    *place = find(session, name)?;
                }
            }
        }
    }
    let of_targets = "SELECT CAST(e.value->>0 AS bigint), t.target_key FROM jsonb_array_elements(CAST($1 AS jsonb)) AS e(value) \
                      JOIN target t ON t.id = e.value->>2 AND t.type = e.value->>1";
    let of_texts = "SELECT CAST(e.value->>0 AS bigint), t.text_key FROM jsonb_array_elements(CAST($1 AS jsonb)) AS e(value) \
                    JOIN text t ON t.value = e.value->>1";
    let lists = [
        (of_targets, targets.is_empty(), serde_json::to_string(&targets)),
        (of_texts, texts.is_empty(), serde_json::to_string(&texts)),
    ];
    for (sql, is_empty, list) in lists {
        if is_empty {
            continue;
        }
        // A NUL, which PostgreSQL holds in no text, is left out of rows as well.
        let list = list.map_err(|error| StoreError::Invalid(error.to_string()))?.replace("\\u0000", "");
        for row in session.query(&Statement::new(sql, vec![list.into()]))? {
            if let Some(place) = usize::try_from(row.i64(0)?).ok().and_then(|n| found.get_mut(n)) {
                *place = Some(row.i64(1)?);
            }
        }
    }
    Ok(found)
}

/// Gives a system or a unit a number at once: there are few.
pub(crate) fn create(session: &mut dyn Session, name: &Name) -> Result<i64, StoreError> {
    let statement = match name {
        Name::Unit(system, code) => Statement::new(
            "INSERT INTO unit (system, code) VALUES ($1, $2) RETURNING unit_key",
            vec![system.into(), code.into()],
        ),
        Name::System(text) | Name::Text(text) | Name::Target(_, text) => {
            Statement::new("INSERT INTO system (system) VALUES ($1) RETURNING system_key", vec![text.into()])
        }
    };
    let rows = session.query(&statement)?;
    rows.first().ok_or_else(|| StoreError::Database("insert gave no key".to_owned()))?.i64(0)
}
