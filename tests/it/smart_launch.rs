//! SMART App Launch: from the app's request over login and consent to a token, and every way in which it stops on the way.
//! <https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html>

use clap::Parser as _;
use serde_json::json;
use store::control::Launch;
use tests::{APP_REDIRECT, Browser, Form, Person, Pkce, TestApp, observation, on_each, parameter, unique};

/// A request with one parameter changed; `None` takes it out.
fn with(
    mut request: Vec<(&'static str, String)>,
    name: &'static str,
    value: Option<&str>,
) -> Vec<(&'static str, String)> {
    request.retain(|(key, _)| *key != name);
    request.extend(value.map(|value| (name, value.to_owned())));
    request
}

async fn patient(app: &TestApp) -> String {
    app.system("system/*.cruds").await.create(&Person::new().patient()).await
}

#[test]
fn the_discovery_document_names_what_is_there() {
    on_each("smart_configuration", |app| async move {
        let answer = app.anonymous().call("GET", ".well-known/smart-configuration").header("accept", "text/html");
        let answer = answer.send().await.expect(200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let document = answer.json();
        assert_eq!(document["code_challenge_methods_supported"], json!(["S256"]));
        assert_eq!(document["token_endpoint"], json!(app.token_url()));
        for name in ["authorization_endpoint", "token_endpoint", "introspection_endpoint", "revocation_endpoint"] {
            let url = document[name].as_str().unwrap();
            assert!(url.starts_with(&app.origin), "{name}: {url}");
            assert_ne!(app.anonymous().get(url).await.status, 404, "{name}");
        }
        let capabilities = document["capabilities"].as_array().unwrap();
        for capability in ["launch-standalone", "client-public", "permission-v1", "permission-v2", "permission-patient"]
        {
            assert!(capabilities.contains(&json!(capability)), "{capability}");
        }
        for scope in ["authorization_code", "client_credentials"] {
            assert!(document["grant_types_supported"].as_array().unwrap().contains(&json!(scope)));
        }
    });
}

#[test]
fn a_launch_gives_a_token_for_the_chosen_patient() {
    on_each("launch", |app| async move {
        let all = app.system("system/*.cruds").await;
        let person = Person::new();
        let patient = all.create(&person.patient()).await;
        let scope = "launch/patient patient/Patient.rs patient/Observation.read offline_access";
        let (client, user) = (app.add_app(scope).await, app.add_clinician().await);
        // By NHS number, as a clinician would.
        let launched = app.browser().launch(&client, scope, &user, &person.nhs_number).await;
        let response = &launched.response;
        assert_eq!(response["token_type"], "Bearer");
        assert_eq!(response["patient"], json!(patient));
        assert_eq!(response["scope"], json!(scope));
        assert!(response["expires_in"].as_u64().is_some_and(|s| s <= 3600));
        let api = app.with_token(&launched.access_token);
        api.get(&format!("Patient/{patient}")).await.expect(200);
        api.get("Condition?_count=1").await.refused(403);
    });
}

#[test]
fn a_request_without_pkce_s256_is_sent_back() {
    on_each("pkce", |app| async move {
        let client = app.add_app("user/*.rs").await;
        let pkce = Pkce::new();
        let good = app.browser().request(&client, "user/*.rs", &pkce);
        for request in [
            with(good.clone(), "code_challenge", None),
            with(good.clone(), "code_challenge_method", None),
            with(good.clone(), "code_challenge_method", Some("plain")),
            with(good.clone(), "code_challenge", Some("short")),
        ] {
            refused(&mut app.browser(), &request, "invalid_request").await;
        }
        for (name, value, error) in [
            ("response_type", Some("token"), "unsupported_response_type"),
            ("aud", Some("https://elsewhere.example/fhir"), "invalid_request"),
            ("aud", None, "invalid_request"),
            ("scope", Some("nonsense"), "invalid_scope"),
            ("scope", Some("system/*.rs"), "invalid_scope"),
            ("scope", Some("user/Observation.rs?category=laboratory"), "invalid_scope"),
            ("launch", Some("unknown"), "invalid_request"),
        ] {
            let request = with(good.clone(), name, value);
            if name == "launch" {
                let user = app.add_clinician().await;
                let mut browser = app.browser();
                let answer = browser.log_in(&request, &user).await;
                assert!(answer.header("location").unwrap().contains(error), "{}", answer.text());
                continue;
            }
            refused(&mut app.browser(), &request, error).await;
        }
        let twice: Vec<_> = good.iter().cloned().chain([("scope", "user/*.cruds".to_owned())]).collect();
        refused(&mut app.browser(), &twice, "invalid_request").await;
    });
}

async fn refused(browser: &mut Browser<'_>, request: &[(&'static str, String)], error: &str) {
    let answer = browser.authorize(request).await;
    let location = answer.header("location").unwrap_or_else(|| panic!("{request:?}: {}", answer.text()));
    let url = url::Url::parse(location).unwrap();
    assert!(location.starts_with(APP_REDIRECT), "{location}");
    assert_eq!(parameter(&url, "error").as_deref(), Some(error), "{request:?}");
    assert_eq!(parameter(&url, "state").as_deref(), Some("state-of-the-app"), "{request:?}");
    assert_eq!(parameter(&url, "code"), None);
}

