//! The launch context: what a token response says beside the token, and an introspection repeats.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Launch context parameters; absent ones are not sent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LaunchContext {
    /// The logical id of the patient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patient: Option<String>,
    /// The logical id of the encounter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encounter: Option<String>,
    /// Whether the app must show who the patient is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub need_patient_banner: Option<bool>,
    /// What the app was launched for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<String>,
    /// Where the look of the launching system is described.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smart_style_url: Option<String>,
    /// The tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Other resources in context, as objects.
    #[serde(default, rename = "fhirContext", skip_serializing_if = "Vec::is_empty")]
    pub fhir_context: Vec<Value>,
}

impl LaunchContext {
    /// Makes a context of a patient alone.
    pub fn of_patient(id: &str) -> LaunchContext {
        LaunchContext { patient: Some(id.to_owned()), ..LaunchContext::default() }
    }

    pub(crate) fn write_to(&self, answer: &mut Map<String, Value>) {
        if let Ok(Value::Object(members)) = serde_json::to_value(self) {
            answer.extend(members);
        }
    }
}
