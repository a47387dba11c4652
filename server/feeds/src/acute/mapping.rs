//! A mapping under way: the header, the entries made so far and what was noted.

use fhir::{Issue, Severity};
use serde_json::Value;

use super::header::Header;
use super::sensitivity::scoped;
use super::syntax::{Part, Segment};
use super::time;
use crate::{BusinessKey, Entry};

/// Collects entries and issues while one message is mapped.
pub(super) struct Mapping {
    pub(super) header: Header,
    pub(super) entries: Vec<Entry>,
    pub(super) issues: Vec<Issue>,
}

/// A reading of an HL7 time, as [`time::date_time`].
type Reading = fn(&str) -> Option<String>;

impl Mapping {
    pub(super) fn new(header: Header) -> Self {
        Self { header, entries: Vec::new(), issues: Vec::new() }
    }

    /// The value of a key that a sender gave; within the patient where nobody says whose number it is.
    pub(super) fn owned(&self, authority: Part<'_>, patient: &BusinessKey, value: &str) -> String {
        if self.header.is_owner_said(authority) {
            return value.to_owned();
        }
        format!("{}|{value}", scoped(patient))
    }

    /// Notes that something sent is kept otherwise than in its place, or left out.
    pub(super) fn note(&mut self, location: &str, what: &str) {
        self.issue(Severity::Information, location, what);
    }

    /// Warns of something that a controller should look at.
    pub(super) fn warn(&mut self, location: &str, what: &str) {
        self.issue(Severity::Warning, location, what);
    }

    /// Refuses the message for what it says, well formed as it is.
    pub(super) fn refuse(&mut self, location: &str, what: &str) {
        self.issue(Severity::Error, location, what);
    }

    fn issue(&mut self, severity: Severity, location: &str, what: &str) {
        let issue = Issue::new(severity, "value", format!("{location}: {what}")).at(location);
        if !self.issues.contains(&issue) {
            self.issues.push(issue);
        }
    }

    /// Adds an entry; an entry with the same key takes the place of the one before it.
    pub(super) fn push(&mut self, entry: Entry) {
        match self.entries.iter_mut().find(|other| other.key == entry.key) {
            Some(other) => *other = entry,
            None => self.entries.push(entry),
        }
    }

    /// Adds an entry of a thing that many messages name, with whatever they know of it.
    pub(super) fn share(&mut self, key: &BusinessKey, resource: Value) {
        if !self.entries.iter().any(|other| other.key == *key) {
            self.entries.push(Entry::merge(key.clone(), resource));
        }
    }

    /// Field n as a FHIR `dateTime`; what is no time is noted and left out.
    pub(super) fn date_time(&mut self, segment: &Segment<'_>, n: usize) -> Option<String> {
        self.time_of(segment, n, time::date_time)
    }

    /// Field n as a FHIR `date`.
    pub(super) fn date(&mut self, segment: &Segment<'_>, n: usize) -> Option<String> {
        self.time_of(segment, n, time::date)
    }

    /// Field n as a FHIR `instant`: only a full time of day makes one.
    pub(super) fn instant(&mut self, segment: &Segment<'_>, n: usize) -> Option<String> {
        self.date_time(segment, n).filter(|_| time::has_time(&segment.text(n)))
    }

    fn time_of(&mut self, segment: &Segment<'_>, n: usize, read: Reading) -> Option<String> {
        let text = segment.text(n);
        if text.is_empty() {
            return None;
        }
        let read = read(&text);
        if read.is_none() {
            self.note(&format!("{}-{n}", segment.name), "not a time; left out");
        }
        read
    }

    /// Whether field n holds something to map.
    pub(super) fn has(segment: &Segment<'_>, n: usize) -> bool {
        let field: Part<'_> = segment.field(n);
        field.repetitions().next().is_some()
    }
}
