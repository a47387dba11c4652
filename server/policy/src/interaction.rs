//! The interactions that policy decides about, in FHIR's words where FHIR has one.

use crate::scope::Permissions;
use serde::{Deserialize, Serialize};

/// Something that a client tries to do.
///
/// Conditional create, update and delete tell whether a match exists: the caller decides [`Interaction::SearchType`] as well.
/// Entries of a batch or transaction are decided one by one; [`Interaction::Batch`] itself opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Interaction {
    /// The capability statement, which anybody may read.
    Capabilities,
    /// The current version of one resource.
    Read,
    /// One version of one resource.
    Vread,
    /// The versions of one resource.
    HistoryInstance,
    /// The versions of a type.
    HistoryType,
    /// The versions of everything.
    HistorySystem,
    /// Search of a type.
    SearchType,
    /// Search across types.
    SearchSystem,
    /// Create.
    Create,
    /// Update, and create by update.
    Update,
    /// Patch.
    Patch,
    /// Delete.
    Delete,
    /// The envelope of a batch or transaction.
    Batch,
    /// `$everything` of a patient.
    Everything,
    /// `$validate`: reads nothing that is stored; its modes are decided as what they ask about.
    Validate,
    /// `$fhirpath`: evaluates on what is sent along and reads nothing that is stored.
    Fhirpath,
    /// `$meta` of one resource.
    MetaInstance,
    /// `$meta` of a type: the labels that its resources bear.
    MetaType,
    /// `$meta` of everything.
    MetaSystem,
    /// `$meta-add` to one resource.
    MetaAdd,
    /// `$meta-delete` from one resource; the way in which an administrator lifts a confidentiality label.
    MetaDelete,
    /// `$lastn` of observations.
    Lastn,
    /// `$match` of a patient.
    Match,
    /// `$document` of a composition.
    Document,
    /// `$expand` of a value set.
    Expand,
    /// `$validate-code` against a value set or in a code system.
    ValidateCode,
    /// `$lookup` of a code.
    Lookup,
    /// `$subsumes` of two codes.
    Subsumes,
    /// `$translate` by concept maps.
    Translate,
    /// `$purge` of a patient: erasure, for administrators.
    Purge,
    /// Kick-off of `$reindex`, for administrators.
    Reindex,
    /// Status of a `$reindex` job.
    ReindexStatus,
    /// Kick-off of a bulk export.
    Export,
    /// Status and manifest of an own export job.
    ExportStatus,
    /// A file of an own export job.
    ExportFile,
    /// Cancelling or removing an own export job.
    ExportDelete,
    /// Status and manifest of an own request that is answered later (`Prefer: respond-async`).
    AsyncStatus,
    /// The answer of an own request that was answered later.
    AsyncFile,
    /// Cancelling or removing an own request that is answered later.
    AsyncDelete,
    /// Sending a message to a feed; the type name of a decision holds the feed's name.
    Feed,
}

impl Interaction {
    /// Returns the scope letters that the interaction needs, all of them; `None` when no resource scope governs it.
    pub fn needs(self) -> Option<Permissions> {
        use Interaction as I;
        match self {
            I::Read | I::Vread | I::HistoryInstance | I::MetaInstance | I::Document => Some(Permissions::READ),
            I::HistoryType | I::HistorySystem | I::SearchType | I::SearchSystem => Some(Permissions::SEARCH),
            I::MetaType | I::MetaSystem | I::Lastn | I::Match => Some(Permissions::SEARCH),
            I::Create => Some(Permissions::CREATE),
            I::Update | I::Patch => Some(Permissions::UPDATE),
            I::Delete => Some(Permissions::DELETE),
            // What they answer from is found by its url.
            I::Expand | I::ValidateCode | I::Lookup | I::Subsumes | I::Translate => {
                Some(Permissions::READ.and(Permissions::SEARCH))
            }
            I::Everything | I::Export => Some(Permissions::READ.and(Permissions::SEARCH)),
            I::MetaAdd | I::MetaDelete => Some(Permissions::READ.and(Permissions::UPDATE)),
            I::Capabilities
            | I::Batch
            | I::Validate
            | I::Fhirpath
            | I::ExportStatus
            | I::ExportFile
            | I::ExportDelete
            | I::Feed => None,
            I::Purge | I::Reindex | I::ReindexStatus | I::AsyncStatus | I::AsyncFile | I::AsyncDelete => None,
        }
    }

    /// Says whether it is about a request of the caller's own that is answered later: whose it is decides, and what it asked.
    pub fn is_async(self) -> bool {
        matches!(self, Interaction::AsyncStatus | Interaction::AsyncFile | Interaction::AsyncDelete)
    }

    /// Says whether only an administrator may do it: no resource scope gives it.
    pub fn needs_administrator(self) -> bool {
        matches!(self, Interaction::Purge | Interaction::Reindex | Interaction::ReindexStatus)
    }

    /// Says whether the interaction changes resources.
    pub fn is_write(self) -> bool {
        use Interaction as I;
        matches!(self, I::Create | I::Update | I::Patch | I::Delete | I::MetaAdd | I::MetaDelete | I::Purge)
    }
}
