//! Reading, overriding, checking and showing the configuration.

use std::path::{Path, PathBuf};

use super::sections::{Config, ListenerConfig, without_password};

/// Prefix of environment overrides.
const PREFIX: &str = "COMITY__";

/// Why the configuration is not usable. Chinese first: it is read by the operator on duty.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error(
        "读不到配置文件 {path}: {reason}\n请用 --config 或环境变量 COMITY_CONFIG 指明配置文件 / cannot read the configuration file: name it with --config or in \
         COMITY_CONFIG"
    )]
    Read { path: PathBuf, reason: String },
    #[error(
        "配置有误: {reason}\n对照 `comity config example` 修改。 / the configuration is not valid; compare `comity config example`"
    )]
    Parse { reason: String },
    #[error(
        "环境变量 {name} 指向不存在的配置项 / the environment variable {name} names no place in the configuration"
    )]
    Override { name: String },
    #[error("配置检查未通过 / the configuration does not pass:\n{}", .0.join("\n"))]
    Check(Vec<String>),
}

/// Reads the file, applies overrides from `environment`, refuses unknown keys and checks what belongs together.
pub(crate) fn load(
    path: &Path,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Config, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Read {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    parse(&text, environment)
}

fn parse(text: &str, environment: impl Iterator<Item = (String, String)>) -> Result<Config, ConfigError> {
    let mut table: toml::Table = text.parse().map_err(|error| refused(text, &error))?;
    for (name, value) in environment {
        if let Some(place) = name.strip_prefix(PREFIX) {
            apply(&mut table, &place.to_ascii_lowercase(), &value).ok_or(ConfigError::Override { name })?;
        }
    }
    // A table knows no lines: what the file itself has wrong is found in it again.
    let config: Config = table.try_into().map_err(|error| {
        let in_file = toml::from_str::<Config>(text).err();
        refused(text, &in_file.unwrap_or(error))
    })?;
    let findings = check(&config);
    if findings.is_empty() {
        Ok(config)
    } else {
        Err(ConfigError::Check(findings))
    }
}

/// What is wrong and in which line. The line itself is not shown, and what the message quotes of it without its password: it may be the
/// database's.
fn refused(text: &str, error: &toml::de::Error) -> ConfigError {
    let message = error.message();
    let shown: Vec<String> = message
        .split_inclusive(|c: char| c.is_whitespace() || matches!(c, '"' | '`' | '\''))
        .map(without_password)
        .collect();
    let line = error
        .span()
        .and_then(|span| text.get(..span.start))
        .map(|before| format!("第 {0} 行 / line {0}: ", before.matches('\n').count() + 1));
    ConfigError::Parse {
        reason: line.unwrap_or_default() + &shown.concat(),
    }
}

/// Sets one value. Text stays text unless it reads as a TOML value of the kind that stands there, or none stands there.
fn apply(table: &mut toml::Table, place: &str, value: &str) -> Option<()> {
    let (head, rest) = match place.split_once("__") {
        Some((head, rest)) => (head, Some(rest)),
        None => (place, None),
    };
    if head.is_empty() {
        return None;
    }
    match rest {
        Some(rest) => {
            let inner = table
                .entry(head)
                .or_insert_with(|| toml::Value::Table(toml::Table::new()));
            apply(inner.as_table_mut()?, rest, value)
        }
        None => {
            let parsed: Option<toml::Value> = format!("v = {value}")
                .parse::<toml::Table>()
                .ok()
                .and_then(|mut t| t.remove("v"));
            let value = match (table.get(head), parsed) {
                (Some(toml::Value::String(_)), _) | (_, None) => toml::Value::String(value.to_owned()),
                (_, Some(parsed)) => parsed,
            };
            table.insert(head.to_owned(), value);
            Some(())
        }
    }
}

fn check(config: &Config) -> Vec<String> {
    let mut findings = Vec::new();
    let mut listener = |name: &str, l: &ListenerConfig, tls_required: bool| {
        if l.certificate.is_some() != l.key.is_some() {
            findings.push(format!(
                "[listeners.{name}] certificate 与 key 须同时给出 / give certificate and key together"
            ));
        }
        if l.certificate.is_none() && (tls_required || !l.address.ip().is_loopback()) {
            findings.push(format!(
                "[listeners.{name}] 需要 certificate 与 key: 明文只允许在本机回环地址 / needs certificate and key: \
                 plain HTTP is allowed on loopback only"
            ));
        }
    };
    listener("public", &config.listeners.public, true);
    listener("federation", &config.listeners.federation, true);
    listener("staff", &config.listeners.staff, false);
    if !config.listeners.ops.address.ip().is_loopback() {
        findings.push("[listeners.ops] 只能监听本机回环地址 / listens on loopback only".to_owned());
    }
    if !(config.database.url.starts_with("sqlite:") || config.database.url.starts_with("postgres")) {
        findings.push(
            "[database] url 须以 sqlite: 或 postgres:// 开头 / must begin with sqlite: or postgres://"
                .to_owned(),
        );
    }
    if !(10..=86_400).contains(&config.trust.refresh_seconds) {
        findings.push("[trust] refresh_seconds 须在 10 与 86400 之间 / must be 10 to 86400".to_owned());
    }
    if config.trust.superior == config.node.entity {
        findings.push("[trust] superior 不能是本节点 / cannot be this node itself".to_owned());
    }
    for range in config
        .network
        .allow
        .iter()
        .chain(config.peers.values().flat_map(|p| &p.allow))
    {
        if !is_range(range) {
            findings.push(format!("不是地址段: {range} / not an address range: {range}"));
        }
    }
    findings
}

fn is_range(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else {
        return false;
    };
    match (address.parse::<std::net::IpAddr>(), bits.parse::<u8>()) {
        (Ok(address), Ok(bits)) => bits <= if address.is_ipv4() { 32 } else { 128 },
        _ => false,
    }
}

/// The configuration in force as TOML, without secrets.
pub(crate) fn show(config: &Config) -> Result<String, ConfigError> {
    let mut config = config.clone();
    config.database.url = without_password(&config.database.url);
    for peer in config.peers.values_mut() {
        peer.proxy = peer.proxy.as_deref().map(without_password);
    }
    toml::to_string_pretty(&config).map_err(|error| ConfigError::Parse {
        reason: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::EXAMPLE;

    fn with(env: &[(&str, &str)]) -> Result<Config, ConfigError> {
        parse(
            EXAMPLE,
            env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())),
        )
    }

    #[test]
    fn the_documented_example_is_valid() {
        let config = with(&[]).unwrap();
        assert_eq!(config.node.region.as_str(), "330822");
        assert_eq!(config.trust.refresh_seconds, 300);
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let error = parse(
            &EXAMPLE.replace("refresh_seconds", "refresh_second"),
            std::iter::empty(),
        )
        .unwrap_err();
        assert!(error.to_string().contains("refresh_second"), "{error}");
    }

    #[test]
    fn a_value_that_does_not_fit_is_refused_with_its_line() {
        let (line, _) = EXAMPLE
            .lines()
            .enumerate()
            .find(|(_, text)| text.starts_with("region ="))
            .unwrap();
        let error = parse(&EXAMPLE.replace("\"330822\"", "\"33082\""), std::iter::empty()).unwrap_err();
        assert!(
            error.to_string().contains(&format!("line {}:", line + 1)),
            "{error}"
        );
        let elsewhere = with(&[("COMITY__NODE__REGION", "33082")]).unwrap_err();
        assert!(
            !elsewhere.to_string().contains("line"),
            "not the file's: {elsewhere}"
        );
    }

    #[test]
    fn the_environment_overrides_text_numbers_and_switches() {
        let config = with(&[
            ("COMITY__DATABASE__URL", "postgres://u:geheim@h/db"),
            ("COMITY__TRUST__REFRESH_SECONDS", "60"),
            ("COMITY__POLICY__LOCAL_ISSUING", "true"),
            ("COMITY__NODE__REGION", "361123"),
            ("PATH", "/bin"),
        ])
        .unwrap();
        assert_eq!(config.database.url, "postgres://u:geheim@h/db");
        assert_eq!(config.trust.refresh_seconds, 60);
        assert!(config.policy.local_issuing);
        assert_eq!(config.node.region.as_str(), "361123");
    }

    #[test]
    fn an_override_of_nothing_is_refused() {
        assert!(with(&[("COMITY__DATABSE__URL", "x")]).is_err());
        assert!(matches!(
            with(&[("COMITY____X", "x")]),
            Err(ConfigError::Override { .. })
        ));
    }

    #[test]
    fn secrets_are_not_shown() {
        let config = with(&[(
            "COMITY__DATABASE__URL",
            "postgres://u:geheim@h/db?password=geheim",
        )])
        .unwrap();
        let shown = show(&config).unwrap();
        assert!(!shown.contains("geheim"), "{shown}");
        assert!(!format!("{config:?}").contains("geheim"));
        assert!(shown.contains("postgres://u:***@h/db"));
    }

    #[test]
    fn no_error_repeats_a_password() {
        let url = "url = \"sqlite:/var/lib/comity/node.db\"";
        assert!(EXAMPLE.contains(url), "the example's database");
        for broken in [
            // No end of the text, an unknown key, the wrong kind, the right text in the wrong place.
            "url = \"postgres://u:geheim@h/db",
            "ur = \"postgres://u:geheim@h/db\"",
            "url = [\"postgres://u:geheim@h/db\"]",
            "url = \"sqlite:x\"\nnode = \"postgres://u:geheim@h/db\"",
            "url = \"oracle://u:geheim@h/db\"",
        ] {
            let error = parse(&EXAMPLE.replace(url, broken), std::iter::empty()).unwrap_err();
            assert!(!error.to_string().contains("geheim"), "{error}");
            assert!(!format!("{error:?}").contains("geheim"), "{error:?}");
        }
        let misplaced = "postgres://u:geheim@h/db";
        for name in [
            "COMITY__DATABASE",
            "COMITY__TRUST__REFRESH_SECONDS",
            "COMITY__NODE__REGION",
        ] {
            let error = with(&[(name, misplaced)]).unwrap_err();
            assert!(!error.to_string().contains("geheim"), "{error}");
        }
    }

    #[test]
    fn a_password_is_not_shown_however_the_address_is_mistyped() {
        for url in [
            "postgres://u:geheim@h/db",
            "postgres://u:ge/heim@h/db",
            "postgres://u:g@e/heim@h/db",
            "postgres://u:geheim/@h/db?sslmode=require",
            "postgres://:geheim@h",
            "postgres:u:geheim@h/db",
            "postgres:/u:geheim@h/db",
            "postgres//u:geheim@h/db",
            "postgres://h/db?user=u&password=geheim",
            "postgres:h/db?password=geheim",
        ] {
            let shown = without_password(url);
            assert!(!shown.contains("heim"), "{url}: {shown}");
            assert!(
                shown.contains('h') && shown.starts_with("postgres"),
                "{url}: {shown}"
            );
        }
        for plain in [
            "postgres://u@h/db",
            "postgres://h:5432/db",
            "sqlite:/var/lib/comity/node.db",
            "sqlite:///srv/a@b/node.db",
        ] {
            assert_eq!(without_password(plain), plain);
        }
    }

    #[test]
    fn plain_http_is_refused_off_loopback_and_half_a_certificate_everywhere() {
        let text = EXAMPLE.replace("certificate = \"/etc/comity/staff.crt\"\n", "");
        assert!(matches!(
            parse(&text, std::iter::empty()),
            Err(ConfigError::Check(_))
        ));
        let error = with(&[("COMITY__LISTENERS__OPS__ADDRESS", "0.0.0.0:9464")]).unwrap_err();
        assert!(error.to_string().contains("listeners.ops"));
    }

    #[test]
    fn ranges_are_checked() {
        assert!(with(&[("COMITY__NETWORK__ALLOW", "[\"10.0.0.0/8\", \"::1/128\"]")]).is_ok());
        assert!(with(&[("COMITY__NETWORK__ALLOW", "[\"10.0.0.0/33\"]")]).is_err());
    }
}
