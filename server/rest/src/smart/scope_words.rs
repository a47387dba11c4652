//! What a scope lets an app do, in words for the people who are asked.

use policy::{Context, Permissions, Scope, ScopeKind};

/// Says what the scope allows.
pub(super) fn scope_words(scope: &Scope) -> String {
    match scope.kind() {
        ScopeKind::Resource(resource) => {
            let whose = match resource.context {
                Context::Patient => "of the chosen patient",
                Context::User | Context::System => "of every patient whom you may see",
            };
            let what = match resource.type_name.as_deref() {
                None => format!("all kinds of records {whose}, those kept now and in the future"),
                Some(name) => format!("{} {whose}", record_words(name)),
            };
            format!("{} {what}", permission_words(resource.permissions))
        }
        ScopeKind::Launch(None) => "Know which record is open in the system that started the app".to_owned(),
        ScopeKind::Launch(Some(hint)) => format!("Know which {} was chosen", spaced(hint)),
        ScopeKind::OfflineAccess => "Keep this access when you are away, until it is withdrawn".to_owned(),
        ScopeKind::OnlineAccess => "Keep this access for as long as you are logged in here".to_owned(),
        ScopeKind::Identity => "Know who you are".to_owned(),
        ScopeKind::Feed(_) => "Send messages to a feed".to_owned(),
        ScopeKind::Administrator => "Administer this server".to_owned(),
    }
}

fn permission_words(permissions: Permissions) -> String {
    let words: Vec<&str> = [
        (Permissions::READ, "read"),
        (Permissions::SEARCH, "search"),
        (Permissions::CREATE, "add"),
        (Permissions::UPDATE, "change"),
        (Permissions::DELETE, "delete"),
    ]
    .into_iter()
    .filter(|(permission, _)| permissions.includes(*permission))
    .map(|(_, word)| word)
    .collect();
    let text = match words.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    };
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn record_words(type_name: &str) -> String {
    let words = match type_name {
        "Patient" => "the name, address and other personal details",
        "AllergyIntolerance" => "allergies",
        "Appointment" => "appointments",
        "CarePlan" => "care plans",
        "Condition" => "conditions and diagnoses",
        "DiagnosticReport" => "test reports",
        "DocumentReference" => "letters and documents",
        "Encounter" => "visits and hospital stays",
        "Immunization" => "vaccinations",
        "MedicationRequest" => "prescriptions",
        "MedicationStatement" => "medicines taken",
        "Observation" => "test results and measurements",
        "Procedure" => "operations and procedures",
        "ServiceRequest" => "referrals and requests",
        other => return format!("records of the kind \u{201c}{}\u{201d}", spaced(other)),
    };
    words.to_owned()
}

/// `CareTeam` as `care team`.
fn spaced(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_said_in_plain_words() {
        let said = |text: &str| scope_words(&Scope::parse(text).unwrap());
        assert_eq!(
            said("patient/*.rs"),
            "Read and search all kinds of records of the chosen patient, those kept now and in the future"
        );
        assert_eq!(
            said("user/Observation.cruds"),
            "Read, search, add, change and delete test results and measurements of every patient whom you may see"
        );
        assert_eq!(
            said("patient/CareTeam.r"),
            "Read records of the kind \u{201c}care team\u{201d} of the chosen patient"
        );
        assert_eq!(said("launch/patient"), "Know which patient was chosen");
    }
}
