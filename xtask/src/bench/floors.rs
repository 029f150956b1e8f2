//! The floors, and the judgement by them. A floor is a ratio or a size wherever it can be: rates belong to a machine and a moment.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use crate::Outcome;

/// One measurement as a program printed it.
#[derive(Debug, PartialEq)]
pub(super) struct Metric {
    name: String,
    median: f64,
    least: f64,
    most: f64,
    unit: String,
}

impl Metric {
    /// Reads `metric NAME MEDIAN MIN MAX UNIT`; nothing else is one.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        if words.next()? != "metric" {
            return None;
        }
        let name = words.next()?.to_owned();
        let mut number = || words.next()?.parse().ok();
        Some(Self {
            name,
            median: number()?,
            least: number()?,
            most: number()?,
            unit: words.next().unwrap_or_default().to_owned(),
        })
    }
}

/// What a median may not pass.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Bound {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
        }
    }
}

impl std::fmt::Display for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, ">= {least}"),
            Self::AtMost(most) => write!(f, "<= {most}"),
        }
    }
}

struct Floor {
    bound: Bound,
    /// What we are aiming at, where that is more than the floor asks.
    goal: Option<Bound>,
    /// Not measured where its database is not installed.
    optional: bool,
}

/// All floors by the name of their metric.
pub(super) struct Floors(BTreeMap<String, Floor>);

/// The judgement.
pub(super) struct Judged {
    /// To be printed.
    pub(super) table: String,
    /// Whether every floor holds.
    pub(super) passed: bool,
}

impl Floors {
    /// Reads the file. Each floor says why it is where it is.
    pub(super) fn read(path: &Path) -> Outcome<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Self::parse(&text).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn parse(text: &str) -> Outcome<Self> {
        let document: toml::Table = text.parse().map_err(|error| format!("{error}"))?;
        let mut floors = BTreeMap::new();
        for (name, value) in document {
            let entry = value.as_table().ok_or_else(|| format!("[{name}] is no table"))?;
            let number = |key: &str| {
                let value = entry.get(key)?;
                value.as_float().or_else(|| value.as_integer().map(|n| n as f64))
            };
            let bound = match (number("at_least"), number("at_most")) {
                (Some(least), None) => Bound::AtLeast(least),
                (None, Some(most)) => Bound::AtMost(most),
                _ => return Err(format!("[{name}] needs one of at_least and at_most")),
            };
            let goal = number("goal").map(|goal| match bound {
                Bound::AtLeast(_) => Bound::AtLeast(goal),
                Bound::AtMost(_) => Bound::AtMost(goal),
            });
            if entry
                .get("why")
                .and_then(toml::Value::as_str)
                .is_none_or(str::is_empty)
            {
                return Err(format!("[{name}] does not say why"));
            }
            let known = ["at_least", "at_most", "goal", "optional", "why"];
            if let Some(unknown) = entry.keys().find(|key| !known.contains(&key.as_str())) {
                return Err(format!("[{name}] has an unknown key {unknown}"));
            }
            let optional = entry
                .get("optional")
                .and_then(toml::Value::as_bool)
                .unwrap_or(false);
            floors.insert(
                name,
                Floor {
                    bound,
                    goal,
                    optional,
                },
            );
        }
        Ok(Self(floors))
    }

