//! The Provenance of what a message gave: who said it, and in which message.
//! <https://hl7.org/fhir/R4/provenance.html>

use std::collections::BTreeSet;

use fhir::Instant;
use serde_json::{Value, json};

const AGENT_TYPE: &str = "http://terminology.hl7.org/CodeSystem/provenance-participant-type";
/// The namespace of kept messages: the value is the SHA-256 of the bytes.
const MESSAGE_SYSTEM: &str = "urn:weir:message";

/// What a Provenance says.
pub(crate) struct Statement<'a> {
    /// `Type/id` of what was written and of the Patients that it is about.
    pub(crate) targets: &'a BTreeSet<String>,
    pub(crate) occurred: Instant,
    pub(crate) received: Instant,
    /// The ODS code of the source's organisation.
    pub(crate) author: &'a str,
    /// The ODS code of the organisation that runs this server, which made resources of the message.
    pub(crate) assembler: &'a str,
    pub(crate) message_sha256: &'a str,
}

impl Statement<'_> {
    /// The resource.
    pub(crate) fn to_value(&self) -> Value {
        let targets: Vec<Value> = self.targets.iter().map(|target| json!({ "reference": target })).collect();
        json!({
            "resourceType": "Provenance",
            "meta": { "profile": [feeds::profile_url("Provenance")] },
            "target": targets,
            "occurredDateTime": self.occurred.to_fhir(),
            "recorded": self.received.to_fhir(),
            "agent": [agent("author", "Author", self.author), agent("assembler", "Assembler", self.assembler)],
            "entity": [{
                "role": "source",
                "what": { "identifier": { "system": MESSAGE_SYSTEM, "value": self.message_sha256 } },
            }],
        })
    }
}

/// The `Type/id` of the targets that a Provenance names.
pub(crate) fn targets(provenance: &Value) -> Vec<String> {
    let targets = provenance.get("target").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let reference = |target: &Value| Some(target.get("reference")?.as_str()?.to_owned());
    targets.iter().filter_map(reference).collect()
}

fn agent(code: &str, display: &str, ods_code: &str) -> Value {
    json!({
        "type": feeds::codeable(AGENT_TYPE, code, display),
        "who": {
            "type": "Organization",
            "identifier": feeds::identifier(feeds::system::ODS_ORGANISATION, ods_code),
        },
    })
}
