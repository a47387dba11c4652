//! A resource as text, JSON or XML, for the command line and `$validate`.

use fhir::{Issue, Json, Severity};

use crate::comments::without_comments;
use crate::options::Options;
use crate::validator::Validator;
use crate::xml_places::set_places;

impl Validator {
    /// Validates a text; the first character that is not white space tells JSON from XML.
    #[must_use]
    pub fn validate_text(&self, bytes: &[u8], options: &Options) -> Vec<Issue> {
        let commented = options.allows_comments && !is_xml(bytes);
        let parsed = if commented { parse_text(&without_comments(bytes)) } else { parse_text(bytes) };
        let mut issues = match parsed {
            Ok(resource) => self.issues(&resource, options),
            Err(issue) => return vec![*issue],
        };
        if is_xml(bytes) {
            let text = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
            set_places(std::str::from_utf8(text).unwrap_or_default(), &mut issues);
        }
        issues
    }
}

/// Reads a resource as JSON or XML; an issue says where the text is not well formed.
pub fn parse_text(bytes: &[u8]) -> Result<Json, Box<Issue>> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    if is_xml(bytes) { parse_xml(bytes) } else { parse_json(bytes) }
}

fn is_xml(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'<')
}

fn parse_json(bytes: &[u8]) -> Result<Json, Box<Issue>> {
    Json::parse(bytes).map_err(|error| Box::new(Issue { severity: Severity::Fatal, ..Issue::from(&error) }))
}

fn parse_xml(bytes: &[u8]) -> Result<Json, Box<Issue>> {
    let fatal = |reason: String| Box::new(Issue::fatal("structure", reason));
    let text = std::str::from_utf8(bytes).map_err(|_| fatal("the text is not valid UTF-8".to_owned()))?;
    let json = fhir::json_from_xml(text).map_err(|error| fatal(error.to_string()))?;
    Json::parse_owned(json.into_bytes()).map_err(|error| fatal(error.reason))
}
