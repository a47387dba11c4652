//! `GET [base]/metadata`, generated from the routes and the search registry. <https://hl7.org/fhir/R4/http.html#capabilities>

use policy::Interaction;
use serde_json::{Value, json};

use crate::answer::{Answer, Outcome};
use crate::failure::Failure;
use crate::format;
use crate::interaction::{patch, terminology_capabilities};
use crate::operation::{Listed, OPERATIONS};
use crate::perform::Context;
use crate::router::{Level, ROUTES};
use crate::weir::Weir;

/// What this server offers, exactly, or what it knows of codes. All of the statement is normative, so that `mode=normative` leaves nothing out.
pub(crate) fn capabilities(context: &Context<'_>) -> Result<Answer, Failure> {
    match context.request.params.iter().find(|(name, _)| name == "mode").map(|(_, mode)| mode.as_str()) {
        None | Some("full" | "normative") => {}
        Some("terminology") => {
            let statement = terminology_capabilities::statement(context.weir);
            return Ok(Answer::json(Outcome::Ok, statement.to_string()));
        }
        Some(_) => return Err(Failure::bad_request("value", "`mode` is `full`, `normative` or `terminology`")),
    }
    Ok(Answer::json(Outcome::Ok, statement(context.weir).to_string()))
}

fn statement(weir: &Weir) -> Value {
    let resources: Vec<Value> = weir.definitions.resource_types().iter().map(|name| resource(weir, name)).collect();
    let told = json!({
        "fhirVersion": "4.0.1",
        "format": format::FORMATS,
        "patchFormat": patch::FORMATS,
        "rest": [{
            "mode": "server",
            "security": security(weir),
            "resource": resources,
            "interaction": system_interactions(),
            "operation": operations(|listed| matches!(listed, Listed::Everywhere | Listed::System)),
        }],
    });
    of_instance(weir, "CapabilityStatement", told)
}

/// A statement about this running server, beginning with which server that is.
pub(crate) fn of_instance(weir: &Weir, type_name: &str, told: Value) -> Value {
    let mut statement = json!({
        "resourceType": type_name,
        "status": "active",
        "date": weir.now().to_fhir(),
        "kind": "instance",
        "software": {"name": "Weir", "version": weir.settings.version},
        "implementation": {"description": weir.settings.organisation_name, "url": weir.settings.base_url},
    });
    if let (Value::Object(members), Value::Object(told)) = (&mut statement, told) {
        members.extend(told);
    }
    statement
}

fn security(weir: &Weir) -> Value {
    let auth = |path: &str| format!("{}/auth/{path}", weir.settings.origin);
    json!({
        "cors": true,
        "service": [{"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
            "code": "SMART-on-FHIR",
        }]}],
        // Deprecated since SMART 2, and still the only place where some clients look.
        "extension": [{
            "url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris",
            "extension": [
                {"url": "authorize", "valueUri": auth("authorize")},
                {"url": "token", "valueUri": auth("token")},
                {"url": "introspect", "valueUri": auth("introspect")},
                {"url": "revoke", "valueUri": auth("revoke")},
            ],
        }],
    })
}

fn resource(weir: &Weir, name: &str) -> Value {
    let mut interactions: Vec<Value> = Vec::new();
    for route in ROUTES.iter().filter(|route| matches!(route.level, Level::Type | Level::Instance)) {
        let Some(code) = code(route.interaction) else { continue };
        let entry = json!({"code": code});
        if !interactions.contains(&entry) {
            interactions.push(entry);
        }
    }
    let registry = weir.registry();
    let parameters: Vec<Value> = registry
        .params_of(name)
        .map(|param| json!({"name": param.code, "definition": param.url, "type": param.kind.code()}))
        .collect();
    let references = registry.params_of(name).filter(|param| is_followed(param));
    let includes: Vec<String> =
        std::iter::once("*".to_owned()).chain(references.map(|param| format!("{name}:{}", param.code))).collect();
    let referrers = weir.definitions.resource_types().iter().flat_map(|source| {
        let leading_here = registry.params_of(source).filter(|param| is_followed(param) && param.may_refer_to(name));
        leading_here.map(move |param| format!("{source}:{}", param.code))
    });
    let reverse_includes: Vec<String> = referrers.collect();
    let mut resource = json!({
        "type": name,
        "interaction": interactions,
        "versioning": "versioned-update",
        "readHistory": true,
        "updateCreate": true,
        "conditionalCreate": true,
        "conditionalRead": "full-support",
        "conditionalUpdate": true,
        "conditionalDelete": if weir.settings.limits.conditional_delete_max > 1 { "multiple" } else { "single" },
        "referencePolicy": ["literal", "local"],
        "searchInclude": includes,
        "searchRevInclude": reverse_includes,
        "searchParam": parameters,
    });
    if let Value::Object(members) = &mut resource {
        if let Some(profile) = weir.validator().uk_core_profile_of(name).map(str::to_owned) {
            members.insert("supportedProfile".to_owned(), json!([profile]));
        }
        let is_listed = |listed| match listed {
            Listed::Type(only) => only == name,
            Listed::EveryType | Listed::Everywhere => true,
            Listed::System => false,
        };
        members.insert("operation".to_owned(), operations(is_listed));
    }
    resource
}

/// Whether `_include` follows the parameter; a canonical URL is not followed.
fn is_followed(param: &search::Param) -> bool {
    param.kind == search::Kind::Reference && !param.is_canonical
}

fn operations(is_listed: impl Fn(Listed) -> bool) -> Value {
    let listed = OPERATIONS.iter().filter(|(_, _, listed)| is_listed(*listed));
    listed.map(|(name, definition, _)| json!({"name": name, "definition": definition})).collect()
}

fn system_interactions() -> Value {
    let mut codes = vec![json!({"code": "transaction"}), json!({"code": "batch"})];
    for route in ROUTES.iter().filter(|route| route.level == Level::System) {
        let Some(code) = code(route.interaction).map(|code| json!({"code": code})) else { continue };
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    Value::Array(codes)
}

/// The code of an interaction in a CapabilityStatement.
fn code(interaction: Interaction) -> Option<&'static str> {
    Some(match interaction {
        Interaction::Read => "read",
        Interaction::Vread => "vread",
        Interaction::Update => "update",
        Interaction::Patch => "patch",
        Interaction::Delete => "delete",
        Interaction::HistoryInstance => "history-instance",
        Interaction::HistoryType => "history-type",
        Interaction::HistorySystem => "history-system",
        Interaction::Create => "create",
        Interaction::SearchType => "search-type",
        Interaction::SearchSystem => "search-system",
        _ => return None,
    })
}
