//! Sessions: who is behind a cookie, and what that person may do.
//!
//! The cookie's token is 32 random bytes followed by the second at which the session began, so that its longest life stands in
//! it; the store knows its SHA-256 only, and with that the beginning cannot be changed. A session ends after 30 minutes without a
//! request, after twelve hours in any case, when the officer is no longer active, and when the password changes: the token for
//! forms is derived from the cookie's token and the password hash, and is compared at each request.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use comity_spec::ids::OfficerId;
use comity_spec::problem::ProblemType;
use comity_spec::time::UnixSeconds;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::node::Node;
use crate::ports::officers::{Officer, Role, Session};
use crate::ports::store::{Conflict, StoreError, Write};

/// Seconds without a request after which a session ends.
pub const IDLE: i64 = 30 * 60;
/// Seconds after which a session ends in any case.
pub const ABSOLUTE: i64 = 12 * 3600;
/// A session's end is moved on at most this often, in seconds: not every request is a write.
const EXTEND_EVERY: i64 = 60;

/// An officer who acts, with what that officer may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acting {
    /// Pseudonym.
    pub officer: OfficerId,
    /// What the officer may do.
    pub roles: Vec<Role>,
}

impl Acting {
    /// Whether the officer has a role.
    #[must_use]
    pub fn may(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}

/// A session as the browser needs it.
#[derive(Clone)]
pub struct SignedIn {
    /// Who.
    pub acting: Acting,
    /// The officer's name, for the page's head.
    pub name: String,
    /// The cookie's token.
    pub token: SecretString,
    /// The token that forms carry.
    pub csrf: String,
    /// Ends then without a further request.
    pub expires: UnixSeconds,
}

/// Tokens are never printed.
impl std::fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignedIn")
            .field("officer", &self.acting.officer)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// Why a request is not an officer's.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// No cookie, or none that reads.
    #[error("尚未登录 / not signed in")]
    NotSignedIn,
    /// The session has ended.
    #[error("登录已超时或已在别处失效 / the session has ended")]
    Ended,
    /// The form's token is not the session's.
    #[error("页面已失效 / the form does not belong to this session")]
    Csrf,
    /// The role is missing.
    #[error("没有办理此项操作的权限 / your role does not allow this")]
    Forbidden,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SessionError {
    /// The problem type for an HTTP answer.
    #[must_use]
    pub const fn problem(&self) -> ProblemType {
        match self {
            Self::NotSignedIn => ProblemType::Unauthenticated,
            Self::Ended => ProblemType::SessionExpired,
            Self::Csrf => ProblemType::Csrf,
            Self::Forbidden => ProblemType::Forbidden,
            Self::Store(StoreError::Corrupt { .. }) => ProblemType::Internal,
            Self::Store(_) => ProblemType::StoreUnavailable,
        }
    }
}

/// Who is behind this cookie. Moves the session's end on.
///
/// # Errors
/// [`SessionError::NotSignedIn`], [`SessionError::Ended`] or the store's.
pub async fn authenticate(node: &Node, cookie: &str) -> Result<SignedIn, SessionError> {
    let token = Token::read(cookie).ok_or(SessionError::NotSignedIn)?;
    let now = node.now();
    let stored = node
        .store
        .session(&token.digest())
        .await?
        .ok_or(SessionError::Ended)?;
    let officer = node
        .store
        .officer(&stored.officer)
        .await?
        .ok_or(SessionError::Ended)?;
    let end = token.began()?.plus_saturating(ABSOLUTE);
    let stands = officer.active && stored.csrf == token.csrf(&officer);
    if !stands || now >= stored.expires || now >= end {
        return Err(SessionError::Ended);
    }
    let expires = now.plus_saturating(IDLE).min(end);
    if expires.since(stored.expires) >= EXTEND_EVERY {
        let moved = Write::ExtendSession {
            token: stored.token,
            expires,
        };
        match node.store.commit("extend session", vec![moved]).await {
            Ok(()) => {}
            // Signed out while this request was under way.
            Err(StoreError::Conflict(Conflict::Missing(_))) => return Err(SessionError::Ended),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(SignedIn {
        acting: Acting {
            officer: officer.id,
            roles: officer.roles,
        },
        name: officer.name,
        token: SecretString::from(cookie.to_owned()),
        csrf: stored.csrf,
        expires,
    })
}

/// Whether the session may do what needs this role; `csrf` is the form's token, for everything that changes something.
///
/// # Errors
/// [`SessionError::Csrf`] and [`SessionError::Forbidden`].
pub fn authorise(session: &SignedIn, role: Role, csrf: Option<&str>) -> Result<Acting, SessionError> {
    // Digests are compared, so that the time says nothing about where two tokens differ.
    if csrf.is_some_and(|csrf| Sha256::digest(csrf) != Sha256::digest(&session.csrf)) {
        return Err(SessionError::Csrf);
    }
    if session.acting.may(role) {
        Ok(session.acting.clone())
    } else {
        Err(SessionError::Forbidden)
    }
}

/// A new session of an officer, with the write that begins it.
pub(super) fn begin(node: &Node, officer: &Officer) -> (SignedIn, Write) {
    let now = node.now();
    let token = Token::new(node.rng.bytes::<32>(), now);
    let expires = now.plus_saturating(IDLE);
    let csrf = token.csrf(officer);
    let session = Session {
        token: token.digest(),
        officer: officer.id.clone(),
        csrf: csrf.clone(),
        expires,
    };
    let signed_in = SignedIn {
        acting: Acting {
            officer: officer.id.clone(),
            roles: officer.roles.clone(),
        },
        name: officer.name.clone(),
        token: SecretString::from(URL_SAFE_NO_PAD.encode(token.0.as_slice())),
        csrf,
        expires,
    };
    (signed_in, Write::Session(session))
}

/// SHA-256 of a cookie's token; none of what is no token.
pub(super) fn digest_of(cookie: &SecretString) -> Option<[u8; 32]> {
    Token::read(cookie.expose_secret()).map(|token| token.digest())
}

/// 32 random bytes and the second of the beginning, most significant byte first.
struct Token(Zeroizing<[u8; 40]>);

impl Token {
    fn new(random: [u8; 32], began: UnixSeconds) -> Self {
        let mut bytes = Zeroizing::new([0; 40]);
        bytes[..32].copy_from_slice(&random);
        bytes[32..].copy_from_slice(&began.get().to_be_bytes());
        Self(bytes)
    }

    fn read(cookie: &str) -> Option<Self> {
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(cookie).ok()?);
        Some(Self(Zeroizing::new(bytes.as_slice().try_into().ok()?)))
    }

    fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_slice()).into()
    }

    fn began(&self) -> Result<UnixSeconds, SessionError> {
        let seconds = <[u8; 8]>::try_from(&self.0[32..]).map(i64::from_be_bytes);
        let began = seconds.ok().and_then(|seconds| UnixSeconds::new(seconds).ok());
        began.ok_or(SessionError::Ended)
    }

    /// The form's token. It follows from the cookie's token, which nobody else has, and ends with the password.
    fn csrf(&self, officer: &Officer) -> String {
        let hash = Sha256::new()
            .chain_update(b"comity form token")
            .chain_update(self.0.as_slice())
            .chain_update(officer.password.as_bytes());
        URL_SAFE_NO_PAD.encode(&hash.finalize()[..24])
    }
}
