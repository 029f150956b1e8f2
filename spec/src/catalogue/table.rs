//! The entries. The Chinese names are the law's own words.

use crate::text::Text;

/// What an entry is in the law.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ServiceKind {
    /// One of the three rights of article 12.
    Right,
    /// One of the six basic public services of article 12.
    BasicPublicService,
    /// One of the seven conveniences of article 13.
    Convenience,
    /// An item that exists because agreements name it.
    Agreed,
}

/// An entry of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// The code, such as `BPS-1`.
    pub code: &'static str,
    /// What it is in the law.
    pub kind: ServiceKind,
    /// Its name.
    pub name: Text,
    /// Where it comes from.
    pub source: Text,
    pub(super) parent: Option<&'static str>,
}

const ARTICLE_12: Text = Text::new(
    "《居住证暂行条例》（国务院令第663号）第十二条",
    "Provisional Regulation on Residence Permits (State Council Decree 663), article 12",
);
const ARTICLE_13: Text = Text::new(
    "《居住证暂行条例》（国务院令第663号）第十三条",
    "Provisional Regulation on Residence Permits (State Council Decree 663), article 13",
);
const AGREEMENT: Text = Text::new("互认协议约定", "by agreement of the parties");

const fn right(code: &'static str, zh: &'static str, en: &'static str) -> Service {
    Service {
        code,
        kind: ServiceKind::Right,
        name: Text::new(zh, en),
        source: ARTICLE_12,
        parent: None,
    }
}

const fn basic(code: &'static str, zh: &'static str, en: &'static str) -> Service {
    Service {
        code,
        kind: ServiceKind::BasicPublicService,
        name: Text::new(zh, en),
        source: ARTICLE_12,
        parent: None,
    }
}

const fn convenience(code: &'static str, zh: &'static str, en: &'static str) -> Service {
    Service {
        code,
        kind: ServiceKind::Convenience,
        name: Text::new(zh, en),
        source: ARTICLE_13,
        parent: None,
    }
}

/// A part of a service of the law keeps the law as its source.
const fn part(parent: &'static str, code: &'static str, zh: &'static str, en: &'static str) -> Service {
    Service {
        code,
        kind: ServiceKind::Agreed,
        name: Text::new(zh, en),
        source: ARTICLE_12,
        parent: Some(parent),
    }
}

pub(super) static SERVICES: &[Service] = &[
    right("RGT-1", "劳动就业", "work and employment"),
    right("RGT-2", "参加社会保险", "social insurance"),
    right(
        "RGT-3",
        "缴存、提取和使用住房公积金",
        "pay into, draw and use the housing fund",
    ),
    basic("BPS-1", "义务教育", "compulsory education"),
    basic("BPS-2", "基本公共就业服务", "basic public employment services"),
    basic(
        "BPS-3",
        "基本公共卫生服务和计划生育服务",
        "basic public health and family-planning services",
    ),
    basic("BPS-4", "公共文化体育服务", "public culture and sports services"),
    basic(
        "BPS-5",
        "法律援助和其他法律服务",
        "legal aid and other legal services",
    ),
    basic(
        "BPS-6",
        "国家规定的其他基本公共服务",
        "other basic public services set by the State",
    ),
    convenience(
        "CNV-1",
        "按照国家有关规定办理出入境证件",
        "exit and entry documents under State rules",
    ),
    convenience(
        "CNV-2",
        "按照国家有关规定换领、补领居民身份证",
        "exchange or replace the resident identity card",
    ),
    convenience("CNV-3", "机动车登记", "motor-vehicle registration"),
    convenience("CNV-4", "申领机动车驾驶证", "apply for a driving licence"),
    convenience(
        "CNV-5",
        "报名参加职业资格考试、申请授予职业资格",
        "enter vocational-qualification examinations and apply for the award",
    ),
    convenience(
        "CNV-6",
        "办理生育服务登记和其他计划生育证明材料",
        "birth-service registration and other family-planning certificates",
    ),
    convenience(
        "CNV-7",
        "国家规定的其他便利",
        "other conveniences set by the State",
    ),
    part("BPS-2", "EMP-INFO", "就业信息服务", "job information"),
    part("BPS-2", "EMP-PLACEMENT", "职业介绍", "job placement"),
    part("BPS-2", "EMP-TRAINING", "职业技能培训", "vocational training"),
    part(
        "BPS-1",
        "EDU-COMPULSORY",
        "随迁子女按照当地规定接受义务教育",
        "compulsory education of accompanying children by local rules",
    ),
    // Beyond the text of article 12, so it exists by agreement only and is part of no service of the law.
    Service {
        code: "MED-DESIGNATED",
        kind: ServiceKind::Agreed,
        name: Text::new(
            "在定点医疗机构就医和报销",
            "treatment and reimbursement at designated institutions",
        ),
        source: AGREEMENT,
        parent: None,
    },
];
