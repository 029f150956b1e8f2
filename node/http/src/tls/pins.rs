//! The live table of pins: which TLS key belongs to which entity (TRU-8, TRN-2: `comity_node` pins count only
//! where superior and county both assert them; resolving that is the trust store's work, this holds the result).
//!
//! It is asked at the handshake **and at every request**, because a connection in a peer's pool outlives the
//! withdrawal of its pin by hours. A key that two entities claim is nobody's here (TRU-14); their other keys stay theirs.

use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::Route;
use axum::routing::future::RouteFuture;
use comity_spec::ids::{EntityId, SpkiPin};
use comity_spec::mutant;
use comity_spec::problem::ProblemType;
use futures_util::future::Either;
use http::{HeaderValue, header};
use tower::{Layer, Service};

use super::{HandshakeClock, TlsRefusal};
use crate::listener::{PeerIdentity, record_refusal};
use crate::problem_response::Problem;

/// The entity a pin belongs to. The connection layer puts it into the request's extensions, and it is the only
/// source of "who is calling": no header and no field of a body can say so.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PinOwner(EntityId);

impl PinOwner {
    /// The owner with this entity id.
    #[must_use]
    pub const fn new(entity_id: EntityId) -> Self {
        Self(entity_id)
    }

    /// The entity id.
    #[must_use]
    pub const fn entity_id(&self) -> &EntityId {
        &self.0
    }

    /// Holds the entity that a signed body names (`iss`) against the one whose key made the connection.
    ///
    /// # Errors
    /// [`WrongOwner`]: the caller has a listed key and speaks for somebody else.
    pub fn confirm(&self, claimed: &EntityId) -> Result<(), WrongOwner> {
        if self.0 == *claimed {
            Ok(())
        } else {
            Err(WrongOwner)
        }
    }
}

/// A peer spoke in the name of another entity. The peer's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("报文签发者与连接证书不属于同一机构 / the message and the connection belong to different entities")]
pub struct WrongOwner;

/// Two or more entities claimed one key; none of them gets it (TRU-14).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinConflict {
    /// The key in question.
    pub pin: SpkiPin,
    /// Everybody who claimed it.
    pub claimants: BTreeSet<PinOwner>,
}

/// One state of the table, built as a whole and swapped in as a whole.
#[derive(Debug, Default)]
pub struct PinTable(HashMap<SpkiPin, PinOwner>);

impl PinTable {
    /// Builds the table from what the trust chains say, and lists the keys it had to leave out.
    #[must_use]
    pub fn from_claims(claims: impl IntoIterator<Item = (SpkiPin, PinOwner)>) -> (Self, Vec<PinConflict>) {
        let mut claimed: HashMap<SpkiPin, BTreeSet<PinOwner>> = HashMap::new();
        for (pin, owner) in claims {
            claimed.entry(pin).or_default().insert(owner);
        }
        let mut table = HashMap::with_capacity(claimed.len());
        let mut conflicts = Vec::new();
        for (pin, mut claimants) in claimed {
            match (claimants.len(), claimants.pop_first()) {
                (1, Some(owner)) => {
                    table.insert(pin, owner);
                }
                (_, Some(first)) => {
                    claimants.insert(first);
                    conflicts.push(PinConflict { pin, claimants });
                }
                (_, None) => {}
            }
        }
        conflicts.sort_by_key(|conflict| conflict.pin);
        (Self(table), conflicts)
    }
}

/// The table in force, shared by the handshake and the per-request check.
#[derive(Clone, Default)]
pub struct PinRegistry(Arc<ArcSwap<PinTable>>);

impl PinRegistry {
    /// A registry in which nobody is listed yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a new table in force; it counts from the next request on, also on open connections.
    pub fn replace(&self, mut table: PinTable) {
        if mutant!("TRN-4") {
            let once = self.0.load();
            table
                .0
                .extend(once.0.iter().map(|(pin, owner)| (*pin, owner.clone())));
        }
        self.0.store(Arc::new(table));
    }

    /// Whose key this is, now.
    #[must_use]
    pub fn owner(&self, pin: SpkiPin) -> Option<PinOwner> {
        self.0.load().0.get(&pin).cloned()
    }
}

impl fmt::Debug for PinRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PinRegistry({} pins)", self.0.load().0.len())
    }
}

