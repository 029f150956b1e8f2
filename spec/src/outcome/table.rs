//! The table itself, in order of precedence. One row an outcome: code, class, sentence, next step.
//!
//! The order is deliberate. Coverage (NOT_IN_AGREEMENT to SERVICE_NOT_COVERED) is settled before anything is asked
//! about the person; permanent negatives (REVOKED, SUPERSEDED) survive old data; whatever the issuer may have put
//! right since (lost, suspended, expired, lapsed) comes after STATUS_STALE.

use super::OutcomeClass;
use crate::text::Text;

macro_rules! outcomes {
    ($( $variant:ident $code:literal $class:ident
        { zh: $zh:literal, en: $en:literal, next_zh: $next_zh:literal, next_en: $next_en:literal $(,)? } )+) => {
        /// What a verification says: exactly one of 27, declared in order of precedence.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Outcome {
            $( #[doc = concat!("`", $code, "`: ", $en)] $variant, )+
        }

        impl Outcome {
            /// All of them, in order of precedence.
            pub const ALL: [Self; 27] = [$( Self::$variant ),+];

            /// The code on the wire.
            pub const fn code(self) -> &'static str {
                match self { $( Self::$variant => $code, )+ }
            }

            /// The class.
            pub const fn class(self) -> OutcomeClass {
                match self { $( Self::$variant => OutcomeClass::$class, )+ }
            }

            /// The general sentence for people.
            pub const fn text(self) -> Text {
                match self { $( Self::$variant => Text::new($zh, $en), )+ }
            }

            /// What the clerk does next.
            pub const fn next_step(self) -> Text {
                match self { $( Self::$variant => Text::new($next_zh, $next_en), )+ }
            }
        }
    };
}

