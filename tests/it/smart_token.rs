//! The token endpoint: codes, refresh tokens, client assertions, introspection, revocation.

use app::cli::ClientPurpose;
use serde_json::{Value, json};
use tests::{
    APP_REDIRECT, Answer, ClientKey, Launched, Person, Pkce, Registered, TestApp, assertion_claims, on_each, parameter,
    unsigned,
};

const SCOPE: &str = "user/Patient.rs offline_access";

#[track_caller]
fn refused(answer: &Answer, status: u16, error: &str) {
    assert_eq!((answer.status, answer.json()["error"].as_str()), (status, Some(error)), "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

/// A client with a fresh code and the verifier of it.
async fn code(app: &TestApp) -> (String, String, Pkce) {
    let (client, user, pkce) = (app.add_app(SCOPE).await, app.add_clinician().await, Pkce::new());
    let mut browser = app.browser();
    let url = browser.consent(&browser.request(&client, SCOPE, &pkce), &user, "").await;
    (client, parameter(&url, "code").unwrap(), pkce)
}

async fn launched(app: &TestApp) -> (String, Launched) {
    let (client, user) = (app.add_app(SCOPE).await, app.add_clinician().await);
    let launched = app.browser().launch(&client, SCOPE, &user, "").await;
    (client, launched)
}

async fn refresh(app: &TestApp, client: &str, token: &str, scope: Option<&str>) -> Answer {
    let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", client)];
    form.extend(scope.map(|scope| ("scope", scope)));
    app.ask_token(&form).await
}

async fn is_live(app: &TestApp, access_token: &str) -> bool {
    app.with_token(access_token).get("Patient?_count=1").await.status == 200
}

#[test]
fn a_code_needs_its_verifier_client_and_redirect() {
    on_each("code", |app| async move {
        let (client, code, pkce) = code(&app).await;
        let exchange = async |client: &str, code: &str, verifier: &str, redirect: &str| {
            app.ask_token(&[
                ("grant_type", "authorization_code"),
                ("code", code),
                ("redirect_uri", redirect),
                ("client_id", client),
                ("code_verifier", verifier),
            ])
            .await
        };
        refused(&exchange(&client, "unknown", &pkce.verifier, APP_REDIRECT).await, 400, "invalid_grant");
        refused(&exchange("unknown", &code, &pkce.verifier, APP_REDIRECT).await, 401, "invalid_client");
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", APP_REDIRECT),
            ("client_id", &client),
        ];
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, *value)).collect();
        assert_eq!(app.ask_token(&form).await.status, 400, "no verifier at all");
        exchange(&client, &code, &pkce.verifier, APP_REDIRECT).await.expect(200);
    });
}

#[test]
fn a_wrong_exchange_uses_the_code_up() {
    on_each("code_wrong", |app| async move {
        for spoil in 0..3 {
            let (client, code, pkce) = code(&app).await;
            let other = app.add_app(SCOPE).await;
            let (as_client, verifier, redirect) = match spoil {
                0 => (&client, Pkce::new().verifier, APP_REDIRECT),
                1 => (&client, pkce.verifier.clone(), "http://127.0.0.1:9/other"),
                _ => (&other, pkce.verifier.clone(), APP_REDIRECT),
            };
            let form = [
                ("grant_type", "authorization_code"),
                ("code", code.as_str()),
                ("redirect_uri", redirect),
                ("client_id", as_client.as_str()),
                ("code_verifier", verifier.as_str()),
            ];
            refused(&app.ask_token(&form).await, 400, "invalid_grant");
            let again = app.browser().exchange(&client, &code, &pkce.verifier).await;
            refused(&again, 400, "invalid_grant");
        }
    });
}

#[test]
fn a_code_that_comes_twice_revokes_what_it_gave() {
    on_each("code_twice", |app| async move {
        let (client, code, pkce) = code(&app).await;
        let browser = app.browser();
        let token = browser.exchange(&client, &code, &pkce.verifier).await.expect(200).json();
        let access = token["access_token"].as_str().unwrap();
        assert!(is_live(&app, access).await);
        refused(&browser.exchange(&client, &code, &pkce.verifier).await, 400, "invalid_grant");
        assert!(!is_live(&app, access).await, "the thief or the victim: nobody keeps it");
        refused(&refresh(&app, &client, token["refresh_token"].as_str().unwrap(), None).await, 400, "invalid_grant");
    });
}