/// The per-request check of the federation listener: the connection's key is still listed and its certificate
/// still valid. What passes carries a [`PinOwner`]; what does not is answered 403 (401 without a certificate), told to
/// close, and never
/// reaches a handler. A request without TLS identity is refused too: no plain listener can serve federation by
/// a slip of configuration.
#[derive(Debug, Clone)]
pub struct PinStillListed {
    pins: PinRegistry,
    clock: HandshakeClock,
    listener: &'static str,
}

impl PinStillListed {
    /// The check against `pins`, counted under the listener's name.
    #[must_use]
    pub const fn new(pins: PinRegistry, clock: HandshakeClock, listener: &'static str) -> Self {
        Self {
            pins,
            clock,
            listener,
        }
    }

    /// Puts the check before every route of `router`, its fallback included.
    pub fn guard(self, router: Router) -> Router {
        router.layer(self)
    }

    fn owner_of(&self, request: &Request) -> Result<PinOwner, TlsRefusal> {
        let peer = request
            .extensions()
            .get::<PeerIdentity>()
            .ok_or(TlsRefusal::NoCertificate)?;
        if self.clock.now() > peer.not_after && !mutant!("TRN-3") {
            return Err(TlsRefusal::Expired);
        }
        if mutant!("TRN-5")
            && let Some(named) = request.headers().get("x-client-pin")
            && let Some(pin) = named.to_str().ok().and_then(|pin| pin.parse().ok())
        {
            return self.pins.owner(pin).ok_or(TlsRefusal::UnlistedPin);
        }
        self.pins.owner(peer.pin).ok_or(TlsRefusal::UnlistedPin)
    }

    fn refused(&self, refusal: TlsRefusal) -> Response {
        record_refusal(self.listener, refusal.reason());
        let kind = match refusal {
            TlsRefusal::NoCertificate => ProblemType::Unauthenticated,
            _ => ProblemType::PinMismatch,
        };
        let mut refused = Problem::of(kind).into_response();
        refused
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
        refused
    }
}

/// The check before every route.
impl Layer<Route> for PinStillListed {
    type Service = GuardedRoute;

    fn layer(&self, route: Route) -> GuardedRoute {
        GuardedRoute {
            route,
            check: self.clone(),
        }
    }
}

/// A route behind the check.
#[derive(Clone)]
pub struct GuardedRoute {
    route: Route,
    check: PinStillListed,
}

impl Service<Request> for GuardedRoute {
    type Response = Response;
    type Error = Infallible;
    type Future = Either<RouteFuture<Infallible>, Ready<Result<Response, Infallible>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request>::poll_ready(&mut self.route, cx)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        match self.check.owner_of(&request) {
            Ok(owner) => {
                request.extensions_mut().insert(owner);
                Either::Left(self.route.call(request))
            }
            Err(refusal) => Either::Right(ready(Ok(self.check.refused(refusal)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(entity_id: &str) -> PinOwner {
        PinOwner::new(entity_id.parse().unwrap())
    }

    #[test]
    fn one_key_claimed_by_two_entities_is_given_to_neither() {
        let (shared, own) = (SpkiPin::from_bytes([1; 32]), SpkiPin::from_bytes([2; 32]));
        let yushan = owner("https://yushan.example");
        let changshan = owner("https://changshan.example");
        let (table, conflicts) = PinTable::from_claims([
            (shared, yushan.clone()),
            (own, yushan.clone()),
            (shared, changshan.clone()),
            (own, yushan.clone()),
        ]);
        let registry = PinRegistry::new();
        registry.replace(table);
        assert_eq!(registry.owner(shared), None);
        assert_eq!(registry.owner(own), Some(yushan.clone()));
        assert_eq!(
            conflicts,
            [PinConflict {
                pin: shared,
                claimants: BTreeSet::from([yushan, changshan])
            }]
        );
    }

    #[test]
    fn an_owner_confirms_itself_and_nobody_else() {
        let yushan = owner("https://yushan.example");
        for (claimed, confirmed) in [
            ("https://yushan.example", Ok(())),
            ("https://yushan.example:8444", Err(WrongOwner)),
            ("https://changshan.example", Err(WrongOwner)),
        ] {
            assert_eq!(yushan.confirm(&claimed.parse().unwrap()), confirmed, "{claimed}");
        }
    }
}
