//! What two active counties claim: of one region neither is believed, since one of them is somebody else; a TLS key says of no
//! client who it is. The key of a county is public, so whoever names it beside its owner must take no more than that from it.

use comity_spec::mutant;
use std::collections::BTreeMap;

use comity_spec::ids::{EntityId, Region, SpkiPin};

use super::Builder;
use crate::trust::{County, Record, Refusal, Subject};

impl Builder<'_> {
    /// Refuses the counties of one region, and indexes the others and the pins that one of them has.
    pub(super) fn conflicts(&mut self) {
        let mut regions: BTreeMap<Region, Vec<EntityId>> = BTreeMap::new();
        for county in self.active() {
            let entities = regions.entry(county.region).or_default();
            entities.push(county.entity.clone());
        }
        for (region, mut entities) in regions {
            entities.sort();
            if mutant!("TRU-14") {
                entities.truncate(1);
            }
            if let [only] = entities.as_slice() {
                self.trust.regions.insert(region, only.clone());
                continue;
            }
            for (entity, refusal) in
                each_for_another(&entities, |other| Refusal::DuplicateRegion { region, other })
            {
                let refused = Record::Refused(refusal.rule());
                self.trust.records.insert(entity.clone(), refused);
                self.refuse(Subject::Entity(entity), refusal);
            }
        }
        let mut pins: BTreeMap<SpkiPin, Vec<EntityId>> = BTreeMap::new();
        for county in self.active() {
            for pin in &county.pins {
                pins.entry(*pin).or_default().push(county.entity.clone());
            }
        }
        for (pin, mut entities) in pins {
            entities.sort();
            if mutant!("TRU-14/pin") {
                entities.truncate(1);
            }
            if let [only] = entities.as_slice() {
                self.trust.pins.insert(pin, only.clone());
                continue;
            }
            for (entity, refusal) in each_for_another(&entities, |other| Refusal::DuplicatePin { pin, other })
            {
                self.refuse(Subject::Entity(entity), refusal);
            }
        }
    }

    /// The counties of this picture whose chain holds now.
    fn active(&self) -> impl Iterator<Item = &County> {
        let counties = self.trust.records.values().filter_map(|record| match record {
            Record::County(county) => Some(&**county),
            _ => None,
        });
        counties.filter(|county| self.now < county.valid_until)
    }
}

/// What stands against each of them: another one.
fn each_for_another(
    entities: &[EntityId],
    refusal: impl Fn(EntityId) -> Refusal,
) -> Vec<(EntityId, Refusal)> {
    let other = |at: usize| entities[usize::from(at == 0)].clone();
    let each = entities.iter().enumerate();
    each.map(|(at, one)| (one.clone(), refusal(other(at)))).collect()
}
