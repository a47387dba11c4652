//! From a bearer token to a subject, and from a subject to a grant.

use fhir::Issue;
use policy::{Grant, Interaction, Principal, Scopes, Subject};

use crate::failure::{Failure, Reason};
use crate::request::{Caller, Request};
use crate::weir::Weir;

/// The subject behind an `Authorization` header. Tokens are only taken from there (RFC 6750 section 2.1), never from the query.
pub(crate) async fn subject(weir: &Weir, authorization: Option<&str>) -> Result<(Subject, String), Failure> {
    if weir.settings.is_open_access {
        return Ok((Subject::OpenAccess, String::new()));
    }
    let Some(header) = authorization else { return Err(unauthorised("a bearer token is needed")) };
    let Some(token) = bearer(header) else {
        return Err(unauthorised("header `Authorization` must hold a bearer token"));
    };
    let hash = smart::handle_hash(token);
    let Some(token) = weir.store.control().access_token(&hash, weir.now()).await? else {
        return Err(unauthorised("the access token is unknown, expired or revoked"));
    };
    let (scopes, _) = Scopes::read(&token.scopes);
    let mut principal = Principal::new(token.client_id, token.purpose, scopes);
    principal.user = token.user;
    if let Some(patient) = token.patient {
        principal.person = weir.store.person_of_patient(&patient).await?;
        principal.patient = Some(patient);
    }
    principal.organisation = Some(weir.settings.ods_code.clone());
    Ok((Subject::Principal(principal), hex(&hash)))
}

/// The decision for one interaction.
pub(crate) fn grant(caller: &Caller, request: &Request) -> Result<Grant, Failure> {
    policy::decide(&caller.subject, request.interaction, request.type_name.as_deref()).map_err(Failure::from)
}

/// Whether the caller may also do another interaction on the type, as a search inside a conditional create.
pub(crate) fn also(caller: &Caller, interaction: Interaction, type_name: &str) -> Result<Grant, Failure> {
    policy::decide(&caller.subject, interaction, Some(type_name)).map_err(Failure::from)
}

/// The bytes of a token's hash as [`subject`] writes it; nothing where it is none.
pub(crate) fn hash_bytes(hex: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, []) = hex.as_bytes().as_chunks() else { return None };
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty()).then(|| token.trim())
}

fn unauthorised(diagnostics: &str) -> Failure {
    Failure::with_issues(Reason::Unauthorised, vec![Issue::error("login", diagnostics)])
}
