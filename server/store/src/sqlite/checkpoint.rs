//! Copying the WAL into the database file away from the writer, which otherwise stands still for the copying and two fsyncs.
//! <https://www.sqlite.org/wal.html#checkpointing>
//!
//! What is committed is durable in the WAL, so nothing hangs on when the copying is done. But a WAL begins anew only when all of it was
//! copied at a moment at which nobody wrote: when it has grown long, the writer copies the little that is left itself.

use std::cell::Cell;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use rusqlite::Connection;

use super::session::{Mode, SqliteSession};
use crate::error::StoreError;

/// Pages that come to the WAL between two copyings: 32 MB, in which a page that is written again and again is copied once.
const PAGES: usize = 8_192;
/// Pages in the WAL at which the writer has it begin anew: 256 MB, so that this is seldom.
const PAGES_MAX: usize = 8 * PAGES;

thread_local! {
    /// Pages in the WAL after the last commit of this thread: the hook that is told of them can hold nothing.
    static WAL_PAGES: Cell<usize> = const { Cell::new(0) };
}

/// The thread that copies, as its writer sees it; it ends with the writer's connection.
pub(super) struct Checkpoints {
    wake: SyncSender<()>,
    /// How long the WAL must be for the next copying.
    due: usize,
}

impl Checkpoints {
    /// Starts the thread, and has the connection of the writer leave the copying to it.
    pub(super) fn start(path: &Path, writer: &Connection) -> Result<Self, StoreError> {
        let session = SqliteSession::open(path, Mode::Checkpoint)?;
        let (wake, woken) = sync_channel(1);
        std::thread::Builder::new()
            .name("checkpoint".to_owned())
            .spawn(move || serve(&woken, session.connection()))
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        writer.wal_hook(Some(|_, pages| {
            WAL_PAGES.set(usize::try_from(pages).unwrap_or(0));
            Ok(())
        }));
        Ok(Self { wake, due: PAGES })
    }

    /// To be called after each commit.
    pub(super) fn after_commit(&mut self, writer: &Connection) {
        let pages = WAL_PAGES.get();
        if pages + PAGES < self.due {
            self.due = PAGES; // the WAL began anew
        }
        if pages < self.due {
            return;
        }
        self.due = pages + PAGES;
        if pages >= PAGES_MAX {
            copy(writer);
        } else {
            // When it is still busy it has been woken already.
            let _ = self.wake.try_send(());
        }
    }
}

fn serve(woken: &Receiver<()>, connection: &Connection) {
    while woken.recv().is_ok() {
        copy(connection);
    }
}

/// Copies what no reader hinders. What fails is tried again later; when the disk is full, so says the next commit.
fn copy(connection: &Connection) {
    if let Err(error) = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())) {
        tracing::warn!(%error, "the WAL could not be copied into the database");
    }
}
