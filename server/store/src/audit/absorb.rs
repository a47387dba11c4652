//! Moves records from the journal into the tables, where they can be found: in batches, so that an index page is written once for many.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::journal::{Entry, Journal, Link};
use super::record::AuditRecord;
use super::table::{Rows, tail};
use crate::error::StoreError;
use crate::sql::Session;
use crate::sqlite::{Mode, SqliteSession};

/// Records that make it worth while to begin.
const DUE_RECORDS: u64 = 20_000;
/// Records in one transaction, about.
const TRANSACTION_RECORDS: usize = 10_000;
/// How long a record waits at most.
const DUE_AFTER: Duration = Duration::from_secs(10);
/// Bytes from which the file begins anew; below, the flush of its header costs more than it spares.
const ANEW_BYTES: u64 = 32 << 10;

/// What the writer of the journal and its mover know of each other.
#[derive(Debug)]
pub(super) struct Progress {
    written: AtomicU64,
    moved: AtomicU64,
    is_over: AtomicBool,
    wake: SyncSender<()>,
}

impl Progress {
    fn new(wake: SyncSender<()>) -> Progress {
        Progress { written: AtomicU64::new(0), moved: AtomicU64::new(0), is_over: AtomicBool::new(false), wake }
    }

    /// The writer writes no more.
    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::Release);
        let _ = self.wake.try_send(());
    }

    /// The writer has written up to that place.
    pub(super) fn wrote(&self, seq: u64) {
        self.written.store(seq, Ordering::Release);
        if seq >= self.moved.load(Ordering::Relaxed) + DUE_RECORDS {
            // When it is still busy it has been woken already.
            let _ = self.wake.try_send(());
        }
    }
}

/// The mover: a thread works it from time to time, and whoever reads the log before he does.
#[derive(Clone)]
pub(super) struct Absorber {
    state: Arc<Mutex<State>>,
}

struct State {
    tables: PathBuf,
    session: Option<SqliteSession>,
    journal: Journal,
    /// Up to where the records are in the tables for sure.
    moved: Link,
    progress: Arc<Progress>,
}

impl Absorber {
    /// Opens tables and journal, moves what a former run left, and starts the thread, which ends after [`Progress::end`].
    pub(super) fn start(tables: &Path, journal: &Path) -> Result<(Absorber, Journal, Arc<Progress>), StoreError> {
        let mut session = SqliteSession::open(tables, Mode::Write)?;
        let end = tail(&mut session)?;
        let own = Journal::open(journal, end)?;
        let (wake, woken) = sync_channel(1);
        let progress = Arc::new(Progress::new(wake));
        let state = State {
            tables: tables.to_owned(),
            session: Some(session),
            moved: own.at(),
            journal: own,
            progress: Arc::clone(&progress),
        };
        let absorber = Absorber { state: Arc::new(Mutex::new(state)) };
        absorber.absorb()?;
        absorber.check_end()?;
        let thread = absorber.clone();
        let ends = Arc::clone(&progress);
        std::thread::Builder::new()
            .name("audit-mover".to_owned())
            .spawn(move || serve(&thread, &woken, &ends))
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok((absorber, Journal::open(journal, end)?, progress))
    }

    /// A journal that ends before the tables do is not theirs: what is appended to it would break the chain.
    fn check_end(&self) -> Result<(), StoreError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut session = SqliteSession::open(&state.tables, Mode::Read)?;
        let end = tail(&mut session)?;
        // What another process appends and moves meanwhile is in both.
        state.absorb()?;
        let at = state.journal.at();
        if at.seq < end.seq {
            return Err(not_of_one_log(at.seq, end.seq));
        }
        Ok(())
    }

    /// Moves all that is in the journal.
    pub(super) fn absorb(&self) -> Result<(), StoreError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.absorb()
    }
}

fn serve(absorber: &Absorber, woken: &Receiver<()>, progress: &Progress) {
    loop {
        // A time-out is as good a reason as a call.
        let _ = woken.recv_timeout(DUE_AFTER);
        let is_over = progress.is_over.load(Ordering::Acquire);
        if let Err(error) = absorber.absorb() {
            tracing::error!(%error, "the audit journal cannot be moved into the tables; its records stay in the journal");
        }
        if is_over {
            return;
        }
    }
}

impl State {
    fn absorb(&mut self) -> Result<(), StoreError> {
        // Read first: what is written from now on may or may not be seen.
        let written = self.progress.written.load(Ordering::Acquire);
        if self.journal.at() != self.moved {
            // An attempt failed after it had read: from the start again, passing over what the tables have.
            self.journal.go_back()?;
            self.moved = self.journal.at();
        }
        loop {
            let before = self.journal.at();
            let entries = self.some()?;
            if entries.is_empty() {
                break;
            }
            self.insert(before, entries)?;
            self.moved = self.journal.at();
        }
        let reached = self.journal.at().seq;
        if reached < written {
            let message = format!("audit record {} cannot be read in the journal, though it was written", reached + 1);
            return Err(StoreError::Corrupt(message));
        }
        self.progress.moved.store(reached, Ordering::Relaxed);
        if self.journal.bytes_behind() >= ANEW_BYTES && self.journal.at() == self.moved {
            self.journal.begin_anew()?;
        }
        Ok(())
    }

    /// Entries for one transaction.
    fn some(&mut self) -> Result<Vec<Entry>, StoreError> {
        let mut entries = Vec::new();
        while entries.len() < TRANSACTION_RECORDS {
            let more = self.journal.read_on()?;
            if more.is_empty() {
                break;
            }
            entries.extend(more);
        }
        Ok(entries)
    }

    /// Inserts what the tables do not have yet; another process may have been faster.
    fn insert(&mut self, before: Link, entries: Vec<Entry>) -> Result<(), StoreError> {
        let mut session = match self.session.take() {
            Some(session) => session,
            None => SqliteSession::open(&self.tables, Mode::Write)?,
        };
        session.command("BEGIN IMMEDIATE")?;
        insert_new(&mut session, before, entries)?;
        session.command("COMMIT")?;
        // After a failure the connection is not used again.
        self.session = Some(session);
        Ok(())
    }
}

fn insert_new(session: &mut dyn Session, before: Link, entries: Vec<Entry>) -> Result<(), StoreError> {
    let end = tail(session)?;
    let known = |at: Link| at.seq != end.seq || at.hash == end.hash;
    if before.seq > end.seq || !known(before) || !entries.iter().all(|entry| known(entry.at)) {
        return Err(not_of_one_log(before.seq, end.seq));
    }
    let mut rows = Rows::default();
    for Entry { at, text } in entries.into_iter().filter(|entry| entry.at.seq > end.seq) {
        let record: AuditRecord = serde_json::from_slice(&text)
            .map_err(|_| StoreError::Corrupt(format!("audit record {} of the journal cannot be read", at.seq)))?;
        rows.push(at.seq, &at.hash, record, text);
    }
    rows.insert(session)
}

fn not_of_one_log(journal: u64, tables: u64) -> StoreError {
    let message = format!(
        "the audit journal is at record {journal} and its tables at record {tables}, and one does not follow from the other: \
         `audit.journal` and `audit.db` are not of one moment"
    );
    StoreError::Corrupt(message)
}
