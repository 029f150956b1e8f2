//! What the demonstration says at its end: a table for people, JSON for machines, and where the windows are.

use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{Cell, Color, Table};
use comity_spec::outcome::Outcome;
use serde_json::json;

use super::prepare::{CLERK, PASSWORD, Prepared};
use super::scan::Scanned;
use super::scenes::Played;
use super::stage::Stage;

/// Places of a leak that are listed; the count says how many there are.
const PLACES: usize = 20;

/// The results.
pub(crate) struct Report {
    played: Vec<Played>,
    permits: u64,
    attestations: u64,
    scanned: Scanned,
}

impl Report {
    pub(crate) fn new(played: Vec<Played>, prepared: &Prepared, scanned: Scanned) -> Self {
        Self {
            played,
            permits: prepared.permits,
            attestations: prepared.attestations,
            scanned,
        }
    }

    /// Whether everything came as expected, and nobody was named where nobody may be.
    pub(crate) fn is_as_expected(&self) -> bool {
        self.played.iter().all(Played::is_as_expected) && self.scanned.is_clean()
    }

    fn outcomes(&self) -> usize {
        let mut codes: Vec<&str> = self.played.iter().map(|one| one.expected.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        codes.len()
    }

    /// For people.
    pub(crate) fn table(&self) -> String {
        let mut table = Table::new();
        table.load_preset(UTF8_BORDERS_ONLY);
        table.set_header([
            "签发→核验",
            "情形 scene",
            "结论 outcome",
            "中文提示",
            "耗时 ms",
            "组件 component",
            "",
        ]);
        for one in &self.played {
            let text = Outcome::from_code(&one.actual).map_or("", |outcome| outcome.text().zh);
            let good = one.is_as_expected();
            let mark = if good {
                Cell::new("√").fg(Color::Green)
            } else {
                Cell::new("×").fg(Color::Red)
            };
            let actual = if good {
                one.actual.clone()
            } else {
                format!("{} (应为 expected {})", one.actual, one.expected.code())
            };
            table.add_row([
                Cell::new(format!("{}→{}", one.issuer, one.recogniser)),
                Cell::new(one.name),
                Cell::new(actual),
                Cell::new(text),
                Cell::new(format!("{:.1}", one.took.as_secs_f64() * 1000.0)),
                Cell::new(one.component),
                mark,
            ]);
        }
        let good = self.played.iter().filter(|one| one.is_as_expected()).count();
        format!(
            "{table}\n居民证件 permits {}  凭证 attestations {}\n{good}/{} 项与预期一致，涵盖 {} 种结论 / as expected, {} outcomes",
            self.permits,
            self.attestations,
            self.played.len(),
            self.outcomes(),
            self.outcomes(),
        ) + &self.scan_text()
    }

    /// What the scan found, for people.
    fn scan_text(&self) -> String {
        let scanned = &self.scanned;
        let mut text = format!(
            "\n{} 在日志、指标、网址与数据库文件（{} 字节，其中数据库 {} 字节）中查找 {} 项居民数据: 找到 {} 处，探针{} / residents' data in logs, \
             metrics, URLs and database files: {} found, canary {}",
            if scanned.is_clean() { '√' } else { '×' },
            scanned.bytes,
            scanned.database_bytes,
            scanned.needles,
            scanned.found.len(),
            if scanned.canary_found {
                "已找到"
            } else {
                "未找到"
            },
            scanned.found.len(),
            if scanned.canary_found { "found" } else { "missed" },
        );
        for place in scanned.found.iter().take(PLACES) {
            text.push_str("\n  ");
            text.push_str(place);
        }
        text
    }

    /// For machines.
    pub(crate) fn json(&self) -> Result<String, serde_json::Error> {
        let checks: Vec<_> = self
            .played
            .iter()
            .map(|one| {
                json!({
                    "name": one.name,
                    "issuer": one.issuer,
                    "recogniser": one.recogniser,
                    "expected": one.expected.code(),
                    "actual": one.actual,
                    "as_expected": one.is_as_expected(),
                    "component": one.component,
                    "milliseconds": one.took.as_secs_f64() * 1000.0,
                    "trace": one.trace,
                })
            })
            .collect();
        serde_json::to_string_pretty(&json!({
            "as_expected": self.is_as_expected(),
            "outcomes": self.outcomes(),
            "permits": self.permits,
            "attestations": self.attestations,
            "checks": checks,
            "scan": {
                "needles": self.scanned.needles,
                "bytes": self.scanned.bytes,
                "database_bytes": self.scanned.database_bytes,
                "proven": self.scanned.proven,
                "ended_logs": self.scanned.ended_logs,
                "found": self.scanned.found.len(),
                "places": self.scanned.found.iter().take(PLACES).collect::<Vec<_>>(),
                "canary_found": self.scanned.canary_found,
            },
        }))
    }
}

/// Where the windows are.
pub(crate) fn urls(stage: &Stage) -> String {
    let window = |name: &str, staff| format!("{name}  http://{staff}/");
    format!(
        "\n窗口页面 window pages (经办人 officer {CLERK}，密码 password {PASSWORD}):\n  {}\n  {}\n按 Ctrl-C 结束 / Ctrl-C to end",
        window(stage.yushan.name_zh, stage.yushan.staff),
        window(stage.changshan.name_zh, stage.changshan.staff),
    )
}
