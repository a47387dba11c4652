//! Where what is said of a resource stands in what was sent: the JSON that was read may have been XML, or a part of a Parameters.

use fhir::{Issue, Node};

use crate::request::Request;

/// Sets the places of issues of the body as a whole.
pub(crate) fn of_sent(request: &Request, issues: &mut [Issue]) {
    if let Some(text) = xml(request) {
        fhir::set_xml_places(text, issues);
    }
}

/// Sets the places of issues of a resource that was read on its own and stands in the body as that node, at that path.
pub(crate) fn of_part(request: &Request, (node, path): (Node<'_>, &str), issues: &mut [Issue]) {
    if let Some(text) = xml(request) {
        let within = |issue: &Issue| {
            let below = issue.expression.as_deref().and_then(|expression| expression.split_once('.'));
            issue.clone().at(below.map_or_else(|| path.to_owned(), |(_, below)| format!("{path}.{below}")))
        };
        let mut placed: Vec<Issue> = issues.iter().map(within).collect();
        fhir::set_xml_places(text, &mut placed);
        issues.iter_mut().zip(placed).for_each(|(issue, placed)| issue.line_column = placed.line_column);
        return;
    }
    let (first_line, first_column) = node.line_column();
    for (line, column) in issues.iter_mut().filter_map(|issue| issue.line_column.as_mut()) {
        *column += if *line == 1 { first_column - 1 } else { 0 };
        *line += first_line - 1;
    }
}

fn xml(request: &Request) -> Option<&str> {
    request.xml.as_deref().and_then(|text| std::str::from_utf8(text).ok())
}
