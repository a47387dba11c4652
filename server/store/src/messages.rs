//! Feed messages: kept as they came, each once, in the transaction of the resources it gives or alone in quarantine.

use bytes::Bytes;
use fhir::Instant;
use sha2::{Digest, Sha256};

use crate::batch::Written;
use crate::error::StoreError;
use crate::sql::{Column, Session, SqlValue, Statement, Table};

/// Level of compression: messages are repetitive text, and higher levels cost more time than they save room.
const COMPRESSION_LEVEL: i32 = 3;

/// The number under which a message is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageKey(pub i64);

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MessageStatus {
    /// Its resources were stored.
    Stored,
    /// It was refused and waits for someone to look at it.
    Quarantined,
    /// It was in quarantine and its resources were stored later.
    Replayed,
    /// A later message made it pointless.
    Superseded,
}

impl MessageStatus {
    /// The status as it is written in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            MessageStatus::Stored => "stored",
            MessageStatus::Quarantined => "quarantined",
            MessageStatus::Replayed => "replayed",
            MessageStatus::Superseded => "superseded",
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, StoreError> {
        match text {
            "stored" => Ok(MessageStatus::Stored),
            "quarantined" => Ok(MessageStatus::Quarantined),
            "replayed" => Ok(MessageStatus::Replayed),
            "superseded" => Ok(MessageStatus::Superseded),
            _ => Err(StoreError::Corrupt(format!("message status `{text}` is not known"))),
        }
    }
}

/// A message as it came. It is compressed where it is made, not in the store's one writer.
#[derive(Clone)]
pub struct MessageRecord {
    feed: String,
    sender: String,
    message_id: String,
    received: Instant,
    sha256: [u8; 32],
    size_bytes: usize,
    body: Bytes,
    event_time: Option<Instant>,
    issues: Option<String>,
    is_replay: bool,
}

impl std::fmt::Debug for MessageRecord {
    /// Leaves the content out, so that it cannot slip into a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MessageRecord")
            .field("feed", &self.feed)
            .field("size_bytes", &self.size_bytes)
            .finish_non_exhaustive()
    }
}

impl MessageRecord {
    /// A message of a feed: who sent it, its id as the sender gave it, its bytes and when they came.
    pub fn new(
        feed: &str,
        sender: &str,
        message_id: &str,
        bytes: &[u8],
        received: Instant,
    ) -> Result<MessageRecord, StoreError> {
        let body = zstd::bulk::compress(bytes, COMPRESSION_LEVEL)
            .map_err(|error| StoreError::Invalid(format!("a message cannot be compressed: {error}")))?;
        Ok(MessageRecord {
            feed: feed.to_owned(),
            sender: sender.to_owned(),
            message_id: message_id.to_owned(),
            received,
            sha256: Sha256::digest(bytes).into(),
            size_bytes: bytes.len(),
            body: body.into(),
            event_time: None,
            issues: None,
            is_replay: false,
        })
    }

    /// The message with the time at which what it tells had happened.
    #[must_use]
    pub fn at(mut self, event_time: Option<Instant>) -> MessageRecord {
        self.event_time = event_time;
        self
    }

    /// The message with what is to be known of what it gave (JSON, without patient data).
    #[must_use]
    pub fn noted(mut self, issues: Option<String>) -> MessageRecord {
        self.issues = issues;
        self
    }

    /// The message as one that is run again: that it is known does not make it a duplicate.
    #[must_use]
    pub fn again(mut self) -> MessageRecord {
        self.is_replay = true;
        self
    }

    /// The hash of its bytes.
    pub fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    /// What is unique: feed, sender, id and content, each with its length before it.
    fn fingerprint(&self) -> Bytes {
        let mut hash = Sha256::new();
        for text in [&self.feed, &self.sender, &self.message_id] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
        hash.update(self.sha256);
        Bytes::copy_from_slice(&hash.finalize())
    }
}

