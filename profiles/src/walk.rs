//! The state of one validation, and how issues are written down.

use std::borrow::Cow;

use fhir::{Issue, NhsNumber, Node, Severity};

use crate::extension_context::Holder;
use crate::options::Options;
use crate::path::Path;
use crate::surroundings::Surroundings;
use crate::validator::Validator;

/// More errors, or more notes, than these tell nobody anything, and a hostile resource could make millions. The two
/// are counted apart, so that notes cannot crowd out an error.
pub const ISSUE_COUNT_MAX: usize = 500;

/// One validation under way.
pub(crate) struct Walk<'v, 'a> {
    pub(crate) validator: &'v Validator,
    pub(crate) around: &'v Surroundings<'a>,
    pub(crate) options: &'v Options,
    /// The resource in which `#x` references are looked up.
    pub(crate) container: Node<'a>,
    /// The resource that is walked: the container, or one contained in it.
    pub(crate) resource: Node<'a>,
    /// The object that is walked.
    pub(crate) holder: Holder<'v, 'a>,
    /// The urls of the extensions around.
    pub(crate) extension_urls: Vec<Cow<'a, str>>,
    /// How many resources are around.
    pub(crate) depth: u32,
    issues: Vec<Issue>,
    error_count: usize,
    /// Whether there were more errors than are told, and more notes.
    has_more_errors: bool,
    has_more_notes: bool,
    /// The place of each issue in the text; lines are counted once, at the end.
    offsets: Vec<usize>,
    /// The code systems and value sets that were already reported as not checked.
    pub(crate) not_checked: Vec<String>,
}

/// The resource around the one that is walked.
pub(crate) struct Outer<'a> {
    container: Node<'a>,
    resource: Node<'a>,
}

/// Where an issue was found and by which rule.
#[derive(Clone, Copy)]
pub(crate) struct Place<'p, 'a> {
    pub(crate) node: Node<'a>,
    pub(crate) path: &'p Path<'p>,
    /// The url of the profile whose rule it is; `None` for base R4.
    pub(crate) rule: Option<&'p str>,
}

impl Place<'_, '_> {
    /// Gives the url of the base type at which the path starts.
    pub(crate) fn base_rule(&self) -> String {
        format!("http://hl7.org/fhir/StructureDefinition/{}", self.path.type_name())
    }
}

impl<'v, 'a> Walk<'v, 'a> {
    pub(crate) fn new(around: &'v Surroundings<'a>, container: Node<'a>) -> Self {
        Self {
            validator: around.validator,
            around,
            options: around.options,
            container,
            resource: container,
            holder: Holder::default(),
            extension_urls: Vec::new(),
            depth: 0,
            issues: Vec::new(),
            error_count: 0,
            has_more_errors: false,
            has_more_notes: false,
            offsets: Vec::new(),
            not_checked: Vec::new(),
        }
    }

    /// Enters a resource of its own, and gives what `leave` needs.
    pub(crate) fn enter(&mut self, resource: Node<'a>) -> Outer<'a> {
        let container = std::mem::replace(&mut self.container, resource);
        let outer = std::mem::replace(&mut self.resource, resource);
        Outer { container, resource: outer }
    }

    /// Goes back to the resource around.
    pub(crate) fn leave(&mut self, outer: Outer<'a>) {
        (self.container, self.resource) = (outer.container, outer.resource);
    }

    /// Says whether an error was found.
    pub(crate) fn has_errors(&self) -> bool {
        self.error_count > 0
    }

    /// Writes an error down.
    pub(crate) fn error(&mut self, place: Place<'_, 'a>, code: &'static str, text: impl FnOnce() -> String) {
        self.report(Severity::Error, place, code, text);
    }

    /// Writes an issue down; the text is made only if it is kept.
    pub(crate) fn report(
        &mut self,
        severity: Severity,
        place: Place<'_, 'a>,
        code: &'static str,
        text: impl FnOnce() -> String,
    ) {
        let is_error = severity <= Severity::Error;
        let note_count = self.issues.len() - self.error_count;
        let (count, has_more) = match is_error {
            true => (self.error_count, &mut self.has_more_errors),
            false => (note_count, &mut self.has_more_notes),
        };
        if *has_more {
            return;
        }
        let issue = Issue::new(severity, code, text());
        let issue = issue.at(place.path.expression());
        let issue = match place.rule {
            Some(rule) => issue.rule(rule),
            None => issue.rule(place.base_rule()),
        };
        let is_repeated = self
            .issues
            .iter()
            .any(|known| known.diagnostics == issue.diagnostics && known.expression == issue.expression);
        if is_repeated {
            return;
        }
        *has_more = count >= ISSUE_COUNT_MAX;
        if !*has_more {
            self.error_count += usize::from(is_error);
            self.issues.push(issue);
            self.offsets.push(place.node.offset());
        }
    }

    /// Gives the issues, each with its line and column.
    pub(crate) fn finish(mut self) -> Vec<Issue> {
        let mut issues: Vec<(usize, &mut Issue)> = self.offsets.into_iter().zip(&mut self.issues).collect();
        issues.sort_by_key(|(offset, _)| *offset);
        let text = self.container.json().text();
        let (mut line, mut column, mut counted) = (1, 1, 0);
        for (offset, issue) in issues {
            for c in text.get(counted..offset).unwrap_or_default().chars() {
                (line, column) = if c == '\n' { (line + 1, 1) } else { (line, column + 1) };
            }
            counted = offset;
            issue.line_column = Some((line, column));
        }
        let told = [
            (self.has_more_errors, Severity::Error, "errors"),
            (self.has_more_notes, Severity::Information, "warnings and notes"),
        ];
        for (_, severity, what) in told.into_iter().filter(|(has_more, ..)| *has_more) {
            let text = format!("there are more than {ISSUE_COUNT_MAX} {what}; the others are not told");
            self.issues.push(Issue::new(severity, "too-costly", text));
        }
        // What the sender must act on comes first; within that the order of the text's walk stays.
        self.issues.sort_by_key(|issue| issue.severity);
        self.issues
    }
}

/// Gives a name, code or url for a message, unless it may hold patient data: those have no spaces and are short.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    let length_max = if text.starts_with("http") { 200 } else { 64 };
    let is_plain = text.chars().all(|c| c.is_ascii_graphic() && c != '`') && text.len() <= length_max;
    if is_plain && !text.is_empty() && NhsNumber::parse(text).is_err() {
        Cow::Borrowed(text)
    } else {
        Cow::Borrowed("(not shown)")
    }
}
