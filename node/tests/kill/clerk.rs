//! The second load: clerks of a county that issues by itself, several at once. Each act is followed to its end: acknowledged, or,
//! when no answer came, looked up before anything is sent again.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use comity_node_core::permits::synthetic;
use comity_spec::exchange::PermitStatus;
use comity_spec::time::LocalDate;
use serde_json::{Value, json};

use crate::county::{Call, County};
use crate::ledger::{Dice, Entry, Ledger};
use crate::register::{DUE, DUE_FROM, now, region};

/// Where newly issued permits' holders stand among the synthetic residents.
const NEWCOMERS_FROM: usize = 600_000;

/// A permit that a clerk knows the state of.
#[derive(Clone, Debug)]
pub struct Held {
    pub number: String,
    pub status: PermitStatus,
    /// Kinds of its events, oldest first; the last one's position is the version.
    pub events: Vec<String>,
}

/// What the clerks share.
#[derive(Default)]
pub struct Office {
    newcomers: AtomicUsize,
    due: AtomicUsize,
    /// Citizen numbers of those for whom an issue was acknowledged or found done: each holds one permit or its successors.
    pub people: Mutex<Vec<String>>,
}

/// A clerk.
pub struct Clerk {
    dice: Dice,
    /// Permits whose state is known to the last event.
    pub held: Vec<Held>,
}

/// How an act ended.
enum Ended {
    /// With its answer.
    Acknowledged(Value),
    /// Without one; a look afterwards showed that it was done.
    Found,
}

impl Clerk {
    /// A clerk with dice of their own.
    pub fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed),
            held: Vec::new(),
        }
    }

    /// Works until told to stop.
    pub fn run(&mut self, county: &County, office: &Office, ledger: &Ledger, stop: &AtomicBool) {
        while !stop.load(Ordering::Acquire) {
            match self.dice.below(10) {
                0..=3 => self.issue(county, office, ledger),
                4 => self.endorse(county, office, ledger),
                _ if self.held.is_empty() => self.issue(county, office, ledger),
                _ => self.change(county, ledger),
            }
        }
    }

    /// Issues to somebody new; now and then the same application is handed in at two windows at once.
    fn issue(&mut self, county: &County, office: &Office, ledger: &Ledger) {
        let place = NEWCOMERS_FROM + office.newcomers.fetch_add(1, Ordering::AcqRel);
        let person = synthetic::resident(region(), LocalDate::of(now()), place).unwrap();
        let act = json!({
            "act": "issue",
            "application": {
                "name": person.name, "ethnicity": person.ethnicity, "id_number": person.id_number,
                "hukou_address": person.hukou_address, "residence_address": person.residence_address,
                "issuing_authority": person.issuing_authority, "tier": "ORDINARY", "basis": "EMPLOYMENT",
                "residence_since": person.residence_since,
            },
            "evidence": ["EVID-SI-6M", "EVID-LABOUR-CONTRACT"],
        });
        let twice = self.dice.one_in(4);
        let send = || {
            let since = Instant::now();
            let mut lost = false;
            loop {
                match county.call(&command(&act, "example-clerk")) {
                    Call::Done(data) => {
                        let number = text(&data["number"]);
                        ledger.write(&Entry::Act {
                            number: number.clone(),
                            version: 1,
                            kind: "issued".to_owned(),
                        });
                        return Some(number);
                    }
                    // The answer to an issue that was done and whose own answer was lost, or that was done at the other window.
                    Call::Refused(error) => {
                        assert!((lost || twice) && error.contains("此人已有本县居住证"), "{error}");
                        return None;
                    }
                    Call::Lost => lost = true,
                    Call::NotSent => {}
                }
                county.wait_for_it(since);
            }
        };
        let issued = if twice {
            let (one, other) = std::thread::scope(|scope| {
                let other = scope.spawn(send);
                (send(), other.join().unwrap())
            });
            assert!(
                one.is_none() || other.is_none(),
                "one person, two permits: {one:?} {other:?}"
            );
            one.or(other)
        } else {
            send()
        };
        office.people.lock().unwrap().push(person.id_number.to_string());
        if let Some(number) = issued {
            self.held.push(Held {
                number,
                status: PermitStatus::Valid,
                events: vec!["issued".to_owned()],
            });
        }
    }

    /// Endorses one of those whom the register left due; each once.
    fn endorse(&mut self, county: &County, office: &Office, ledger: &Ledger) {
        let place = office.due.fetch_add(1, Ordering::AcqRel);
        if place >= DUE {
            return;
        }
        let number = synthetic::permit_number(region(), DUE_FROM + place)
            .unwrap()
            .to_string();
        let mut held = Held {
            number,
            status: PermitStatus::Valid,
            events: vec!["mirrored".to_owned()],
        };
        let act = json!({
            "act": "endorse", "number": held.number,
            "evidence": ["EVID-LABOUR-CONTRACT", "EVID-LEASE", "EVID-STUDENT"],
        });
        carry_out(
            county,
            ledger,
            &mut held,
            &command(&act, "example-clerk"),
            "endorsed",
        );
        self.held.push(held);
    }

    /// A move that the state of some permit allows.
    fn change(&mut self, county: &County, ledger: &Ledger) {
        let at = self.dice.below(self.held.len());
        let mut held = self.held[at].clone();
        let number = held.number.clone();
        let (act, kind, after) = match (held.status, self.dice.below(8)) {
            (PermitStatus::Valid | PermitStatus::ReportedLost | PermitStatus::Suspended, 0) => {
                if let Some(held) = cancel(county, ledger, held) {
                    self.held[at] = held;
                } else {
                    self.held.swap_remove(at);
                }
                return;
            }
            (PermitStatus::Valid | PermitStatus::ReportedLost, 1 | 2) => {
                let act = json!({ "act": "replace", "number": number, "evidence": [] });
                let ended = carry_out(
                    county,
                    ledger,
                    &mut held,
                    &command(&act, "example-clerk"),
                    "replaced",
                );
                held.status = PermitStatus::Superseded;
                if let Ended::Acknowledged(data) = ended {
                    let number = text(&data["number"]);
                    ledger.write(&Entry::Act {
                        number: number.clone(),
                        version: 1,
                        kind: "issued".to_owned(),
                    });
                    self.held.push(Held {
                        number,
                        status: PermitStatus::Valid,
                        events: vec!["issued".to_owned()],
                    });
                }
                self.held[at] = held;
                return;
            }
            (PermitStatus::Valid, 3..=5) => (
                json!({ "act": "lost", "number": number }),
                "reported_lost",
                PermitStatus::ReportedLost,
            ),
            (PermitStatus::Valid, _) => (
                json!({ "act": "suspend", "number": number, "reason": "UNDER_REVIEW" }),
                "suspended",
                PermitStatus::Suspended,
            ),
            (PermitStatus::ReportedLost, _) => (
                json!({ "act": "found", "number": number }),
                "found",
                PermitStatus::Valid,
            ),
            (PermitStatus::Suspended, _) => (
                json!({ "act": "reinstate", "number": number, "reason": "REVIEW_CLEARED" }),
                "reinstated",
                PermitStatus::Valid,
            ),
            (PermitStatus::Cancelled | PermitStatus::Superseded, _) => return,
        };
        carry_out(county, ledger, &mut held, &command(&act, "example-clerk"), kind);
        held.status = after;
        self.held[at] = held;
    }
}