    /// Compares. `absent` is why optional metrics could not be measured, where they could not.
    pub(super) fn judge(&self, metrics: &[Metric], absent: Option<&str>) -> Judged {
        let mut table = format!(
            "{:<30} {:>12} {:>12} {:>12} {:<4} {:<10} verdict\n",
            "metric", "median", "least", "greatest", "unit", "floor"
        );
        let mut passed = true;
        let mut row = |table: &mut String, metric: &Metric, floor: Option<&Floor>| {
            let verdict = match floor {
                None => "".to_owned(),
                Some(floor) if !floor.bound.holds(metric.median) => {
                    passed = false;
                    "FAILED".to_owned()
                }
                Some(floor) => match floor.goal {
                    Some(goal) if !goal.holds(metric.median) => format!("ok, goal {goal} NOT REACHED"),
                    _ => "ok".to_owned(),
                },
            };
            let shown = |value: f64| match value.abs() {
                v if v >= 1_000.0 => format!("{value:.0}"),
                v if v >= 10.0 => format!("{value:.1}"),
                _ => format!("{value:.3}"),
            };
            let line = format!(
                "{:<30} {:>12} {:>12} {:>12} {:<4} {:<10} {verdict}",
                metric.name,
                shown(metric.median),
                shown(metric.least),
                shown(metric.most),
                metric.unit,
                floor.map_or(String::new(), |floor| floor.bound.to_string()),
            );
            // Writing to a String does not fail.
            let _ = writeln!(table, "{}", line.trim_end());
        };
        for metric in metrics {
            row(&mut table, metric, self.0.get(&metric.name));
        }
        for (name, floor) in &self.0 {
            if metrics.iter().any(|metric| metric.name == *name) {
                continue;
            }
            let said = match absent {
                Some(why) if floor.optional => format!("SKIPPED: {why}"),
                _ => {
                    passed = false;
                    "FAILED: not measured".to_owned()
                }
            };
            let _ = writeln!(table, "{name:<30} {said}");
        }
        Judged { table, passed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOORS: &str = r#"
["a.ratio"]
at_least = 0.7
goal = 0.9
why = "a reason"
["b.size"]
at_most = 64
optional = true
why = "a reason"
"#;

    fn metric(name: &str, median: f64) -> Metric {
        Metric::parse(&format!("metric {name} {median} 0 9 x")).unwrap()
    }

    fn judged(metrics: &[Metric], absent: Option<&str>) -> Judged {
        Floors::parse(FLOORS).unwrap().judge(metrics, absent)
    }

    #[test]
    fn a_floor_that_holds_passes_and_says_when_the_goal_is_not_reached() {
        let all = judged(&[metric("a.ratio", 0.7), metric("b.size", 64.0)], None);
        assert!(all.passed, "{}", all.table);
        assert!(all.table.contains("goal >= 0.9 NOT REACHED"), "{}", all.table);
        let reached = judged(&[metric("a.ratio", 0.9), metric("b.size", 1.0)], None);
        assert!(reached.passed && !reached.table.contains("NOT REACHED"));
    }

    #[test]
    fn below_a_floor_or_above_a_ceiling_fails() {
        for (ratio, size) in [(0.69, 64.0), (0.7, 64.1), (f64::NAN, 1.0)] {
            let all = judged(&[metric("a.ratio", ratio), metric("b.size", size)], None);
            assert!(!all.passed && all.table.contains("FAILED"), "{}", all.table);
        }
    }

    #[test]
    fn what_was_not_measured_fails_unless_optional_and_explained() {
        assert!(!judged(&[metric("b.size", 1.0)], Some("nothing installed")).passed);
        assert!(!judged(&[metric("a.ratio", 1.0)], None).passed);
        let skipped = judged(&[metric("a.ratio", 1.0)], Some("nothing installed"));
        assert!(skipped.passed && skipped.table.contains("SKIPPED: nothing installed"));
    }

    #[test]
    fn a_floor_without_a_bound_or_a_reason_is_refused() {
        for wrong in [
            "[a]\nwhy = \"x\"",
            "[a]\nat_least = 1",
            "[a]\nat_least = 1\nat_most = 2\nwhy = \"x\"",
            "[a]\nat_least = 1\nwhy = \"x\"\natmost = 2",
        ] {
            assert!(Floors::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_floors_of_this_house_read() {
        assert!(!Floors::parse(include_str!("floors.toml")).unwrap().0.is_empty());
    }

    #[test]
    fn only_metric_lines_are_metrics() {
        assert_eq!(Metric::parse("median: a decision costs 1.2"), None);
        assert_eq!(Metric::parse("metric a 1 2"), None);
        assert_eq!(metric("a", 1.0).unit, "x");
    }
}
