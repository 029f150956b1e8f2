//! The catalogue of services: what one county may open to another county's permit holders.
//!
//! Decree 663 article 12 names three rights and six basic public services, article 13 seven conveniences; an agreement
//! adds narrower items. BPS-6 and CNV-7 are the law's catch-alls ("others set by the State"): an agreement that means
//! something by them should name a local item as well. A code beginning `LOCAL-` is a county's own item, which the
//! agreement describes; it is a service code but no catalogue entry. Being listed here grants nothing: only an
//! agreement in force does.

mod table;

pub use table::{Service, ServiceKind};

use crate::ids::ServiceCode;

/// What local items' codes begin with.
pub const LOCAL_PREFIX: &str = "LOCAL-";

/// The catalogue entry with this code; none for local items and unknown codes.
pub fn lookup(code: &ServiceCode) -> Option<&'static Service> {
    lookup_str(code.as_str())
}

/// Every entry, in the order of the law, then of the agreements.
pub fn services() -> &'static [Service] {
    table::SERVICES
}

/// Whether the code names a county's own item (`LOCAL-` and something after it).
pub fn is_local(code: &ServiceCode) -> bool {
    code.as_str()
        .strip_prefix(LOCAL_PREFIX)
        .is_some_and(|rest| !rest.is_empty())
}

impl Service {
    /// The wider service this one is a part of.
    pub fn parent(&self) -> Option<&'static Service> {
        self.parent.and_then(lookup_str)
    }

    /// Whether this service is `code` or a part of it. For grouping in lists: coverage under an agreement is by the exact code.
    pub fn is_part_of(&self, code: &ServiceCode) -> bool {
        self.code == code.as_str() || self.parent == Some(code.as_str())
    }
}

fn lookup_str(code: &str) -> Option<&'static Service> {
    table::SERVICES.iter().find(|service| service.code == code)
}

#[cfg(test)]
mod tests;
