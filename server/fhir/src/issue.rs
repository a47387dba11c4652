//! What the server has to say about an input, and its form on the wire: <https://hl7.org/fhir/R4/operationoutcome.html>.

use serde_json::{Map, Value, json};

/// The system of the stable codes in `details`, so that a caller can branch without reading prose.
pub const ISSUE_CODE_SYSTEM: &str = "urn:weir:issue-code";

const LINE_EXTENSION: &str = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-line";
const COLUMN_EXTENSION: &str = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-col";
const SOURCE_EXTENSION: &str = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-source";

/// How bad an issue is; the order is from worst to mildest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The work was given up.
    Fatal,
    /// The input is refused for it.
    Error,
    /// The input is taken, and its sender should know.
    Warning,
    /// No fault.
    Information,
}

impl Severity {
    /// Gives the FHIR code.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fatal => "fatal",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Information => "information",
        }
    }
}

/// One thing said about an input; `diagnostics` never holds patient data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// How bad it is.
    pub severity: Severity,
    /// The FHIR IssueType code, as `structure` or `not-found`.
    pub code: &'static str,
    /// What is wrong, in one phrase.
    pub diagnostics: String,
    /// The FHIRPath of the element, as `Patient.name[0].given`.
    pub expression: Option<String>,
    /// The line and the column in the text, from 1.
    pub line_column: Option<(u32, u32)>,
    /// The rule that was broken, as a profile's url and `#` and its key.
    pub rule: Option<String>,
    /// A code of this server that stays the same while the words change.
    pub detail: Option<String>,
}

impl Issue {
    /// Makes an issue without a place.
    pub fn new(severity: Severity, code: &'static str, diagnostics: impl Into<String>) -> Self {
        let diagnostics = diagnostics.into();
        Self { severity, code, diagnostics, expression: None, line_column: None, rule: None, detail: None }
    }

    /// Makes an issue that gave up the work.
    pub fn fatal(code: &'static str, diagnostics: impl Into<String>) -> Self {
        Self::new(Severity::Fatal, code, diagnostics)
    }

    /// Makes an issue for which the input is refused.
    pub fn error(code: &'static str, diagnostics: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, diagnostics)
    }

    /// Makes an issue with which the input is still taken.
    pub fn warning(code: &'static str, diagnostics: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, diagnostics)
    }

    /// Makes a note.
    pub fn information(code: &'static str, diagnostics: impl Into<String>) -> Self {
        Self::new(Severity::Information, code, diagnostics)
    }

    /// Makes the issue of a text that could not be read; one that only nests too deep may be well-formed.
    pub(crate) fn unread(diagnostics: String, is_too_deep: bool) -> Self {
        match is_too_deep {
            true => Self::error("too-costly", diagnostics).detail("nesting-too-deep"),
            false => Self::error("structure", diagnostics),
        }
    }

    /// Sets the FHIRPath of the element.
    #[must_use]
    pub fn at(mut self, expression: impl Into<String>) -> Self {
        self.expression = Some(expression.into());
        self
    }

    /// Sets the line and the column.
    #[must_use]
    pub fn line_column(mut self, line_column: (u32, u32)) -> Self {
        self.line_column = Some(line_column);
        self
    }

    /// Sets the rule that was broken.
    #[must_use]
    pub fn rule(mut self, rule: impl Into<String>) -> Self {
        self.rule = Some(rule.into());
        self
    }

    /// Sets the stable code of this server.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Says whether the input is refused for it.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity <= Severity::Error
    }

    fn to_value(&self) -> Value {
        let mut issue = Map::new();
        let extensions = self.extensions();
        if !extensions.is_empty() {
            issue.insert("extension".into(), Value::Array(extensions));
        }
        issue.insert("severity".into(), self.severity.as_str().into());
        issue.insert("code".into(), self.code.into());
        if let Some(detail) = &self.detail {
            issue.insert("details".into(), json!({"coding": [{"system": ISSUE_CODE_SYSTEM, "code": detail}]}));
        }
        issue.insert("diagnostics".into(), self.diagnostics.as_str().into());
        if let Some(expression) = &self.expression {
            issue.insert("expression".into(), json!([expression]));
        }
        Value::Object(issue)
    }

    fn extensions(&self) -> Vec<Value> {
        let mut extensions = Vec::new();
        if let Some((line, column)) = self.line_column {
            extensions.push(json!({"url": LINE_EXTENSION, "valueInteger": line}));
            extensions.push(json!({"url": COLUMN_EXTENSION, "valueInteger": column}));
        }
        if let Some(rule) = &self.rule {
            extensions.push(json!({"url": SOURCE_EXTENSION, "valueString": rule}));
        }
        extensions
    }
}

impl From<&crate::JsonError> for Issue {
    fn from(error: &crate::JsonError) -> Self {
        Self::unread(error.to_string(), error.is_too_deep).line_column((error.line, error.column))
    }
}

/// Builds an OperationOutcome; without issues it says that all is well, since one issue is required.
#[must_use]
pub fn operation_outcome(issues: &[Issue]) -> Value {
    let well = Issue::information("informational", "all is well");
    let issues = if issues.is_empty() { std::slice::from_ref(&well) } else { issues };
    let issues: Vec<Value> = issues.iter().map(Issue::to_value).collect();
    json!({"resourceType": "OperationOutcome", "issue": issues})
}
