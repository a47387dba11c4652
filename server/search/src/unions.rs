//! Parameters that find just what others find together, as `combo-code` finds what `code` and `component-code` do: their values stand
//! in the index once, under the others.

use std::collections::{BTreeMap, BTreeSet};

use crate::param::Kind;
use crate::registry::Registry;

/// The paths of the parameters of one type, while it is put together.
#[derive(Default)]
pub(crate) struct Paths {
    by_param: BTreeMap<(Kind, u32), BTreeSet<String>>,
}

/// Parameters with those that stand for them, by number.
pub(crate) type Unions = Vec<(u32, Vec<u32>)>;

impl Paths {
    /// Adds one of the paths of a parameter; texts are alike where they find the same. Kinds whose index gives an order, and references,
    /// which are followed, always have rows of their own.
    pub(crate) fn add(&mut self, (id, kind): (u32, Kind), path: String) {
        if matches!(kind, Kind::Token | Kind::Quantity | Kind::Composite) {
            self.by_param.entry((kind, id)).or_default().insert(path);
        }
    }

    /// The parameters whose paths are those of others that have fewer each, in the order of their numbers.
    pub(crate) fn unions(&self) -> Unions {
        let mut found: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        let mut by_size: Vec<_> = self.by_param.iter().collect();
        by_size.sort_by_key(|(_, paths)| paths.len());
        for ((kind, id), paths) in &by_size {
            let mut missing: BTreeSet<&String> = paths.iter().collect();
            let mut parts = BTreeSet::new();
            let smaller = by_size.iter().filter(|((other, _), few)| other == kind && few.len() < paths.len());
            for ((_, part), few) in smaller.rev().filter(|(_, few)| few.is_subset(paths)) {
                let before = missing.len();
                missing.retain(|path| !few.contains(*path));
                if missing.len() < before {
                    parts.extend(found.get(part).cloned().unwrap_or_else(|| vec![*part]));
                }
            }
            if missing.is_empty() {
                found.insert(*id, parts.into_iter().collect());
            }
        }
        found.into_iter().collect()
    }
}

impl Registry {
    /// The parameters that have the index entries of that one, where it has none of its own: it finds what any of them finds.
    pub fn parts_of(&self, type_name: &str, id: u32) -> Option<&[u32]> {
        let unions = &self.of_type(type_name)?.unions;
        let place = unions.binary_search_by_key(&id, |(whole, _)| *whole).ok()?;
        unions.get(place).map(|(_, parts)| parts.as_slice())
    }
}