outcomes! {
    NodeNotReady "NODE_NOT_READY" Grey {
        zh: "本机核验系统未就绪（时钟、密钥或名单异常），不是持证人的问题。",
        en: "This office's verifier is not ready. It is not the holder's fault.",
        next_zh: "请向持证人说明是本窗口系统的原因，并把本页代码报给值班运维；可请其到其他窗口办理，或先作人工核验登记。",
        next_en: "Tell the holder it is our system, and give the code on this page to the duty operator. Offer another \
                  window, or register the check by hand.",
    }
    NotAuthorised "NOT_AUTHORISED" Grey {
        zh: "您没有办理此项核验的权限，或未选择用途。",
        en: "You are not authorised for this check, or no purpose was chosen.",
        next_zh: "请先选择办理事项和用途再试；仍不能办理的，请联系带班人员开通权限。",
        next_en: "Choose the service and purpose, then try again. If that does not help, ask your supervisor for access.",
    }
    LegalBasisMissing "LEGAL_BASIS_MISSING" Amber {
        zh: "此用途需要持证人单独同意。",
        en: "This purpose needs the holder's separate consent.",
        next_zh: "请向持证人出示告知书，说明查询内容和用途；本人同意并确认后，再次核验。不同意的，按普通程序办理。",
        next_en: "Show the holder the notice and explain what is asked and why. With consent recorded, check again; \
                  without it, follow the ordinary procedure.",
    }
    RateLimited "RATE_LIMITED" Grey {
        zh: "查询过于频繁，请稍后再试。",
        en: "Too many queries; try again later.",
        next_zh: "请稍候再查，并向持证人说明需要等待的时间；情况紧急的，请带班人员解除限制。",
        next_en: "Wait, and tell the holder how long. If it is urgent, your supervisor can release the limit.",
    }
    Unreadable "UNREADABLE" Grey {
        zh: "无法读取，请擦净屏幕/证面或调整角度。",
        en: "Cannot read the code. Clean the screen or card, or change the angle.",
        next_zh: "请调亮手机屏幕或擦净证面后重新扫码；仍读不出的，请手工输入证件号码和姓名查询。",
        next_en: "Brighten the screen or wipe the card and scan again. If it still cannot be read, enter number and name \
                  by hand.",
    }
    UnsupportedVersion "UNSUPPORTED_VERSION" Grey {
        zh: "凭证版本过新或过旧，本机不支持。",
        en: "This credential's version is not supported here.",
        next_zh: "请改用证件号码和姓名查询，为持证人继续办理；并把本页代码报给运维人员。",
        next_en: "Look the permit up by number and name and carry on; report the code on this page to the operator.",
    }
    PresentationExpired "PRESENTATION_EXPIRED" Amber {
        zh: "出示码已过期或已使用。",
        en: "The presentation code has expired or has been used.",
        next_zh: "请持证人刷新出示码后重新扫码；不便使用手机的，请出示居住证，按证件号码和姓名查询。",
        next_en: "Ask the holder to refresh the code and scan again. Without a phone, look the card up by number and name.",
    }
    UnknownIssuer "UNKNOWN_ISSUER" Red {
        zh: "签发机关不在成员名单中，无法确认真伪。不代表证件是假的。",
        en: "The issuer is not a member, so authenticity cannot be confirmed. This does not mean the card is false.",
        next_zh: "请向持证人说明：证件不一定有问题，只是签发地尚未加入互认。请按普通程序收取材料办理，并告知已加入的县市。",
        next_en: "Explain that nothing need be wrong with the card: its county has not joined. Follow the ordinary paper \
                  procedure and say which counties are members.",
    }
    SignatureInvalid "SIGNATURE_INVALID" Red {
        zh: "验签不通过：信息可能被改动或二维码损坏。",
        en: "The signature check failed: the information may have been altered or the code damaged.",
        next_zh: "请重新扫码一次。仍不通过的，请勿扣留证件，也不要下结论；请带班人员到场，由公安联络员依法处理。",
        next_en: "Scan once more. If it fails again, do not keep the card and draw no conclusion: call your supervisor; \
                  the police liaison decides according to law.",
    }
    IssuerSuspended "ISSUER_SUSPENDED" Grey {
        zh: "对方签发节点暂停或密钥停用，暂不能核验。",
        en: "The issuer's node is suspended or its key withdrawn; the permit cannot be checked for now.",
        next_zh: "请向持证人说明是签发地系统的原因，并按屏幕所列电话向签发地核实；核实不了的，登记后约定回复时间。",
        next_en: "Tell the holder it is the issuing county's system, and confirm by the telephone number on screen. \
                  Failing that, register the case and agree when to call back.",
    }
    NotInAgreement "NOT_IN_AGREEMENT" Red {
        zh: "签发地与本县没有互认协议。",
        en: "There is no recognition agreement with the issuing county.",
        next_zh: "请向持证人说明两地尚未签订互认协议，并提供在本县申领居住证的材料清单，一次告知清楚。",
        next_en: "Explain that the two counties have no agreement yet, and hand over the full list of documents for a \
                  local permit.",
    }
    AgreementNotInForce "AGREEMENT_NOT_IN_FORCE" Red {
        zh: "互认协议尚未生效、已到期或已暂停。",
        en: "The recognition agreement is not yet in force, has ended or is suspended.",
        next_zh: "请告知持证人协议的起止日期和普通办理途径；对日期有疑问的，请联系本县协议主管部门。",
        next_en: "Tell the holder the agreement's dates and the ordinary route. If the dates seem wrong, contact the \
                  office in charge of the agreement.",
    }
    ServiceNotCovered "SERVICE_NOT_COVERED" Red {
        zh: "本事项（或本机构）不在互认清单内，因此未查询证件状态。",
        en: "This service or provider is not covered by the agreement, so the permit's status was not queried (minimum \
             necessary).",
        next_zh: "请向持证人出示互认事项和机构清单，并说明本事项的普通办理途径；证件本身未作查询，不影响其他事项。",
        next_en: "Show the list of covered services and providers, and the ordinary route for this one. The permit was not \
                  looked at; other services are not affected.",
    }
    NoMatch "NO_MATCH" Amber {
        zh: "未查到与所填号码和姓名一致的记录。",
        en: "No record matches this number and name.",
        next_zh: "请与持证人核对号码和姓名用字后重查，或请其出示居住证、二维码；请勿透露系统内的任何登记信息。",
        next_en: "Check the number and the characters of the name with the holder and try again, or ask for the card or \
                  code. Never read back anything from the system.",
    }
    NotYetValid "NOT_YET_VALID" Amber {
        zh: "证件尚未到启用日期。",
        en: "The permit is not valid yet.",
        next_zh: "请告知持证人启用日期，届时可持证办理；事情紧急的，请告知普通办理途径。",
        next_en: "Tell the holder from which day the permit can be used. If it is urgent, explain the ordinary route.",
    }
    Revoked "REVOKED" Red {
        zh: "此证已注销或被撤销。",
        en: "The permit has been cancelled by its issuer.",
        next_zh: "本页不显示原因，请勿猜测。请告知持证人可凭追踪号向签发地询问或申请更正，并提供签发地电话。",
        next_en: "No reason is shown; do not guess. Tell the holder that the issuing county can explain or correct it, and \
                  give its telephone number and the trace number.",
    }
    Superseded "SUPERSEDED" Amber {
        zh: "此证已换领/补领，请使用新证。",
        en: "The permit has been replaced by a newer one.",
        next_zh: "请持证人出示新证或新码；未带在身边的，可按证件号码和姓名查询。",
        next_en: "Ask for the new card or code. If it is not at hand, look the permit up by number and name.",
    }
    IssuerUnreachable "ISSUER_UNREACHABLE" Grey {
        zh: "暂时连不上签发地，且本地无可用状态数据。",
        en: "The issuing county cannot be reached, and there is no usable status data here.",
        next_zh: "请稍后重试或电话向签发地核实；协议允许的，可先行受理、事后补核。请向持证人说明这不是其本人的原因。",
        next_en: "Try again shortly or confirm by telephone; if the agreement allows, accept provisionally and check later. \
                  Tell the holder it is not their doing.",
    }
    StatusStale "STATUS_STALE" Grey {
        zh: "对方状态数据较长时间未更新，无法确认是否仍有效。",
        en: "The issuer's status data is too old; we cannot tell whether the permit is still valid.",
        next_zh: "请联网重试或电话向签发地核实；协议允许的，可先行受理、事后补核。请向持证人说明这不是其本人的原因。",
        next_en: "Try again on line or confirm by telephone; if the agreement allows, accept provisionally and check later. \
                  Tell the holder it is not their doing.",
    }
    ReportedLost "REPORTED_LOST" Amber {
        zh: "此证已挂失。",
        en: "The permit has been reported lost.",
        next_zh: "请核对居民身份证。是本人且证件已找回的，请其向签发地撤销挂失后再办；不是本人的，请带班人员到场，请勿扣留证件。",
        next_en: "Check the identity card. A holder who found the permit asks the issuing county to lift the report; if it \
                  is somebody else, call your supervisor and do not keep the card.",
    }
    Suspended "SUSPENDED" Amber {
        zh: "签发机关已暂停使用。",
        en: "The issuing authority has suspended the permit.",
        next_zh: "请提供签发地电话，请持证人了解恢复办法；认为有误的，可在本窗口登记更正申请。",
        next_en: "Give the issuing county's telephone number so that the holder can ask how to have it restored. If it \
                  seems wrong, register a request for correction here.",
    }
    Expired "EXPIRED" Amber {
        zh: "证件有效期已满。",
        en: "The permit has expired.",
        next_zh: "请告知换证的地点、材料和时限；协议约定代收代办的，可在本窗口收件转送，请持证人留好回执。",
        next_en: "Explain where, with what and by when to renew it. If the agreement provides for it, take the documents \
                  here and send them on; the holder keeps the receipt.",
    }
    EndorsementLapsed "ENDORSEMENT_LAPSED" Amber {
        zh: "签注逾期，使用功能中止；补办后恢复，签注不收费。",
        en: "The yearly endorsement is overdue and the permit's use is suspended until endorsed. Endorsement is free.",
        next_zh: "请打印补办签注的地点、电话和材料交给持证人；协议约定代收代办的，可在本窗口收件转送。签注不收任何费用。",
        next_en: "Print where and how to endorse and hand it to the holder. If the agreement provides for it, take the \
                  documents here and send them on. There is no fee.",
    }
    ReviewRequired "REVIEW_REQUIRED" Amber {
        zh: "信息有出入（如姓名用字、旧区划代码、多证并存），请人工复核。",
        en: "Details differ (such as name characters, an old area code, two permits); please review by hand.",
        next_zh: "请对照居民身份证逐项核对，记下结论和理由；能确认是同一人的，继续办理，不要让持证人往返开证明。",
        next_en: "Compare with the identity card item by item and record your finding and reason. If it is the same \
                  person, carry on; do not send the holder away for further proof.",
    }
    HolderMismatch "HOLDER_MISMATCH" Red {
        zh: "人证不符（由经办人确认）。",
        en: "The person is not the holder (confirmed by the clerk).",
        next_zh: "请勿扣留证件，也不要当面指责；请带班人员到场复核，确认不符的，由公安联络员依法处理。",
        next_en: "Do not keep the card and accuse nobody. Call your supervisor to look again; if it is confirmed, the \
                  police liaison acts according to law.",
    }
    RecognisedConditional "RECOGNISED_CONDITIONAL" Amber {
        zh: "予以互认，但本事项须另按当地规定办理。",
        en: "Recognised; this service has further local requirements.",
        next_zh: "请打开所列当地规定，把还需补充的材料和条件一次告知持证人，并打印清单交其带走。",
        next_en: "Open the local rule shown, tell the holder everything that is still needed at once, and print the list \
                  to take away.",
    }
    Recognised "RECOGNISED" Green {
        zh: "予以互认，按本县居住证同等对待。",
        en: "Recognised: treat as a local permit holder.",
        next_zh: "请核对人证一致并确认，随后按本县居住证办理，打印核验回执交持证人。",
        next_en: "Confirm that the person is the holder, provide the service as for a local permit, and print the receipt.",
    }
}
