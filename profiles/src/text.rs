//! A resource as text, JSON or XML, for the command line and `$validate`.

use fhir::{Issue, Json, Severity, XmlError};

use crate::comments::without_comments;
use crate::options::{AnsweredFacts, Assessment, Options};
use crate::validator::Validator;

impl Validator {
    /// Validates a text; the first character that is not white space tells JSON from XML.
    #[must_use]
    pub fn validate_text(&self, bytes: &[u8], options: &Options) -> Vec<Issue> {
        self.assess_text(bytes, options, &AnsweredFacts::new()).issues
    }

    /// Lists what is wrong with a text by what is known, and what would tell more.
    #[must_use]
    pub fn assess_text(&self, bytes: &[u8], options: &Options, facts: &AnsweredFacts) -> Assessment {
        let unreadable = |issue: Box<Issue>| Assessment { issues: vec![*issue], questions: Vec::new() };
        if is_xml(bytes) {
            return self.assess_xml(bytes, options, facts).unwrap_or_else(unreadable);
        }
        let parsed = if options.allows_comments { parse_json(&without_comments(bytes)) } else { parse_json(bytes) };
        parsed.map_or_else(unreadable, |resource| self.assess(&resource, options, facts))
    }

    /// Also says where elements are out of order, which is no fault of the resource that they make.
    fn assess_xml(&self, bytes: &[u8], options: &Options, facts: &AnsweredFacts) -> Result<Assessment, Box<Issue>> {
        let text = utf8(bytes)?;
        let (json, disorder) = fhir::json_from_any_xml(text).map_err(fatal)?;
        let mut assessment = self.assess(&parse_json(json.as_bytes())?, options, facts);
        fhir::set_xml_places(text, &mut assessment.issues);
        assessment.issues.extend(disorder.iter().map(Issue::from));
        Ok(assessment)
    }
}

/// Reads a resource as JSON, or as XML in any order; an issue says where the text is not well formed.
pub fn parse_text(bytes: &[u8]) -> Result<Json, Box<Issue>> {
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
    let (json, _) = fhir::json_from_any_xml(utf8(bytes)?).map_err(fatal)?;
    parse_json(json.as_bytes())
}

fn utf8(bytes: &[u8]) -> Result<&str, Box<Issue>> {
    std::str::from_utf8(bytes).map_err(|_| Box::new(Issue::fatal("structure", "the text is not valid UTF-8")))
}

fn fatal(error: XmlError) -> Box<Issue> {
    Box::new(Issue { severity: Severity::Fatal, ..Issue::from(&error) })
}