/// What stands in the log of messages about one.
pub(crate) struct Assessment<'a> {
    pub(crate) status: MessageStatus,
    pub(crate) code: Option<&'a str>,
    pub(crate) issues: Option<&'a str>,
}

/// Keeps a message whose resources are stored in the same transaction. `None`: it was stored before. A message that waits in
/// quarantine is stored now, so it becomes [`MessageStatus::Replayed`]; so does one that is run again after it was put away.
pub(crate) fn record(
    session: &mut dyn Session,
    message: &MessageRecord,
    now: Instant,
) -> Result<Option<MessageKey>, StoreError> {
    let stored = Assessment { status: MessageStatus::Stored, code: None, issues: message.issues.as_deref() };
    if let Some(key) = insert(session, message, &stored, now)? {
        return Ok(Some(key));
    }
    let replayed = session.query(&Statement::new(
        "UPDATE message SET status = 'replayed', changed = $1, code = NULL, issues = $3 \
         WHERE fingerprint = $2 AND (status = 'quarantined' OR (status = 'superseded' AND $4 = 1)) RETURNING message_key",
        vec![now.into(), message.fingerprint().into(), message.issues.as_ref().into(), message.is_replay.into()],
    ))?;
    match replayed.first() {
        Some(row) => row.i64(0).map(|key| Some(MessageKey(key))),
        None if message.is_replay => find(session, message),
        None => Ok(None),
    }
}

/// Notes which versions came from a message.
pub(crate) fn link(
    session: &mut dyn Session,
    key: MessageKey,
    message: &MessageRecord,
    written: &[Written],
) -> Result<(), StoreError> {
    let version_of = |version: u64| i64::try_from(version).unwrap_or(i64::MAX);
    let event_time: SqlValue = message.event_time.map(|time| time.0).into();
    let row = |one: &Written| {
        let version = version_of(one.version).into();
        vec![key.0.into(), (&one.type_name).into(), (&one.id).into(), version, event_time.clone()]
    };
    session.insert(&MESSAGE_RESOURCE, written.iter().map(row).collect())
}

static MESSAGE_RESOURCE: Table = Table {
    name: "message_resource",
    columns: &[
        ("message_key", Column::I64),
        ("type", Column::Text),
        ("id", Column::Text),
        ("version", Column::I64),
        ("event_time", Column::I64),
    ],
};

/// Keeps a message that is not there yet.
pub(crate) fn insert(
    session: &mut dyn Session,
    message: &MessageRecord,
    assessment: &Assessment<'_>,
    now: Instant,
) -> Result<Option<MessageKey>, StoreError> {
    let values: Vec<SqlValue> = vec![
        message.fingerprint().into(),
        (&message.feed).into(),
        (&message.sender).into(),
        (&message.message_id).into(),
        message.sha256.to_vec().into(),
        message.received.into(),
        assessment.status.as_str().into(),
        assessment.code.into(),
        assessment.issues.into(),
        now.into(),
    ];
    let inserted = session.query(&Statement::new(
        "INSERT INTO message (fingerprint, feed, sender, message_id, sha256, received, status, code, issues, changed) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (fingerprint) DO NOTHING RETURNING message_key",
        values,
    ))?;
    let Some(row) = inserted.first() else { return Ok(None) };
    let key = row.i64(0)?;
    let size = i64::try_from(message.size_bytes).unwrap_or(i64::MAX);
    session.execute(&Statement::new(
        "INSERT INTO message_body (message_key, size_bytes, body) VALUES ($1, $2, $3)",
        vec![key.into(), size.into(), message.body.clone().into()],
    ))?;
    Ok(Some(MessageKey(key)))
}

/// The key of a message that is there.
pub(crate) fn find(session: &mut dyn Session, message: &MessageRecord) -> Result<Option<MessageKey>, StoreError> {
    let sql = "SELECT message_key FROM message WHERE fingerprint = $1";
    let rows = session.query(&Statement::new(sql, vec![message.fingerprint().into()]))?;
    rows.first().map(|row| row.i64(0).map(MessageKey)).transpose()
}
