//! Every word that a page says by itself, in both languages, in one place. What outcomes, problems, services and conditions say is
//! the specification's and comes with them. People are 居民 and 持证人; a page names a fault as the office's where it is.

use comity_spec::agreement::AgreementRef;
use comity_spec::decision::{Confirmation, Decision};
use comity_spec::exchange::{LegalBasis, PresentedBy, Purpose};
use comity_spec::outcome::OutcomeClass;
use comity_spec::text::{Bilingual, Text};
use comity_spec::time::{LocalDate, UnixSeconds};

/// The language of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Lang {
    /// 中文
    #[default]
    Zh,
    /// English
    En,
}

impl Lang {
    pub(super) fn from_code(code: &str) -> Option<Self> {
        match code {
            "zh" => Some(Self::Zh),
            "en" => Some(Self::En),
            _ => None,
        }
    }

    /// The language that `?lang=` asks for.
    pub(super) fn asked_for(query: &str) -> Option<Self> {
        query
            .split('&')
            .find_map(|pair| pair.strip_prefix("lang="))
            .and_then(Self::from_code)
    }

    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Zh => "zh",
            Self::En => "en",
        }
    }

    /// The tag of the `lang` attribute (BCP 47).
    pub(super) const fn tag(self) -> &'static str {
        match self {
            Self::Zh => "zh-CN",
            Self::En => "en",
        }
    }

    pub(super) const fn words(self) -> &'static Words {
        match self {
            Self::Zh => &Words::ZH,
            Self::En => &Words::EN,
        }
    }

    pub(super) fn of(self, text: &Bilingual) -> &str {
        match self {
            Self::Zh => &text.zh,
            Self::En => &text.en,
        }
    }

    pub(super) const fn text(self, text: Text) -> &'static str {
        match self {
            Self::Zh => text.zh,
            Self::En => text.en,
        }
    }
}

