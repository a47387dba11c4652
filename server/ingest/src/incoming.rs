//! One message on its way in.

use bytes::Bytes;
use feeds::{BusinessKey, Feed, MapError, Mapped, PatientAction};
use fhir::{Instant, Issue};
use serde_json::Value;
use sha2::{Digest, Sha256};
use store::MessageKey;

use crate::logical_id::LogicalIds;

/// One message as it came.
#[derive(Clone)]
pub(crate) struct Incoming {
    pub(crate) feed: Feed,
    pub(crate) bytes: Bytes,
    pub(crate) received: Instant,
    /// The authenticated client, empty where there is none; part of what makes a message the same as another.
    pub(crate) sender: String,
    /// The organisation for which alone the sender may speak.
    pub(crate) organisation: Option<String>,
    /// The sender's id of the message, when it is known from before; else it is read from the message.
    pub(crate) message_id: Option<String>,
    /// The message that it is, when it is kept already and is run again.
    pub(crate) replay: Option<Replay>,
}

/// A kept message that is run again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Replay {
    pub(crate) message: MessageKey,
    /// Whether it was stored before; else it comes from quarantine.
    pub(crate) was_stored: bool,
}

impl Incoming {
    /// The hash of the bytes as text: what a Provenance names the message by, and anybody can check against the kept bytes.
    pub(crate) fn sha256(&self) -> String {
        Sha256::digest(&self.bytes).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The message, read by its feed.
    pub(crate) fn map(&self) -> Result<Vec<Mapped>, MapError> {
        feeds::map(&feeds::Message {
            feed: self.feed,
            bytes: &self.bytes,
            received: self.received,
            // The message's own word: one listener may serve many organisations.
            ods_code: None,
        })
    }

    /// The sender's id of the message. A file of rows has none of its own.
    pub(crate) fn message_id(&self, mapped: &[Mapped]) -> String {
        if let Some(known) = &self.message_id {
            return known.clone();
        }
        let own = mapped.first().map(|unit| unit.message_id.as_str()).unwrap_or_default();
        match self.feed {
            // Not all databases keep a NUL.
            Feed::Hl7v2 | Feed::GpConnect => own.replace('\0', ""),
            Feed::Cld => String::new(),
        }
    }

    /// When it happened. A sender's clock that runs ahead must not shut out what comes later.
    pub(crate) fn event_time(&self, mapped: &Mapped) -> Instant {
        mapped.event_time.map_or(self.received, |time| time.min(self.received))
    }
}

/// The names of one mapped unit: feed, owner and ids of its keys.
pub(crate) struct Naming<'a> {
    pub(crate) ids: &'a LogicalIds,
    pub(crate) feed: &'static str,
    pub(crate) owner: &'a str,
}

impl<'a> Naming<'a> {
    /// The names of a unit; `own` is the organisation that stands in for a source that does not say.
    pub(crate) fn of(ids: &'a LogicalIds, mapped: &'a Mapped, own: &'a str) -> Naming<'a> {
        Naming { ids, feed: mapped.source.feed.name(), owner: mapped.source.ods_code.as_deref().unwrap_or(own) }
    }

    pub(crate) fn id(&self, key: &BusinessKey) -> String {
        self.ids.of(self.feed, self.owner, key)
    }

    /// Survivor and loser of an act of merging.
    pub(crate) fn merge(&self, action: &PatientAction) -> (String, String) {
        let PatientAction::Merge { survivor, loser } = action;
        (self.id(survivor), self.id(loser))
    }

    /// Puts logical ids in the place of conditional references.
    pub(crate) fn link(&self, value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.link(item)),
            Value::Object(object) => {
                if let Some(Value::String(text)) = object.get_mut("reference")
                    && let Some(key) = BusinessKey::from_reference(text)
                {
                    *text = format!("{}/{}", key.type_name, self.id(&key));
                }
                object.values_mut().for_each(|member| self.link(member));
            }
            _ => {}
        }
    }
}

/// Why a message could not be read, as an issue; its code tells the kind.
pub(crate) fn issue_of(error: &MapError) -> Issue {
    let code = match error {
        MapError::Malformed { .. } => "structure",
        MapError::Unsupported { .. } => "not-supported",
        MapError::Missing { .. } => "required",
    };
    Issue::error(code, error.to_string()).at(error.location()).detail(code_of(error))
}

/// The stable code of a message that could not be read.
pub(crate) fn code_of(error: &MapError) -> &'static str {
    match error {
        MapError::Malformed { .. } => "message-malformed",
        MapError::Unsupported { .. } => "message-unsupported",
        MapError::Missing { .. } => "message-incomplete",
    }
}
