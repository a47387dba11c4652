//! The registry in force, as this process knows it.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

use search::{Query, Registry};

use super::listed::Listed;
use super::retired;
use super::uses::uses;
use crate::error::StoreError;
use crate::index_row::param_key;
use crate::open::Store;
use crate::sql::{Session, Statement};

/// The search parameters of one generation. Two processes that know the same generation know the same.
pub(crate) struct Known {
    /// What is indexed.
    pub(crate) registry: Arc<Registry>,
    /// Its number.
    pub(crate) generation: i64,
    /// Numbers of index tables under which earlier resources have no rows, with code and type.
    pub(crate) unindexed: HashMap<i64, (String, String)>,
}

impl Known {
    fn load(session: &mut dyn Session, base: &Registry, generation: i64) -> Result<Known, StoreError> {
        let listed = Listed::all(session)?;
        let retired: HashSet<i64> = retired::all(session)?;
        let definitions = base.definitions();
        let is_clear = |one: &&Listed| one.types(definitions).all(|name| !retired.contains(&one.key(name)));
        let in_force: Vec<&Listed> = listed.iter().filter(is_clear).collect();
        let extra: Vec<_> = in_force.iter().map(|one| one.definition.clone()).collect();
        let (registry, refused) = Registry::with(definitions, &extra);
        for one in refused {
            tracing::error!(url = one.url, reason = one.reason, "a search parameter that was taken is refused now");
        }
        let entry = |one: &Listed, name: &String| (one.key(name), (one.definition.code.clone(), name.clone()));
        let unindexed =
            in_force.iter().flat_map(|one| one.unindexed.iter().map(move |name| entry(one, name))).collect();
        Ok(Known { registry: Arc::new(registry), generation, unindexed })
    }

    /// Whether rows under that number may be missing for resources that have the value.
    pub(crate) fn is_partial(&self, key: i64) -> bool {
        self.unindexed.contains_key(&key)
    }

    /// Refuses a search by a parameter that would not find everything.
    pub(crate) fn check(&self, query: &Query) -> Result<(), StoreError> {
        if self.generation == 0 {
            return Ok(());
        }
        uses(query).into_iter().try_for_each(|(type_name, param)| self.check_param(type_name, param))
    }

    /// Refuses a parameter that would not find everything of a type.
    pub(crate) fn check_param(&self, type_name: &str, param: u32) -> Result<(), StoreError> {
        if let Some((code, _)) = self.unindexed.get(&param_key(type_name, param)) {
            let message =
                "does not find resources that were here before it yet; an administrator sends POST [base]/$reindex";
            return Err(StoreError::Invalid(format!("search parameter `{code}` of {type_name} {message}")));
        }
        match self.registry.by_id(param) {
            Some(_) => Ok(()),
            None => Err(StoreError::Invalid(format!("a search parameter of {type_name} was taken out just now"))),
        }
    }
}

/// The place where this process keeps what it knows.
pub(crate) struct Parameters {
    base: Arc<Registry>,
    current: RwLock<Arc<Known>>,
}

impl Parameters {
    /// The parameters of the definitions alone, until the database says more.
    pub(crate) fn new(base: Arc<Registry>) -> Parameters {
        let registry = Arc::clone(&base);
        let known = Known { registry, generation: 0, unindexed: HashMap::new() };
        Parameters { base, current: RwLock::new(Arc::new(known)) }
    }

    /// The latest that this process knows.
    pub(crate) fn current(&self) -> Arc<Known> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What holds in a snapshot of that generation; kept when it is newer than what was known.
    pub(crate) fn at(&self, session: &mut dyn Session, generation: i64) -> Result<Arc<Known>, StoreError> {
        let known = self.current();
        if known.generation == generation {
            return Ok(known);
        }
        let loaded = self.within(session, generation)?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if current.generation < generation {
            *current = Arc::clone(&loaded);
        }
        Ok(loaded)
    }

    /// The same inside a transaction that may yet be rolled back: nothing of it is kept.
    pub(crate) fn within(&self, session: &mut dyn Session, generation: i64) -> Result<Arc<Known>, StoreError> {
        let known = self.current();
        if known.generation == generation {
            return Ok(known);
        }
        Known::load(session, &self.base, generation).map(Arc::new)
    }
}

impl Store {
    /// The search parameters in force.
    pub fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.inner.parameters.current().registry)
    }

    /// Looks whether another process changed the search parameters: one read of one row when none did.
    pub async fn refresh_parameters(&self) -> Result<(), StoreError> {
        let inner = Arc::clone(&self.inner);
        self.read_inline(move |session| {
            let generation = generation(session)?;
            inner.parameters.at(session, generation).map(|_| ())
        })
        .await
    }
}

/// The generation of a snapshot.
pub(crate) fn generation(session: &mut dyn Session) -> Result<i64, StoreError> {
    let rows =
        session.query(&Statement::new("SELECT parameter_generation FROM store_state WHERE id = 1", Vec::new()))?;
    rows.first().map_or(Ok(0), |row| row.i64(0))
}