#[test]
fn a_request_from_nowhere_leads_nowhere() {
    on_each("redirect", |app| async move {
        let client = app.add_app("user/*.rs").await;
        let good = app.browser().request(&client, "user/*.rs", &Pkce::new());
        for request in [
            with(good.clone(), "redirect_uri", Some("https://evil.example/back")),
            with(good.clone(), "redirect_uri", Some(&format!("{APP_REDIRECT}/more"))),
            with(good.clone(), "redirect_uri", Some(&format!("{APP_REDIRECT}?x=1"))),
            with(good.clone(), "redirect_uri", Some(&APP_REDIRECT.to_uppercase())),
            with(good.clone(), "redirect_uri", None),
            with(good.clone(), "client_id", Some("unknown")),
            with(good.clone(), "client_id", None),
        ] {
            let page = app.browser().authorize(&request).await.expect(400);
            assert_eq!(page.header("location"), None);
            assert!(page.header("content-type").unwrap().starts_with("text/html"));
            assert!(!page.text().contains("evil.example"), "{}", page.text());
        }
        // A request without state is the client's to know of.
        let answer = app.browser().authorize(&with(good, "state", None)).await;
        assert!(answer.header("location").unwrap().contains("error=invalid_request"));
    });
}

#[test]
fn pages_are_for_nobodys_frame_and_cache() {
    on_each("pages", |app| async move {
        let client = app.add_app("user/*.rs").await;
        let mut browser = app.browser();
        let request = browser.request(&client, "user/*.rs", &Pkce::new());
        let user = app.add_clinician().await;
        let login = browser.authorize(&request).await.expect(200);
        let consent = browser.log_in(&request, &user).await.expect(200);
        for page in [login, consent] {
            assert_eq!(page.header("cache-control"), Some("no-store"));
            assert_eq!(page.header("x-frame-options"), Some("DENY"));
            let policy = page.header("content-security-policy").unwrap();
            assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
            assert!(!page.text().contains("<script"));
        }
    });
}

#[test]
fn who_does_not_agree_gives_nothing() {
    on_each("consent_deny", |app| async move {
        let scope = "launch/patient patient/*.rs";
        let (client, user, patient) = (app.add_app(scope).await, app.add_clinician().await, patient(&app).await);
        let deny = async |form: &dyn Fn(Form) -> Form| {
            let mut browser = app.browser();
            let request = browser.request(&client, scope, &Pkce::new());
            let page = browser.log_in(&request, &user).await.expect(200);
            browser.back(&form(Form::of(&page))).await
        };
        let denied = deny(&|form| form.with("patient", &patient).with("decision", "deny")).await;
        assert_eq!(parameter(&denied, "error").as_deref(), Some("access_denied"));
        // Whatever is not an agreement is none, and agreeing to nothing is not agreeing.
        for url in [
            deny(&|form| form.with("patient", &patient)).await,
            deny(&|form| form.with("patient", &patient).with("decision", "maybe")).await,
            deny(&|form| form.without("scope", None).with("patient", &patient).with("decision", "allow")).await,
        ] {
            assert_eq!(parameter(&url, "error").as_deref(), Some("access_denied"), "{url}");
            assert_eq!(parameter(&url, "code"), None);
        }
    });
}

