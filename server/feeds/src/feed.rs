//! The feeds that Weir reads, and the one door through which their messages are mapped.

use std::collections::BTreeMap;

use fhir::Instant;

use crate::{MapError, Mapped, acute, gp, social_care};

/// A kind of source message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Feed {
    /// HL7 v2 from an acute trust: ADT and ORU.
    #[serde(rename = "acute-hl7v2")]
    Hl7v2,
    /// GP Connect structured records, STU3.
    #[serde(rename = "gp-connect")]
    GpConnect,
    /// Adult social care client level data, CSV.
    #[serde(rename = "social-care-cld")]
    Cld,
}

impl Feed {
    /// Every feed.
    pub const ALL: [Feed; 3] = [Feed::Hl7v2, Feed::GpConnect, Feed::Cld];

    /// The name by which a feed is chosen on the command line and in URLs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hl7v2 => "acute-hl7v2",
            Self::GpConnect => "gp-connect",
            Self::Cld => "social-care-cld",
        }
    }

    /// Finds a feed by its name.
    pub fn parse(name: &str) -> Option<Feed> {
        Self::ALL.into_iter().find(|feed| feed.name() == name)
    }
}

/// One message as it came in.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// What kind of message it is.
    pub feed: Feed,
    /// The bytes, untouched.
    pub bytes: &'a [u8],
    /// When it was received.
    pub received: Instant,
    /// The sender's organisation, where configuration tells it; the message's own word comes second.
    pub ods_code: Option<&'a str>,
}

/// Maps a message to UK Core resources.
///
/// A file may give many: the messages of a batch, the rows of a CSV. The first message of a batch that
/// cannot be mapped fails the whole call, so that a receiver should [`split`] a file first.
pub fn map(message: &Message<'_>) -> Result<Vec<Mapped>, MapError> {
    match message.feed {
        Feed::Hl7v2 => acute::map(message),
        Feed::GpConnect => gp::map(message),
        Feed::Cld => social_care::map(message),
    }
}

/// Counts what one message of [`split`] holds, by the same kinds as [`Mapped::counts`], whether it can be mapped or not.
pub fn count(feed: Feed, bytes: &[u8]) -> BTreeMap<String, usize> {
    match feed {
        Feed::Hl7v2 => acute::count(bytes),
        Feed::GpConnect => gp::count(bytes),
        Feed::Cld => social_care::count(bytes),
    }
}

/// Cuts a file into the messages that are received, kept and acknowledged one by one.
///
/// HL7 v2 batches are cut before each MSH; files of the other feeds are one message each.
pub fn split(feed: Feed, bytes: &[u8]) -> Vec<&[u8]> {
    match feed {
        Feed::Hl7v2 => acute::split(bytes),
        Feed::GpConnect | Feed::Cld => vec![bytes],
    }
}
