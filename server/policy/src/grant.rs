//! A grant: the proof that policy was asked, without which the store answers nothing.

use crate::cohort::Cohort;
use crate::denied::Denied;
use crate::facts::{Facts, PersonKey};
use crate::interaction::Interaction;
use crate::predicate::{PersonScope, Predicate};
use crate::purpose::Purpose;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Work that the server does for itself, outside anybody's rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Task {
    /// Writing what a feed sent, with its links to what is there.
    Ingest,
    /// Loading files of resources at the command line.
    Load,
    /// Fetching the facts that a validation or a policy decision needs.
    Facts,
    /// Checking that a reference has a target.
    ReferenceCheck,
    /// Rebuilding index rows.
    Reindex,
    /// Proving that the store is whole.
    Check,
    /// Running an export job: its persons and their numbers, never its output.
    Export,
    /// Reading the subjects of an opt-out request.
    OptOut,
    /// Erasing a patient at the command line.
    Erase,
}

/// The right to make system grants. Only `app` mints it, once, and hands it down.
#[derive(Debug, Clone)]
pub struct SystemToken(());

impl SystemToken {
    /// Makes the token. Called in `app` and in tests, nowhere else: a test looks for it.
    pub fn mint() -> SystemToken {
        SystemToken(())
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Permit {
    pub(crate) interaction: Interaction,
    pub(crate) type_name: Option<String>,
    /// Whether a write must stay within the person of the launch context.
    pub(crate) person_limited: bool,
}

/// What was granted. Made by [`crate::decide`] or, for the server's own work, by [`Grant::for_system`].
#[derive(Debug, Clone)]
pub struct Grant {
    pub(crate) predicate: Predicate,
    pub(crate) task: Option<Task>,
    pub(crate) purpose: Purpose,
    pub(crate) client_id: String,
    pub(crate) permits: Vec<Permit>,
    pub(crate) launch_person: Option<PersonScope>,
    pub(crate) cohort: Option<Arc<Cohort>>,
    /// Given to an administrator for something that only one may do.
    pub(crate) administers: bool,
}

impl Grant {
    /// Makes a grant for the server's own work.
    pub fn for_system(task: Task, _token: &SystemToken) -> Grant {
        Grant {
            predicate: Predicate::unrestricted(),
            task: Some(task),
            purpose: Purpose::Administration,
            client_id: "system".to_owned(),
            permits: Vec::new(),
            launch_person: None,
            cohort: None,
            administers: false,
        }
    }

    /// Returns what goes into SQL.
    pub fn predicate(&self) -> &Predicate {
        &self.predicate
    }

    /// Says whether this is the server's own work.
    pub fn is_system(&self) -> bool {
        self.task.is_some()
    }

    /// Says whether the grant is to erase a patient: an administrator's, or the command line's.
    pub fn is_to_erase(&self) -> bool {
        let is_purge = |permit: &Permit| permit.interaction == Interaction::Purge;
        self.task == Some(Task::Erase) || (self.administers && self.permits.iter().any(is_purge))
    }

    /// Returns the server's task.
    pub fn task(&self) -> Option<Task> {
        self.task
    }

    /// Returns the purpose under which the grant was given; meaningless for a system grant.
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// Returns the client, for the audit record.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// Returns the grant with the person of the launch patient, once that has been looked up.
    #[must_use]
    pub fn with_person(mut self, person: PersonKey) -> Grant {
        for scope in self.predicate.person.iter_mut().chain(self.launch_person.iter_mut()) {
            scope.person = Some(person);
        }
        self
    }

    /// Returns an export grant that reaches the cohort only. Without a cohort a secondary-use grant releases nothing about anybody.
    #[must_use]
    pub fn with_cohort(mut self, cohort: Arc<Cohort>) -> Grant {
        self.cohort = Some(cohort);
        self
    }

    /// Joins the grants of the entries of one transaction: the same subject's, so what may be seen is the union and what may be
    /// done is the list of all.
    pub fn joined(grants: impl IntoIterator<Item = Grant>) -> Option<Grant> {
        let mut grants = grants.into_iter();
        let mut first = grants.next()?;
        for mut grant in grants {
            if grant.client_id != first.client_id
                || grant.purpose != first.purpose
                || grant.is_system() != first.is_system()
            {
                return None;
            }
            first.permits.append(&mut grant.permits);
            first.administers &= grant.administers;
            first.predicate.join(grant.predicate);
        }
        Some(first)
    }

    /// Refuses a write that was not decided, or that touches somebody else's record.
    ///
    /// Call it with the facts of what will be stored, and again with those of what is there before an update or delete.
    pub fn check_write(&self, interaction: Interaction, facts: &Facts) -> Result<(), Denied> {
        if self.is_system() || self.is_to_erase() {
            return Ok(());
        }
        let permit = self
            .permits
            .iter()
            .find(|permit| permit.interaction == interaction && permit.type_name.as_deref() == Some(&facts.type_name))
            .ok_or_else(|| {
                Denied::new("not-decided", format!("this grant does not cover the write of {}", facts.type_name))
            })?;
        match &self.launch_person {
            Some(scope) if permit.person_limited && !is_about_only(facts, scope) => Err(Denied::new(
                "other-person",
                format!("{} may only be written for the patient of the launch context", facts.type_name),
            )),
            None if permit.person_limited => Err(Denied::new("no-patient", "the token has no patient in context")),
            _ => Ok(()),
        }
    }

    /// Says whether a write is granted for the patient of the launch context only, as to an app of the patient's.
    pub fn is_person_limited(&self, interaction: Interaction, type_name: &str) -> bool {
        let is_of =
            |permit: &&Permit| permit.interaction == interaction && permit.type_name.as_deref() == Some(type_name);
        self.permits.iter().find(is_of).is_some_and(|permit| permit.person_limited)
    }

    /// Returns what was decided: interactions with their types, for the audit record.
    pub fn permits(&self) -> BTreeSet<(Interaction, Option<&str>)> {
        self.permits.iter().map(|permit| (permit.interaction, permit.type_name.as_deref())).collect()
    }
}

/// Says whether a resource is about the person of the scope and about nobody else.
pub(crate) fn is_about_only(facts: &Facts, scope: &PersonScope) -> bool {
    match scope.person {
        Some(person) => !facts.persons.is_empty() && facts.persons.iter().all(|about| *about == person),
        None => {
            !facts.patient_ids.is_empty()
                && facts.patient_ids.iter().all(|id| *id == scope.patient)
                && facts.persons.len() <= 1
        }
    }
}