#[test]
fn a_token_has_the_scopes_that_were_left_ticked() {
    on_each("consent_narrow", |app| async move {
        let all = app.system("system/*.cruds").await;
        let patient = all.create(&Person::new().patient()).await;
        let found = all.create(&observation(&patient, &unique("code"), "2026-01-01")).await;
        let scope = "launch/patient patient/Patient.rs patient/Observation.rs offline_access";
        let (client, user, pkce) = (app.add_app(scope).await, app.add_clinician().await, Pkce::new());
        let mut browser = app.browser();
        let request = browser.request(&client, scope, &pkce);
        let page = browser.log_in(&request, &user).await.expect(200);
        let form = Form::of(&page).with("patient", &patient).with("decision", "allow");
        // Taken away, and added by hand: the second counts for nothing.
        let form = form.without("scope", Some("patient/Observation.rs")).with("scope", "patient/Condition.rs");
        let form = form.without("scope", Some("offline_access"));
        let url = browser.back(&form).await;
        let code = parameter(&url, "code").unwrap();
        let token = browser.exchange(&client, &code, &pkce.verifier).await.expect(200).json();
        assert_eq!(token["scope"], "launch/patient patient/Patient.rs");
        assert!(token.get("refresh_token").is_none());
        let api = app.with_token(token["access_token"].as_str().unwrap());
        api.get(&format!("Patient/{patient}")).await.expect(200);
        api.get(&format!("Observation/{found}")).await.refused(403);
        api.get(&format!("Observation?patient={patient}")).await.refused(403);
        api.get("Condition").await.refused(403);
    });
}

#[test]
fn a_patient_login_opens_its_own_records_only() {
    on_each("patient_login", |app| async move {
        let (own, child, stranger) = (patient(&app).await, patient(&app).await, patient(&app).await);
        let scope = "launch/patient patient/*.rs user/*.rs";
        let client = app.add_app(scope).await;
        let user = app.add_patient_login(&[&own, &child]).await;
        let mut browser = app.browser();
        let pkce = Pkce::new();
        let request = browser.request(&client, scope, &pkce);
        let page = browser.log_in(&request, &user).await.expect(200);
        let form = Form::of(&page).with("decision", "allow").with("scope", "user/*.rs");
        // Neither somebody else's nor an unknown one, nor none.
        for typed in [stranger.as_str(), "nobody", ""] {
            browser.submit(&form.clone().with("patient", typed)).await.expect(422);
        }
        let url = browser.back(&form.with("patient", &child)).await;
        let token =
            browser.exchange(&client, &parameter(&url, "code").unwrap(), &pkce.verifier).await.expect(200).json();
        assert_eq!(token["patient"], json!(child));
        assert_eq!(token["scope"], "launch/patient patient/*.rs", "user scopes reach beyond one record");
        let api = app.with_token(token["access_token"].as_str().unwrap());
        assert_eq!(api.find("Patient").await, [child.as_str()]);
        api.get(&format!("Patient/{own}")).await.refused(404);
    });
}

#[test]
fn a_login_is_locked_after_failures() {
    on_each("lock", |app| async move {
        let client = app.add_app("user/*.rs").await;
        let user = app.add_clinician().await;
        let mut browser = app.browser();
        let request = browser.request(&client, "user/*.rs", &Pkce::new());
        let page = browser.authorize(&request).await.expect(200);
        let form = Form::of(&page).with("username", &user);
        let mut said = Vec::new();
        for _ in 0..5 {
            said.push(browser.submit(&form.clone().with("password", "wrong horse")).await.expect(403).text());
        }
        said.push(browser.submit(&form.clone().with("password", tests::PASSWORD)).await.expect(403).text());
        let unknown = Form::of(&page).with("username", "nobody-of-that-name").with("password", "wrong horse");
        said.push(browser.submit(&unknown).await.expect(403).text());
        said.dedup();
        assert_eq!(said.len(), 1, "a locked, a wrong and an unknown login are told apart");
        // Somebody else's login is not.
        let other = app.add_clinician().await;
        let form = Form::of(&page).with("username", &other).with("password", tests::PASSWORD);
        browser.submit(&form).await.expect(200);
    });
}

