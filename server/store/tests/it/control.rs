//! Control data: what is kept, what is single-use, and what a revocation reaches.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use fhir::Instant;
use policy::Purpose;
use store::control::{
    Client, ClientKind, Code, CodeUse, Control, Launch, RefreshUse, Session, Token, TokenKind, User, UserRole,
};
use store::{Location, Store, StoreError};

use crate::support::{drop_schema, on_each, options, postgres_url};

const NOW: Instant = Instant(1_000);
const LATER: Instant = Instant(2_000);
const LATEST: Instant = Instant(9_000);

fn client(id: &str) -> Client {
    Client {
        client_id: id.to_owned(),
        name: "An app".to_owned(),
        kind: ClientKind::Asymmetric,
        secret_hash: None,
        jwks: Some("{\"keys\":[]}".to_owned()),
        jwks_url: None,
        redirect_uris: vec!["https://app.example/callback".to_owned(), "https://app.example/\"quoted\"".to_owned()],
        launch_urls: Vec::new(),
        scopes: "patient/*.rs".to_owned(),
        purpose: Purpose::DirectCare,
        organisation: Some("RZ9".to_owned()),
        feeds: vec!["gp-connect".to_owned()],
        origins: Vec::new(),
        is_active: true,
        created: NOW,
    }
}

fn user(name: &str) -> User {
    User {
        name: name.to_owned(),
        password_hash: "$argon2id$hash".to_owned(),
        fhir_user: Some("Practitioner/p1".to_owned()),
        role: UserRole::Clinician,
        patient_ids: vec!["a".to_owned()],
        is_active: true,
        failed_attempts: 0,
        locked_until: None,
        created: NOW,
    }
}

fn token(hash: &[u8], kind: TokenKind, family: Option<&str>) -> Token {
    Token {
        hash: hash.to_vec(),
        kind,
        family: family.map(str::to_owned),
        client_id: "app".to_owned(),
        user: Some("dr".to_owned()),
        scopes: "patient/*.rs".to_owned(),
        patient: Some("a".to_owned()),
        purpose: Purpose::DirectCare,
        session: None,
        data: "{}".to_owned(),
        created: NOW,
        expires: LATER,
    }
}

fn code(hash: &[u8]) -> Code {
    Code {
        hash: hash.to_vec(),
        client_id: "app".to_owned(),
        family: "f".to_owned(),
        data: "{\"nonce\":\"n\"}".to_owned(),
        created: NOW,
        expires: LATER,
    }
}

async fn with_app_and_user(control: &Control) {
    control.put_client(&client("app")).await.unwrap();
    control.put_user(&user("dr")).await.unwrap();
}

/// Runs the same call ten times at once.
async fn ten<T, F>(call: impl Fn() -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T, StoreError>> + Send + 'static,
{
    let tasks: Vec<_> = (0..10).map(|_| tokio::spawn(call())).collect();
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.unwrap().unwrap());
    }
    outcomes
}

#[test]
fn clients_and_users_are_kept_replaced_and_stopped() {
    on_each("control_accounts", |test| async move {
        let control = test.store.control();
        with_app_and_user(control).await;
        assert_eq!(control.client("app").await.unwrap(), Some(client("app")));
        assert_eq!(control.client("nobody").await.unwrap(), None);
        let changed = Client { scopes: "user/*.rs".to_owned(), created: LATER, ..client("app") };
        control.put_client(&changed).await.unwrap();
        assert_eq!(control.clients().await.unwrap(), [Client { created: NOW, ..changed }]);
        assert!(control.deactivate_client("app").await.unwrap());
        assert!(!control.deactivate_client("nobody").await.unwrap());
        assert!(!control.client("app").await.unwrap().unwrap().is_active);
        assert_eq!(control.user("dr").await.unwrap(), Some(user("dr")));
        assert_eq!(control.users().await.unwrap().len(), 1);
    });
}

#[test]
fn failed_logins_lock_even_when_they_come_at_once() {
    on_each("control_lock", |test| async move {
        let control = test.store.control();
        with_app_and_user(control).await;
        control.record_failed_login("dr", 3, LATER).await.unwrap();
        let known = control.user("dr").await.unwrap().unwrap();
        assert_eq!((known.failed_attempts, known.locked_until), (1, None));
        ten(|| {
            let control = control.clone();
            async move { control.record_failed_login("dr", 3, LATER).await }
        })
        .await;
        let locked = control.user("dr").await.unwrap().unwrap();
        assert_eq!((locked.failed_attempts, locked.locked_until), (11, Some(LATER)));
        control.clear_failed_logins("dr").await.unwrap();
        assert_eq!(control.user("dr").await.unwrap(), Some(user("dr")));
        control.record_failed_login("nobody", 3, LATER).await.unwrap();
    });
}