macro_rules! words {
    ($($name:ident: $zh:literal, $en:literal;)+) => {
        /// The words of one language.
        #[derive(Debug)]
        pub(super) struct Words { $(pub(super) $name: &'static str,)+ }

        impl Words {
            const ZH: Self = Self { $($name: $zh,)+ };
            const EN: Self = Self { $($name: $en,)+ };
        }

        #[cfg(test)]
        const EVERY: &[(&str, &str, &str)] = &[$((stringify!($name), $zh, $en),)+];
    };
}

words! {
    product: "居住证互认核验", "Residence permit verification";
    skip: "跳到正文", "Skip to content";
    other_language: "English", "中文";
    sandbox: "示例环境 SANDBOX：数据均为虚构，结果不具效力", "SANDBOX example environment: all data is made up, results have no force";
    nav_verify: "核验", "Verify";
    nav_recent: "今日核验", "Today";
    nav_label: "主导航", "Main";
    sign_out: "退出", "Sign out";
    sign_in: "登录", "Sign in";
    sign_in_title: "窗口人员登录", "Sign in for window staff";
    sign_in_lead: "核验外县居住证，请用本人账号登录。", "Sign in with your own account to verify residence permits of other counties.";
    officer_id: "账号", "Account";
    password: "密码", "Password";
    session_ended: "登录已超时，请重新登录。", "Your session has ended; please sign in again.";
    signed_out: "已退出登录。", "You have signed out.";
    problem_title: "有一处需要改正", "There is a problem";
    scan_title: "请扫描持证人的居住证二维码", "Scan the code of the residence permit";
    scan_hint: "光标停在框内即可扫码，扫码枪会自动提交；纸质凭证和手机上的码都可以。", "Keep the cursor in the box; the scanner submits by itself. Paper and phone both work.";
    verify: "核验", "Verify";
    tab_scan: "扫码", "Scan";
    tab_number: "按号码核验", "By number";
    tab_image: "上传图片", "Picture";
    tabs_label: "核验方式", "Ways to verify";
    number_title: "请输入证件上的号码和姓名", "Enter number and name from the card";
    number_hint: "请照居住证或身份证逐字输入。号码与姓名任一不符，系统只回答“未查到一致记录”。", "Type them exactly as on the card. If either differs, the answer is only that no record matches.";
    number_input: "公民身份号码或居住证编号", "Citizen number or permit number";
    name_input: "姓名", "Name";
    issuer_input: "签发地", "Issuing county";
    image_title: "请上传二维码图片", "Upload a picture of the code";
    image_hint: "PNG 或 JPEG，6 MB 以内，只拍一个码。图片读取后即丢弃，不保存。", "PNG or JPEG, up to 6 MB, one code only. It is read and dropped, never kept.";
    issuer_choose: "请选择签发地", "Choose the issuing county";
    service_input: "办理事项", "Service";
    service_choose: "请选择办理事项", "Choose the service";
    more: "用途、依据和出示人", "Purpose, legal basis, who presents";
    purpose_input: "用途", "Purpose";
    basis_input: "处理依据", "Legal basis";
    presented_by_input: "出示人", "Presented by";
    consent_input: "已向持证人告知并取得同意", "The holder was informed and has consented";
    nothing_covered: "目前没有生效的互认协议，暂时不能核验外县居住证。请联系系统管理员。", "No recognition agreement is in force, so no permit of another county can be verified. Please contact the administrator.";
    error_service: "请选择办理事项，再重新扫码。", "Choose the service, then scan again.";
    error_scan_empty: "没有收到二维码内容，请把光标放在框内重新扫码。", "No code arrived. Put the cursor into the box and scan again.";
    error_number_empty: "请输入号码。", "Enter the number.";
    error_number_length: "公民身份号码应为 18 位，请检查是否漏输或多输。", "A citizen number has 18 characters: check for missing or extra ones.";
    error_number_character: "号码中有数字以外的字符（只有最后一位可以是 X），请检查字母 O 与数字 0。", "The number holds something other than digits (only the last may be X): check letter O and digit 0.";
    error_number_date: "号码第 7 至 14 位不是有效的出生日期，请对照证件检查。", "Characters 7 to 14 are no date of birth: compare them with the card.";
    error_number_check: "号码末位校验不符，请对照证件逐位检查是否输错。", "The last character does not fit the others: compare digit by digit with the card.";
    error_number_other: "居住证编号只含大写字母、数字和短横，最长 32 位。", "A permit number holds capitals, digits and hyphens, at most 32.";
    error_name: "请输入姓名，与证件逐字一致。", "Enter the name exactly as on the card.";
    error_issuer: "请选择签发地。", "Choose the issuing county.";
    error_image_large: "图片过大，请缩小到 6 MB 以内再上传，或改用扫码枪。", "The picture is too large: make it smaller than 6 MB, or use the scanner.";
    error_image_missing: "请选择图片文件。", "Choose a picture file.";
    error_form: "表单内容不完整，请重新填写后提交。", "The form was incomplete; please fill it in again.";
    what_now: "现在怎么做", "What to do now";
    holder: "持证人", "Holder";
    holder_unknown: "没有可显示的持证人信息", "No holder to show";
    holder_hint: "请对照居民身份证原件和本人，再作选择。不要扣留证件，不要复印存照。", "Compare with the identity card and the person, then choose. Keep neither card nor picture.";
    reveal: "显示全名和号码（将留痕）", "Show full name and number (recorded)";
    revealed: "已显示全名和号码，本次查看已记录。", "Full name and number are shown; this look was recorded.";
    number_ends: "号码后四位", "Number ends in";
    number_full: "号码", "Number";
    name: "姓名", "Name";
    same: "人证一致", "Same person";
    different: "人证不符", "Not the same person";
    review: "转人工复核", "Send to review";
    give_receipt: "出具核验回执", "Give a receipt";
    print_receipt: "打印回执", "Print receipt";
    next_person: "核验下一位", "Next person";
    again: "重新核验", "Verify again";
    pending_word: "证件有效，请核对本人", "Permit holds: now check the person";
    pending_conditional: "可有条件互认，请核对本人", "Conditional: now check the person";
    provisional: "核对本人之前，本结果不是最终结果。", "Not final until you have checked the person.";
    next_look_first: "请先核对本人、确认人证是否一致。", "First check the person and say whether it is the holder.";
    next_confirmed: "请按本县居住证办理所选事项，打印核验回执交持证人。", "Provide the service as to a local permit holder; print the receipt and hand it over.";
    confirmed_by: "经办人已确认人证一致", "The officer confirmed the person";
    facts: "核验信息", "Details";
    issuer: "签发地", "Issued by";
    tier: "证件类别", "Tier";
    tier_as: "按本县", "here treated as";
    endorsed_until: "签注至", "Endorsed until";
    service: "办理事项", "Service";
    provider: "机构", "Institution";
    agreement: "互认协议", "Agreement";
    agreement_version: "第 %n 版", "version %n";
    status_age: "状态数据", "Status data";
    channel: "核验方式", "Verified by";
    channel_presented: "出示二维码或文件，在本机核验", "code or file presented, checked here";
    channel_looked_up: "向签发地联网查询", "look-up at the issuing county";
    decided_at: "核验时间", "Time";
    trace: "追踪号", "Trace number";
    officer: "经办人", "Officer";
    outcome_code: "结果代码", "Outcome code";
    cause: "原因代码", "Cause";
    valid_until: "回执有效期至", "Receipt valid until";
    not_available: "未提供", "not available";
    none: "无", "none";
    missing_title: "还需要（一次性告知）", "Still needed, all at once";
    missing_not_met: "未满足", "not met";
    missing_unknown: "待核实", "to be checked";
    missing_rule: "依据：", "rule: ";
    missing_owner: "负责部门：", "department: ";
    advisories_title: "提示", "Please note";
    offline: "离线数据：本结果依据本机保存的状态数据作出，可能尚未反映签发地最近的变更。", "Offline data: this result rests on status kept here and may miss the issuing county's latest changes.";
    grey_note: "这不是拒绝：现在无法判断，不是持证人的原因。请勿告知持证人“证件无效”。", "This is no refusal: we cannot tell now, and it is not the holder's doing. Do not call the permit invalid.";
    receipt_title: "核验回执", "Verification receipt";
    receipt_print: "打印", "Print";
    receipt_pdf: "下载 PDF", "Download PDF";
    receipt_back: "返回核验结果", "Back to the result";
    receipt_code_note: "扫描此码可离线核对回执真伪，并用姓名、号码核对是否本人。", "Scan to check this receipt off line, and with name and number whether it is this person's.";
    receipt_no_code: "回执内容较长，未印二维码；请用电子回执核对。", "Too long for a code: use the electronic receipt.";
    receipt_archive: "归档：本回执随业务档案保存；纸质件加盖核验专用章，由经办人签字，不另附证件复印件。电子回执按追踪号调取。", "Archive: file this receipt with the case; stamp and sign the paper, attach no copy of the card. The electronic receipt is found by its trace number.";
    receipt_seal: "（核验专用章）", "(seal)";
    receipt_signature: "经办人签字：", "Officer's signature:";
    receipt_date: "日期：", "Date:";
    receipt_follow_up: "办结期限", "Closed by";
    recent_title: "今日核验", "Today's verifications";
    recent_lead: "只列本人今天经办的核验，不显示姓名。", "Only your own verifications of today, without names.";
    recent_none: "今天还没有核验。", "Nothing verified today yet.";
    recent_time: "时间", "Time";
    recent_result: "结果", "Result";
    recent_receipt: "回执", "Receipt";
    waiting: "待核对本人", "person to be checked";
    error_title: "这一步没有完成", "This step was not completed";
    error_back: "返回核验页", "Back to verification";
    error_record: "查看这笔核验", "Open this verification";
    settled_title: "该核验已办结", "This verification has been closed already";
    settled_detail: "它已在其他页面或由其他人员办结；您刚才的选择没有生效，原结果和回执不变。", "It was closed in another window or by a colleague; what you chose just now had no effect, and its verdict and receipt stand.";
    settled_next: "请打开这笔核验，以其结果和回执为准；认为有误的，请重新核验，或请带班人员处理。", "Open this verification and go by its verdict and receipt; if they seem wrong, verify again or ask your supervisor.";
    other_account: "换账号登录", "Sign in with another account";
}

/// A verdict's word: provisional while somebody still has to look at the holder.
pub(super) fn verdict(lang: Lang, decision: &Decision, needs_holder: bool) -> &'static str {
    match (decision.outcome.class(), needs_holder) {
        (OutcomeClass::Green, true) => lang.words().pending_word,
        (OutcomeClass::Amber, true)
            if decision.outcome == comity_spec::outcome::Outcome::RecognisedConditional =>
        {
            lang.words().pending_conditional
        }
        (class, _) => lang.text(class.word()),
    }
}

/// The CSS name of a class.
pub(super) const fn class_name(class: OutcomeClass) -> &'static str {
    match class {
        OutcomeClass::Green => "green",
        OutcomeClass::Amber => "amber",
        OutcomeClass::Red => "red",
        OutcomeClass::Grey => "grey",
    }
}

