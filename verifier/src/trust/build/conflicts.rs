//! Two active counties with one region or one TLS key: neither is believed, since one of them is somebody else.

use comity_spec::mutant;
use std::collections::BTreeMap;

use comity_spec::ids::{EntityId, Region, SpkiPin};

use super::Builder;
use crate::trust::{Record, Refusal, Subject};

impl Builder<'_> {
    /// Refuses the counties that clash and indexes the others.
    pub(super) fn conflicts(&mut self) {
        let mut regions: BTreeMap<Region, Vec<EntityId>> = BTreeMap::new();
        let mut pins: BTreeMap<SpkiPin, Vec<EntityId>> = BTreeMap::new();
        for record in self.trust.records.values() {
            if let Record::County(county) = record
                && self.now < county.valid_until
            {
                regions
                    .entry(county.region)
                    .or_default()
                    .push(county.entity.clone());
                for pin in &county.pins {
                    pins.entry(*pin).or_default().push(county.entity.clone());
                }
            }
        }
        for (region, entities) in &mut regions {
            entities.sort();
            if mutant!("TRU-14") {
                entities.truncate(1);
            }
            self.clash(entities, |other| Refusal::DuplicateRegion {
                region: *region,
                other,
            });
        }
        for (pin, entities) in &mut pins {
            entities.sort();
            if mutant!("TRU-14/pin") {
                entities.truncate(1);
            }
            self.clash(entities, |other| Refusal::DuplicatePin { pin: *pin, other });
        }
        for (region, entities) in regions {
            if let [entity] = entities.as_slice()
                && self.is_county(entity)
            {
                self.trust.regions.insert(region, entity.clone());
            }
        }
        for (pin, entities) in pins {
            if let [entity] = entities.as_slice()
                && self.is_county(entity)
            {
                self.trust.pins.insert(pin, entity.clone());
            }
        }
    }

    fn clash(&mut self, entities: &[EntityId], refusal: impl Fn(EntityId) -> Refusal) {
        if entities.len() < 2 {
            return;
        }
        for (at, entity) in entities.iter().enumerate() {
            let other = &entities[usize::from(at == 0)];
            let refusal = refusal(other.clone());
            self.trust
                .records
                .insert(entity.clone(), Record::Refused(refusal.rule()));
            self.refuse(Subject::Entity(entity.clone()), refusal);
        }
    }

    fn is_county(&self, entity: &EntityId) -> bool {
        matches!(self.trust.records.get(entity), Some(Record::County(_)))
    }
}
