//! Registered clients and logins, made as `weir client add` and `weir user add` make them.

use app::cli::{ClientKind, ClientPurpose, StoreArgs, UserAddArgs, UserRole};
use app::command::{client, user};

use crate::client_key::assertion_claims;
use crate::{APP_REDIRECT, Answer, Api, ClientKey, PASSWORD, TestApp, unique};

/// The assertion type of RFC 7523.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A backend service with the key that it signs with.
pub struct Registered {
    /// Client id.
    pub client_id: String,
    /// Its key.
    pub key: ClientKey,
}

fn registration(stem: &str, kind: ClientKind, scope: &str) -> client::Registration {
    client::Registration::new(&unique(stem), &format!("Test {stem}"), kind, scope)
}

impl TestApp {
    /// Registers a backend service.
    pub async fn add_service(&self, scope: &str, purpose: ClientPurpose) -> Registered {
        let key = ClientKey::numbered(7);
        let asked = registration("service", ClientKind::Asymmetric, scope);
        let asked = client::Registration { jwks: Some(key.jwks()), purpose, ..asked };
        let (client_id, _) = client::register(&self.house, asked).await.unwrap();
        Registered { client_id, key }
    }

    /// Registers a sender of feeds that belongs to an organisation.
    pub async fn add_sender(&self, scope: &str, ods_code: &str) -> Registered {
        let key = ClientKey::numbered(7);
        let asked = registration("sender", ClientKind::Asymmetric, scope);
        let asked = client::Registration { jwks: Some(key.jwks()), ods_code: Some(ods_code.to_owned()), ..asked };
        let (client_id, _) = client::register(&self.house, asked).await.unwrap();
        Registered { client_id, key }
    }

    /// Registers an app of a browser.
    pub async fn add_app(&self, scope: &str) -> String {
        let asked = registration("app", ClientKind::Public, scope);
        let asked = client::Registration { redirect_uris: vec![APP_REDIRECT.to_owned()], ..asked };
        client::register(&self.house, asked).await.unwrap().0
    }

    /// Registers a client with a secret and gives both.
    pub async fn add_confidential(&self, scope: &str, purpose: ClientPurpose) -> (String, String) {
        let asked = registration("confidential", ClientKind::Symmetric, scope);
        let asked = client::Registration { redirect_uris: vec![APP_REDIRECT.to_owned()], purpose, ..asked };
        let (client_id, secret) = client::register(&self.house, asked).await.unwrap();
        (client_id, secret.unwrap())
    }

    /// A login of a clinician, who may open anybody.
    pub async fn add_clinician(&self) -> String {
        self.add_user(UserRole::Clinician, &[]).await
    }

    /// A login of a patient, or of somebody who speaks for several.
    pub async fn add_patient_login(&self, patients: &[&str]) -> String {
        self.add_user(UserRole::Patient, patients).await
    }

    async fn add_user(&self, role: UserRole, patients: &[&str]) -> String {
        let arguments = UserAddArgs {
            store: StoreArgs::default(),
            name: unique("user"),
            role,
            patient: patients.iter().map(|&id| id.to_owned()).collect(),
            fhir_user: None,
        };
        user::register(&self.house, &arguments, PASSWORD).await.unwrap();
        arguments.name
    }

    /// The token endpoint.
    pub fn token_url(&self) -> String {
        format!("{}/auth/token", self.origin)
    }

    /// Asks the token endpoint.
    pub async fn ask_token(&self, form: &[(&str, &str)]) -> Answer {
        self.anonymous().call("POST", &self.token_url()).form(form).send().await
    }

    /// Asks for a backend token with an assertion.
    pub async fn ask_backend_token(&self, assertion: &str, scope: &str) -> Answer {
        self.ask_token(&[
            ("grant_type", "client_credentials"),
            ("scope", scope),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", assertion),
        ])
        .await
    }

    /// The server as a registered backend service sees it, with a fresh token.
    pub async fn as_service(&self, service: &Registered, scope: &str) -> Api<'_> {
        let assertion = service.key.sign(&assertion_claims(&service.client_id, &self.token_url()));
        let answer = self.ask_backend_token(&assertion, scope).await.expect(200).json();
        self.with_token(answer["access_token"].as_str().unwrap())
    }

    /// A backend service of direct care with these scopes, and its token.
    pub async fn system(&self, scope: &str) -> Api<'_> {
        let service = self.add_service(scope, ClientPurpose::DirectCare).await;
        self.as_service(&service, scope).await
    }

    /// A service that administers the server and reads nothing clinical, and its token.
    pub async fn administrator(&self) -> Api<'_> {
        let service = self.add_service("weir/administrator", ClientPurpose::Administration).await;
        self.as_service(&service, "weir/administrator").await
    }

    /// A backend service of secondary use, and its token.
    pub async fn analyst(&self) -> Api<'_> {
        let service = self.add_service("system/*.rs", ClientPurpose::SecondaryUse).await;
        self.as_service(&service, "system/*.rs").await
    }

    /// An app that a clinician launched with these scopes, for a patient.
    pub async fn launched(&self, scope: &str, patient: &str) -> Api<'_> {
        let client_id = self.add_app(scope).await;
        let user = self.add_clinician().await;
        let launched = self.browser().launch(&client_id, scope, &user, patient).await;
        self.with_token(&launched.access_token)
    }
}
