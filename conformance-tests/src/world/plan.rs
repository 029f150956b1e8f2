//! `world.json`: the private side of a world, drawn once by `init` and the same ever after: its seed, the key of its CA, its ports.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::ambient::{now, random};
use super::certificates::Roots;
use super::keys::Key;
use super::person::{Person, day, person, register};

/// Counties that the suite plays.
pub(crate) const COUNTIES: usize = 72;
/// Of these, the last ones stand under the spare province.
pub(crate) const SPARE: usize = 8;
/// Of these, counties that stand under the target's own province.
pub(crate) const HOME: usize = 4;
/// Permits in the target's register.
pub(crate) const RESIDENTS: usize = 1_600;
/// Of these, the last ones have lapsed.
pub(crate) const LAPSED: usize = 10;

/// The file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    /// Everything secret is drawn from here.
    pub(crate) seed: String,
    /// The target's region.
    pub(crate) region: String,
    /// Key of the CA, PEM.
    pub(crate) root_key: String,
    /// Port of the anchor, of the three provinces (the target's, the others', the spare), then two of each county.
    pub(crate) ports: Vec<u16>,
    /// Where its files stand, below the working folder: there itself, or in a folder of its own beside other worlds.
    #[serde(skip)]
    pub(crate) below: PathBuf,
    /// Permits in the target's register: [`RESIDENTS`], or fewer where no case needs them all. A target attests each of them first of all.
    #[serde(skip, default = "all_residents")]
    pub(crate) people: usize,
}

const fn all_residents() -> usize {
    RESIDENTS
}

/// Why there is no world.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlanError {
    /// A file.
    #[error("无法读写 / cannot read or write {}: {reason}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// There is a world already.
    #[error("{} 已存在，不会覆盖；请换一个目录 / {} exists and is not overwritten: choose another folder", .0.display(), .0.display())]
    Exists(PathBuf),
    /// No free ports.
    #[error("找不到足够的空闲端口 / not enough free ports on this machine")]
    Ports,
    /// A certificate; a fault of the suite.
    #[error("cannot make certificates: {0}")]
    Certificates(#[from] rcgen::Error),
    /// The file does not fit this suite.
    #[error("{} 与本版测试套件不符，请在新目录重新 init / {} is of another version of the suite: run init in a new folder", .0.display(), .0.display())]
    Version(PathBuf),
}

impl Plan {
    /// Draws a world and writes the working folder.
    pub(crate) fn draw(folder: &Path, region: &str) -> Result<Self, PlanError> {
        let plan = Self::found(folder, PathBuf::new(), region, &[])?;
        write(&folder.join("target.toml"), &target_file(region))?;
        write(&folder.join("README.txt"), NEXT)?;
        Ok(plan)
    }

    /// Draws a world for one run, in a folder below the working folder, without a port of those that are up at the same time.
    pub(crate) fn draw_beside(
        folder: &Path,
        below: PathBuf,
        region: &str,
        taken: &[u16],
    ) -> Result<Self, PlanError> {
        let own = folder.join(&below);
        if own.exists() {
            std::fs::remove_dir_all(&own).map_err(|reason| file(&own, reason))?;
        }
        Self::found(folder, below, region, taken)
    }

    fn found(folder: &Path, below: PathBuf, region: &str, taken: &[u16]) -> Result<Self, PlanError> {
        let own = folder.join(&below);
        let path = own.join("world.json");
        if path.exists() {
            return Err(PlanError::Exists(path));
        }
        let (root_key, roots) = Roots::found()?;
        let plan = Self {
            seed: hex::encode(random::<32>()),
            region: region.to_owned(),
            root_key,
            ports: free_ports(4 + 2 * COUNTIES, taken).ok_or(PlanError::Ports)?,
            below,
            people: RESIDENTS,
        };
        std::fs::create_dir_all(&own).map_err(|reason| file(&own, reason))?;
        let json = serde_json::to_string_pretty(&plan).map_err(|reason| file(&path, reason))?;
        write(&path, &json)?;
        write(&own.join("roots.pem"), &roots)?;
        let anchor =
            json!({ "entity": plan.anchor(), "jwks": plan.anchor_key().jwks(), "environment": "SANDBOX" });
        write(&own.join("anchor.json"), &anchor.to_string())?;
        plan.write_residents(folder)?;
        Ok(plan)
    }

