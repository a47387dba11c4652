//! Reading connections, one a thread and file: a point read takes no lock and no hop to another thread.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::session::{Mode, SqliteSession};
use crate::error::StoreError;
use crate::sql::Session;

/// Files whose connections a thread keeps; more than one only in tests.
const FILES_MAX: usize = 4;
/// SQLite instructions between two looks at the clock: some hundred thousand a millisecond.
const STEPS_BETWEEN_CHECKS: i32 = 20_000;

thread_local! {
    static READERS: RefCell<Vec<(PathBuf, SqliteSession)>> = const { RefCell::new(Vec::new()) };
}

/// Runs reads on this thread's connection, in one snapshot, for no longer than `timeout`.
pub(crate) fn read<T>(
    path: &Path,
    timeout: Option<Duration>,
    work: impl FnOnce(&mut dyn Session) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let mut session = take(path)?;
    let outcome = match timeout {
        None => in_snapshot(&mut session, work),
        Some(timeout) => {
            let deadline = Instant::now() + timeout;
            session.connection().progress_handler(STEPS_BETWEEN_CHECKS, Some(move || Instant::now() > deadline))?;
            let outcome = in_snapshot(&mut session, work);
            session.connection().progress_handler(0, None::<fn() -> bool>)?;
            outcome.map_err(|error| match error {
                StoreError::Timeout(_) => StoreError::Timeout(timeout.as_millis() as u64),
                other => other,
            })
        }
    };
    give_back(path, session);
    outcome
}

fn in_snapshot<T>(
    session: &mut SqliteSession,
    work: impl FnOnce(&mut dyn Session) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    session.command("BEGIN")?;
    let outcome = work(session);
    let ended = session.command("ROLLBACK");
    let value = outcome?;
    ended.map(|()| value)
}

fn take(path: &Path) -> Result<SqliteSession, StoreError> {
    let kept = READERS.with_borrow_mut(|readers| {
        let at = readers.iter().position(|(kept, _)| kept == path)?;
        Some(readers.swap_remove(at).1)
    });
    kept.map_or_else(|| SqliteSession::open(path, Mode::Read), Ok)
}

fn give_back(path: &Path, session: SqliteSession) {
    if !session.connection().is_autocommit() {
        return; // left in a transaction by a failure: not to be used again
    }
    READERS.with_borrow_mut(|readers| {
        if readers.len() >= FILES_MAX {
            readers.remove(0);
        }
        readers.push((path.to_owned(), session));
    });
}
