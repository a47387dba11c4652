//! Joins bundles from the bytes of their resources, without reading them again: <https://hl7.org/fhir/R4/bundle.html>.

use serde_json::{Value, json};

use crate::Instant;

const MATCH_GRADE: &str = "http://hl7.org/fhir/StructureDefinition/match-grade";

/// One entry of a bundle; what is `None` is left out.
#[derive(Clone, Copy, Debug, Default)]
pub struct BundleEntry<'a> {
    /// The absolute url of the resource.
    pub full_url: Option<&'a str>,
    /// The bytes of the resource.
    pub resource: Option<&'a [u8]>,
    /// `match`, `include` or `outcome`.
    pub search_mode: Option<&'a str>,
    /// How likely the match is, from 0 to 1, and the code of its grade: <https://hl7.org/fhir/R4/extension-match-grade.html>.
    pub search_grade: Option<(f64, &'a str)>,
    /// The method and the url of the request, for histories and batches.
    pub request: Option<(&'a str, &'a str)>,
    /// What came of the request.
    pub response: Option<EntryResponse<'a>>,
}

/// What came of one request of a batch or stands in a history.
#[derive(Clone, Copy, Debug, Default)]
pub struct EntryResponse<'a> {
    /// The HTTP status, as `201 Created`.
    pub status: &'a str,
    /// The versioned url of what was written.
    pub location: Option<&'a str>,
    /// The entity tag, as `W/"1"`.
    pub etag: Option<&'a str>,
    /// When the version was written.
    pub last_modified: Option<Instant>,
    /// An OperationOutcome.
    pub outcome: Option<&'a Value>,
}

/// Writes a bundle piece by piece: first [`new`](Self::new), then total and links, then entries, then [`finish`](Self::finish).
#[derive(Debug)]
pub struct BundleWriter {
    out: Vec<u8>,
    links: Vec<Value>,
    has_entries: bool,
}

impl BundleWriter {
    /// Starts a bundle of a type, as `searchset`.
    #[must_use]
    pub fn new(bundle_type: &str) -> Self {
        let mut out = br#"{"resourceType":"Bundle""#.to_vec();
        member(&mut out, "type", &bundle_type.into());
        Self { out, links: Vec::new(), has_entries: false }
    }

    /// Sets the bundle's own id.
    #[must_use]
    pub fn id(mut self, id: &str) -> Self {
        member(&mut self.out, "id", &id.into());
        self
    }

    /// Sets the identifier by which the bundle is known wherever it goes, as a document must have.
    #[must_use]
    pub fn identifier(mut self, system: &str, value: &str) -> Self {
        member(&mut self.out, "identifier", &json!({"system": system, "value": value}));
        self
    }

    /// Sets when the bundle was made.
    #[must_use]
    pub fn timestamp(mut self, timestamp: Instant) -> Self {
        member(&mut self.out, "timestamp", &timestamp.to_fhir().into());
        self
    }

    /// Sets how many resources match, on all pages.
    #[must_use]
    pub fn total(mut self, total: u64) -> Self {
        member(&mut self.out, "total", &total.into());
        self
    }

    /// Adds a link, as `self` or `next`.
    #[must_use]
    pub fn link(mut self, relation: &str, url: &str) -> Self {
        self.links.push(json!({"relation": relation, "url": url}));
        self
    }

    /// Adds an entry; total, id and timestamp must be set by now.
    pub fn entry(&mut self, entry: &BundleEntry<'_>) {
        self.flush_links();
        self.out.extend_from_slice(if self.has_entries { b",{" } else { br#","entry":[{"# });
        self.has_entries = true;
        let start = self.out.len();
        if let Some(full_url) = entry.full_url {
            member(&mut self.out, "fullUrl", &full_url.into());
        }
        if let Some(resource) = entry.resource {
            self.out.extend_from_slice(br#","resource":"#);
            self.out.extend_from_slice(resource.trim_ascii());
        }
        if let Some(mode) = entry.search_mode {
            let search = match entry.search_grade {
                Some((score, grade)) => {
                    json!({"extension": [{"url": MATCH_GRADE, "valueCode": grade}], "mode": mode, "score": score})
                }
                None => json!({"mode": mode}),
            };
            member(&mut self.out, "search", &search);
        }
        if let Some((method, url)) = entry.request {
            member(&mut self.out, "request", &json!({"method": method, "url": url}));
        }
        if let Some(response) = &entry.response {
            member(&mut self.out, "response", &response.to_value());
        }
        if self.out.get(start) == Some(&b',') {
            self.out.remove(start);
        }
        self.out.push(b'}');
    }

    /// Gives the bytes of the whole bundle.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.flush_links();
        self.out.extend_from_slice(if self.has_entries { b"]}" } else { b"}" });
        self.out
    }

    fn flush_links(&mut self) {
        if !self.links.is_empty() {
            let links = std::mem::take(&mut self.links);
            member(&mut self.out, "link", &Value::Array(links));
        }
    }
}

impl EntryResponse<'_> {
    fn to_value(self) -> Value {
        let mut response = json!({"status": self.status});
        let texts = [
            ("location", self.location.map(str::to_owned)),
            ("etag", self.etag.map(str::to_owned)),
            ("lastModified", self.last_modified.map(Instant::to_fhir)),
        ];
        if let Value::Object(members) = &mut response {
            members.extend(texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?.into()))));
            members.extend(self.outcome.map(|outcome| ("outcome".to_owned(), outcome.clone())));
        }
        response
    }
}

fn member(out: &mut Vec<u8>, name: &str, value: &Value) {
    out.extend_from_slice(format!(",\"{name}\":{value}").as_bytes());
}
