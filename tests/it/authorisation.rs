//! Every route, asked by those who may not.

use app::cli::ClientPurpose;
use policy::Interaction;
use rest::ROUTES;
use store::control::{Token, TokenKind};
use tests::{Answer, Api, Call, Person, TestApp, on_each, unique};

/// The routes outside the FHIR API that need no token; each guards itself, or tells nothing about anybody.
const PUBLIC: [(&str, &str); 4] = [
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
    ("GET", "/metrics"),
    ("GET", "/fhir/.well-known/smart-configuration"),
];

/// A whole request for a route, about things that are not there.
fn call(api: &Api<'_>, method: &str, pattern: &str, interaction: Interaction) -> Call {
    let type_name = if interaction == Interaction::Feed { "acute-hl7v2" } else { "Observation" };
    let pattern = pattern.replace("{compartment}", "Patient");
    let path = pattern.replace("{type}", type_name).replace("{id}", "none").replace("{version}", "1");
    let call = api.call(method, &path);
    if method == "POST" && matches!(interaction, Interaction::SearchType | Interaction::SearchSystem) {
        call.form(&[("code", "none")])
    } else {
        call
    }
}

/// Whose job it is decides, not a scope.
fn is_own(interaction: Interaction) -> bool {
    is_own_export(interaction) || interaction.is_async()
}

fn is_own_export(interaction: Interaction) -> bool {
    matches!(interaction, Interaction::ExportStatus | Interaction::ExportFile | Interaction::ExportDelete)
}

#[test]
fn without_a_token_every_route_is_closed() {
    on_each("no_token", |app| async move {
        let forged = app.with_token("forged");
        for route in ROUTES {
            for (api, error) in [(app.anonymous(), None), (forged.clone(), Some("invalid_token"))] {
                let answer = call(&api, route.method, route.pattern, route.interaction).send().await;
                if route.is_public {
                    answer.expect(200);
                    continue;
                }
                if route.methods().any(|method| method == "HEAD") {
                    let head = call(&api, "HEAD", route.pattern, route.interaction).send().await.expect(401);
                    assert_eq!(head.header("www-authenticate"), answer.header("www-authenticate"));
                }
                let challenge = answer.header("www-authenticate").expect("a challenge").to_owned();
                assert!(challenge.starts_with("Bearer"), "{challenge}");
                assert!(error.is_none_or(|error| challenge.contains(error)), "{challenge}");
                answer.refused(401);
            }
        }
        assert_eq!(ROUTES.iter().filter(|route| route.is_public).count(), 1, "metadata alone is public");
        for (method, path) in PUBLIC {
            app.anonymous().call(method, &format!("{}{path}", app.origin)).send().await.expect(200);
        }
    });
}

#[test]
fn a_token_without_the_scope_opens_no_route() {
    on_each("no_scope", |app| async move {
        let api = app.system("weir/feed.gp-connect").await;
        for route in ROUTES {
            let answer = call(&api, route.method, route.pattern, route.interaction).send().await;
            let status = match route.interaction {
                Interaction::Capabilities => 200,
                // A batch opens nothing by itself, its entries are asked below; validation and FHIRPath read nothing.
                Interaction::Batch | Interaction::Validate | Interaction::Fhirpath => 400,
                // There is none of that name.
                interaction if is_own(interaction) => 404,
                _ => 403,
            };
            assert_eq!(answer.status, status, "{} {}: {}", route.method, route.pattern, answer.text());
            if status == 403 {
                assert!(answer.header("www-authenticate").unwrap().contains("insufficient_scope"));
                answer.refused(403);
            }
        }
    });
}

#[test]
fn a_client_of_secondary_use_reaches_its_own_exports_and_nothing_else() {
    on_each("secondary_use", |app| async move {
        let api = app.analyst().await;
        for route in ROUTES.iter().filter(|route| !route.is_public && route.interaction != Interaction::Export) {
            let answer = call(&api, route.method, route.pattern, route.interaction).send().await;
            let status = if is_own_export(route.interaction) { 404 } else { 403 };
            assert_eq!(answer.status, status, "{} {}: {}", route.method, route.pattern, answer.text());
        }
        // Also where there is something: a 404 must not stand for a missing refusal.
        let patient = app.system("system/*.cruds").await.create(&Person::new().patient()).await;
        for path in ["", "/_history", "/_history/1"] {
            api.get(&format!("Patient/{patient}{path}")).await.refused(403);
        }
    });
}

#[test]
fn a_secondary_use_client_gets_no_scope_of_people() {
    on_each("secondary_scopes", |app| async move {
        let service = app.add_service("system/*.rs", ClientPurpose::SecondaryUse).await;
        let api = app.as_service(&service, "system/*.rs").await;
        api.call("POST", "$feed/gp-connect").body("application/fhir+json", "{}").send().await.refused(403);
        let asked = "system/*.cruds user/*.rs patient/*.rs weir/feed.*";
        let assertion = service.key.sign(&tests::assertion_claims(&service.client_id, &app.token_url()));
        let token = app.ask_backend_token(&assertion, asked).await;
        if token.status == 200 {
            let scope = token.json()["scope"].as_str().unwrap().to_owned();
            assert!(scope.split(' ').all(|scope| scope == "system/*.rs"), "{scope}");
        } else {
            assert_eq!(token.status, 400, "{}", token.text());
        }
    });
}

async fn with_stored_token(app: &TestApp, life_ms: i64) -> Answer {
    let (text, now) = (unique("token"), app::wiring::now());
    let token = Token {
        hash: smart::handle_hash(&text).to_vec(),
        kind: TokenKind::Access,
        family: None,
        client_id: app.add_service("system/*.rs", ClientPurpose::DirectCare).await.client_id,
        user: None,
        scopes: "system/*.rs".to_owned(),
        patient: None,
        purpose: policy::Purpose::DirectCare,
        session: None,
        data: "{}".to_owned(),
        created: fhir::Instant(now.0 - 10_000),
        expires: fhir::Instant(now.0 + life_ms),
    };
    app.house.store.control().put_tokens(&[token]).await.unwrap();
    app.with_token(&text).get("Patient?_count=1").await
}

#[test]
fn an_expired_token_opens_nothing() {
    on_each("expired", |app| async move {
        with_stored_token(&app, 60_000).await.expect(200);
        with_stored_token(&app, -1).await.refused(401);
    });
}

#[test]
fn a_token_is_taken_from_the_header_only() {
    on_each("token_place", |app| async move {
        let api = app.system("system/*.rs").await;
        let token = api.token().to_owned();
        app.anonymous().get(&format!("Patient?access_token={token}")).await.refused(401);
        let form = [("access_token", token.as_str())];
        app.anonymous().call("POST", "Patient/_search").form(&form).send().await.refused(401);
        let basic = format!("Basic {token}");
        app.anonymous().call("GET", "Patient").header("authorization", &basic).send().await.refused(401);
        let lower = format!("bearer {token}");
        app.anonymous().call("GET", "Patient?_count=1").header("authorization", &lower).send().await.expect(200);
    });
}

#[test]
fn a_refresh_token_is_no_access_token() {
    on_each("refresh_as_access", |app| async move {
        let scope = "user/*.rs offline_access";
        let (client, user) = (app.add_app(scope).await, app.add_clinician().await);
        let launched = app.browser().launch(&client, scope, &user, "").await;
        app.with_token(launched.refresh_token()).get("Patient").await.refused(401);
        app.with_token(&launched.access_token).get("Patient?_count=1").await.expect(200);
    });
}
