//! A resource that was assessed: the only form in which the store takes one.

use fhir::{Instant, Issue, Json, Node};

/// A code of `meta.security`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Label {
    /// The code system, when it was given.
    pub system: Option<String>,
    /// The code.
    pub code: String,
}

/// An assessed resource. Its fields are private and only the validator makes one, so that nothing is stored unassessed.
#[derive(Debug, Clone)]
pub struct Validated {
    json: Json,
    type_name: String,
    id: Option<String>,
    profiles: Vec<String>,
    labels: Vec<Label>,
    issues: Vec<Issue>,
}

impl Validated {
    pub(crate) fn new(json: Json, issues: Vec<Issue>) -> Self {
        let root = json.root();
        let text = |key| root.str(key).map(|text| text.into_owned());
        let meta = root.get("meta");
        Self {
            type_name: text("resourceType").unwrap_or_default(),
            id: text("id"),
            profiles: meta.map(claimed_profiles).unwrap_or_default(),
            labels: meta.map(labels).unwrap_or_default(),
            issues,
            json,
        }
    }

    /// Gives the type of the resource.
    #[must_use]
    pub fn type_name(&self) -> &str {
        &self.type_name
    }

    /// Gives the id that the resource came with.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Gives the resource as it was sent.
    #[must_use]
    pub fn json(&self) -> &Json {
        &self.json
    }

    /// Lists what the validation said: warnings and notes, and errors where the source is let through with them.
    #[must_use]
    pub fn issues(&self) -> &[Issue] {
        &self.issues
    }

    /// Lists the profiles that `meta.profile` claims.
    #[must_use]
    pub fn profiles(&self) -> &[String] {
        &self.profiles
    }

    /// Lists the security labels of `meta.security`.
    #[must_use]
    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    /// Gives the bytes to store: as sent, with the server's id, version and time in place.
    #[must_use]
    pub fn with_meta(self, id: &str, version: u64, last_updated: Instant) -> Vec<u8> {
        fhir::resource::stamp(&self.json, id, version, last_updated)
    }

    /// Rewrites the references for which `target` answers: transaction ids and linking.
    #[must_use]
    pub fn with_references(self, target: impl Fn(&str) -> Option<String>) -> Self {
        let Some(bytes) = fhir::resource::rewrite_references(&self.json, target) else { return self };
        #[expect(clippy::expect_used, reason = "one JSON string in place of another leaves the text well formed")]
        let json = Json::parse_owned(bytes).expect("a rewritten resource is JSON");
        Self { json, ..self }
    }
}

/// Lists `meta.profile`.
pub(crate) fn claimed_profiles(meta: Node<'_>) -> Vec<String> {
    let claimed = meta.get("profile").into_iter().flat_map(|profiles| profiles.each());
    claimed.filter_map(|profile| profile.as_str().map(|url| url.into_owned())).collect()
}

fn labels(meta: Node<'_>) -> Vec<Label> {
    let codings = meta.get("security").into_iter().flat_map(|codings| codings.each());
    codings
        .filter_map(|coding| {
            let system = coding.str("system").map(|system| system.into_owned());
            coding.str("code").map(|code| Label { system, code: code.into_owned() })
        })
        .collect()
}
