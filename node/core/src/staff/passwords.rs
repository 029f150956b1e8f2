//! Passwords as Argon2id hashes (RFC 9106), at 19 MiB of memory, two passes and one lane: the second set that OWASP's password
//! storage sheet recommends, about 30 ms of one core. A hash states its own cost, so that the cost can be raised later.
//!
//! Hashing runs outside the event loop, two at a time: more would let a flood of sign-ins take the node's memory and cores.

use argon2::password_hash::{
    Decimal, Ident, Output, ParamsString, PasswordHash, PasswordHasher, PasswordVerifier as _, Salt,
    SaltString,
};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;

use crate::ports::Rng;

/// Memory of one hash, in KiB.
const MEMORY_KIB: u32 = 19 * 1024;
/// Passes.
const PASSES: u32 = 2;
/// Lanes.
const LANES: u32 = 1;
/// Shortest password, in characters.
pub const SHORTEST: usize = 10;
/// Longest password, in bytes: longer ones only cost time.
pub const LONGEST: usize = 256;
/// Hash of nobody's password at the same cost, so that an unknown officer costs as much as a known one.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$Tm9ib2R5J3NTYWx0MTY$0000000000000000000000000000000000000000000";

static HASHING: Semaphore = Semaphore::const_new(2);

/// Why a password was not taken or compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Fewer than [`SHORTEST`] characters.
    #[error("密码至少 {SHORTEST} 个字符 / a password has at least {SHORTEST} characters")]
    TooShort,
    /// More than [`LONGEST`] bytes.
    #[error("密码过长 / a password has at most {LONGEST} bytes")]
    TooLong,
    /// The one there is.
    #[error("新密码不能与原密码相同 / the new password is the old one")]
    Same,
    /// Not hashed: out of memory or shutting down.
    #[error("the password could not be hashed: {0}")]
    NotHashed(String),
}

/// The hash to store, as PHC string.
///
/// # Errors
/// [`PasswordError`].
pub async fn hash(password: &SecretString, rng: &dyn Rng) -> Result<String, PasswordError> {
    if password.expose_secret().chars().count() < SHORTEST {
        return Err(PasswordError::TooShort);
    }
    if password.expose_secret().len() > LONGEST {
        return Err(PasswordError::TooLong);
    }
    let salt =
        SaltString::encode_b64(&rng.bytes::<16>()).map_err(|e| PasswordError::NotHashed(e.to_string()))?;
    let password = password.clone();
    outside_the_loop(move || {
        let hashed = hasher()?.hash_password(password.expose_secret().as_bytes(), &salt);
        hashed
            .map(|hash| hash.to_string())
            .map_err(|e| PasswordError::NotHashed(e.to_string()))
    })
    .await?
}

/// Whether a password is the one of a hash; of `None` never, after the same work.
///
/// # Errors
/// [`PasswordError::NotHashed`] only: a stored hash that does not read is a password that never matches.
pub async fn is_right(password: &SecretString, stored: Option<String>) -> Result<bool, PasswordError> {
    let known = stored.is_some();
    let stored = stored.unwrap_or_else(|| NOBODY.to_owned());
    // Longer than any that was taken: compared in its beginning, for the time it takes, and never right.
    let too_long = password.expose_secret().len() > LONGEST;
    let password = password.clone();
    let matches = outside_the_loop(move || {
        let given = password.expose_secret().as_bytes();
        let given = &given[..given.len().min(LONGEST)];
        PasswordHash::new(&stored)
            .is_ok_and(|stored| Hasher::default().verify_password(given, &stored).is_ok())
    })
    .await?;
    Ok(matches && known && !too_long)
}

fn hasher() -> Result<Hasher, PasswordError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None);
    Ok(Hasher(
        params.map_err(|e| PasswordError::NotHashed(e.to_string()))?,
    ))
}

/// Blocks of 1 KiB for which room is asked, of which those that are needed are touched. The GNU allocator gives what is freed
/// back to the system when it is larger than 32 MiB; what is smaller it keeps for the next time, and a node would hold the
/// 19 MiB of one sign-in from morning to night.
const ROOM: usize = 33 * 1024;

/// Argon2 of these parameters, on memory that goes back to the system.
#[derive(Default)]
struct Hasher(Params);

impl PasswordHasher for Hasher {
    type Params = Params;

