//! The registry: one row a type, from which URI, status, fault and words all come.
//!
//! Two types exist where the remedies differ, not where the causes do. Nothing here tells a caller whether a person is
//! on record: that is an outcome, and outcomes are answers.

use super::Fault;
use crate::text::Text;

macro_rules! problems {
    ($( $variant:ident $slug:literal $status:literal $fault:ident
        { zh: $zh:literal, en: $en:literal, next_zh: $next_zh:literal, next_en: $next_en:literal $(,)? } )+) => {
        /// A type of problem, `urn:comity:problem:<slug>`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ProblemType {
            $( #[doc = concat!("`", $slug, "` (", stringify!($status), "): ", $en)] $variant, )+
        }

        impl ProblemType {
            /// All of them.
            pub const ALL: [Self; [$( $slug ),+].len()] = [$( Self::$variant ),+];

            /// The last part of the URI.
            pub const fn slug(self) -> &'static str {
                match self { $( Self::$variant => $slug, )+ }
            }

            /// The HTTP status.
            pub const fn status(self) -> u16 {
                match self { $( Self::$variant => $status, )+ }
            }

            /// Whose fault it is.
            pub const fn fault(self) -> Fault {
                match self { $( Self::$variant => Fault::$fault, )+ }
            }

            /// What it is, for people.
            pub const fn title(self) -> Text {
                match self { $( Self::$variant => Text::new($zh, $en), )+ }
            }

            /// What to do about it.
            pub const fn next_step(self) -> Text {
                match self { $( Self::$variant => Text::new($next_zh, $next_en), )+ }
            }
        }
    };
}

