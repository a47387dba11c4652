//! `weir client` and `weir user`: who may come in.

use crate::place::{Place, Told};
use crate::server::Server;

const APP: &[&str] =
    &["client", "add", "--name", "An app", "--scope", "launch/patient patient/*.rs", "--purpose", "direct-care"];
const BACKEND: &[&str] = &[
    "client",
    "add",
    "--name",
    "A service",
    "--kind",
    "asymmetric",
    "--scope",
    "system/*.rs",
    "--purpose",
    "secondary-use",
];
const CALLBACK: &[&str] = &["--redirect-uri", "https://app.example/callback"];
/// The public half of a key that nobody has the other half of any more.
const KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-384","alg":"ES384","use":"sig","kid":"one",
    "x":"vSuirtrPNTXPYuY9sGMgtNDf53fU9nHbgxn6I7TEV5EzbFPfW0bCKMZq9FeLJWj3",
    "y":"1thAPpEd_NpHXhMcVvmYB7Mk6eLsfH6DHAyzMLQQJ6P1CSmdwQwNbyC0BxHjoHAj"}]}"#;

fn add(place: &Place, parts: &[&[&str]]) -> Told {
    place.weir(&parts.concat())
}

#[test]
fn clients_of_each_kind_are_registered() {
    let place = Place::sqlite();
    let public = add(&place, &[APP, CALLBACK, &["--kind", "public", "--id", "app"]]).well();
    assert_eq!(public, "client_id      app\n");
    let symmetric = add(&place, &[APP, CALLBACK, &["--kind", "symmetric"]]).well();
    let secret = symmetric.lines().find_map(|line| line.strip_prefix("client_secret  ")).unwrap();
    assert!(secret.len() >= 43 && symmetric.contains("shown once"), "{symmetric}");
    let url = ["--id", "by-url", "--jwks", "https://keys.example/jwks"];
    assert_eq!(add(&place, &[BACKEND, &url]).well(), "client_id      by-url\n");
    let list = place.weir(&["client", "list"]).well();
    assert!(!list.contains(secret), "{list}");
    let row = |id: &str| {
        list.lines()
            .find(|line| line.trim_start().starts_with(&format!("{id} ")))
            .unwrap()
            .split_whitespace()
            .collect::<Vec<_>>()
    };
    assert_eq!(row("app"), ["app", "An", "app", "public", "direct-care", "active"]);
    assert_eq!(row("by-url"), ["by-url", "A", "service", "asymmetric", "secondary-use", "active"]);
    let lines: Vec<&str> = list.lines().collect();
    let kinds: Vec<Option<usize>> = lines
        .iter()
        .map(|line| {
            ["kind", "public ", "symmetric ", "asymmetric "].iter().find_map(|kind| line.find(&format!(" {kind}")))
        })
        .collect();
    assert!(kinds.windows(2).all(|pair| pair[0] == pair[1] && pair[0].is_some()), "columns do not line up:\n{list}");
}

#[test]
fn a_key_set_is_read_from_a_file() {
    let place = Place::sqlite();
    let file = place.file("keys.json", KEYS);
    assert_eq!(add(&place, &[BACKEND, &["--id", "b", "--jwks", &file]]).well(), "client_id      b\n");
    for (content, what) in [("{\"keys\":[]}", "no key that can be used"), ("{", "key set"), ("[]", "key set")] {
        let file = place.file("wrong.json", content);
        let text = add(&place, &[BACKEND, &["--jwks", &file]]).badly();
        assert!(text.contains(what), "{content}: {text}");
    }
}

#[test]
fn registrations_that_are_not_safe_are_refused_with_the_thing_named() {
    let place = Place::sqlite();
    let file = place.file("keys.json", KEYS);
    for (parts, what) in [
        (vec![BACKEND, &["--jwks", "http://keys.example/jwks"]], "JWKS URL `http://keys.example/jwks` must be https"),
        (vec![BACKEND, &["--jwks", "gone.json"]], "gone.json: No such file"),
        (vec![APP, &["--kind", "public"]], "need a redirect URI"),
        (
            vec![APP, &["--kind", "public", "--redirect-uri", "http://app.example/x"]],
            "`http://app.example/x` must be https",
        ),
        (vec![APP, CALLBACK, &["--kind", "public", "--jwks", &file]], "--kind asymmetric"),
    ] {
        let text = add(&place, &parts).badly();
        assert!(text.contains(what), "{text}");
    }
    let scope =
        ["client", "add", "--name", "x", "--kind", "public", "--scope", "patient/*.rx", "--purpose", "direct-care"];
    let text = add(&place, &[&scope, CALLBACK]).badly();
    assert!(text.contains("scope `patient/*.rx`"), "{text}");
    let open =
        ["client", "add", "--name", "x", "--kind", "symmetric", "--scope", "system/*.rs", "--purpose", "secondary-use"];
    let text = add(&place, &[&open]).badly();
    assert!(text.contains("needs a key set"), "{text}");
    assert_eq!(add(&place, &[BACKEND]).code, 2, "an asymmetric client without keys");
    assert_eq!(place.weir(&["client", "list"]).well().lines().count(), 1, "something was registered all the same");
}

#[test]
fn a_client_is_registered_once() {
    let place = Place::sqlite();
    let again = || add(&place, &[APP, CALLBACK, &["--kind", "public", "--id", "app"]]);
    again().well();
    assert_eq!(again().badly(), "weir: there is a client `app` already");
}

#[test]
fn a_login_takes_its_password_from_standard_input() {
    let place = Place::sqlite();
    let user = |more: &[&str], password: &str| {
        place.weir_with(&[&["user", "add", "--name", "morgan"], more].concat(), password)
    };
    let clinician = ["--role", "clinician"];
    for password in ["", "short\n"] {
        assert!(user(&clinician, password).badly().contains("needs 12 characters or more"));
    }
    let wrong = user(&["--role", "clinician", "--fhir-user", "morgan"], "three random words\n").badly();
    assert!(wrong.contains("--fhir-user: `morgan` is no reference to a person"), "{wrong}");
    let stranger = user(&["--role", "patient", "--patient", "nobody"], "three random words\n").badly();
    assert!(stranger.contains("there is no Patient/nobody"), "{stranger}");
    assert_eq!(user(&["--role", "patient"], "three random words\n").code, 2, "a patient's login without a patient");
    assert_eq!(user(&clinician, "three random words\n").well(), "user morgan is registered\n");
    // A second time would take the login over.
    assert!(user(&clinician, "other random words\n").badly().contains("there is a user `morgan` already"));
    let list = place.weir(&["user", "list"]).well();
    assert!(list.contains("morgan  clinician") && !list.contains("random"), "{list}");
}

#[test]
fn people_and_apps_are_registered_while_the_server_runs() {
    let place = Place::sqlite();
    let server = Server::start(&place);
    add(&place, &[APP, CALLBACK, &["--kind", "public", "--id", "app"]]).well();
    place.weir_with(&["user", "add", "--name", "morgan", "--role", "clinician"], "three random words\n").well();
    server.terminate();
    assert!(server.wait().success());
    assert!(place.weir(&["client", "list"]).well().contains("app"));
    assert!(place.weir(&["user", "list"]).well().contains("morgan"));
}
