//! How many values a search parameter can have in one resource.

use crate::registry::Registry;

impl Registry {
    /// Whether a parameter has one index entry at most in any resource of a type.
    pub fn finds_once(&self, type_name: &str, id: u32) -> bool {
        let mut found = self.expressions(type_name, id);
        let (Some(expression), None) = (found.next(), found.next()) else { return false };
        let Some(path) = expression.plain_path() else { return false };
        let mut reached = String::new();
        for (depth, segment) in path.split('.').enumerate() {
            if depth == 0 {
                reached.push_str(segment);
                continue;
            }
            reached = format!("{reached}.{segment}");
            let Some(element) = self.definitions().element(&reached) else { return false };
            if element.max != Some(1) {
                return false;
            }
        }
        // A name is one element and gives several values; of a Timing only the outer limits count.
        self.definitions().element(&reached).is_some_and(|element| {
            element.types.iter().all(|one| {
                let code = one.code.as_str();
                matches!(code, "date" | "dateTime" | "instant" | "Period" | "Timing" | "string" | "decimal" | "integer")
            })
        })
    }
}