#[test]
fn an_expired_code_gives_nothing() {
    on_each("code_expired", |app| async move {
        let (client, code, pkce) = code(&app).await;
        // As if it had been made an hour ago.
        let control = app.house.store.control();
        let hash = smart::handle_hash(&code);
        let store::control::CodeUse::Taken(mut stored) = control.use_code(&hash, app::wiring::now()).await.unwrap()
        else {
            panic!("the code is there");
        };
        let fresh = tests::unique("code");
        stored.hash = smart::handle_hash(&fresh).to_vec();
        stored.expires = fhir::Instant(app::wiring::now().0 - 1);
        control.put_code(&stored).await.unwrap();
        refused(&app.browser().exchange(&client, &fresh, &pkce.verifier).await, 400, "invalid_grant");
    });
}

#[test]
fn a_refresh_token_holds_once_and_a_replay_revokes_the_grant() {
    on_each("refresh", |app| async move {
        let (client, first) = launched(&app).await;
        let second = refresh(&app, &client, first.refresh_token(), None).await.expect(200).json();
        assert_eq!(second["scope"], json!(SCOPE));
        let (access, next) = (second["access_token"].as_str().unwrap(), second["refresh_token"].as_str().unwrap());
        assert_ne!(next, first.refresh_token());
        assert!(is_live(&app, access).await);
        refused(&refresh(&app, &client, first.refresh_token(), None).await, 400, "invalid_grant");
        assert!(!is_live(&app, access).await && !is_live(&app, &first.access_token).await);
        refused(&refresh(&app, &client, next, None).await, 400, "invalid_grant");
    });
}

#[test]
fn a_refresh_gives_less_but_never_more() {
    on_each("refresh_scope", |app| async move {
        let (client, first) = launched(&app).await;
        for more in ["user/Patient.cruds", "user/*.rs", "system/Patient.rs", "nonsense", "patient/Patient.rs"] {
            refused(&refresh(&app, &client, first.refresh_token(), Some(more)).await, 400, "invalid_scope");
        }
        let less = refresh(&app, &client, first.refresh_token(), Some("user/Patient.r")).await.expect(200).json();
        let api = app.with_token(less["access_token"].as_str().unwrap());
        api.get("Patient/none").await.refused(404);
        api.get("Patient?_count=1").await.refused(403);
    });
}

#[test]
fn a_refresh_token_is_its_clients_only() {
    on_each("refresh_client", |app| async move {
        let (client, first) = launched(&app).await;
        let thief = app.add_app(SCOPE).await;
        refused(&refresh(&app, &thief, first.refresh_token(), None).await, 400, "invalid_grant");
        refused(&refresh(&app, &client, &first.access_token, None).await, 400, "invalid_grant");
        refused(&refresh(&app, &client, "unknown", None).await, 400, "invalid_grant");
    });
}

#[test]
fn two_refreshes_at_once_give_one_token_at_most() {
    on_each("refresh_race", |app| async move {
        let (client, first) = launched(&app).await;
        let (one, two) = tokio::join!(
            refresh(&app, &client, first.refresh_token(), None),
            refresh(&app, &client, first.refresh_token(), None)
        );
        let given = [&one, &two].into_iter().filter(|answer| answer.status == 200).count();
        assert!(given <= 1, "{} {}", one.text(), two.text());
        for answer in [one, two].iter().filter(|answer| answer.status == 200) {
            let access = answer.json()["access_token"].as_str().unwrap().to_owned();
            assert!(!is_live(&app, &access).await, "the replay revokes the grant, whichever came first");
        }
    });
}

async fn service(app: &TestApp) -> Registered {
    app.add_service("system/*.rs", ClientPurpose::DirectCare).await
}

#[test]
fn a_backend_service_signs_for_its_token() {
    on_each("backend", |app| async move {
        let service = service(&app).await;
        let assertion = service.key.sign(&assertion_claims(&service.client_id, &app.token_url()));
        let token = app.ask_backend_token(&assertion, "system/*.rs").await.expect(200).json();
        assert!(token.get("refresh_token").is_none());
        assert!(token["expires_in"].as_u64().is_some_and(|s| s <= 300));
        assert!(is_live(&app, token["access_token"].as_str().unwrap()).await);
        let replayed = app.ask_backend_token(&assertion, "system/*.rs").await;
        refused(&replayed, 401, "invalid_client");
    });
}

