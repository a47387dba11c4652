//! The second of two checks: every version is looked at again on its way out, from the facts stored beside it.
//!
//! The body is parsed only when something must be taken out of it. A version that should be redacted and cannot be read is withheld.

use crate::denied::Denied;
use crate::facts::{Facts, Label};
use crate::grant::{Grant, Task, is_about_only};
use crate::predicate::RestrictionRule;
use crate::purpose::Purpose;
use crate::redaction;
use crate::reference_data::is_reference_data;
use crate::restriction::Class;
use bytes::Bytes;

/// A stored version. Its body leaves by [`release`], or to the server's own work by [`Version::system_body`].
#[derive(Debug, Clone)]
pub struct Version {
    facts: Facts,
    body: Bytes,
}

impl Version {
    /// Puts a body and the facts stored beside it together.
    pub fn new(facts: Facts, body: Bytes) -> Version {
        Version { facts, body }
    }

    /// Returns the facts. They may not be shown to a caller before the version is released.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Returns the body for the server's own work.
    pub fn system_body(&self, grant: &Grant) -> Option<&Bytes> {
        grant.is_system().then_some(&self.body)
    }
}

/// A version that passed policy: what a caller may have.
#[derive(Debug, Clone)]
pub struct Released {
    facts: Facts,
    bytes: Bytes,
    is_redacted: bool,
}

impl Released {
    /// Returns the facts.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Returns the bytes to send; empty for a deletion marker without a body.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Returns the bytes to send.
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// Says whether something was taken out.
    pub fn is_redacted(&self) -> bool {
        self.is_redacted
    }
}

/// Checks a version against a grant and takes out what the grant may not see.
///
/// A refusal means: leave it out of a list, and answer 404 to a read by id, since 403 would tell that it exists.
pub fn release(grant: &Grant, version: Version) -> Result<Released, Denied> {
    let facts = &version.facts;
    if grant.is_system() {
        return Err(Denied::new("system-grant", "a system grant releases nothing to a caller"));
    }
    check_type(grant, facts)?;
    check_person(grant, facts)?;
    check_restrictions(&grant.predicate.restricted, facts)?;
    check_cohort(grant, facts)?;
    if !needs_redaction(&grant.predicate.restricted, facts) || version.body.is_empty() {
        return Ok(Released { facts: version.facts, bytes: version.body, is_redacted: false });
    }
    let bytes = redaction::redact(&version.body)
        .ok_or_else(|| Denied::new("not-redactable", "the resource must be redacted and cannot be"))?;
    Ok(Released { facts: version.facts, bytes: bytes.into(), is_redacted: true })
}

impl Grant {
    /// Refuses to replace or delete what the caller may not see, or sees with parts taken out: it would be lost, or lose its protection,
    /// without anybody having looked. A Consent may be replaced by whoever may write Consents: else nobody could take a denial back.
    pub fn check_replace(&self, facts: &Facts) -> Result<(), Denied> {
        if self.is_system() {
            return Ok(());
        }
        let rule = &self.predicate.restricted;
        if facts.type_name == "Consent" {
            check_labels(rule, facts)?
        } else {
            check_restrictions(rule, facts)?
        }
        if needs_redaction(&self.predicate.restricted, facts) {
            let message = "the record is shown to this client with parts taken out, so it cannot be replaced by it";
            return Err(Denied::new("redacted", message));
        }
        Ok(())
    }
}

impl Grant {
    /// Refuses a write that takes a confidentiality label R or V off: that is for an administrator, by `$meta-delete`, so that nobody lifts
    /// a label in passing by sending a body without it. Holds for files that are loaded at the command line, too.
    pub fn check_labels_kept(&self, before: &[Label], after: &[Label]) -> Result<(), Denied> {
        let is_lifted =
            |label: &&Label| (label.is_confidentiality("R") || label.is_confidentiality("V")) && !after.contains(label);
        let may_lift = self.administers || (self.is_system() && self.task != Some(Task::Load));
        if may_lift || !before.iter().any(|label| is_lifted(&label)) {
            return Ok(());
        }
        let message =
            "a confidentiality label R or V is taken off by `$meta-delete`, with the scope `weir/administrator`";
        Err(Denied::new("scope-missing", message))
    }
}

fn check_type(grant: &Grant, facts: &Facts) -> Result<(), Denied> {
    if grant.predicate.reaches(&facts.type_name) {
        return Ok(());
    }
    Err(Denied::new("type-not-granted", format!("the token does not reach {}", facts.type_name)))
}

fn check_person(grant: &Grant, facts: &Facts) -> Result<(), Denied> {
    match grant.predicate.person_limit(&facts.type_name) {
        None => Ok(()),
        Some((_, true)) if is_about_nobody(facts) => Ok(()),
        Some((scope, _)) if is_about_only(facts, scope) => Ok(()),
        Some(_) => Err(Denied::new("other-person", "the resource is not about the patient in context alone")),
    }
}

fn check_restrictions(rule: &RestrictionRule, facts: &Facts) -> Result<(), Denied> {
    let holds = |class: &Class| facts.restrictions.contains(class);
    let is_hidden = rule.hidden.iter().any(holds)
        || (facts.source.is_general_practice() && rule.hidden_general_practice.iter().any(holds));
    if is_hidden {
        return Err(Denied::new("restricted", "a restriction hides the resource from this purpose"));
    }
    check_labels(rule, facts)
}

fn check_labels(rule: &RestrictionRule, facts: &Facts) -> Result<(), Denied> {
    let is_labelled = |label: &Label| facts.labels.contains(label);
    if rule.hidden_labels.iter().any(is_labelled) {
        return Err(Denied::new("label", "a security label hides the resource from this purpose"));
    }
    Ok(())
}

fn check_cohort(grant: &Grant, facts: &Facts) -> Result<(), Denied> {
    let withheld = || Denied::new("not-in-cohort", "the resource is not about persons of the export alone");
    match &grant.cohort {
        None if grant.purpose != Purpose::SecondaryUse => Ok(()),
        _ if is_about_nobody(facts) => {
            if is_reference_data(&facts.type_name) {
                Ok(())
            } else {
                Err(withheld())
            }
        }
        Some(cohort) if !facts.persons.is_empty() && cohort.covers(facts) => Ok(()),
        _ => Err(withheld()),
    }
}

fn is_about_nobody(facts: &Facts) -> bool {
    facts.persons.is_empty() && facts.patient_ids.is_empty()
}

fn needs_redaction(rule: &RestrictionRule, facts: &Facts) -> bool {
    let is_labelled = || facts.labels.iter().any(|label| label.is_confidentiality("R"));
    rule.redacted.iter().any(|class| facts.restrictions.contains(class))
        || (rule.redacts_labelled(&facts.type_name) && is_labelled())
}