#[test]
fn session_ends_with_its_time_its_user_and_by_request() {
    on_each("control_session", |test| async move {
        let control = test.store.control();
        with_app_and_user(control).await;
        for hash in [b"one", b"two"] {
            let session = Session { hash: hash.to_vec(), user: "dr".to_owned(), created: NOW, expires: LATER };
            control.put_session(&session).await.unwrap();
            assert_eq!(control.session(hash, NOW).await.unwrap(), Some(session));
        }
        assert_eq!(control.session(b"one", LATER).await.unwrap(), None);
        control.end_session(b"one").await.unwrap();
        assert_eq!(control.session(b"one", NOW).await.unwrap(), None);
        control.deactivate_user("dr").await.unwrap();
        assert_eq!(control.session(b"two", NOW).await.unwrap(), None);
    });
}

#[test]
fn code_is_used_once_also_in_parallel() {
    on_each("control_code", |test| async move {
        let control = test.store.control();
        control.put_code(&code(b"c")).await.unwrap();
        let uses = ten(|| {
            let control = control.clone();
            async move { control.use_code(b"c", NOW).await }
        })
        .await;
        assert_eq!(uses.iter().filter(|one| **one == CodeUse::Taken(code(b"c"))).count(), 1);
        assert_eq!(uses.iter().filter(|one| **one == CodeUse::Replayed(code(b"c"))).count(), 9);
        assert_eq!(control.use_code(b"unknown", NOW).await.unwrap(), CodeUse::Unknown);
        control.put_code(&code(b"late")).await.unwrap();
        assert_eq!(control.use_code(b"late", LATER).await.unwrap(), CodeUse::Unknown);
    });
}

#[test]
fn launch_is_used_once_and_only_by_its_client() {
    on_each("control_launch", |test| async move {
        let control = test.store.control();
        let launch = Launch {
            hash: b"l".to_vec(),
            client_id: "app".to_owned(),
            user: None,
            data: "{\"patient\":\"a\"}".to_owned(),
            created: NOW,
            expires: LATER,
        };
        control.put_launch(&launch).await.unwrap();
        assert_eq!(control.launch(b"l", "other", NOW).await.unwrap(), None);
        assert_eq!(control.use_launch(b"l", "other", NOW).await.unwrap(), None);
        assert_eq!(control.use_launch(b"l", "app", LATER).await.unwrap(), None);
        assert_eq!(control.launch(b"l", "app", NOW).await.unwrap(), Some(launch));
        let uses = ten(|| {
            let control = control.clone();
            async move { control.use_launch(b"l", "app", NOW).await }
        })
        .await;
        assert_eq!(uses.iter().flatten().count(), 1);
        assert_eq!(control.launch(b"l", "app", NOW).await.unwrap(), None);
    });
}

#[test]
fn assertion_is_new_once_until_it_expires() {
    on_each("control_assertion", |test| async move {
        let control = test.store.control();
        let news = ten(|| {
            let control = control.clone();
            async move { control.remember_assertion("app", "jti", LATER, NOW).await }
        })
        .await;
        assert_eq!(news.iter().filter(|is_new| **is_new).count(), 1);
        assert!(control.remember_assertion("other", "jti", LATER, NOW).await.unwrap());
        assert!(control.remember_assertion("ap", "pjti", LATER, NOW).await.unwrap());
        assert!(!control.remember_assertion("app", "past", NOW, NOW).await.unwrap());
        // What expired cannot be replayed any more, so its place is free, again for one.
        let again = ten(|| {
            let control = control.clone();
            async move { control.remember_assertion("app", "jti", LATEST, LATER).await }
        })
        .await;
        assert_eq!(again.iter().filter(|is_new| **is_new).count(), 1);
    });
}

