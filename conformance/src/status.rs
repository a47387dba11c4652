//! `STATUS.md`: which requirements hold.

use std::fmt::Write as _;

use crate::run::Outcome;
use crate::suite::{Suite, suites};

/// The text of `STATUS.md`; `counts` are what other tests count, each with its title.
pub fn status(outcomes: &[(&str, Vec<Outcome>)], counts: &[(&str, String)]) -> String {
    let all = outcomes.iter().flat_map(|(_, list)| list);
    let (count, faults) =
        all.fold((0, 0), |(count, faults), one| (count + 1, faults + usize::from(one.fault.is_some())));
    let mut text = format!(
        "# Conformance\n\nWritten by the test `conformance` of the crate `tests`; `WEIR_WRITE_STATUS=1 cargo test -p tests conformance` writes it anew.\n\n\
         {} of {count} requirements hold.\n",
        count - faults
    );
    text.push_str(&of_suites());
    for (name, list) in outcomes {
        let _ = write!(text, "\n## {name}\n\n| requirement | asks | source | holds |\n|---|---|---|---|\n");
        for Outcome { requirement, fault } in list {
            let holds = fault.as_deref().map_or_else(|| "yes".to_owned(), |fault| format!("no: {fault}"));
            let source = format!("[{}]({})", section(&requirement.source), requirement.source);
            let _ = writeln!(text, "| {} | {} | {source} | {holds} |", requirement.id, requirement.says);
        }
    }
    for (title, count) in counts {
        let _ = write!(text, "\n## {title}\n\n{count}");
    }
    text
}

/// The official suites, with what does not pass and why.
fn of_suites() -> String {
    let mut text = String::from("\n## Official suites\n\n| suite | pass | does not pass |\n|---|---|---|\n");
    for suite in suites() {
        let failures: Vec<String> = suite.failures().map(|(name, reason)| format!("{name}: {reason}")).collect();
        let Suite { name, test, .. } = suite;
        let passed = suite.count() - failures.len().min(suite.count());
        let _ = writeln!(text, "| {name}, `{test}` | {passed} of {} | {} |", suite.count(), failures.join("<br>"));
    }
    text
}

/// The last part of a URL, as the name of a link.
fn section(source: &str) -> &str {
    source.rsplit('/').next().unwrap_or(source)
}