#[test]
fn a_form_that_is_not_from_our_page_is_refused() {
    on_each("csrf", |app| async move {
        let scope = "launch/patient patient/*.rs";
        let (client, user, patient) = (app.add_app(scope).await, app.add_clinician().await, patient(&app).await);
        let mut browser = app.browser();
        let request = browser.request(&client, scope, &Pkce::new());
        let login = browser.authorize(&request).await.expect(200);
        let login = Form::of(&login).with("username", &user).with("password", tests::PASSWORD);
        for form in [login.clone().without("csrf", None), login.clone().without("csrf", None).with("csrf", "forged")] {
            browser.submit(&form).await.expect(403);
        }
        // Another browser's token, and none of our cookies.
        app.browser().submit(&login).await.expect(403);
        let consent = browser.submit(&login).await.expect(200);
        let consent = Form::of(&consent).with("patient", &patient).with("decision", "allow");
        for form in
            [consent.clone().without("csrf", None), consent.clone().without("csrf", None).with("csrf", "forged")]
        {
            let answer = browser.submit(&form).await.expect(403);
            assert_eq!(answer.header("location"), None);
        }
        let fields: Vec<(&str, &str)> = consent.fields.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let url = format!("{}/auth/consent", app.origin);
        let foreign = app.anonymous().call("POST", &url).form(&fields).header("cookie", &browser.cookie_header());
        foreign.header("origin", "https://evil.example").send().await.expect(403);
        assert!(parameter(&browser.back(&consent).await, "code").is_some());
        // Without a session nothing is decided: back to the login.
        browser.forget();
        assert!(browser.submit(&consent).await.expect(200).text().contains("name=\"password\""));
    });
}

#[test]
fn a_launch_from_the_ehr_holds_once_and_for_its_client() {
    on_each("launch_ehr", |app| async move {
        let patient = patient(&app).await;
        let scope = "launch patient/*.rs";
        let (client, thief, user) = (app.add_app(scope).await, app.add_app(scope).await, app.add_clinician().await);
        let (handle, now) = (unique("launch"), app::wiring::now());
        let launch = Launch {
            hash: smart::handle_hash(&handle).to_vec(),
            client_id: client.clone(),
            user: Some(user.clone()),
            data: json!({"patient": patient}).to_string(),
            created: now,
            expires: fhir::Instant(now.0 + 60_000),
        };
        app.house.store.control().put_launch(&launch).await.unwrap();
        let pkce = Pkce::new();
        let mut browser = app.browser();
        let request = |client: &str| with(app.browser().request(client, scope, &pkce), "launch", Some(&handle));
        let stolen = app.browser().log_in(&request(&thief), &user).await;
        assert!(stolen.header("location").unwrap().contains("error=invalid_request"), "{}", stolen.text());
        let page = browser.log_in(&request(&client), &user).await.expect(200);
        let url = browser.back(&Form::of(&page).with("decision", "allow")).await;
        let token =
            browser.exchange(&client, &parameter(&url, "code").unwrap(), &pkce.verifier).await.expect(200).json();
        assert_eq!(token["patient"], json!(patient));
        let again = app.browser().log_in(&request(&client), &user).await;
        assert!(again.header("location").unwrap().contains("error=invalid_request"), "{}", again.text());
    });
}

#[test]
fn a_client_without_purpose_cannot_be_registered() {
    let arguments = [
        "weir",
        "client",
        "add",
        "--name",
        "x",
        "--kind",
        "public",
        "--scope",
        "user/*.rs",
        "--redirect-uri",
        APP_REDIRECT,
    ];
    let said = app::cli::Cli::try_parse_from(arguments).expect_err("a refusal").to_string();
    assert!(said.contains("--purpose"), "{said}");
    let with_purpose = arguments.into_iter().chain(["--purpose", "direct-care"]);
    assert!(app::cli::Cli::try_parse_from(with_purpose).is_ok());
}

#[test]
fn a_client_of_another_purpose_than_care_gets_no_launch() {
    on_each("purpose_launch", |app| async move {
        let (client, _) = app.add_confidential("user/*.rs", app::cli::ClientPurpose::Administration).await;
        let request = app.browser().request(&client, "user/*.rs", &Pkce::new());
        refused(&mut app.browser(), &request, "unauthorized_client").await;
    });
}