/// 状态 3 分钟前更新
pub(super) fn age(seconds: i64) -> Bilingual {
    let (zh, en) = match seconds {
        i64::MIN..60 => ("刚刚".to_owned(), "just now".to_owned()),
        60..3600 => (
            format!("{} 分钟前", seconds / 60),
            format!("{} min ago", seconds / 60),
        ),
        3600..172_800 => (
            format!("{} 小时前", seconds / 3600),
            format!("{} h ago", seconds / 3600),
        ),
        _ => (
            format!("{} 天前", seconds / 86_400),
            format!("{} days ago", seconds / 86_400),
        ),
    };
    Bilingual {
        zh: format!("{zh}更新"),
        en: format!("updated {en}"),
    }
}

/// `2026-11-22 15:04`, in UTC+8.
pub(super) fn local_time(at: UnixSeconds) -> String {
    let minutes = at.since(LocalDate::of(at).start_of_day()).clamp(0, 86_399) / 60;
    format!("{} {:02}:{:02}", LocalDate::of(at), minutes / 60, minutes % 60)
}

/// `AGR-2020-08 第 1 版`
pub(super) fn agreement(lang: Lang, reference: &AgreementRef) -> String {
    format!(
        "{} {}",
        reference.id,
        lang.words()
            .agreement_version
            .replace("%n", &reference.version.to_string())
    )
}

