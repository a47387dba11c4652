//! What can go wrong in the store, by what the caller can do about it.

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A precondition did not hold (412): another version is current, or several resources match.
    #[error("{0}")]
    Conflict(String),
    /// What is there is what the caller ruled out (412).
    #[error("{0}")]
    RuledOut(String),
    /// There is no such thing, or the grant does not reach it.
    #[error("{0} is not known")]
    NotFound(String),
    /// The resource was deleted.
    #[error("{0} was deleted")]
    Gone(String),
    /// This message was received before; nothing was changed.
    #[error("this message was received before")]
    Duplicate,
    /// The queue of writes is full: try again later (503).
    #[error("the write queue is full")]
    Busy,
    /// A search ran into its deadline.
    #[error("the search took longer than {0} ms")]
    Timeout(u64),
    /// The database was migrated by a newer version of Weir.
    #[error("the database schema is newer than this program: it has `{0}`")]
    TooNew(String),
    /// The disk or the database is full.
    #[error("the database is full")]
    Full,
    /// The database cannot be reached or does not answer; the outcome of a write is unknown.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The grant does not allow it.
    #[error("{0}")]
    Denied(#[from] policy::Denied),
    /// The request cannot be answered as it stands.
    #[error("{0}")]
    Invalid(String),
    /// The search would take more than this server gives to one (403).
    #[error("{0}")]
    TooCostly(String),
    /// What is to be stored breaks a rule of the store.
    #[error("{0}")]
    Rule(String),
    /// The database gave way to another transaction; the writer runs it again.
    #[error("the transaction was given up for another")]
    Serialization,
    /// What is stored is not what this program wrote.
    #[error("the store is damaged: {0}")]
    Corrupt(String),
    /// The search parameters changed while the write was prepared; the store prepares it again.
    #[error("the search parameters have changed")]
    Outdated,
    /// The database refused a statement.
    #[error("database: {0}")]
    Database(String),
}

impl StoreError {
    /// Whether the connection is to be thrown away.
    pub(crate) fn is_fatal_for_connection(&self) -> bool {
        matches!(self, StoreError::Unavailable(_) | StoreError::Full | StoreError::Corrupt(_))
    }

    /// Whether a request was refused by the rules, not by the database.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(
            self,
            StoreError::Conflict(_)
                | StoreError::RuledOut(_)
                | StoreError::NotFound(_)
                | StoreError::Gone(_)
                | StoreError::Duplicate
                | StoreError::Busy
                | StoreError::Outdated
                | StoreError::Denied(_)
                | StoreError::Rule(_)
        )
    }

    /// The same failure for another request of the same transaction.
    pub(crate) fn share(&self) -> StoreError {
        match self {
            StoreError::Full => StoreError::Full,
            StoreError::Unavailable(text) => StoreError::Unavailable(text.clone()),
            other => StoreError::Unavailable(other.to_string()),
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreError::Full,
            Some(ErrorCode::SystemIoFailure) if is_for_room(&error) => StoreError::Full,
            Some(ErrorCode::OperationInterrupted) => StoreError::Timeout(0),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                StoreError::Unavailable("another process holds the database".to_owned())
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Corrupt(error.to_string()),
            Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::ReadOnly) => {
                StoreError::Unavailable(error.to_string())
            }
            // The message of a constraint names columns, never values; other messages name SQL.
            _ => StoreError::Database(error.to_string()),
        }
    }
}

/// Whether there was no room for the shared memory of the WAL, of which SQLite does not say that the disk is full.
fn is_for_room(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE)
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) => match database.code().as_deref() {
                Some("40001" | "40P01") => StoreError::Serialization,
                Some("53100") => StoreError::Full,
                Some("57014") => StoreError::Timeout(0),
                // A value that PostgreSQL does not take, as a NUL in a text.
                Some(code) if code.starts_with("22") => StoreError::Invalid("a value cannot be stored".to_owned()),
                Some(code) if code.starts_with("08") || code.starts_with("57P") || code.starts_with("53") => {
                    StoreError::Unavailable(database.message().to_owned())
                }
                // The detail of a PostgreSQL error holds values; its message does not.
                _ => StoreError::Database(database.message().to_owned()),
            },
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::TypeNotFound { .. } => {
                StoreError::Database(error.to_string())
            }
            _ => StoreError::Unavailable(error.to_string()),
        }
    }
}

impl From<sea_orm::DbErr> for StoreError {
    fn from(error: sea_orm::DbErr) -> Self {
        match error {
            sea_orm::DbErr::Conn(_) | sea_orm::DbErr::ConnectionAcquire(_) => {
                StoreError::Unavailable(error.to_string())
            }
            _ => StoreError::Database(error.to_string()),
        }
    }
}
