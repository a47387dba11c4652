//! The validator in force, which another takes the place of when definitions change at run time.

use std::sync::{Arc, PoisonError, RwLock};

use crate::validator::Validator;

/// A place that always holds a validator.
#[derive(Debug)]
pub struct InForce {
    current: RwLock<Arc<Validator>>,
}

impl InForce {
    /// Makes a place with its first validator.
    #[must_use]
    pub fn new(validator: Arc<Validator>) -> Self {
        Self { current: RwLock::new(validator) }
    }

    /// Gives the validator of now; who holds it is not disturbed by the next.
    #[must_use]
    pub fn get(&self) -> Arc<Validator> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another in its place.
    pub fn set(&self, validator: Arc<Validator>) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = validator;
    }
}