#[test]
fn an_assertion_that_is_not_right_gives_nothing() {
    on_each("assertion", |app| async move {
        let service = service(&app).await;
        let other = self::service(&app).await;
        let url = app.token_url();
        let now_s = app::wiring::now().0 / 1000;
        let good = || assertion_claims(&service.client_id, &url);
        let spoiled = |name: &str, value: Value| {
            let mut claims = good();
            claims[name] = value;
            claims
        };
        for (name, value) in [
            ("aud", json!("https://elsewhere.example/token")),
            ("aud", json!(app.base_url)),
            ("aud", json!([])),
            ("iss", json!("somebody")),
            ("sub", json!("somebody")),
            ("exp", json!(now_s - 60)),
            ("exp", json!(now_s + 3600)),
            ("exp", json!("soon")),
            ("exp", Value::Null),
            ("jti", Value::Null),
            ("jti", json!("")),
            ("jti", json!("x".repeat(10_000))),
            ("nbf", json!(now_s + 120)),
            ("iat", json!(now_s + 120)),
        ] {
            let answer = app.ask_backend_token(&service.key.sign(&spoiled(name, value.clone())), "system/*.rs").await;
            refused(&answer, 401, "invalid_client");
        }
        let wrong_key = ClientKey::numbered(9).sign(&good());
        let key_set = app.house.store.control().client(&service.client_id).await.unwrap().unwrap().jwks.unwrap();
        let signed = service.key.sign(&good());
        let (head, _) = signed.rsplit_once('.').unwrap();
        let (_, other_signature) =
            service.key.sign(&good()).rsplit_once('.').map(|(h, s)| (h.to_owned(), s.to_owned())).unwrap();
        for assertion in [
            wrong_key,
            unsigned("none", &good(), b""),
            unsigned("None", &good(), b""),
            unsigned("HS256", &good(), b"signature"),
            hs256(&good(), key_set.as_bytes()),
            hs384(&good(), key_set.as_bytes()),
            unsigned("ES384", &good(), &[0; 96]),
            format!("{head}."),
            format!("{head}.{other_signature}"),
            head.to_owned(),
            String::new(),
            "nonsense".to_owned(),
        ] {
            let answer = app.ask_backend_token(&assertion, "system/*.rs").await;
            assert!(matches!(answer.status, 400 | 401) && answer.json()["error"].is_string(), "{}", answer.text());
        }
        // Neither another client's assertion beside the own id, nor two proofs at once.
        let theirs = other.key.sign(&assertion_claims(&other.client_id, &url));
        let form = [
            ("grant_type", "client_credentials"),
            ("scope", "system/*.rs"),
            ("client_id", service.client_id.as_str()),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", theirs.as_str()),
        ];
        refused(&app.ask_token(&form).await, 401, "invalid_client");
        let twice = form.iter().copied().chain([("client_secret", "x")]).collect::<Vec<_>>();
        refused(&app.ask_token(&twice).await, 400, "invalid_request");
        app.as_service(&service, "system/*.rs").await;
    });
}

/// A MAC whose key is the public key set: the classic confusion of algorithms.
fn hs256(claims: &Value, key: &[u8]) -> String {
    mac(jsonwebtoken::Algorithm::HS256, claims, key)
}

fn hs384(claims: &Value, key: &[u8]) -> String {
    mac(jsonwebtoken::Algorithm::HS384, claims, key)
}

fn mac(algorithm: jsonwebtoken::Algorithm, claims: &Value, key: &[u8]) -> String {
    let mut header = jsonwebtoken::Header::new(algorithm);
    header.kid = Some("key".to_owned());
    jsonwebtoken::encode(&header, claims, &jsonwebtoken::EncodingKey::from_secret(key)).unwrap()
}

#[test]
fn a_client_proves_itself_in_its_registered_way_only() {
    on_each("client_auth", |app| async move {
        let (client, secret) = app.add_confidential(SCOPE, ClientPurpose::DirectCare).await;
        let user = app.add_clinician().await;
        let exchange = async |secret: Option<&str>| {
            let pkce = Pkce::new();
            let mut browser = app.browser();
            let url = browser.consent(&browser.request(&client, SCOPE, &pkce), &user, "").await;
            let code = parameter(&url, "code").unwrap();
            let mut form = vec![
                ("grant_type", "authorization_code"),
                ("code", code.as_str()),
                ("redirect_uri", APP_REDIRECT),
                ("client_id", client.as_str()),
                ("code_verifier", pkce.verifier.as_str()),
            ];
            form.extend(secret.map(|secret| ("client_secret", secret)));
            app.ask_token(&form).await
        };
        exchange(Some(&secret)).await.expect(200);
        refused(&exchange(Some("wrong")).await, 401, "invalid_client");
        refused(&exchange(None).await, 401, "invalid_client");
        let form = [
            ("grant_type", "client_credentials"),
            ("scope", "system/*.rs"),
            ("client_id", &client),
            ("client_secret", &secret),
        ];
        let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, *value)).collect();
        refused(&app.ask_token(&form).await, 400, "unauthorized_client");
        let service = service(&app).await;
        let form =
            [("grant_type", "client_credentials"), ("scope", "system/*.rs"), ("client_id", service.client_id.as_str())];
        refused(&app.ask_token(&form).await, 401, "invalid_client");
    });
}

