//! What can be written, and what became of it.

use bytes::Bytes;
use fhir::Instant;
use policy::{Grant, Interaction, Source};
use profiles::Validated;
use search::Query;

use crate::messages::MessageRecord;
use crate::person::{PersonLink, PersonUndo};
use crate::reviews::NewReview;
use crate::units::QuarantinedUnit;

/// Writes that happen together or not at all.
#[derive(Debug)]
pub struct WriteBatch {
    /// The writes, in order; a later one sees the earlier ones.
    pub ops: Vec<WriteOp>,
    /// Where they come from.
    pub source: Source,
    /// The feed message that they were made from, kept in the same transaction.
    pub message: Option<MessageRecord>,
    /// Patients that are of one person, applied after the writes.
    pub links: Vec<PersonLink>,
    /// A merge or link that is taken back, after the writes.
    pub undo: Option<PersonUndo>,
    /// What the writes were decided upon; if it is no longer so, they are a conflict.
    pub expected: Vec<ExpectedMatches>,
    /// Questions of identity that came up; one that was asked before stands as it stands.
    pub reviews: Vec<NewReview>,
    /// Parts of the message that are not stored.
    pub units: Vec<QuarantinedUnit>,
}

impl WriteBatch {
    /// Writes without a message and without links.
    pub fn new(ops: Vec<WriteOp>, source: Source) -> Self {
        Self {
            ops,
            source,
            message: None,
            links: Vec::new(),
            undo: None,
            expected: Vec::new(),
            reviews: Vec::new(),
            units: Vec::new(),
        }
    }
}

/// What a create looks for before it creates.
#[derive(Debug, Clone)]
pub struct Criteria {
    /// The search.
    pub query: Query,
    /// The right to search, which may reach less than the right to write.
    pub grant: Grant,
}

/// How many resources a search found when a write was decided upon: one that came since, by whatever writer, would be overlooked.
#[derive(Debug)]
pub struct ExpectedMatches {
    /// The search.
    pub query: Query,
    /// The right under which it was asked.
    pub grant: Grant,
    /// How many it found.
    pub count: usize,
}

/// Which version must be current for a write to happen. <https://www.rfc-editor.org/rfc/rfc9110#section-13.1>
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CurrentVersion {
    /// There is one (`If-Match: *`).
    Any,
    /// It is one of these (`If-Match`).
    OneOf(Vec<u64>),
    /// There is none (`If-None-Match: *`).
    Absent,
    /// It is none of these, if there is one (`If-None-Match`).
    NoneOf(Vec<u64>),
}

impl CurrentVersion {
    /// Whether it is so when that version is there, or none.
    pub(crate) fn holds(&self, current: Option<u64>) -> bool {
        match self {
            CurrentVersion::Any => current.is_some(),
            CurrentVersion::OneOf(versions) => current.is_some_and(|version| versions.contains(&version)),
            CurrentVersion::Absent => current.is_none(),
            CurrentVersion::NoneOf(versions) => current.is_none_or(|version| !versions.contains(&version)),
        }
    }
}

impl From<u64> for CurrentVersion {
    fn from(version: u64) -> CurrentVersion {
        CurrentVersion::OneOf(vec![version])
    }
}

/// One write.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly every write is a Put")]
pub enum WriteOp {
    /// Creates or updates.
    Put {
        /// What to store.
        resource: Validated,
        /// Its logical id.
        id: String,
        /// Create, Update or Patch; decides what is checked against the grant and what history tells.
        interaction: Interaction,
        /// The version that must be current.
        if_match: Option<CurrentVersion>,
        /// Creates only when nothing matches; one match is the answer, several are a conflict (`If-None-Exist`).
        if_none_exist: Option<Criteria>,
    },
    /// Deletes; what is not there is no error.
    Delete {
        /// The type.
        type_name: String,
        /// The logical id.
        id: String,
        /// The version that must be current.
        if_match: Option<CurrentVersion>,
    },
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteStatus {
    /// There was none, or only a deleted one.
    Created,
    /// There is a new version.
    Updated,
    /// The content is what it was, or the condition of a create was met by what is there.
    Unchanged,
    /// It is deleted.
    Deleted,
}

/// The outcome of one write.
#[derive(Debug, Clone)]
pub struct Written {
    /// The number of the resource; 0 when there is none.
    pub(crate) res_key: i64,
    /// The type.
    pub type_name: String,
    /// The logical id; of the match where a conditional create found one.
    pub id: String,
    /// The current version; 0 when nothing was there to delete.
    pub version: u64,
    /// When that version was written.
    pub last_updated: Instant,
    /// What was done.
    pub status: WriteStatus,
    /// Logical ids of the Patients that it is about, and of those that it was about before.
    pub patients: Vec<String>,
    /// The stored bytes. Empty after a delete, and where a conditional create found a match: read that one with a grant.
    pub body: Bytes,
}

impl Written {
    /// Adds Patients that it is about, each once.
    pub(crate) fn add_patients<'a>(&mut self, ids: impl Iterator<Item = &'a str>) {
        for id in ids {
            if !self.patients.iter().any(|known| known == id) {
                self.patients.push(id.to_owned());
            }
        }
    }
}
