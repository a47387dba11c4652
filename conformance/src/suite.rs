//! Official test suites that a crate's own tests run where the suite's files are at hand: how many there are, and what does not pass.

/// A suite with the list of what does not pass, which the crate's test holds against the suite: nothing else may fail, nothing on it pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suite {
    /// What it is called, with where it comes from.
    pub name: &'static str,
    /// The test that runs it.
    pub test: &'static str,
    /// A first line with the number of tests, then a line for each that does not pass: its name, a colon, the reason.
    list: &'static str,
}

/// The suites.
pub fn suites() -> [Suite; 1] {
    [Suite {
        name: "[FHIRPath R4](https://github.com/FHIR/fhir-test-cases/tree/master/r4/fhirpath)",
        test: "cargo test -p fhirpath suite",
        list: include_str!("../../server/fhirpath/tests/it/suite_known_failures.txt"),
    }]
}

impl Suite {
    /// Number of tests.
    pub fn count(&self) -> usize {
        self.list.split_whitespace().next().and_then(|count| count.parse().ok()).unwrap_or_default()
    }

    /// Names and reasons of the tests that do not pass.
    pub fn failures(&self) -> impl Iterator<Item = (&'static str, &'static str)> + use<> {
        self.list.lines().skip(1).filter_map(|line| line.split_once(": "))
    }
}
