//! The request file.

use std::collections::HashSet;

use fhir::NhsNumber;

/// Writes the file that asks about these people: each number once, in the order given.
pub fn write_request(numbers: &[NhsNumber]) -> String {
    let mut seen = HashSet::new();
    let mut file = String::with_capacity(numbers.len() * 12);
    for number in numbers {
        if seen.insert(number.as_str()) {
            file.push_str(number.as_str());
            file.push_str(",\n");
        }
    }
    file
}