/// Carries out one act on a permit, and enters it in the book when it is acknowledged. When no answer came, the permit's own history
/// says whether it was done: exactly once or not at all.
fn carry_out(county: &County, ledger: &Ledger, held: &mut Held, command: &Value, kind: &str) -> Ended {
    let since = Instant::now();
    let version = i64::try_from(held.events.len()).unwrap() + 1;
    let ended = loop {
        match county.call(command) {
            Call::Done(data) => {
                let own = data["number"] == json!(held.number);
                assert!(
                    !own || data["version"] == json!(version),
                    "{kind} of {}: {data}",
                    held.number
                );
                ledger.write(&Entry::Act {
                    number: held.number.clone(),
                    version,
                    kind: kind.to_owned(),
                });
                break Ended::Acknowledged(data);
            }
            Call::Refused(error) => panic!("{kind} of {held:?} was refused: {error}"),
            Call::Lost => {
                let found = history(county, &held.number);
                let before = found.strip_prefix(held.events.as_slice()).unwrap_or_else(|| {
                    panic!("the history of {held:?} was {found:?} before {kind} was answered")
                });
                match before {
                    [] => {}
                    [done] if done == kind => break Ended::Found,
                    more => panic!("after one {kind} of {held:?}: {more:?}"),
                }
            }
            Call::NotSent => {}
        }
        county.wait_for_it(since);
    };
    held.events.push(kind.to_owned());
    ended
}

/// Proposed by one officer, approved by another. Without the proposal's answer nobody knows its number: then it stays proposed, and
/// the permit is left alone from there on.
fn cancel(county: &County, ledger: &Ledger, mut held: Held) -> Option<Held> {
    let since = Instant::now();
    let propose = json!({ "act": "propose_cancellation", "number": held.number, "reason": "MOVED_AWAY" });
    let mut lost = false;
    let pending = loop {
        match county.call(&command(&propose, "example-clerk")) {
            Call::Done(data) => break data["pending"].clone(),
            Call::Refused(error) => {
                assert!(lost && error.contains("该证的注销已提出"), "{error}");
                return None;
            }
            Call::Lost => lost = true,
            Call::NotSent => {}
        }
        county.wait_for_it(since);
    };
    let decide = json!({ "act": "decide_cancellation", "id": pending, "approve": true });
    carry_out(
        county,
        ledger,
        &mut held,
        &command(&decide, "example-head"),
        "cancelled",
    );
    held.status = PermitStatus::Cancelled;
    Some(held)
}

fn history(county: &County, number: &str) -> Vec<String> {
    let shown = county.ask(&json!({ "command": "permit_show", "number": number }));
    shown["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| text(&event["event"]["kind"]))
        .collect()
}

fn command(act: &Value, officer: &str) -> Value {
    json!({ "command": "permit_act", "act": act, "officer": officer })
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
