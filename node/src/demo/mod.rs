//! `comity demo`: two counties recognise each other's permits on this machine, end to end, with real components.
//!
//! One anchor and two provinces in one process, two county nodes in one each, on loopback, with generated keys and SQLite in a
//! temporary folder. [`stage`] builds it, [`cast`] writes the registers, [`prepare`] has them imported and the agreement signed,
//! [`scenes`] plays what happens at the windows and compares each outcome with the expected one,
//! [`emit`] leaves what was issued to other implementations, [`scan`] looks for everybody in what was logged and stored meanwhile,
//! [`report`] prints. Everything goes through the same listeners, commands and files that a county uses.

mod asked;
mod browser;
mod cast;
mod decoded;
mod emit;
pub(crate) mod http;
mod prepare;
mod process;
mod report;
mod scan;
mod scenes;
mod stage;
mod stranger;
mod web_certificates;

use std::io::Write as _;

use crate::cli::DemoArgs;
use crate::commands::{CommandError, Outcome};

/// Why the demonstration did not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    #[error(transparent)]
    Process(#[from] process::ProcessError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    #[error(transparent)]
    Start(#[from] crate::wiring::StartError),
    #[error(transparent)]
    Key(#[from] crate::keys::KeyFileError),
    #[error(transparent)]
    Call(#[from] http::CallError),
    #[error(transparent)]
    File(#[from] std::io::Error),
    #[error("{what} 未在 {seconds} 秒内完成 / did not happen in time")]
    TooLate { what: &'static str, seconds: u64 },
    #[error("{0}")]
    Other(String),
}

impl DemoError {
    /// Something that should not happen.
    pub(crate) fn other(error: impl std::fmt::Display) -> Self {
        Self::Other(error.to_string())
    }
}

/// Runs the demonstration.
pub(crate) async fn run(arguments: DemoArgs) -> Result<Outcome, CommandError> {
    play(arguments).await.map_err(CommandError::from_display)
}

async fn play(arguments: DemoArgs) -> Result<Outcome, DemoError> {
    let temporary = tempfile::Builder::new().prefix("comity-demo-").tempdir()?;
    let dir = match &arguments.dir {
        Some(dir) => {
            std::fs::create_dir_all(dir)?;
            std::path::absolute(dir)?
        }
        None => temporary.path().to_owned(),
    };
    let say = |text: &str| {
        if !arguments.json {
            // Progress is for people; a closed standard error is no reason to stop.
            let _ = writeln!(std::io::stderr(), "{text}");
        }
    };
    say("正在启动锚点、两省、两县… / starting an anchor, two provinces, two counties…");
    let stage = stage::build(&dir, &arguments.log).await?;
    say("正在导入居民、签署协议、签发凭证… / importing residents, signing the agreement, issuing…");
    let prepared = prepare::prepare(&stage, &dir, arguments.residents).await?;
    say("正在两县窗口逐项核验… / checking at the windows of both counties…");
    let results = scenes::play(&stage, &prepared).await?;
    let mut observed = true;
    if let Some(folder) = &arguments.emit {
        say("正在写出所签发的对象… / writing what was issued…");
        emit::emit(&stage, &prepared, &results, folder).await?;
        if let Some(observer) = &arguments.observer {
            observed = emit::observe(observer, folder).await?;
        }
    }
    for (county, issuer, cast) in [
        (&stage.changshan, &stage.yushan, &prepared.yushan),
        (&stage.yushan, &stage.changshan, &prepared.changshan),
    ] {
        let resident = cast.of(cast::Role::Ordinary);
        browser::look_up(county.staff, resident, issuer.region, &stage.urls).await?;
    }
    say(
        "正在日志、指标、网址与数据库文件中查找居民数据… / searching logs, metrics, URLs and databases for residents…",
    );
    let residents = prepared.yushan.residents().iter();
    let mut scan = scan::Scan::new(residents.chain(prepared.changshan.residents()))?;
    scan.prove(&dir)?;
    let logs = stage.logs.clone();
    let homes = [&stage.yushan, &stage.changshan].map(|county| county.settings.node.state.clone());
    search_running(&stage, &homes, &mut scan).await?;
    let urls = report::urls(&stage);
    let mut components = Some([
        stage.yushan.component,
        stage.changshan.component,
        stage.authorities,
    ]);
    let mut wanted = 0;
    if arguments.check
        && let Some(components) = components.take()
    {
        wanted = components.len();
        process::stop(components).await;
        // An orderly end moves the write-ahead log into the main file.
        for home in &homes {
            scan.read_database(home)?;
        }
    }
    scan.read_logs(&logs)?;
    let scanned = scan.finish();
    let ended = scanned.ended_logs >= wanted;
    let report = report::Report::new(results, &prepared, scanned);
    let good = observed && ended && report.is_as_expected();
    if arguments.json {
        println!("{}", report.json().map_err(DemoError::other)?);
    } else {
        println!("{}", report.table());
    }
    if !ended {
        say(
            "× 有组件未正常停止，其日志没有结束行 / a component did not end in order: its log has no last line",
        );
    }
    if let Some(components) = components {
        println!("{urls}");
        crate::wiring::shutdown_signal().cancelled().await;
        process::stop(components).await;
    }
    Ok(Outcome {
        text: String::new(),
        code: u8::from(!good),
    })
}

/// Looks for every resident of both counties in what only the running components have: metrics, the URLs that they were asked, and the
/// write-ahead logs of their databases, which an orderly end removes.
async fn search_running(
    stage: &stage::Stage,
    homes: &[std::path::PathBuf],
    scan: &mut scan::Scan,
) -> Result<(), DemoError> {
    for county in [&stage.yushan, &stage.changshan] {
        let metrics = http::metrics(county.ops).await?;
        scan.read(&format!("{} /metrics", county.region), metrics.as_bytes());
    }
    scan.read("网址 URLs", stage.urls.all().as_bytes());
    for home in homes {
        scan.read_database(home)?;
    }
    Ok(())
}
