//! Where the store is and how it behaves.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fhir::Instant;
use search::Registry;

/// Where the data lie.
#[derive(Debug, Clone)]
pub enum Location {
    /// A data directory: embedded SQLite files.
    Sqlite(PathBuf),
    /// A PostgreSQL connection URL.
    Postgres(String),
}

/// The clock of the store.
pub type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;

/// What [`crate::Store::open`] needs.
#[derive(Clone)]
pub struct StoreOptions {
    /// Where the data lie.
    pub location: Location,
    /// The search parameters of the definitions; those that came at run time lie in the database.
    pub registry: Arc<Registry>,
    /// The clock that dates versions.
    pub clock: Clock,
    /// How many writes may wait before the next is refused.
    pub write_queue_max: usize,
    /// How long a search may take.
    pub search_timeout: Duration,
    /// How long PostgreSQL may take to answer a statement that is no search and no long read; a search may take as much longer than its own time.
    pub database_timeout: Duration,
    /// How many searches may run at once.
    pub searches_max: usize,
    /// Connections to PostgreSQL.
    pub connections_max: u32,
}

impl StoreOptions {
    /// The usual behaviour for that place, those parameters and that clock.
    pub fn new(location: Location, registry: Arc<Registry>, clock: Clock) -> Self {
        Self {
            location,
            registry,
            clock,
            // A waiting write holds its resource in memory: a thousand of a few KB each are some MB.
            write_queue_max: 1024,
            search_timeout: Duration::from_secs(10),
            database_timeout: Duration::from_secs(30),
            searches_max: 16,
            connections_max: 16,
        }
    }
}