#[test]
fn a_request_that_is_not_understood_is_refused() {
    on_each("token_bad", |app| async move {
        let client = app.add_app(SCOPE).await;
        for (form, error) in [
            (vec![], "invalid_request"),
            (vec![("client_id", client.as_str())], "invalid_request"),
            (vec![("client_id", client.as_str()), ("grant_type", "password")], "unsupported_grant_type"),
            (vec![("client_id", client.as_str()), ("grant_type", "implicit")], "unsupported_grant_type"),
            (vec![("client_id", client.as_str()), ("grant_type", "authorization_code")], "invalid_request"),
        ] {
            let answer = app.ask_token(&form).await;
            assert!(matches!(answer.status, 400 | 401), "{form:?}: {}", answer.text());
            let found = answer.json()["error"].as_str().unwrap().to_owned();
            assert!(found == error || (form.is_empty() && found == "invalid_client"), "{form:?}: {found}");
        }
        let json = app.anonymous().call("POST", &app.token_url()).body("application/json", "{}").send().await;
        refused(&json, 400, "invalid_request");
    });
}

#[test]
fn a_client_may_ask_about_its_own_tokens() {
    on_each("introspect", |app| async move {
        let patient = app.system("system/*.cruds").await.create(&Person::new().patient()).await;
        let scope = "launch/patient patient/*.rs offline_access";
        let (client, user) = (app.add_app(scope).await, app.add_clinician().await);
        let launched = app.browser().launch(&client, scope, &user, &patient).await;
        let url = format!("{}/auth/introspect", app.origin);
        let ask = async |client: &str, token: &str| {
            let form = [("client_id", client), ("token", token)];
            app.anonymous().call("POST", &url).form(&form).send().await.expect(200).json()
        };
        let told = ask(&client, &launched.access_token).await;
        assert_eq!((told["active"].as_bool(), told["scope"].as_str()), (Some(true), Some(scope)));
        assert_eq!(
            (told["client_id"].as_str(), told["patient"].as_str()),
            (Some(client.as_str()), Some(patient.as_str()))
        );
        assert!(told["exp"].is_u64());
        assert_eq!(ask(&client, launched.refresh_token()).await["active"], true);
        assert_eq!(ask(&client, "unknown").await, json!({"active": false}));
        let other = app.add_app(scope).await;
        assert_eq!(ask(&other, &launched.access_token).await, json!({"active": false}));
        let own = app
            .with_token(&launched.access_token)
            .call("POST", &url)
            .form(&[("token", &launched.access_token)])
            .send()
            .await;
        assert_eq!(own.expect(200).json()["active"], true);
        let nobody = app.anonymous().call("POST", &url).form(&[("token", &launched.access_token)]).send().await;
        refused(&nobody, 401, "invalid_client");
    });
}

#[test]
fn a_revoked_token_opens_nothing() {
    on_each("revoke", |app| async move {
        let (client, first) = launched(&app).await;
        let revoke = async |client: &str, token: &str| {
            let form = [("client_id", client), ("token", token)];
            app.anonymous().call("POST", &format!("{}/auth/revoke", app.origin)).form(&form).send().await.status
        };
        let other = app.add_app(SCOPE).await;
        assert_eq!(revoke(&other, &first.access_token).await, 200, "another client learns nothing");
        assert!(is_live(&app, &first.access_token).await, "and does nothing");
        assert_eq!(revoke("unknown", &first.access_token).await, 401);
        assert_eq!(revoke(&client, &first.access_token).await, 200);
        assert!(!is_live(&app, &first.access_token).await);
        assert_eq!(revoke(&client, "unknown").await, 200);

        let (client, second) = launched(&app).await;
        assert_eq!(revoke(&client, second.refresh_token()).await, 200);
        refused(&refresh(&app, &client, second.refresh_token(), None).await, 400, "invalid_grant");
        assert!(
            !is_live(&app, &second.access_token).await,
            "with the refresh token goes the grant (RFC 7009 section 2.1)"
        );
    });
}
