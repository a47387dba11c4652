//! The log of feed messages: quarantine, lists, replay.

use fhir::Instant;

use crate::error::StoreError;
use crate::messages::{Assessment, MessageKey, MessageRecord, MessageStatus, find, insert};
use crate::open::Store;
use crate::sql::{SqlRow, SqlValue, Statement};
use crate::transaction::Transaction;

/// Messages on one page at most.
const PAGE_MAX: u32 = 1000;

/// Whether a message was new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKept {
    /// It is kept now.
    New(MessageKey),
    /// It was kept before; nothing was changed.
    Duplicate(MessageKey),
}

/// Which messages are wanted; all that is said must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MessageFilter {
    /// Of this feed.
    pub feed: Option<String>,
    /// In this status.
    pub status: Option<MessageStatus>,
}

/// A message without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageSummary {
    /// Its number.
    pub key: MessageKey,
    /// The feed.
    pub feed: String,
    /// Who sent it.
    pub sender: String,
    /// Its id as the sender gave it.
    pub message_id: String,
    /// When it came.
    pub received: Instant,
    /// What became of it.
    pub status: MessageStatus,
    /// Why it is in quarantine.
    pub code: Option<String>,
    /// Its issues as JSON: why it is in quarantine, or what is to be known of what was stored.
    pub issues: Option<String>,
}

/// How many messages of a feed are in a status, by code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageCount {
    /// The feed.
    pub feed: String,
    /// The status.
    pub status: MessageStatus,
    /// Why they are in quarantine.
    pub code: Option<String>,
    /// How many.
    pub count: u64,
}

/// A version that came from a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageResource {
    /// The type.
    pub type_name: String,
    /// The logical id.
    pub id: String,
    /// The version.
    pub version: u64,
}

impl Store {
    /// Keeps a message that cannot be stored, with a code and its issues (JSON, without patient data). Durable when it returns.
    pub async fn quarantine_message(
        &self,
        message: MessageRecord,
        code: &str,
        issues: &str,
    ) -> Result<MessageKept, StoreError> {
        let (code, issues) = (code.to_owned(), issues.to_owned());
        let work = move |transaction: &mut Transaction<'_>| {
            let refused = Assessment { status: MessageStatus::Quarantined, code: Some(&code), issues: Some(&issues) };
            if let Some(key) = insert(transaction.session, &message, &refused, transaction.now)? {
                return Ok(MessageKept::New(key));
            }
            let key = find(transaction.session, &message)?;
            key.map(MessageKept::Duplicate).ok_or_else(|| StoreError::NotFound("the message".to_owned()))
        };
        self.inner.writer.submit(work).await
    }

    /// The messages after a key (0 = from the beginning), in the order in which they were kept.
    pub async fn messages(
        &self,
        filter: &MessageFilter,
        after: MessageKey,
        count: u32,
    ) -> Result<Vec<MessageSummary>, StoreError> {
        let mut values: Vec<SqlValue> = vec![after.0.into()];
        let mut conditions = String::new();
        for (column, value) in [("feed", filter.feed.as_deref()), ("status", filter.status.map(MessageStatus::as_str))]
        {
            if let Some(value) = value {
                values.push(value.into());
                conditions.push_str(&format!(" AND {column} = ${}", values.len()));
            }
        }
        values.push(count.clamp(1, PAGE_MAX).into());
        let sql = format!("{SUMMARY} WHERE message_key > $1{conditions} ORDER BY message_key LIMIT ${}", values.len());
        self.query(Statement::new(sql, values)).await?.iter().map(summary_of).collect()
    }

    /// How many messages there are by feed, status and code.
    pub async fn message_counts(&self) -> Result<Vec<MessageCount>, StoreError> {
        let sql = "SELECT feed, status, code, COUNT(*) FROM message \
                   GROUP BY feed, status, code ORDER BY feed, status, code";
        let count_of = |row: &SqlRow| {
            Ok(MessageCount {
                feed: row.text(0)?.to_owned(),
                status: MessageStatus::parse(row.text(1)?)?,
                code: row.opt_text(2)?.map(str::to_owned),
                count: row.i64(3)?.unsigned_abs(),
            })
        };
        self.query(Statement::new(sql, Vec::new())).await?.iter().map(count_of).collect()
    }

    /// A message and its bytes as they came, for replay.
    pub async fn message(&self, key: MessageKey) -> Result<Option<(MessageSummary, Vec<u8>)>, StoreError> {
        let sql = format!("{SUMMARY} WHERE message_key = $1");
        let Some(summary) = self.query(Statement::new(sql, vec![key.0.into()])).await?.first().map(summary_of) else {
            return Ok(None);
        };
        let sql = "SELECT size_bytes, body FROM message_body WHERE message_key = $1";
        let rows = self.query(Statement::new(sql, vec![key.0.into()])).await?;
        let damaged = || StoreError::Corrupt(format!("the bytes of message {} cannot be read", key.0));
        let row = rows.first().ok_or_else(damaged)?;
        let size = usize::try_from(row.i64(0)?).map_err(|_| damaged())?;
        let bytes = zstd::bulk::decompress(&row.bytes(1)?, size).map_err(|_| damaged())?;
        Ok(Some((summary?, bytes)))
    }

    /// Moves a message from one status to another. Says whether it was in the first.
    pub async fn set_message_status(
        &self,
        key: MessageKey,
        from: MessageStatus,
        to: MessageStatus,
    ) -> Result<bool, StoreError> {
        let work = move |transaction: &mut Transaction<'_>| {
            let now = transaction.now;
            transaction.session.execute(&Statement::new(
                "UPDATE message SET status = $1, changed = $2 WHERE message_key = $3 AND status = $4",
                vec![to.as_str().into(), now.into(), key.0.into(), from.as_str().into()],
            ))
        };
        Ok(self.inner.writer.submit(work).await? > 0)
    }

    /// The versions that came from a message.
    pub async fn resources_of_message(&self, key: MessageKey) -> Result<Vec<MessageResource>, StoreError> {
        let sql = "SELECT type, id, version FROM message_resource WHERE message_key = $1 ORDER BY type, id, version";
        let resource_of = |row: &SqlRow| {
            Ok(MessageResource {
                type_name: row.text(0)?.to_owned(),
                id: row.text(1)?.to_owned(),
                version: row.i64(2)?.unsigned_abs(),
            })
        };
        self.query(Statement::new(sql, vec![key.0.into()])).await?.iter().map(resource_of).collect()
    }

    /// The messages from which versions of a resource came.
    pub async fn messages_of_resource(&self, type_name: &str, id: &str) -> Result<Vec<MessageKey>, StoreError> {
        let sql = "SELECT DISTINCT message_key FROM message_resource WHERE type = $1 AND id = $2 ORDER BY message_key";
        let rows = self.query(Statement::new(sql, vec![type_name.into(), id.into()])).await?;
        rows.iter().map(|row| row.i64(0).map(MessageKey)).collect()
    }
}

const SUMMARY: &str = "SELECT message_key, feed, sender, message_id, received, status, code, issues FROM message";

fn summary_of(row: &SqlRow) -> Result<MessageSummary, StoreError> {
    Ok(MessageSummary {
        key: MessageKey(row.i64(0)?),
        feed: row.text(1)?.to_owned(),
        sender: row.text(2)?.to_owned(),
        message_id: row.text(3)?.to_owned(),
        received: Instant(row.i64(4)?),
        status: MessageStatus::parse(row.text(5)?)?,
        code: row.opt_text(6)?.map(str::to_owned),
        issues: row.opt_text(7)?.map(str::to_owned),
    })
}
