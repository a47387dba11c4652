//! The form of an OperationOutcome.

use fhir::{Issue, Json, operation_outcome};
use serde_json::json;

#[test]
fn issue_says_what_where_and_by_which_rule() {
    let issue = Issue::error("value", "is not a date")
        .at("Patient.birthDate")
        .line_column((3, 7))
        .rule("http://example.org/Patient#rule-1")
        .detail("date-form");
    assert_eq!(
        operation_outcome(&[issue]),
        json!({"resourceType": "OperationOutcome", "issue": [{
            "extension": [
                {"url": "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-line", "valueInteger": 3},
                {"url": "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-col", "valueInteger": 7},
                {"url": "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-source", "valueString": "http://example.org/Patient#rule-1"},
            ],
            "severity": "error", "code": "value",
            "details": {"coding": [{"system": "urn:weir:issue-code", "code": "date-form"}]},
            "diagnostics": "is not a date", "expression": ["Patient.birthDate"],
        }]})
    );
}

#[test]
fn outcome_without_issues_says_so() {
    let outcome = operation_outcome(&[]);
    assert_eq!(outcome.pointer("/issue/0/severity"), Some(&json!("information")));
}

#[test]
fn parse_error_is_an_issue_with_its_place() {
    let error = Json::parse(b"{").map(|_| ()).expect_err("broken");
    let issue = Issue::from(&error);
    assert_eq!((issue.code, issue.line_column, issue.is_error()), ("structure", Some((1, 2)), true));
}
