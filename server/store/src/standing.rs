//! What is stored of resources that somebody is about to write: version, body, and how new their facts are.

use bytes::Bytes;
use fhir::Instant;
use policy::{Denied, Grant};

use crate::error::StoreError;
use crate::messages::MessageKey;
use crate::open::Store;
use crate::sql::{Dialect, SqlRow, Statement};

/// Resources in one statement.
const CHUNK: usize = 500;

/// A resource as it stands.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The logical id.
    pub id: String,
    /// The current version.
    pub version: u64,
    /// Whether that is a deletion.
    pub is_deleted: bool,
    /// The message that told the newest that is known of it, the later one of two that tell of one moment.
    pub newest: Option<Telling>,
    /// When the current version was written, if no message told it: by a client of the API, or by the undoing of a merge.
    pub edited: Option<Instant>,
    /// The current bytes, empty after a deletion.
    pub body: Bytes,
    /// The newest bytes that another source than the feed wrote, looked up where the resource bears security labels; else empty.
    pub body_of_others: Bytes,
}

/// A message that told of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Telling {
    /// When what it tells had happened.
    pub event_time: Instant,
    /// The message; a later one has a greater key.
    pub message: MessageKey,
}

impl Store {
    /// How resources of a type stand that a feed writes; those that were never stored are left out. For the server's own work.
    pub async fn standings(
        &self,
        grant: &Grant,
        feed: &str,
        type_name: &str,
        ids: &[String],
    ) -> Result<Vec<Standing>, StoreError> {
        if !grant.is_system() {
            return Err(Denied::new("not-system", "only the server itself may ask how resources stand").into());
        }
        let mut found = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(CHUNK) {
            let list = serde_json::to_string(chunk).map_err(|error| StoreError::Invalid(error.to_string()))?;
            let (feed, type_name) = (feed.to_owned(), type_name.to_owned());
            let rows = self
                .read_inline(move |session| {
                    let among = match session.dialect() {
                        Dialect::Sqlite => "IN (SELECT value FROM json_each($2))",
                        Dialect::Postgres => "IN (SELECT jsonb_array_elements_text(CAST($2 AS jsonb)))",
                    };
                    let sql = format!(
                        "SELECT r.id, r.version, r.deleted, r.body, \
                         (SELECT m.event_time {NEWEST}), (SELECT m.message_key {NEWEST}), \
                         CASE WHEN EXISTS (SELECT 1 FROM message_resource m \
                         WHERE m.type = r.type AND m.id = r.id AND m.version = r.version) THEN NULL \
                         ELSE r.last_updated END, {OF_OTHERS}, r.last_updated FROM target t \
                         JOIN resource r ON r.res_key = t.target_key WHERE t.type = $1 AND t.id {among}"
                    );
                    session.query(&Statement::new(sql, vec![type_name.into(), list.into(), feed.into()]))
                })
                .await?;
            for row in &rows {
                found.push(standing_of(row)?);
            }
        }
        Ok(found)
    }
}

const NEWEST: &str = "FROM message_resource m WHERE m.type = r.type AND m.id = r.id AND m.event_time IS NOT NULL \
                      ORDER BY m.event_time DESC, m.message_key DESC LIMIT 1";

/// Labels are looked for in the bytes: those of the column hold for later versions too.
const OF_OTHERS: &str = "CASE WHEN r.labels = '[]' THEN NULL \
                         WHEN r.deleted = 0 AND r.source_feed <> $3 THEN r.body \
                         ELSE (SELECT h.body FROM history h WHERE h.res_key = r.res_key AND h.deleted = 0 \
                         AND h.source_feed <> $3 ORDER BY h.version DESC LIMIT 1) END";

fn standing_of(row: &SqlRow) -> Result<Standing, StoreError> {
    let version = row.i64(1)?.unsigned_abs();
    let telling = row.opt_i64(4)?.zip(row.opt_i64(5)?);
    Ok(Standing {
        id: row.text(0)?.to_owned(),
        version,
        is_deleted: row.i64(2)? != 0,
        body: crate::body::unpack(&row.bytes(3)?, version, Instant(row.i64(8)?))?,
        newest: telling.map(|(time, key)| Telling { event_time: Instant(time), message: MessageKey(key) }),
        edited: row.opt_i64(6)?.map(Instant),
        // Of a version that is looked into for its labels only.
        body_of_others: crate::body::unpack(&row.opt_bytes(7)?.unwrap_or_default(), 0, Instant(0))?,
    })
}