    fn hash_password_customized<'a>(
        &self,
        password: &[u8],
        algorithm: Option<Ident<'a>>,
        version: Option<Decimal>,
        params: Params,
        salt: impl Into<Salt<'a>>,
    ) -> argon2::password_hash::Result<PasswordHash<'a>> {
        let algorithm = algorithm
            .map(Algorithm::try_from)
            .transpose()?
            .unwrap_or_default();
        let version = version.map(Version::try_from).transpose()?.unwrap_or_default();
        let salt = salt.into();
        let mut octets = [0; Salt::MAX_LENGTH];
        let octets = salt.decode_b64(&mut octets)?;
        let mut blocks = Vec::with_capacity(params.block_count().max(ROOM));
        blocks.resize(params.block_count(), Block::default());
        let argon2 = Argon2::new(algorithm, version, params.clone());
        let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
        let output = Output::init_with(length, |out| {
            Ok(argon2.hash_password_into_with_memory(password, octets, out, &mut blocks)?)
        })?;
        Ok(PasswordHash {
            algorithm: algorithm.ident(),
            version: Some(version.into()),
            params: ParamsString::try_from(&params)?,
            salt: Some(salt),
            hash: Some(output),
        })
    }

    fn hash_password<'a>(
        &self,
        password: &[u8],
        salt: impl Into<Salt<'a>>,
    ) -> argon2::password_hash::Result<PasswordHash<'a>> {
        self.hash_password_customized(password, None, None, self.0.clone(), salt)
    }
}

async fn outside_the_loop<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, PasswordError> {
    let permit = HASHING
        .acquire()
        .await
        .map_err(|e| PasswordError::NotHashed(e.to_string()))?;
    let done = tokio::task::spawn_blocking(move || {
        // Held by the work itself: a caller that hangs up does not make room before the core is free.
        let _permit = permit;
        work()
    });
    done.await.map_err(|e| PasswordError::NotHashed(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::CountingRng;

    fn secret(text: &str) -> SecretString {
        SecretString::from(text.to_owned())
    }

    #[tokio::test]
    async fn a_password_matches_its_own_hash_and_no_other_and_the_cost_stands_in_it() {
        let hashed = hash(&secret("正确的示例密码一二三四"), &CountingRng::default())
            .await
            .unwrap();
        assert!(hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hashed}");
        assert_eq!(
            is_right(&secret("正确的示例密码一二三四"), Some(hashed.clone())).await,
            Ok(true)
        );
        assert_eq!(
            is_right(&secret("错误的示例密码一二三四"), Some(hashed)).await,
            Ok(false)
        );
        assert_eq!(
            is_right(&secret("any"), Some("not a hash".into())).await,
            Ok(false)
        );
    }

    #[test]
    fn hashes_are_those_of_argon2_itself() {
        let salt = SaltString::encode_b64(&[7; 16]).unwrap();
        let params = Params::new(64, 2, 1, None).unwrap();
        let theirs = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
        let theirs = theirs.hash_password(b"example", &salt).unwrap();
        let ours = Hasher(params).hash_password(b"example", &salt).unwrap();
        assert_eq!(ours.to_string(), theirs.to_string());
        assert!(Argon2::default().verify_password(b"example", &ours).is_ok());
        assert!(Hasher::default().verify_password(b"example", &theirs).is_ok());
        assert!(Hasher::default().verify_password(b"another", &theirs).is_err());
    }

    #[tokio::test]
    async fn nobody_costs_the_same_and_is_never_right() {
        let nobody = PasswordHash::new(NOBODY).unwrap();
        let params = Params::try_from(&nobody).unwrap();
        assert_eq!(
            (params.m_cost(), params.t_cost(), params.p_cost()),
            (MEMORY_KIB, PASSES, LANES)
        );
        assert_eq!(is_right(&secret("any"), None).await, Ok(false));
    }

    #[tokio::test]
    async fn too_short_and_too_long_are_not_taken() {
        let rng = CountingRng::default();
        assert_eq!(hash(&secret("短密码"), &rng).await, Err(PasswordError::TooShort));
        assert_eq!(
            hash(&secret(&"x".repeat(257)), &rng).await,
            Err(PasswordError::TooLong)
        );
        let longest = hash(&secret(&"x".repeat(256)), &rng).await.unwrap();
        assert_eq!(
            is_right(&secret(&"x".repeat(257)), Some(longest)).await,
            Ok(false)
        );
    }
}