#[test]
fn token_lives_only_with_all_it_depends_on() {
    on_each("control_token", |test| async move {
        let control = test.store.control();
        with_app_and_user(control).await;
        let session = Session { hash: b"s".to_vec(), user: "dr".to_owned(), created: NOW, expires: LATER };
        control.put_session(&session).await.unwrap();
        let online = Token { session: Some(b"s".to_vec()), ..token(b"online", TokenKind::Access, Some("g")) };
        let backend = Token { user: None, patient: None, ..token(b"backend", TokenKind::Access, None) };
        let access = token(b"access", TokenKind::Access, Some("f"));
        let refresh = token(b"refresh", TokenKind::Refresh, Some("f"));
        let all = [online.clone(), backend.clone(), access.clone(), refresh.clone()];
        control.put_tokens(&all).await.unwrap();
        assert!(control.put_tokens(&all).await.is_err());
        let lives = async |hash: &[u8]| control.access_token(hash, NOW).await.unwrap().is_some();

        assert_eq!(control.access_token(b"online", NOW).await.unwrap(), Some(online));
        assert_eq!(control.access_token(b"backend", NOW).await.unwrap(), Some(backend));
        assert_eq!(control.access_token(b"access", NOW).await.unwrap(), Some(access));
        assert_eq!(control.access_token(b"access", LATER).await.unwrap(), None);
        assert!(!lives(b"refresh").await);
        assert_eq!(control.refresh_token(b"refresh", NOW).await.unwrap(), Some(refresh));

        control.end_session(b"s").await.unwrap();
        assert!(!lives(b"online").await);
        assert!(!control.revoke_token(b"refresh", "other", NOW).await.unwrap());
        assert!(lives(b"access").await);
        assert!(control.revoke_token(b"refresh", "app", NOW).await.unwrap());
        assert!(!lives(b"access").await);
        assert!(lives(b"backend").await);
        control.deactivate_client("app").await.unwrap();
        assert!(!lives(b"backend").await);
    });
}

#[test]
fn what_a_token_began_outlasts_its_time_but_not_its_revocation() {
    on_each("control_stands", |test| async move {
        let control = test.store.control();
        with_app_and_user(control).await;
        let own = Token { user: None, ..token(b"own", TokenKind::Access, None) };
        let family = Token { user: None, ..token(b"family", TokenKind::Access, Some("f")) };
        let login = token(b"login", TokenKind::Access, Some("g"));
        let refresh = token(b"refresh", TokenKind::Refresh, Some("g"));
        control.put_tokens(&[own, family, login, refresh]).await.unwrap();
        let stands = async |hash: &[u8]| control.access_stands(hash, LATER).await.unwrap();

        for hash in [b"own".as_slice(), b"family", b"login"] {
            assert_eq!(control.access_token(hash, LATER).await.unwrap(), None, "its time has run out");
            assert!(stands(hash).await);
        }
        assert!(!stands(b"unknown").await && !stands(b"refresh").await);
        assert!(control.revoke_token(b"own", "app", NOW).await.unwrap());
        control.revoke_family("f", NOW, LATER).await.unwrap();
        assert!(!stands(b"own").await && !stands(b"family").await && stands(b"login").await);
        control.put_user(&User { is_active: false, ..user("dr") }).await.unwrap();
        assert!(!stands(b"login").await);
    });
}

#[test]
fn user_that_is_stopped_takes_the_tokens_along() {
    on_each("control_stopped", |test| async move {
        let control = test.store.control();
        with_app_and_user(control).await;
        control.put_tokens(&[token(b"t", TokenKind::Access, None)]).await.unwrap();
        assert!(control.access_token(b"t", NOW).await.unwrap().is_some());
        control.deactivate_user("dr").await.unwrap();
        assert_eq!(control.access_token(b"t", NOW).await.unwrap(), None);
    });
}

#[test]
fn refresh_token_is_used_once_and_revocation_reaches_what_comes_later() {
    on_each("control_refresh", |test| async move {
        let control = test.store.control();
        with_app_and_user(control).await;
        control.put_tokens(&[token(b"r", TokenKind::Refresh, Some("f"))]).await.unwrap();
        assert_eq!(control.use_refresh_token(b"r", "other", NOW).await.unwrap(), RefreshUse::Unknown);
        assert_eq!(control.use_refresh_token(b"r", "app", LATER).await.unwrap(), RefreshUse::Unknown);
        let uses = ten(|| {
            let control = control.clone();
            async move { control.use_refresh_token(b"r", "app", NOW).await }
        })
        .await;
        assert_eq!(uses.iter().filter(|one| matches!(one, RefreshUse::Taken(_))).count(), 1);
        assert_eq!(uses.iter().filter(|one| matches!(one, RefreshUse::Replayed(_))).count(), 9);
        control.revoke_family("f", NOW, LATER).await.unwrap();
        control.revoke_family("f", NOW, LATEST).await.unwrap();
        // The winner of the race above writes its tokens only now.
        let late = [token(b"a2", TokenKind::Access, Some("f")), token(b"r2", TokenKind::Refresh, Some("f"))];
        control.put_tokens(&late).await.unwrap();
        assert_eq!(control.access_token(b"a2", NOW).await.unwrap(), None);
        assert_eq!(control.use_refresh_token(b"r2", "app", NOW).await.unwrap(), RefreshUse::Unknown);
    });
}