/// What a purpose is called.
pub(super) const fn purpose(purpose: Purpose) -> Text {
    match purpose {
        Purpose::Service => Text::new("办理公共服务事项", "a public service"),
        Purpose::ResidenceProof => Text::new("证明居住", "proof of residence"),
        Purpose::HukouApplication => Text::new("申请落户", "application for local hukou"),
    }
}

/// What a legal basis is called.
pub(super) const fn basis(basis: LegalBasis) -> Text {
    match basis {
        LegalBasis::StatutoryDuty => Text::new("履行法定职责", "statutory duty"),
        LegalBasis::Consent => Text::new("持证人同意", "consent"),
        LegalBasis::SeparateConsent => Text::new("持证人单独同意", "separate consent"),
    }
}

/// Who presents.
pub(super) const fn presented_by(who: PresentedBy) -> Text {
    match who {
        PresentedBy::Holder => Text::new("本人", "the holder"),
        PresentedBy::Agent => Text::new("代办人", "an agent"),
        PresentedBy::Guardian => Text::new("监护人", "a guardian"),
    }
}

/// Whether and how the person was confirmed, for receipts.
pub(super) const fn confirmation(confirmation: Confirmation) -> Text {
    match confirmation {
        Confirmation::Pending => Text::new("未作人证确认", "not confirmed"),
        Confirmation::Confirmed => Text::new("人证一致", "same person"),
        Confirmation::Mismatch => Text::new("人证不符", "not the same person"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_there_in_both_languages_and_calls_nobody_an_outsider() {
        for (name, zh, en) in EVERY {
            assert!(!zh.is_empty() && !en.is_empty(), "{name}");
            assert!(!zh.contains("外来") && !zh.contains("流动人口"), "{name}");
            assert!(
                en.chars().all(|c| c.is_ascii() || c == '中' || c == '文'),
                "{name}: {en}"
            );
        }
    }

    #[test]
    fn the_language_is_read_from_the_query_and_nothing_else_is_one() {
        assert_eq!(Lang::asked_for("lang=en"), Some(Lang::En));
        assert_eq!(Lang::asked_for("a=b&lang=zh"), Some(Lang::Zh));
        assert_eq!(Lang::asked_for("lang=fr"), None);
        assert_eq!(Lang::asked_for("xlang=en"), None);
    }

    #[test]
    fn ages_and_times() {
        assert_eq!(age(-5).zh, "刚刚更新");
        assert_eq!(age(180).zh, "3 分钟前更新");
        assert_eq!(age(90_000).en, "updated 25 h ago");
        assert_eq!(age(259_200).zh, "3 天前更新");
        let at = "2026-11-22"
            .parse::<LocalDate>()
            .unwrap()
            .start_of_day()
            .plus_saturating(15 * 3600 + 4 * 60 + 59);
        assert_eq!(local_time(at), "2026-11-22 15:04");
    }
}
