//! One FHIR interaction as it was asked for, by HTTP or as an entry of a Bundle.

use bytes::Bytes;
use policy::{Interaction, Subject};

use crate::headers::Conditions;

/// Who asks, and the ids by which the request is traced.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// On whose behalf.
    pub subject: Subject,
    /// `X-Request-ID`, taken or made.
    pub request_id: String,
    /// `X-Correlation-ID`, taken.
    pub correlation_id: Option<String>,
    /// Address of the caller, as far as trusted proxies tell it.
    pub source_address: Option<String>,
    /// SHA-256 of the access token in hex; page links are bound to it. Empty with open access.
    pub token_hash: String,
}

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// The interaction.
    pub interaction: Interaction,
    /// Resource type; the feed's name for [`Interaction::Feed`].
    pub type_name: Option<String>,
    /// Type and id of the compartment that a search is narrowed to.
    pub compartment: Option<(String, String)>,
    /// Logical id; the job's id for exports.
    pub id: Option<String>,
    /// Version; the file's name for [`Interaction::ExportFile`].
    pub version: Option<String>,
    /// Query parameters, decoded, in order.
    pub params: Vec<(String, String)>,
    /// The body, decompressed.
    pub body: Bytes,
    /// The XML that it was sent as, when it was.
    pub xml: Option<Bytes>,
    /// `Content-Type` without parameters.
    pub content_type: Option<String>,
    /// Conditions and preferences.
    pub conditions: Conditions,
    /// The whole URL; empty in a Bundle.
    pub url: String,
}

impl Request {
    /// A request without parameters, body and conditions.
    pub(crate) fn new(interaction: Interaction) -> Request {
        Request {
            interaction,
            type_name: None,
            compartment: None,
            id: None,
            version: None,
            params: Vec::new(),
            body: Bytes::new(),
            xml: None,
            content_type: None,
            conditions: Conditions::default(),
            url: String::new(),
        }
    }

    /// Makes it a search of the compartment of that type and of the id, if there is one: of one type in it, or of all (`*`).
    pub(crate) fn narrow(&mut self, compartment: Option<String>) {
        let Some(compartment) = compartment else { return };
        self.compartment = Some((compartment, self.id.take().unwrap_or_default()));
        if self.type_name.as_deref() == Some("*") {
            (self.interaction, self.type_name) = (Interaction::SearchSystem, None);
        }
    }

    /// The type name, empty where the interaction has none.
    pub(crate) fn type_str(&self) -> &str {
        self.type_name.as_deref().unwrap_or_default()
    }

    /// The logical id, empty where the interaction has none.
    pub(crate) fn id_str(&self) -> &str {
        self.id.as_deref().unwrap_or_default()
    }
}