problems! {
    MalformedRequest "malformed-request" 400 Caller {
        zh: "请求格式不符合规范",
        en: "The request is malformed",
        next_zh: "请按协议文本检查报文的字段和格式，改正后重新发送；不要原样重发。",
        next_en: "Check the message against the protocol, correct it and send it anew; do not repeat it \
                  unchanged.",
    }
    UnsupportedMediaType "unsupported-media-type" 415 Caller {
        zh: "不支持此内容类型",
        en: "The media type is not supported",
        next_zh: "请按接口说明设置 Content-Type 后重新发送。",
        next_en: "Set the Content-Type that the endpoint documents and send again.",
    }
    BodyTooLarge "body-too-large" 413 Caller {
        zh: "请求内容超过上限",
        en: "The request body is too large",
        next_zh: "请减少一次提交的内容，或分批提交。",
        next_en: "Send less at once, or split it into several requests.",
    }
    NotFound "not-found" 404 Caller {
        zh: "没有这个地址或记录",
        en: "There is no such address or record",
        next_zh: "请核对地址和编号；记录可能已按保存期限删除。",
        next_en: "Check the address and number; the record may have been deleted at the end of its \
                  retention.",
    }
    MethodNotAllowed "method-not-allowed" 405 Caller {
        zh: "此地址不支持该请求方法",
        en: "The method is not allowed here",
        next_zh: "请按 Allow 所列的方法重新请求。",
        next_en: "Use one of the methods listed in Allow.",
    }
    Unauthenticated "unauthenticated" 401 Caller {
        zh: "尚未登录或未出示客户端证书",
        en: "You are not signed in, or showed no client certificate",
        next_zh: "请登录，或为本机配置客户端证书后再试。",
        next_en: "Sign in, or configure this machine's client certificate, and try again.",
    }
    Forbidden "forbidden" 403 Caller {
        zh: "没有办理此项操作的权限",
        en: "You are not allowed to do this",
        next_zh: "请联系带班人员或系统管理员确认权限。",
        next_en: "Ask your supervisor or administrator about your permissions.",
    }
    NotAMember "not-a-member" 403 Peer {
        zh: "对方不在当前成员名单中",
        en: "The peer is not on the current member list",
        next_zh: "请对方联系其上级机构确认成员资格；名单更新后会自动恢复。",
        next_en: "The peer should ask its authority about its membership; once the list is updated, \
                  exchange resumes by itself.",
    }
    PinMismatch "pin-mismatch" 403 Peer {
        zh: "连接所用密钥与登记的不一致",
        en: "The channel's key is not the one registered",
        next_zh: "请对方核对证书和已公布的密钥指纹；如刚更换证书，请先公布新指纹再启用。不要临时放行。",
        next_en: "The peer should compare its certificate with its published pins; after a change, publish \
                  the new pin first. Do not make an exception.",
    }
    SignatureInvalid "signature-invalid" 403 Peer {
        zh: "签名验证不通过",
        en: "The signature is not valid",
        next_zh: "请签发方检查签名密钥和报文；反复出现的，请按安全事件上报。",
        next_en: "The signer should check key and message; if it keeps happening, report it as a security \
                  incident.",
    }
    WrongAudience "wrong-audience" 403 Caller {
        zh: "报文不是发给本节点的",
        en: "The message is addressed to another node",
        next_zh: "请核对接收方标识（aud）和所连接的地址。",
        next_en: "Check the audience (aud) and the address you connected to.",
    }
    WrongEnvironment "wrong-environment" 403 Caller {
        zh: "测试环境与正式环境不能互通",
        en: "Sandbox and production never meet",
        next_zh: "请确认双方使用同一环境的配置和密钥。",
        next_en: "Make sure that both sides use the configuration and keys of one environment.",
    }
    RequestExpired "request-expired" 400 Caller {
        zh: "请求已过有效期",
        en: "The request has expired",
        next_zh: "请生成新的请求后发送；反复出现的，请检查网络延迟和双方时钟。",
        next_en: "Make a new request and send it; if it keeps happening, check network delay and both \
                  clocks.",
    }
    ClockSkew "clock-skew" 400 Caller {
        zh: "请求时间与本节点时钟相差过大",
        en: "The request's time is too far from this node's clock",
        next_zh: "请校准双方时钟（允许相差 60 秒）后重试。",
        next_en: "Set both clocks right (60 seconds are allowed) and try again.",
    }
    ReplayConflict "replay-conflict" 409 Caller {
        zh: "同一编号的请求内容不同",
        en: "Another request has already used this id",
        next_zh: "请换用新的编号（jti）发送；若非本方所为，请按安全事件上报。",
        next_en: "Send with a new id (jti); if you did not send the other one, report a security incident.",
    }
    InProgress "in-progress" 503 Caller {
        zh: "同一请求正在处理",
        en: "The same request is being processed",
        next_zh: "请按 Retry-After 所示时间稍后再取结果，不必另发新请求。",
        next_en: "Ask again after Retry-After; there is no need for a new request.",
    }
    AgreementUnknown "agreement-unknown" 403 Caller {
        zh: "没有找到所引用的互认协议",
        en: "The agreement is not known here",
        next_zh: "请核对协议编号，或将双方签署的协议文件导入本节点。",
        next_en: "Check the agreement's id, or import the agreement as signed by both parties.",
    }
    AgreementVersionMismatch "agreement-version-mismatch" 409 Caller {
        zh: "协议版本与当前有效版本不一致",
        en: "The agreement's version is not the one in force",
        next_zh: "请按返回的摘要取得当前版本，更新后重新请求。",
        next_en: "Fetch the current version by the digest given, then ask again.",
    }
    AgreementNotInForce "agreement-not-in-force" 403 Caller {
        zh: "互认协议尚未生效、已到期或已终止",
        en: "The agreement is not in force",
        next_zh: "请查看协议起止日期，并联系双方主管部门。",
        next_en: "See the agreement's dates and contact the offices in charge.",
    }
    ServiceNotCovered "service-not-covered" 403 Caller {
        zh: "事项或机构不在互认清单内",
        en: "The service or provider is not covered by the agreement",
        next_zh: "请查看互认清单；需要增加事项的，由双方修订协议。",
        next_en: "See the list of what is covered; to add a service, the parties amend the agreement.",
    }
    ClaimsNotAllowed "claims-not-allowed" 403 Caller {
        zh: "所查内容超出协议允许的范围",
        en: "The agreement does not allow all the claims asked for",
        next_zh: "请只查询办理该事项所必需、且协议列明的内容。",
        next_en: "Ask only for what the service needs and the agreement lists.",
    }
    RateLimited "rate-limited" 429 Caller {
        zh: "请求过于频繁",
        en: "Too many requests",
        next_zh: "请按 Retry-After 所示时间稍后再试。",
        next_en: "Wait as Retry-After says and try again.",
    }
    Overloaded "overloaded" 503 Ours {
        zh: "本节点繁忙",
        en: "This node is overloaded",
        next_zh: "请按 Retry-After 所示时间稍后再试；窗口可先用离线核验。",
        next_en: "Wait as Retry-After says and try again; windows can verify off line meanwhile.",
    }
    NotReady "not-ready" 503 Ours {
        zh: "本节点尚未就绪",
        en: "This node is not ready",
        next_zh: "请稍后再试；持续出现的，请运维人员运行 comity status 查看原因。",
        next_en: "Try again shortly; if it lasts, the operator should run comity status to see why.",
    }
    IdempotencyConflict "idempotency-conflict" 409 Caller {
        zh: "同一幂等键已用于不同的请求",
        en: "The idempotency key was used for another request",
        next_zh: "请为新的请求使用新的 Idempotency-Key。",
        next_en: "Use a new Idempotency-Key for a new request.",
    }
    ImportRefused "import-refused" 422 Caller {
        zh: "导入文件未被接受，没有写入任何数据",
        en: "The file was not accepted and nothing was imported",
        next_zh: "请按所列行号逐条改正后重新导入整个文件。",
        next_en: "Correct every row listed and import the whole file again.",
    }
    PermitStateConflict "permit-state-conflict" 409 Caller {
        zh: "证件当前状态不允许此项操作",
        en: "The permit's state does not allow this",
        next_zh: "请刷新后查看证件当前状态，再选择可办的操作。",
        next_en: "Reload to see the permit's current state and choose what it allows.",
    }
    TwoPersonRequired "two-person-required" 403 Caller {
        zh: "此项操作须由另一名经办人复核",
        en: "Another officer must approve this",
        next_zh: "请另一名有权限的经办人登录后复核；本人不能复核自己的申请。",
        next_en: "Another officer with the right to do so must sign in and approve; nobody approves their \
                  own request.",
    }
    InvalidCredentials "invalid-credentials" 401 Caller {
        zh: "账号或密码不正确",
        en: "The name or password is not right",
        next_zh: "请核对后重新输入；忘记密码的，请联系系统管理员重置。",
        next_en: "Check and enter them again; if forgotten, ask the administrator for a reset.",
    }
    SessionExpired "session-expired" 401 Caller {
        zh: "登录已超时",
        en: "Your session has ended",
        next_zh: "请重新登录；已填写的内容提交前请再核对一次。",
        next_en: "Sign in again, and look over what you had entered before you submit it.",
    }
    Csrf "csrf" 403 Caller {
        zh: "页面已失效，未执行任何操作",
        en: "The page is out of date; nothing was done",
        next_zh: "请刷新页面后重新提交；不要从其他网页的链接进入本系统。",
        next_en: "Reload the page and submit again; do not enter this system from links on other sites.",
    }
    HintRefused "hint-refused" 422 Peer {
        zh: "状态变更通知未被接受",
        en: "The hint about a status change was refused",
        next_zh: "请对方核对所列状态列表属于其本身；列表仍会按时自动更新。",
        next_en: "The peer should check that the lists named are its own; lists are still refreshed on \
                  schedule.",
    }
    ProposalRefused "proposal-refused" 422 Caller {
        zh: "协议提案未被接受",
        en: "The proposed agreement was refused",
        next_zh: "请按所列原因修改提案，经双方主管部门同意后重新提交。",
        next_en: "Amend the proposal for the reasons given, agree it with the offices in charge, and submit \
                  it again.",
    }
    BundleRefused "bundle-refused" 422 Caller {
        zh: "离线数据包未被接受",
        en: "The bundle was refused",
        next_zh: "请从来源处重新导出完整的数据包；仍未通过的，按所列原因联系出具方。",
        next_en: "Export the whole bundle anew at its source; if it is refused again, take the reasons \
                  given to whoever made it.",
    }
    ConfigInvalid "config-invalid" 500 Ours {
        zh: "本节点配置有误",
        en: "This node's configuration is not valid",
        next_zh: "请运维人员按所列配置项改正后重新启动；可先用 comity config check 检查。",
        next_en: "The operator should correct the settings listed and restart; comity config check \
                  checks them beforehand.",
    }
    StoreUnavailable "store-unavailable" 503 Ours {
        zh: "本节点数据库暂不可用",
        en: "This node's database is unavailable",
        next_zh: "请稍后再试；持续出现的，请运维人员检查数据库和磁盘。用同一请求重试，不会重复办理。",
        next_en: "Try again shortly; if it lasts, the operator should check database and disk. Repeating \
                  the same request is safe.",
    }
    Internal "internal" 500 Ours {
        zh: "本节点内部错误",
        en: "Internal error at this node",
        next_zh: "请记下追踪号报给运维人员；窗口业务可先用离线核验或普通程序办理。",
        next_en: "Give the trace number to the operator; at the window, verify off line or follow the \
                  ordinary procedure.",
    }
}
