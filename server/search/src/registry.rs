//! Every search parameter of the definitions, by type and code, with its compiled expression.

use std::collections::HashMap;

use crate::param::Param;

/// The search parameters of all resource types; immutable, shared by `Arc`.
pub struct Registry {
    params: Vec<Param>,
    by_id: HashMap<u32, usize>,
    by_type: HashMap<String, Vec<usize>>,
}

impl Registry {
    /// The parameter with that name on that type.
    pub fn param(&self, type_name: &str, code: &str) -> Option<&Param> {
        self.params_of(type_name).find(|param| param.code == code)
    }

    /// All parameters of a type, by name.
    pub fn params_of(&self, type_name: &str) -> impl Iterator<Item = &Param> {
        let indexes = self.by_type.get(type_name).map(Vec::as_slice).unwrap_or_default();
        indexes.iter().filter_map(|&i| self.params.get(i))
    }

    /// The parameter with that stable id.
    pub fn by_id(&self, id: u32) -> Option<&Param> {
        self.params.get(*self.by_id.get(&id)?)
    }
}
