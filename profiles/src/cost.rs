//! What a validation may cost beyond the walk itself: forms and answers can be written so that each is compared with each, and what carries
//! extensions so that each of them asks about all of it.

use std::cell::Cell;

use fhir::Severity;

use crate::walk::{Place, Walk};

/// Items, answers and options that one validation may compare: some seconds, where a thousand responses of two hundred answers take a tenth.
const STEPS_MAX: u64 = 2_000_000;
/// FHIRPath steps that the rules on where extensions may stand may take in one validation: under a second.
const CONTEXT_STEPS_MAX: u64 = 5_000_000;
/// Distinct patterns that one validation may compile, a few milliseconds each.
const PATTERNS_MAX: u64 = 256;

/// What is left of each.
#[derive(Debug)]
pub(crate) struct Budget {
    steps: Cell<u64>,
    context_steps: Cell<u64>,
    patterns: Cell<u64>,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            steps: Cell::new(STEPS_MAX),
            context_steps: Cell::new(CONTEXT_STEPS_MAX),
            patterns: Cell::new(PATTERNS_MAX),
        }
    }
}

impl Budget {
    /// Takes steps off; `false` when there are not as many left.
    pub(crate) fn spend(&self, steps: usize) -> bool {
        take(&self.steps, u64::try_from(steps).unwrap_or(u64::MAX))
    }

    /// Says whether a further rule on where an extension may stand can be asked.
    pub(crate) fn has_context_steps(&self) -> bool {
        self.context_steps.get() > 0
    }

    /// Takes off what such a rule took.
    pub(crate) fn spend_context(&self, steps: u64) {
        take(&self.context_steps, steps);
    }

    /// Takes a pattern off; `false` when there is none left.
    pub(crate) fn spend_pattern(&self) -> bool {
        take(&self.patterns, 1)
    }
}

fn take(left: &Cell<u64>, count: u64) -> bool {
    let rest = left.get().checked_sub(count);
    left.set(rest.unwrap_or_default());
    rest.is_some()
}

impl<'a> Walk<'_, 'a> {
    /// Says once that not everything was looked at.
    pub(crate) fn note_costly(&mut self, place: Place<'_, 'a>, what: &'static str) {
        if self.not_checked.iter().any(|known| known == what) {
            return;
        }
        self.not_checked.push(what.to_owned());
        self.report(Severity::Warning, place, "too-costly", || {
            format!("{what} from here on are not checked: there are too many")
        });
    }
}
