//! Passwords: argon2id, with the crate's recommended cost (19 MiB, two passes).

use crate::error::SmartError;
use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};

const LENGTH_MIN: usize = 10;

/// Longer input only serves to keep the server busy.
const LENGTH_MAX: usize = 1024;

/// Hashes a password of at least ten characters with 16 to 32 bytes of fresh randomness, for storage.
pub fn password_hash(password: &str, salt: &[u8]) -> Result<String, SmartError> {
    if password.chars().count() < LENGTH_MIN || password.len() > LENGTH_MAX {
        return Err(SmartError::Password(format!("it must have {LENGTH_MIN} characters or more")));
    }
    hash(password, salt)
}

/// Says whether a password is the stored one. Without a stored one, as for an unknown user, it takes as long and says no.
pub fn verify_password(password: &str, stored: Option<&str>) -> bool {
    if password.len() > LENGTH_MAX {
        return false;
    }
    match stored.map(PasswordHash::new) {
        Some(Ok(stored)) => Argon2::default().verify_password(password.as_bytes(), &stored).is_ok(),
        Some(Err(_)) | None => {
            let _ = hash(password, &[0; 16]);
            false
        }
    }
}

fn hash(password: &str, salt: &[u8]) -> Result<String, SmartError> {
    let failed = |error: argon2::password_hash::Error| SmartError::Password(error.to_string());
    let salt = SaltString::encode_b64(salt).map_err(failed)?;
    Ok(Argon2::default().hash_password(password.as_bytes(), &salt).map_err(failed)?.to_string())
}
