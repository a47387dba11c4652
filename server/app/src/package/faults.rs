//! What is wrong with the definitions of a package or of a file: with profiles, value sets, and two of one name.

use std::collections::{BTreeMap, BTreeSet};

use definitions::{Definitions, facts};
use profiles::{Gravity, definition_faults};
use serde_json::Value;

/// Value sets that import one another are looked at no deeper.
const IMPORT_DEPTH_MAX: usize = 64;
/// More than these help nobody.
const SAID_MAX: usize = 5;

/// The faults of definitions, each with where it stands.
#[derive(Debug, Default)]
pub struct Faults {
    /// What cannot mean anything.
    pub wrong: Vec<String>,
    /// What means something all the same.
    pub odd: Vec<String>,
}

impl Faults {
    /// Looks at definitions, each with the place it came from; `whole` holds all of them.
    #[must_use]
    pub fn find(definitions: &[(String, Value)], whole: &Definitions) -> Faults {
        let mut faults = Faults::default();
        let mut seen: BTreeMap<[&str; 3], (&str, &Value)> = BTreeMap::new();
        for (place, resource) in definitions {
            let member = |name: &str| resource.get(name).and_then(Value::as_str).unwrap_or_default();
            let key = [member("resourceType"), member("url"), member("version")];
            match seen.get(&key) {
                Some((other, before)) if !is_same(before, resource) => {
                    faults.wrong.push(format!("{place}: `{}` is defined otherwise in {other}", key[1]));
                }
                Some(_) => {}
                None => _ = seen.insert(key, (place, resource)),
            }
            if facts::is_profile(resource) {
                faults.of_profile(place, resource, whole);
            } else if key[0] == "ValueSet" && imports_itself(key[1], whole) {
                faults.wrong.push(format!("{place}: value set `{}` imports itself", key[1]));
            }
        }
        faults
    }

    fn of_profile(&mut self, place: &str, resource: &Value, whole: &Definitions) {
        let Ok(profile) = facts::profile(resource) else { return };
        for fault in definition_faults(&profile, whole) {
            let list = if fault.gravity == Gravity::Odd { &mut self.odd } else { &mut self.wrong };
            list.push(format!("{place}: profile `{}`: {fault}", profile.url));
        }
    }
}

/// The first of a list, and how many more there are, in one line as all messages of the command.
#[must_use]
pub fn lines(list: &[String]) -> String {
    let mut lines: Vec<String> = list.iter().take(SAID_MAX).cloned().collect();
    if list.len() > SAID_MAX {
        lines.push(format!("and {} more", list.len() - SAID_MAX));
    }
    lines.join("; ")
}

/// Says whether two definitions are one, as in JSON and in XML; narratives differ with the form.
fn is_same(one: &Value, other: &Value) -> bool {
    let (Some(one), Some(other)) = (one.as_object(), other.as_object()) else { return false };
    let rest = |(name, _): &(&String, &Value)| name.as_str() != "text";
    one.iter().filter(rest).eq(other.iter().filter(rest))
}

fn imports_itself(url: &str, whole: &Definitions) -> bool {
    let imports = |url: &str| -> Vec<String> {
        let parts = whole.value_set(url).into_iter().flat_map(|set| set.include.iter().chain(&set.exclude));
        parts.flat_map(|part| &part.value_sets).map(|url| plain(url).to_owned()).collect()
    };
    let mut seen = BTreeSet::new();
    let mut waiting = imports(url);
    for _ in 0..IMPORT_DEPTH_MAX {
        if waiting.iter().any(|one| one == plain(url)) {
            return true;
        }
        waiting.retain(|one| seen.insert(one.clone()));
        waiting = waiting.iter().flat_map(|one| imports(one)).collect();
    }
    false
}

fn plain(url: &str) -> &str {
    url.split_once('|').map_or(url, |(url, _)| url)
}
