//! The world: the federation that the suite plays around the target. An anchor, three provinces, dozens of counties, each with real
//! keys, real listeners and a log of what came.
//!
//! It is honest until a case overrides a step. It knows nothing of verdicts and trusts nothing that the target says.

pub(crate) mod agreement;
pub(crate) mod ambient;
pub(crate) mod attestation;
pub(crate) mod authority;
pub(crate) mod certificates;
pub(crate) mod client;
pub(crate) mod county;
pub(crate) mod draft;
pub(crate) mod keys;
pub(crate) mod person;
pub(crate) mod plan;
pub(crate) mod reply;
pub(crate) mod server;
pub(crate) mod status_list;
pub(crate) mod tls;

use std::net::TcpListener;
use std::sync::Arc;

use tokio::task::JoinHandle;

use self::authority::{Authority, Member};
use self::certificates::{Roots, identity};
use self::county::County;
use self::keys::Key;
use self::plan::{COUNTIES, Plan};
use self::server::{Door, Log, Site};

/// EMFILE: the standard library has no kind for it.
const TOO_MANY_OPEN: i32 = 24;

/// The world at work.
pub(crate) struct World {
    /// What it was drawn from.
    pub(crate) plan: Plan,
    /// The anchor.
    pub(crate) anchor: Arc<Site<Authority>>,
    /// The target's province, the others', the spare.
    pub(crate) provinces: Vec<Arc<Site<Authority>>>,
    /// The counties.
    pub(crate) counties: Vec<Arc<Site<County>>>,
    /// Everything that came to any of them.
    pub(crate) log: Arc<Log>,
    doors: Vec<JoinHandle<()>>,
}

/// Why the world does not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WorldError {
    /// A port is taken.
    #[error(
        "端口 {port} 已被占用 ({reason})：请停止占用它的程序，或在新目录重新 init / port {port} is taken ({reason}): stop what listens there, or run init in a new folder"
    )]
    Port {
        /// Which.
        port: u16,
        /// What the system says.
        reason: std::io::Error,
    },
    /// No more sockets.
    #[error(
        "打开的文件太多，每个实例约需 150 个：请 ulimit -n 4096，或加 --jobs 1 / too many open files, each target side by side takes 150: raise the \
         limit with `ulimit -n 4096`, or add --jobs 1"
    )]
    TooManySockets,
    /// A certificate.
    #[error("cannot make certificates: {0}")]
    Certificates(#[from] rcgen::Error),
    /// A listener.
    #[error("cannot open a listener: {0}")]
    Listener(std::io::Error),
}

impl World {
    /// Opens every door, on the ports of the plan.
    pub(crate) fn start(plan: Plan) -> Result<Self, WorldError> {
        let roots = Roots::read(&plan.root_key)?;
        let log = Arc::new(Log::default());
        let anchor = Site::new(
            Authority::new(plan.anchor(), plan.anchor_key(), None),
            Arc::clone(&log),
        );
        let provinces: Vec<_> = (0..3)
            .map(|which| {
                let key = Key::named(&plan.seed, &format!("province {which}"));
                let province = Authority::new(plan.province(which), key, Some(plan.anchor()));
                anchor.host.put(
                    &province.entity,
                    Member {
                        jwks: province.key.jwks(),
                        metadata: None,
                        region: plan.prefix(which),
                        name: serde_json::json!({ "zh": format!("示例省{which}"), "en": format!("Example Province {which}") }),
                        state: "active".to_owned(),
                    },
                );
                Site::new(province, Arc::clone(&log))
            })
            .collect();
        anchor.host.publish();
        let mut counties = Vec::new();
        for place in 0..COUNTIES {
            let province = &provinces[Plan::province_of(place)].host;
            let region = plan.region_of(place);
            let county = County::new(
                &plan.seed,
                place,
                region,
                plan.doors(place),
                province.entity.clone(),
                identity()?,
            );
            province.put(&county.entity, county.as_member());
            counties.push(Site::new(county, Arc::clone(&log)));
        }
        provinces.iter().for_each(|province| province.host.publish());
        let mut doors = Vec::new();
        for (at, site) in std::iter::once(&anchor).chain(&provinces).enumerate() {
            let door = site.open(Door::Public, bind(plan.ports[at])?, &roots.server()?);
            doors.push(door.map_err(WorldError::Listener)?);
        }
        for (place, site) in counties.iter().enumerate() {
            let public = site.open(Door::Public, bind(plan.ports[4 + 2 * place])?, &roots.server()?);
            doors.push(public.map_err(WorldError::Listener)?);
            let federation = site.open(Door::Federation, bind(plan.ports[5 + 2 * place])?, &site.host.tls);
            doors.push(federation.map_err(WorldError::Listener)?);
        }
        Ok(Self {
            plan,
            anchor,
            provinces,
            counties,
            log,
            doors,
        })
    }

    /// Everybody answers honestly again.
    pub(crate) fn honest(&self) {
        self.anchor.honest();
        self.provinces.iter().for_each(|site| site.honest());
        self.counties.iter().for_each(|site| site.honest());
    }
}

impl World {
    /// Closes every door, and returns when its ports are free for another world.
    pub(crate) async fn close(&mut self) {
        for door in self.doors.drain(..) {
            door.abort();
            // It ends as told to, or had ended before.
            let _ = door.await;
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.doors.iter().for_each(JoinHandle::abort);
    }
}

/// Binds a port on this machine alone.
pub(crate) fn bind(port: u16) -> Result<TcpListener, WorldError> {
    TcpListener::bind(("127.0.0.1", port)).map_err(|reason| match reason.raw_os_error() {
        Some(TOO_MANY_OPEN) => WorldError::TooManySockets,
        _ => WorldError::Port { port, reason },
    })
}
