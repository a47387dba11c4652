//! The published UK Core examples, held against base R4, UK Core and the profile that each is named after.

use profiles::Options;

use crate::{shared, validator};

/// Examples that break a rule, each with the rule.
const WRONG: [(&str, &str); 4] = [
    ("Extension-UKCore-ConditionEpisode-Example.xml", "the extension has two values, the standard allows one"),
    ("Extension-UKCore-DeliveryChannel-Example.xml", "the display `In person` is not the code system's, `In-person`"),
    ("UKCore-Questionnaire-EOLPlan-Example.xml", "extensions come after `linkId`; XML has an order"),
    (
        "UKCore-Appointment-OrthopaedicSurgery-Example.xml",
        "the display `In person` is not the code system's, `In-person`",
    ),
];

#[test]
fn published_examples_are_valid() {
    let Some(folder) = shared("data/uk-core/examples") else { return };
    let mut failed = Vec::new();
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("the examples can be listed") {
        let path = entry.expect("the example can be listed").path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let text = std::fs::read(&path).expect("the example can be read");
        let options =
            Options { profiles: profile_of(&name).into_iter().collect(), exacting: true, ..Options::uk_core() };
        let issues = validator().validate_text(&text, &options);
        let has_errors = issues.iter().any(fhir::Issue::is_error);
        if has_errors != WRONG.iter().any(|(wrong, _)| *wrong == name) {
            let errors: Vec<_> = issues.into_iter().filter(fhir::Issue::is_error).collect();
            failed.push(format!("{name}: {errors:#?}"));
        }
        count += 1;
    }
    assert!(count > 100, "only {count} examples");
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// Finds the profile with the longest name that the example's starts with.
fn profile_of(name: &str) -> Option<String> {
    let prefix = "https://fhir.hl7.org.uk/StructureDefinition/";
    let urls = validator().definitions().profile_urls();
    let fitting =
        urls.filter(|url| url.strip_prefix(prefix).is_some_and(|id| id.starts_with("UKCore-") && name.starts_with(id)));
    fitting.max_by_key(|url| url.len()).map(str::to_owned)
}
