//! The command line, as types. What a command does is in the file of its name under `commands/`.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use comity_spec::ids::{AgreementId, Digest, EntityId, OfficerId, PermitNumber, RegionPrefix};
use comity_spec::time::LocalDate;

/// Comity 互认 · 居住证跨省互通互认节点 / a node of the federation that recognises residence permits
#[derive(Debug, Parser)]
#[command(name = "comity", version, about)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Which configuration a node command reads.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ConfigArg {
    /// 配置文件 / configuration file
    #[arg(
        long,
        env = "COMITY_CONFIG",
        default_value = "/etc/comity/node.toml",
        global = true
    )]
    pub(crate) config: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// 运行节点 / run a node
    Run(ConfigArg),
    /// 创建密钥与入网申请，可重复执行 / create keys and the application to join; safe to repeat
    Init {
        #[command(flatten)]
        config: ConfigArg,
        /// 申请书写到何处 / where to write the application
        #[arg(long, default_value = "application.jwt")]
        application: PathBuf,
    },
    /// 检查或显示配置 / check or show the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// 锚点与省级机构 / anchor and provinces
    #[command(subcommand)]
    Authority(AuthorityCommand),
    /// 互认协议 / recognition agreements
    Agreement {
        #[command(flatten)]
        config: ConfigArg,
        #[command(subcommand)]
        command: AgreementCommand,
    },
    /// 居住证登记 / the county's permits
    Permit {
        #[command(flatten)]
        config: ConfigArg,
        #[command(subcommand)]
        command: PermitCommand,
    },
    /// 经办人 / officers
    Officer {
        #[command(flatten)]
        config: ConfigArg,
        #[command(subcommand)]
        command: OfficerCommand,
    },
    /// 信任链 / the trust chain
    Trust {
        #[command(flatten)]
        config: ConfigArg,
        #[command(subcommand)]
        command: TrustCommand,
    },
    /// 离线数据包 / bundles for off-line verifiers and air-gapped exchange
    Bundle {
        #[command(flatten)]
        config: ConfigArg,
        #[command(subcommand)]
        command: BundleCommand,
    },
    /// 检查核验记录链 / check the hash-chained record
    Record {
        #[command(flatten)]
        config: ConfigArg,
    },
    /// 数据库 / the store
    Store {
        #[command(flatten)]
        config: ConfigArg,
        #[command(subcommand)]
        command: StoreCommand,
    },
    /// 节点现状 / the node's present state
    Status {
        #[command(flatten)]
        config: ConfigArg,
    },
    /// 演示: 两县互认，端到端 / demonstration: two counties recognise each other, end to end
    Demo(DemoArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// 检查，有误则指出 / check, and say what is wrong
    Check(ConfigArg),
    /// 显示生效的配置，不含密码 / show what is in force, without secrets
    Show(ConfigArg),
    /// 带说明的示例 / the documented example
    Example,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuthorityCommand {
    /// 建立机构: 锚点或省 / found an authority: the anchor or a province
    Init(AuthorityInitArgs),
    /// 受理入网申请 / enrol an applicant
    Enrol(AuthorityEnrolArgs),
    /// 暂停成员 / suspend a member
    Suspend {
        #[arg(long)]
        dir: PathBuf,
        member: EntityId,
    },
    /// 恢复成员 / reinstate a member
    Reinstate {
        #[arg(long)]
        dir: PathBuf,
        member: EntityId,
    },
    /// 移除成员 / remove a member
    Remove {
        #[arg(long)]
        dir: PathBuf,
        member: EntityId,
    },
    /// 重新签发全部文件 / sign everything anew
    Publish {
        #[arg(long)]
        dir: PathBuf,
    },
    /// 对外提供已签发文件，可同时服务多个机构 / serve what was published, for one or several authorities
    Serve {
        /// 机构目录，可重复 / an authority's folder; may be repeated
        #[arg(long, required = true)]
        dir: Vec<PathBuf>,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct AuthorityInitArgs {
    /// 机构目录 / the authority's folder
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// 实体标识 / entity id
    #[arg(long)]
    pub(crate) entity: EntityId,
    /// 中文名称 / Chinese name
    #[arg(long)]
    pub(crate) name_zh: String,
    /// 英文名称 / English name
    #[arg(long)]
    pub(crate) name_en: String,
    /// 省: 区划代码前缀 / province: prefix of region codes
    #[arg(long, requires = "superior")]
    pub(crate) prefix: Option<RegionPrefix>,
    /// 省: 锚点 / province: the anchor
    #[arg(long, requires = "prefix")]
    pub(crate) superior: Option<EntityId>,
    /// 正式环境 (缺省为测试环境) / production (default: sandbox)
    #[arg(long)]
    pub(crate) production: bool,
    /// 静态网站发布，无 fetch 接口 / published on a static host, without a fetch endpoint
    #[arg(long)]
    pub(crate) static_host: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct AuthorityEnrolArgs {
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// 申请书 (实体配置) / the application: an entity configuration
    pub(crate) application: PathBuf,
    /// 作为省受理: 区划代码前缀 / enrol as a province: its prefix
    #[arg(long, requires_all = ["name_zh", "name_en"])]
    pub(crate) prefix: Option<RegionPrefix>,
    /// 省的中文名称 / a province's Chinese name
    #[arg(long)]
    pub(crate) name_zh: Option<String>,
    /// 省的英文名称 / a province's English name
    #[arg(long)]
    pub(crate) name_en: Option<String>,
    /// 密钥遗失或被盗后换钥: 已与对方电话核对新指纹 / keys were lost or stolen, and the new thumbprint was compared by telephone
    #[arg(long)]
    pub(crate) replace_keys: bool,
    #[command(flatten)]
    pub(crate) conformance: ConformanceArgs,
}

/// Which result of the conformance suite an authority asks for.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct ConformanceArgs {
    /// 受理前须出示的一致性测试结果 / a county's signed result of the conformance suite, asked for before it is enrolled
    #[arg(
        long,
        value_name = "FILE",
        requires = "conformance_keys",
        conflicts_with = "prefix"
    )]
    pub(crate) require_conformance: Option<PathBuf>,
    /// 可信测试方的公钥 / public keys (JWKS) of those whose results count
    #[arg(long, value_name = "JWKS", requires = "require_conformance")]
    pub(crate) conformance_keys: Option<PathBuf>,
    /// 结果有效天数 / for how many days a result counts
    #[arg(long, value_name = "N", default_value_t = 180, value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub(crate) conformance_days: u32,
    /// 须通过的类别 / classes that must have been passed
    #[arg(
        long,
        value_name = "CLASSES",
        value_delimiter = ',',
        default_value = "issuer,recogniser",
        value_parser = ["issuer", "recogniser", "node", "authority", "offline"]
    )]
    pub(crate) conformance_classes: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AgreementCommand {
    /// 提出协议文本 (JSON) 并签署 / propose a text (JSON) and sign it
    Propose { file: PathBuf },
    /// 签署收到的文本 / sign a text received
    Sign {
        id: AgreementId,
        version: u32,
        /// 所阅文本的摘要，见 agreement show / digest of the text that was read, as agreement show prints it
        #[arg(long)]
        digest: Digest,
    },
    /// 弃置待签提案 / discard a proposal that waits
    Discard {
        id: AgreementId,
        version: u32,
        digest: Digest,
    },
    /// 列出 / list
    List,
    /// 显示一份 / show one
    Show {
        id: AgreementId,
        version: Option<u32>,
        /// 同一版本有多个文本时，指明一个 / which text, where several of one version wait
        #[arg(long)]
        digest: Option<Digest>,
    },
    /// 退出 / withdraw
    Withdraw {
        id: AgreementId,
        /// 自何日起失效 / first day on which it no longer holds
        #[arg(long)]
        from: LocalDate,
        /// 原因 / reason in Chinese
        #[arg(long)]
        reason_zh: String,
        /// 原因 / reason in English
        #[arg(long)]
        reason_en: String,
    },
    /// 读入文件传来的签署文本 / take in a signed text that came as a file
    Receive { file: PathBuf },
    /// 写出签署文本 / write a signed text to a file
    Export {
        id: AgreementId,
        version: u32,
        file: PathBuf,
        /// 同一版本有多个文本时，指明一个 / which text, where several of one version wait
        #[arg(long)]
        digest: Option<Digest>,
    },
    /// 输出两县示例协议文本 / print the text of the example agreement between two counties
    Example {
        /// 另一县的实体标识 / the other county
        peer: EntityId,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum PermitCommand {
    /// 导入登记文件 (CSV 与同名 .manifest.json) / import a register file (CSV with its .manifest.json)
    Import {
        file: PathBuf,
        /// 全量文件使大量证件离册时，确认无误 / a full file drops many permits, and that is right
        #[arg(long)]
        confirm_leaving: bool,
    },
    /// 办理一件 (JSON) / carry out one act on a permit (JSON)
    Act {
        /// 动作 (JSON 文件, - 为标准输入) / the act as JSON; - for standard input
        file: PathBuf,
        /// 经办人 / the officer
        #[arg(long)]
        officer: OfficerId,
    },
    /// 显示状态与经历 / show state and history
    Show { number: PermitNumber },
    /// 导出凭证 / export an attestation
    Export {
        number: PermitNumber,
        /// 卡片或完整凭证 / for a card's code, or with every claim
        #[arg(long, value_enum, default_value = "card")]
        form: Form,
        /// 输出形式 / rendering
        #[arg(long = "as", value_enum, default_value = "terminal")]
        rendering: Rendering,
        /// 写到文件 / write to a file
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// 统计 / count
    Count,
    /// 待第二人批准的事项 / acts that wait for a second person
    Pending,
}

/// How much an exported attestation says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    Card,
    Full,
}

/// As what an attestation is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rendering {
    Text,
    Digits,
    Svg,
    Png,
    Terminal,
    Pdf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum OfficerCommand {
    /// 新增，密码从标准输入读取 / add one; the password is read from standard input
    Add {
        id: OfficerId,
        #[arg(long)]
        name: String,
        /// 角色: 窗口核验、证件办理、复核批准，可多个 / roles, one or several
        #[arg(long, value_enum, value_delimiter = ',', required = true)]
        role: Vec<OfficerRole>,
    },
    /// 启用，可再登录 / let one sign in again
    Activate { id: OfficerId },
    /// 停用，登录即时失效 / let one sign in no more, at once
    Deactivate { id: OfficerId },
    /// 重设密码，从标准输入读取 / set a new password, read from standard input
    Password { id: OfficerId },
    /// 列出 / list
    List,
}

/// What an officer may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OfficerRole {
    Clerk,
    Issuer,
    Supervisor,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TrustCommand {
    /// 立即刷新信任链与状态列表 / refresh chains and status lists now
    Refresh {
        /// 只刷新此县 / of this county alone
        entity: Option<EntityId>,
    },
    /// 显示成员 / show members
    Show,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BundleCommand {
    /// 写出 / write
    Export { file: PathBuf },
    /// 读入 / take in
    Import { file: PathBuf },
}

#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// 由备份恢复后首先执行: 备份之后发放的状态位置与流水号不再发放，凭证视为已换发，不可撤回 / first of all after restoring a backup:
    /// nothing given since the copy is given again, and attestations issued since are superseded, for good
    Restored {
        /// 负责人 / the officer who answers for it
        #[arg(long)]
        officer: OfficerId,
    },
}

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// 跑完检查即退出，有不符则退出码非零 / run the checks and leave; non-zero when one differs
    #[arg(long)]
    pub(crate) check: bool,
    /// 机器可读的结果 / result for machines
    #[arg(long)]
    pub(crate) json: bool,
    /// 每县居民数 / residents of each county
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1_000..=200_000))]
    pub(crate) residents: u32,
    /// 数据目录，缺省为临时目录 / folder for its data; default: a temporary one
    #[arg(long)]
    pub(crate) dir: Option<PathBuf>,
    /// 将各节点签发的对象写入此目录，供其他实现核验 / write what the nodes issued into this folder, for other implementations
    #[arg(long, value_name = "DIR")]
    pub(crate) emit: Option<PathBuf>,
    /// 各节点运行期间以该目录为参数运行此程序，失败即演示失败 / run this program on that folder while the nodes run; its failure is ours
    #[arg(long, value_name = "PROGRAM", requires = "emit")]
    pub(crate) observer: Option<PathBuf>,
    /// 日志级别 / log level of the components
    #[arg(long, default_value = "info")]
    pub(crate) log: String,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    /// Every command at once: clap checks the rest of a command line only when that command is used, and then by ending the process.
    #[test]
    fn the_whole_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn an_officer_has_the_roles_there_are_and_no_other() {
        let read = |words: &[&str]| Cli::try_parse_from([&["comity", "officer"], words].concat());
        let add = |roles: &str| read(&["add", "clerk-01", "--name", "示例", "--role", roles]);
        let Command::Officer {
            command: OfficerCommand::Add { role, .. },
            ..
        } = add("clerk,supervisor").unwrap().command
        else {
            panic!("officer add");
        };
        assert_eq!(role, [OfficerRole::Clerk, OfficerRole::Supervisor]);
        assert!(add("mayor").is_err() && add("").is_err());
        assert!(matches!(
            read(&["deactivate", "clerk-01"]).unwrap().command,
            Command::Officer {
                command: OfficerCommand::Deactivate { .. },
                ..
            }
        ));
    }

    #[test]
    fn an_agreement_is_signed_by_id_version_and_the_digest_that_was_read() {
        let read = |words: &[&str]| Cli::try_parse_from([&["comity", "agreement"], words].concat());
        let digest = Digest::of("the text that was read").to_string();
        assert!(matches!(
            read(&["sign", "AGR-EXAMPLE", "2", "--digest", &digest])
                .unwrap()
                .command,
            Command::Agreement {
                command: AgreementCommand::Sign { version: 2, .. },
                ..
            }
        ));
        assert!(read(&["sign", "AGR-EXAMPLE", "--digest", &digest]).is_err());
        assert!(read(&["sign", "AGR-EXAMPLE", "2"]).is_err());
        assert!(read(&["sign", "AGR-EXAMPLE", "2", "--digest", "2"]).is_err());
    }
}
