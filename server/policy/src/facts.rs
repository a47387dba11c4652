//! What the store keeps beside each version so that policy can decide without parsing the body.

use fhir::Instant;
use serde::{Deserialize, Serialize};

use crate::restriction::Class;

/// The code system of `meta.security` confidentiality labels: <https://terminology.hl7.org/CodeSystem-v3-Confidentiality.html>.
pub const CONFIDENTIALITY_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";

/// The person to whom one or more Patient resources point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PersonKey(pub i64);

/// A security label of `meta.security`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Label {
    /// The label's code system.
    pub system: String,
    /// The label's code.
    pub code: String,
}

impl Label {
    /// Makes a confidentiality label, as `R` or `V`.
    pub fn confidentiality(code: &str) -> Label {
        Label { system: CONFIDENTIALITY_SYSTEM.to_owned(), code: code.to_owned() }
    }

    /// Says whether this is the confidentiality label with the code.
    pub fn is_confidentiality(&self, code: &str) -> bool {
        self.system == CONFIDENTIALITY_SYSTEM && self.code == code
    }
}

/// Where a version came from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Source {
    /// The feed's name, as `acute-hl7v2`, `gp-connect`, `social-care-cld`; `rest` for the FHIR API.
    pub feed: String,
    /// The sending application.
    pub system: Option<String>,
    /// The organisation that is the controller of the data.
    pub ods_code: Option<String>,
    /// Whether an earlier version came from a general practice record: an edit by somebody else does not make it other data.
    #[serde(default)]
    pub was_general_practice: bool,
}

/// Feeds whose data come from general practice records, where a Type 1 objection acts.
const GP_FEEDS: [&str; 1] = ["gp-connect"];

impl Source {
    /// Makes a source that names its feed only.
    pub fn feed(feed: &str) -> Source {
        Source { feed: feed.to_owned(), ..Source::default() }
    }

    /// Says whether the data come from a general practice record.
    pub fn is_general_practice(&self) -> bool {
        self.was_general_practice || GP_FEEDS.contains(&self.feed.as_str())
    }
}

/// What is known about a version without reading its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The resource type.
    pub type_name: String,
    /// The logical id.
    pub id: String,
    /// The version number.
    pub version: u64,
    /// Every person that the resource is about; empty for reference data.
    pub persons: Vec<PersonKey>,
    /// The logical ids of the Patients that the resource is about.
    pub patient_ids: Vec<String>,
    /// The security labels of `meta.security`.
    pub labels: Vec<Label>,
    /// The restrictions that hold now for any of the persons, whatever their purpose; see [`crate::RestrictionRule`].
    pub restrictions: Vec<Class>,
    /// Where the version came from.
    pub source: Source,
    /// When the version was written.
    pub last_updated: Instant,
    /// Whether the version is a deletion marker.
    pub deleted: bool,
}
