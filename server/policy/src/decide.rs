//! The first of two checks: may this subject try this interaction, and what does it reach.
//!
//! Purpose comes first, scopes second. A secondary-use client reaches its own exports and nothing else, so that no search or history
//! can be used to walk around the export's filter. An administration client reaches definitions only. In direct care:
//!
//! - `patient/` scopes need a patient in launch context and reach what is about that person alone, and reference data of an allowed type;
//! - `user/` scopes need a user; `system/` scopes count only where there is none;
//! - a consent that denies direct care, and a label V, hide; a sensitive flag redacts (see [`crate::release`]).
//!
//! A SearchParameter, which changes searches for everybody, is written by a service alone.
//!
//! An administrator ([`Subject::is_administrator`]) erases patients, has resources indexed again, and looks at and changes the labels of any one resource: restrictions
//! and labels hide nothing there, since it is these that are administered. No other interaction gains by it.

use crate::denied::Denied;
use crate::facts::Label;
use crate::grant::{Grant, Permit};
use crate::interaction::Interaction;
use crate::predicate::{PersonScope, Predicate, RestrictionRule, TypeSet};
use crate::principal::{Principal, Subject};
use crate::purpose::Purpose;
use crate::reference_data::DEFINITIONAL;
use crate::restriction::Class;
use crate::scope::{Context, Permissions};

/// Decides whether the subject may try the interaction with the type; for [`Interaction::Feed`] the type name is the feed's name.
///
/// Without a type name the question is about the system: any type at all, of which the grant's predicate then holds the allowed ones.
pub fn decide(subject: &Subject, interaction: Interaction, type_name: Option<&str>) -> Result<Grant, Denied> {
    if interaction == Interaction::Capabilities {
        return Ok(grant(subject, interaction, type_name, nothing()));
    }
    if subject.is_administrator() && is_administered(interaction) {
        let granted = grant(subject, interaction, type_name, Predicate::unrestricted());
        return Ok(Grant { administers: true, ..granted });
    }
    match subject {
        Subject::OpenAccess => Ok(grant(subject, interaction, type_name, everything())),
        Subject::Principal(principal) => match principal.purpose {
            Purpose::SecondaryUse => secondary_use(subject, principal, interaction, type_name),
            Purpose::DirectCare => direct_care(subject, principal, interaction, type_name),
            Purpose::Administration => administration(subject, principal, interaction, type_name),
        },
    }
}

/// Refuses an export job that another client started. The answer is the same as for a job that does not exist, so say 404.
pub fn decide_own_job(subject: &Subject, owner_client_id: &str) -> Result<(), Denied> {
    if subject.client_id() == owner_client_id {
        return Ok(());
    }
    Err(Denied::new("other-client-job", "the export was started by another client"))
}

fn secondary_use(
    subject: &Subject,
    principal: &Principal,
    interaction: Interaction,
    type_name: Option<&str>,
) -> Result<Grant, Denied> {
    use Interaction as I;
    match interaction {
        I::Export => export(subject, principal, type_name),
        I::ExportStatus | I::ExportFile | I::ExportDelete => Ok(grant(subject, interaction, None, nothing())),
        _ => Err(Denied::new(
            "purpose-secondary-use",
            "the client is registered for secondary use and may only start bulk exports and fetch its own",
        )),
    }
}

fn direct_care(
    subject: &Subject,
    principal: &Principal,
    interaction: Interaction,
    type_name: Option<&str>,
) -> Result<Grant, Denied> {
    use Interaction as I;
    match interaction {
        I::Feed => feed(subject, principal, type_name),
        I::Export => export(subject, principal, type_name),
        I::ExportStatus | I::ExportFile | I::ExportDelete | I::Batch | I::Validate | I::Fhirpath | I::Capabilities => {
            Ok(grant(subject, interaction, type_name, nothing()))
        }
        _ if interaction.is_async() => Ok(grant(subject, interaction, type_name, nothing())),
        _ if interaction.needs_administrator() => Err(administrator_missing()),
        _ if interaction.is_write() && type_name == Some("SearchParameter") && is_for_somebody(principal) => {
            Err(Denied::new(
                "definition-write",
                "a search parameter changes what the server does for everybody: only a service writes one, by `system/SearchParameter` scopes",
            ))
        }
        _ => by_scopes(subject, principal, interaction, type_name),
    }
}

/// Whether a user or a patient acts through the client.
fn is_for_somebody(principal: &Principal) -> bool {
    principal.user.is_some() || principal.patient.is_some()
}

/// What an administrator does beside anybody's scopes.
fn is_administered(interaction: Interaction) -> bool {
    interaction.needs_administrator() || matches!(interaction, Interaction::MetaInstance | Interaction::MetaDelete)
}

fn administrator_missing() -> Denied {
    Denied::new("scope-missing", "this is for administrators: it needs the scope `weir/administrator`")
}

fn administration(
    subject: &Subject,
    principal: &Principal,
    interaction: Interaction,
    type_name: Option<&str>,
) -> Result<Grant, Denied> {
    if interaction.needs_administrator() {
        return Err(administrator_missing());
    }
    if interaction.is_async() {
        return Ok(grant(subject, interaction, type_name, nothing()));
    }
    let is_definition = type_name.is_some_and(|name| DEFINITIONAL.contains(&name));
    if !is_definition || interaction.needs().is_none() || interaction == Interaction::Export {
        return Err(Denied::new(
            "purpose-administration",
            "the client is registered for administration and may only use definitions, as CodeSystem and StructureDefinition",
        ));
    }
    let mut granted = by_scopes(subject, principal, interaction, type_name)?;
    granted.predicate.types = granted.predicate.types.within(&DEFINITIONAL);
    granted.predicate.searchable = granted.predicate.searchable.within(&DEFINITIONAL);
    Ok(granted)
}