    /// A file of this world, as it is named from the working folder.
    pub(crate) fn named(&self, file: &str) -> String {
        self.below.join(file).display().to_string()
    }

    /// Reads the working folder.
    pub(crate) fn read(folder: &Path) -> Result<Self, PlanError> {
        let path = folder.join("world.json");
        let text = std::fs::read_to_string(&path).map_err(|reason| file(&path, reason))?;
        let plan: Self = serde_json::from_str(&text).map_err(|reason| file(&path, reason))?;
        if plan.ports.len() != 4 + 2 * COUNTIES {
            return Err(PlanError::Version(path));
        }
        Ok(plan)
    }

    /// Writes the register anew, so that dates count from today.
    pub(crate) fn write_residents(&self, folder: &Path) -> Result<(), PlanError> {
        let (csv, manifest) = register(&self.residents(), now() - 120);
        write(&folder.join(self.named("residents.csv")), &csv)?;
        write(&folder.join(self.named("residents.csv.manifest.json")), &manifest)
    }

    /// The target's register.
    pub(crate) fn residents(&self) -> Vec<Person> {
        let at = now();
        let until = |place: usize| {
            if place + LAPSED < self.people {
                day(at, 200)
            } else {
                day(at, -3)
            }
        };
        (0..self.people)
            .map(|place| person(&self.region, place, until(place)))
            .collect()
    }

    /// Entity id of the anchor.
    pub(crate) fn anchor(&self) -> String {
        origin(self.ports[0])
    }

    /// Key of the anchor.
    pub(crate) fn anchor_key(&self) -> Key {
        Key::named(&self.seed, "anchor")
    }

    /// Entity id of a province: 0 the target's, 1 the others', 2 the spare.
    pub(crate) fn province(&self, which: usize) -> String {
        origin(self.ports[1 + which])
    }

    /// Prefix of a province.
    pub(crate) fn prefix(&self, which: usize) -> String {
        let home = self.region.get(..2).unwrap_or("36");
        let others: Vec<&str> = ["33", "34", "35"]
            .into_iter()
            .filter(|prefix| *prefix != home)
            .collect();
        if which == 0 {
            home.to_owned()
        } else {
            others[which - 1].to_owned()
        }
    }

    /// Public and federation base URL of a county.
    pub(crate) fn doors(&self, county: usize) -> (String, String) {
        (
            origin(self.ports[4 + 2 * county]),
            origin(self.ports[5 + 2 * county]),
        )
    }

    /// The province of a county.
    pub(crate) const fn province_of(county: usize) -> usize {
        if county < HOME {
            0
        } else if county + SPARE < COUNTIES {
            1
        } else {
            2
        }
    }

    /// Region code of a county.
    pub(crate) fn region_of(&self, county: usize) -> String {
        let code = format!("{}08{:02}", self.prefix(Self::province_of(county)), 10 + county);
        // A county of the world never claims the target's own region.
        if code == self.region {
            format!("{}0999", &code[..2])
        } else {
            code
        }
    }
}

fn origin(port: u16) -> String {
    format!("https://localhost:{port}")
}