#[test]
fn key_is_made_once_and_rotated() {
    on_each("control_key", |test| async move {
        let control = test.store.control();
        let tasks: Vec<_> = (0..10_u8)
            .map(|n| {
                let control = control.clone();
                tokio::spawn(async move { control.key_or_insert("page-link", &[n; 32], NOW).await.unwrap() })
            })
            .collect();
        let mut keys = Vec::new();
        for task in tasks {
            keys.push(task.await.unwrap());
        }
        assert!(keys.iter().all(|key| *key == keys[0]));
        assert!(!format!("{:?}", keys[0]).contains("secret"));
        let second = control.rotate_key("page-link", &[99; 32], LATER).await.unwrap();
        assert_eq!(second.generation, 2);
        assert_eq!(control.key_or_insert("page-link", &[7; 32], LATER).await.unwrap(), second);
        assert_eq!(control.keys("page-link").await.unwrap(), [second, keys.remove(0)]);
        assert_eq!(control.keys("other").await.unwrap(), []);
    });
}

#[test]
fn expired_rows_go_a_few_at_a_time() {
    on_each("control_expire", |test| async move {
        let control = test.store.control();
        with_app_and_user(control).await;
        for n in 0..5_u8 {
            control.put_code(&code(&[n])).await.unwrap();
            control.put_tokens(&[token(&[n], TokenKind::Access, None)]).await.unwrap();
        }
        control.put_code(&Code { expires: LATEST, ..code(b"fresh") }).await.unwrap();
        assert_eq!(control.expire(LATER, 3).await.unwrap(), 0);
        let after = Instant(LATER.0 + 1);
        assert_eq!(control.expire(after, 3).await.unwrap(), 6);
        assert_eq!(control.expire(after, 3).await.unwrap(), 4);
        assert_eq!(control.expire(after, 3).await.unwrap(), 0);
        assert_eq!(
            control.use_code(b"fresh", after).await.unwrap(),
            CodeUse::Taken(Code { expires: LATEST, ..code(b"fresh") })
        );
    });
}

#[test]
fn token_that_another_process_stops_is_dead_within_a_second() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let directory = tempfile::tempdir().unwrap();
        let mut locations = vec![Location::Sqlite(directory.path().to_owned())];
        locations.extend(postgres_url("control_nodes").await.map(Location::Postgres));
        for location in locations {
            let clock = Arc::new(AtomicI64::new(1_700_000_000_000));
            let one = Store::open(options(location.clone(), &clock)).await.unwrap();
            let two = Store::open(options(location, &clock)).await.unwrap();
            let (here, there) = (one.control(), two.control());
            with_app_and_user(here).await;
            let token = Token { expires: Instant(4_000), ..token(b"t", TokenKind::Access, None) };
            here.put_tokens(std::slice::from_ref(&token)).await.unwrap();
            let lives = async |now: i64| here.access_token(b"t", Instant(now)).await.unwrap().is_some();
            assert!(lives(1_500).await);
            there.deactivate_client("app").await.unwrap();
            assert!(!lives(2_500).await);
            // What was found dead is not remembered.
            there.put_client(&client("app")).await.unwrap();
            assert!(lives(2_600).await);
            // A clock that goes back asks again.
            there.deactivate_user("dr").await.unwrap();
            assert!(!lives(2_599).await);
            there.put_user(&user("dr")).await.unwrap();
            assert!(lives(3_900).await);
            assert!(!lives(4_000).await);
            // What this process does counts at once.
            assert!(lives(3_950).await);
            here.revoke_token(b"t", "app", Instant(3_960)).await.unwrap();
            assert!(!lives(3_960).await);
        }
        drop_schema("control_nodes").await;
    });
}
