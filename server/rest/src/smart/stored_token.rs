//! Between tokens as the protocol knows them and as the store keeps them.

use smart::{LaunchContext, TokenKind, TokenRecord};
use store::control::{Token, TokenKind as StoredKind};

use crate::failure::Failure;

/// A token to keep.
pub(super) fn stored(record: &TokenRecord) -> Result<Token, Failure> {
    let data = serde_json::to_string(&record.context).map_err(|error| {
        tracing::error!(%error, "a token's context cannot be written");
        Failure::internal()
    })?;
    Ok(Token {
        hash: record.hash.to_vec(),
        kind: match record.kind {
            TokenKind::Access => StoredKind::Access,
            TokenKind::Refresh => StoredKind::Refresh,
        },
        family: record.family.clone(),
        client_id: record.client_id.clone(),
        user: record.user.clone(),
        scopes: record.scopes.clone(),
        patient: record.context.patient.clone(),
        purpose: record.purpose,
        session: record.session.clone(),
        data,
        created: record.created,
        expires: record.expires,
    })
}

/// A token that was kept.
pub(super) fn record(token: Token) -> Result<TokenRecord, Failure> {
    let context: Result<LaunchContext, _> = serde_json::from_str(&token.data);
    let hash = <[u8; 32]>::try_from(token.hash.as_slice());
    let (Ok(context), Ok(hash)) = (context, hash) else {
        tracing::error!("a stored token cannot be read");
        return Err(Failure::internal());
    };
    Ok(TokenRecord {
        hash,
        kind: match token.kind {
            StoredKind::Access => TokenKind::Access,
            StoredKind::Refresh => TokenKind::Refresh,
        },
        family: token.family,
        client_id: token.client_id,
        user: token.user,
        scopes: token.scopes,
        purpose: token.purpose,
        session: token.session,
        context,
        created: token.created,
        expires: token.expires,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use fhir::Instant;
    use policy::Purpose;

    #[test]
    fn a_token_comes_back_as_it_was_kept() {
        let before = TokenRecord {
            hash: [7; 32],
            kind: TokenKind::Refresh,
            family: Some("family".to_owned()),
            client_id: "app".to_owned(),
            user: Some("user".to_owned()),
            scopes: "patient/*.rs offline_access".to_owned(),
            purpose: Purpose::DirectCare,
            session: None,
            context: LaunchContext { encounter: Some("e1".to_owned()), ..LaunchContext::of_patient("p1") },
            created: Instant(1),
            expires: Instant(2),
        };
        let kept = stored(&before).unwrap();
        assert_eq!(kept.patient.as_deref(), Some("p1"));
        assert_eq!(record(kept).unwrap(), before);
    }
}