fn file(path: &Path, reason: impl std::fmt::Display) -> PlanError {
    PlanError::File {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

fn write(path: &Path, text: &str) -> Result<(), PlanError> {
    std::fs::write(path, text).map_err(|reason| file(path, reason))
}

/// Free ports below those that the system hands out by itself, so that they are likely to be free the next time too.
fn free_ports(count: usize, taken: &[u16]) -> Option<Vec<u16>> {
    let start = 15_000 + u16::from_be_bytes(random()) % 12_000;
    let mut held = Vec::new();
    for port in (start..32_000).filter(|port| !taken.contains(port)) {
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            held.push((port, listener));
        }
        if held.len() == count {
            return Some(held.into_iter().map(|(port, _)| port).collect());
        }
    }
    None
}

fn target_file(region: &str) -> String {
    format!(
        r#"# 被测对象，各项说明见协议文本附录 D / what is judged. Appendix D of the specification's page describes every key.
# 仅离线验证程序无需本目录 / an off-line verifier alone needs neither this folder nor a world:
#   comity-conformance run --class offline --adapter CMD
[target]
name = "示例节点 example node"
classes = ["node"]
region = "{region}"
# 被测程序及参数 / the target program and its arguments, one string each
program = ["my-target"]
# 离线验证程序及参数，classes 含 "offline" 时需要 / the off-line verifier and its arguments, where classes has "offline"
# adapter = ["my-verifier"]
# 可并行运行的实例数 / how many of it may run side by side, each in a folder and on ports of its own: a run takes less time
# instances = 4

# 不支持的用例: 名称或通配 = 理由 / cases that the target takes no part in: name or pattern = reason
[unsupported]

# 已知不通过 (过期或已通过即报错) / known failures; stale ones fail the run
# [[expected_failure]]
# case = "issuer/…"
# reason = "…"
# until = "2026-12-31"
"#
    )
}

const NEXT: &str = "\
1. 在 target.toml 中填写被测程序。 Fill in the target program in target.toml.
2. comity-conformance preflight --dir 本目录: 检查配置。 Checks the configuration and says what to correct.
3. comity-conformance run --dir 本目录: 运行用例。 Runs the cases.

anchor.json   锚点，由人工交给被测对象 / the anchor, given to the target by hand
roots.pem     测试服务器的根证书 / CA of the suite's public servers
residents.csv 合成居民登记 (示例) / register of synthetic people
world.json    测试世界的密钥与端口，仅供套件使用 / keys and ports of the suite's world; private to the suite
";

#[cfg(test)]
mod tests {
    use comity_spec::ids::Region;

    use super::*;

    #[test]
    fn a_world_is_drawn_once_and_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let plan = Plan::draw(dir.path(), "361123").unwrap();
        assert_eq!(Plan::read(dir.path()).unwrap(), plan);
        assert!(matches!(
            Plan::draw(dir.path(), "361123"),
            Err(PlanError::Exists(_))
        ));
        let mut regions: Vec<String> = (0..COUNTIES).map(|county| plan.region_of(county)).collect();
        for region in &regions {
            region.parse::<Region>().unwrap();
        }
        regions.push(plan.region.clone());
        regions.sort();
        regions.dedup();
        assert_eq!(regions.len(), COUNTIES + 1, "every region once");
        let mut ports = plan.ports.clone();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), plan.ports.len());
        assert_eq!(plan.residents().len(), RESIDENTS);
        assert!(Plan::read(&dir.path().join("elsewhere")).is_err());
    }

    #[test]
    fn a_world_beside_another_shares_no_port_and_no_file_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let first = Plan::draw(dir.path(), "361123").unwrap();
        let beside = || Plan::draw_beside(dir.path(), "beside/2".into(), "361123", &first.ports).unwrap();
        let second = beside();
        assert!(second.ports.iter().all(|port| !first.ports.contains(port)));
        assert_eq!(second.named("anchor.json"), "beside/2/anchor.json");
        assert!(dir.path().join(second.named("residents.csv")).exists());
        assert_eq!(
            Plan::read(dir.path()).unwrap(),
            first,
            "the first one stands as it was"
        );
        assert_ne!(beside().seed, second.seed, "drawn anew for each run");
    }
}