fn feed(subject: &Subject, principal: &Principal, name: Option<&str>) -> Result<Grant, Denied> {
    let name = name.unwrap_or_default();
    if principal.scopes.allows_feed(name) {
        return Ok(grant(subject, Interaction::Feed, Some(name), nothing()));
    }
    Err(Denied::new("scope-missing", format!("sending to the feed needs the scope `weir/feed.{name}`")))
}

fn export(subject: &Subject, principal: &Principal, type_name: Option<&str>) -> Result<Grant, Denied> {
    let needs = Permissions::READ.and(Permissions::SEARCH);
    if principal.user.is_some() {
        return Err(Denied::new("export-needs-system", "a bulk export is for backend services with `system/` scopes"));
    }
    let types = principal.scopes.types(Context::System, needs);
    let is_allowed = type_name.map_or(!types.is_empty(), |name| types.contains(name));
    if !is_allowed {
        let name = type_name.unwrap_or("*");
        return Err(Denied::new("scope-missing", format!("exporting needs a scope such as `system/{name}.rs`")));
    }
    let predicate = Predicate { types: types.clone(), searchable: types, person: None, restricted: rule(subject) };
    Ok(grant(subject, Interaction::Export, type_name, predicate))
}

fn by_scopes(
    subject: &Subject,
    principal: &Principal,
    interaction: Interaction,
    type_name: Option<&str>,
) -> Result<Grant, Denied> {
    let needs = interaction.needs().unwrap_or(Permissions::NONE);
    let scopes = &principal.scopes;
    let wide = if principal.user.is_some() { Context::User } else { Context::System };
    let is_wide = scopes.allows(wide, type_name, interaction);
    let is_narrow = scopes.allows(Context::Patient, type_name, interaction);
    if !is_wide && !is_narrow {
        return Err(scope_missing(principal, needs, type_name));
    }
    let patient = principal.patient.as_ref().filter(|_| scopes.has_context(Context::Patient));
    if !is_wide && patient.is_none() {
        return Err(Denied::new(
            "no-patient",
            "a `patient/` scope needs a patient in launch context, and the token has none",
        ));
    }
    let reach = |letters| {
        let all = scopes.types(wide, letters);
        if patient.is_some() { all.union(scopes.types(Context::Patient, letters)) } else { all }
    };
    let searchable = reach(Permissions::SEARCH);
    let is_system =
        matches!(interaction, Interaction::SearchSystem | Interaction::HistorySystem | Interaction::MetaSystem);
    let types = if is_system { searchable.clone() } else { reach(Permissions::READ) };
    let seen = if interaction.is_write() { Permissions::READ } else { needs };
    let person = patient.map(|patient| PersonScope {
        patient: patient.clone(),
        person: principal.person,
        except: scopes.types(wide, seen),
    });
    let launch_person = person.clone();
    let mut granted =
        grant(subject, interaction, type_name, Predicate { types, searchable, person, restricted: rule(subject) });
    granted.launch_person = launch_person;
    granted.permits.iter_mut().for_each(|permit| permit.person_limited = !is_wide);
    Ok(granted)
}

fn scope_missing(principal: &Principal, needs: Permissions, type_name: Option<&str>) -> Denied {
    let context = match (&principal.patient, &principal.user) {
        (Some(_), _) => "patient",
        (None, Some(_)) => "user",
        (None, None) => "system",
    };
    let name = type_name.unwrap_or("*");
    Denied::new("scope-missing", format!("the token has no scope that allows this, such as `{context}/{name}.{needs}`"))
}

fn rule(subject: &Subject) -> RestrictionRule {
    match subject {
        Subject::OpenAccess => direct_care_rule(false),
        Subject::Principal(principal) => match principal.purpose {
            Purpose::DirectCare => direct_care_rule(principal.user.is_some() && principal.break_glass.is_some()),
            Purpose::SecondaryUse | Purpose::Administration => RestrictionRule {
                hidden: vec![Class::Sensitive, Class::ConsentDenySecondaryUse],
                hidden_general_practice: vec![Class::Type1],
                redacted: Vec::new(),
                hidden_labels: vec![Label::confidentiality("R"), Label::confidentiality("V")],
            },
        },
    }
}

/// Breaking the glass opens what consent and labels hide, never a sensitive person's whereabouts.
fn direct_care_rule(is_glass_broken: bool) -> RestrictionRule {
    let redacted = vec![Class::Sensitive];
    if is_glass_broken {
        return RestrictionRule { redacted, ..RestrictionRule::default() };
    }
    RestrictionRule {
        hidden: vec![Class::ConsentDenyDirectCare],
        hidden_general_practice: Vec::new(),
        redacted,
        hidden_labels: vec![Label::confidentiality("V")],
    }
}

fn nothing() -> Predicate {
    let restricted = RestrictionRule::default();
    Predicate { types: TypeSet::none(), searchable: TypeSet::none(), person: None, restricted }
}

fn everything() -> Predicate {
    Predicate { types: TypeSet::All, searchable: TypeSet::All, person: None, restricted: direct_care_rule(false) }
}

fn grant(subject: &Subject, interaction: Interaction, type_name: Option<&str>, predicate: Predicate) -> Grant {
    Grant {
        predicate,
        task: None,
        purpose: subject.purpose(),
        client_id: subject.client_id().to_owned(),
        permits: vec![Permit { interaction, type_name: type_name.map(str::to_owned), person_limited: false }],
        launch_person: None,
        cohort: None,
        administers: false,
    }
}
