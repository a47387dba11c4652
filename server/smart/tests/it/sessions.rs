//! Logins, launches and the guard against guessing.

use crate::house::{NOW, app, later, server};
use smart::{
    LaunchContext, NewLaunch, NewSession, csrf_token, is_csrf_token, is_login_allowed, locked_until, password_hash,
    verify_password,
};

#[test]
fn passwords_are_kept_as_argon2id() {
    let stored = password_hash("correct horse", &[3; 16]).unwrap();
    assert!(stored.starts_with("$argon2id$"), "{stored}");
    assert!(verify_password("correct horse", Some(&stored)));
    assert!(!verify_password("correct horsf", Some(&stored)));
    assert!(!verify_password("correct horse", None));
    assert!(!verify_password("correct horse", Some("not a hash")));
    assert!(password_hash("too short", &[3; 16]).is_err());
    assert!(password_hash(&"x".repeat(2000), &[3; 16]).is_err());
}

#[test]
fn guessing_slows_down() {
    for (failures, lock_ms) in
        [(0, None), (4, None), (5, Some(30_000)), (6, Some(60_000)), (12, Some(3_600_000)), (u32::MAX, Some(3_600_000))]
    {
        assert_eq!(locked_until(failures, NOW), lock_ms.map(later), "{failures}");
    }
    assert!(is_login_allowed(None, NOW));
    assert!(!is_login_allowed(Some(later(1)), NOW));
    assert!(is_login_allowed(Some(NOW), NOW));
}

#[test]
fn a_form_token_belongs_to_its_session() {
    let session = NewSession::new("user", [4; 32], &server(), NOW);
    let token = csrf_token(session.handle.text());
    assert!(is_csrf_token(&token, session.handle.text()));
    assert!(!is_csrf_token(&token, "other"));
    assert!(!is_csrf_token("", session.handle.text()));
    assert_eq!(session.session.expires, later(8 * 3_600_000));
}

#[test]
fn a_launch_is_for_one_client_one_user_and_a_few_minutes() {
    let context = LaunchContext::of_patient("p1");
    let launch =
        NewLaunch::new(&app(), "https://app.example/launch", context.clone(), [6; 32], &server(), NOW).unwrap();
    let handle = launch.handle.text();
    assert_eq!(launch.url, format!("https://app.example/launch?iss=https%3A%2F%2Fweir.example%2Ffhir&launch={handle}"));
    let record = launch.for_user("user").record;
    assert!(record.is_for("app", "user", NOW));
    assert!(!record.is_for("other", "user", NOW));
    assert!(!record.is_for("app", "somebody", NOW));
    assert!(!record.is_for("app", "user", later(300_000)));
    assert!(NewLaunch::new(&app(), "https://evil.example/launch", context, [6; 32], &server(), NOW).is_err());
}
