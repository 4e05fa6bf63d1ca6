import { anyOf } from './any-of.ts';
import { BROAD, type Meaning, TELLING } from './error-codes.ts';
import type { ProviderError } from './provider-error.ts';

/** Statuses with which some provider refuses calls for any reason. */
const ANY = [200, 400, 401, 402, 403, 404, 406, 409, 422, 424, 429, 451, 500, 502, 503] as const;

interface Words {
  readonly means: Meaning;
  readonly statuses: readonly number[];
  /** Tried on 2,000 characters at most; no repetition may contain another one, so that it stays linear. */
  readonly words: RegExp;
}

/** Phrases of messages, English and Chinese, for errors whose codes don't tell; the first match counts. */
const WORDS: readonly Words[] = [
  {
    means: 'content',
    statuses: ANY.filter((status) => status !== 429),
    words: anyOf(
      /inappropriate|content[ _-](?:\w+ )?(?:policy|filter|safety|moderation)|data[ _-]?inspection/u,
      /\bmoderat(?:ion|ed)\b|\bflagged\b|safety (?:system|filter|polic|reason|setting|check)/u,
      /prohibited[ _]content|sensitive (?:content|information|word|data)|harmful content/u,
      /(?:usage|content) guidelines|responsible ai|敏感(?:内容|词|信息)|不安全|违规/u,
      /违反.{0,20}(?:规定|法规|政策)|内容(?:审核|安全)/u,
    ),
  },
  {
    means: 'arrears',
    statuses: ANY,
    words: anyOf(
      /arrear|overdue|in good standing|insufficient[ _](?:account |user )?(?:balance|funds?|credits?)/u,
      /balance[^.]{0,20}(?:insufficient|not enough|too low|exhausted)|out of credits?|not enough credits?/u,
      /requires? more credits|payment required|billing[^.]{0,20}not (?:active|enabled)/u,
      /no (?:active )?(?:subscription|payment method)|subscription[^.]{0,20}expired|欠费|余额不足|余额已用尽/u,
      /账户已?(?:冻结|停用)|账号已?(?:冻结|停用)|请充值|资源包.{0,10}(?:已用尽|已过期|不足)/u,
    ),
  },
  {
    means: 'bad-key',
    statuses: ANY.filter((status) => status !== 429),
    words: anyOf(
      /(?:invalid|incorrect|wrong|unknown|expired|revoked)(?: or \w+)?(?: \w+)? ?api[ _-]?key/u,
      /(?:missing|malformed|disabled|no)(?: or \w+)?(?: \w+)? ?api[ _-]?key/u,
      /api[ _-]?key[^.]{0,40}(?:not valid|not found|not exist|invalid|incorrect|expired|revoked|disabled)/u,
      /api[ _-]?key[^.]{0,40}(?:deleted|leaked|blocked|suspended)/u,
      /api[ _-]?key[^.]{0,20}格式|(?:invalid|expired) (?:access )?token\b|authentication (?:fail|error)/u,
      /account[^.]{0,30}(?:deactivated|suspended|disabled|banned|terminated)|无效的?(?:令牌|密钥|api)|令牌(?:无效|已过期)/u,
      /(?:身份)?(?:验证|认证|鉴权)失败|api ?key ?.{0,10}(?:无效|错误|过期|不存在|已禁用)/u,
    ),
  },
  {
    means: 'day',
    statuses: [200, 400, 403, 429, 500, 503],
    words: /per[ _-]?day|\bdaily\b|\b[rt]pd\b|每[日天]|当[日天]|今日/iu,
  },
  {
    means: 'burst',
    statuses: [200, 400, 403, 429, 503],
    words: /\bburst|ramp|(?:increas|ris)\w* too (?:quickly|fast)|增长过快/iu,
  },
  {
    means: 'quota',
    statuses: [200, 400, 403, 429, 500, 502, 503],
    words: anyOf(
      /insufficient[_ ]quota|allocation[_. ]?quota|free[_ ](?:tier|quota)/u,
      /exceeded your (?:current|monthly|assigned) quota/u,
      /quota (?:has been |is |was )?(?:exceeded|exhausted|used up|reached)|(?:usage|spend\w*) limit/u,
      /额度.{0,10}(?:不足|用尽|用完|超)|配额/u,
    ),
  },
  {
    means: 'concurrency',
    statuses: [200, 400, 403, 429, 503],
    words: /concurren|too many connections|simultaneous|并发/iu,
  },
  {
    means: 'rate',
    statuses: [200, 400, 403, 500, 503],
    words: anyOf(
      /rate[ _-]?limit|ratelimit|too many requests|requests? per (?:second|minute)|\b(?:rpm|tpm|qps)\b/u,
      /throttl|error code: 1015|请求过于频繁|频率|限流|限速|访问量过大/u,
    ),
  },
  {
    means: 'request',
    statuses: [200, 400, 403, 413, 422, 500],
    words: anyOf(
      /context[ _](?:length|window|size)|maximum context|too many (?:input )?tokens/u,
      /(?:prompt|input|request|messages?)[^.]{0,30}too (?:long|large|big)/u,
      /exceed\w*[^.]{0,40}(?:context|max\w* (?:input|length|tokens?|size))|range of input length/u,
      /image[^.]{0,60}(?:restriction|length and width|too (?:large|small|big|many)|size|dimension|pixel)/u,
      /image[^.]{0,60}(?:resolution|aspect|decode|corrupt|format|could not|cannot be|unable)/u,
      /(?:width|height) (?:and|or|of)|payload too large|图[片像].{0,30}(?:过[大小]|尺寸|大小|格式|分辨率|解析)/u,
      /(?:输入|上下文).{0,10}(?:过长|超)/u,
    ),
  },
  {
    means: 'place',
    statuses: [200, 400, 401, 403, 404, 451],
    words: anyOf(
      /(?:country|region|territory|location)[^.]{0,60}(?:not supported|unsupported|not allowed|not available)/u,
      /(?:country|region|territory|location)[^.]{0,60}(?:restricted|blocked|unavailable)/u,
      /(?:unsupported|restricted|not available in your) (?:country|region|location)/u,
      /\bip\b[^.]{0,60}(?:not allowed|not in|not authorized|blocked|denied|restricted|forbidden|banned)/u,
      /(?:white|allow)[ -]?list|\bip address|your ip\b|firewall|virtual network|private (?:endpoint|link)/u,
      /public access is disabled|error code: 10\d\d|(?:地区|地域|区域).{0,10}(?:不支持|限制|不可用)/u,
      /ip.{0,10}(?:白名单|受限|禁止)/u,
    ),
  },
  {
    means: 'model',
    statuses: [200, 400, 401, 403, 404, 410, 422, 500],
    words: anyOf(
      /model[^.]{0,100}(?:not[ _](?:be )?(?:found|exist|available|open|activated|enabled|deployed))/u,
      /model[^.]{0,100}(?:does ?n[o']t exist|not have access|no access|unavailable|deprecat|decommission)/u,
      /model[^.]{0,100}(?:retired|disabled|not allowed|access denied|no permission|no longer)/u,
      /(?:no such|unknown|invalid|unsupported|unrecognized) model/u,
      /(?:not (?:have |authorized to )?access|no (?:access|permission))[^.]{0,30}model/u,
      /deployment[^.]{0,60}(?:not exist|not found)/u,
      /no (?:allowed |healthy |available )?(?:endpoints?|deployments?|providers?|channels?)[^.]{0,30}(?:found)/u,
      /no (?:allowed |healthy |available )?(?:endpoints?|deployments?|providers?|channels?)[^.]{0,30}(?:available)/u,
      /no (?:allowed |healthy |available )?(?:endpoints?|deployments?|providers?|channels?)[^.]{0,30}(?:for)/u,
      /无可用渠道|模型.{0,60}(?:不存在|未开通|没有权限|无权限|已下线|不可用|未找到)|无权(?:访问|使用)/u,
      /not support (?:image|vision|multi-?modal|visual)/u,
      /(?:image|vision|multi-?modal)[^.]{0,30}(?:not supported|unsupported|not available)/u,
      /not a (?:vision|multi-?modal|vl)|unknown variant .?image_url/u,
    ),
  },
  {
    means: 'overloaded',
    statuses: [200, 400, 403, 404, 500, 502],
    words: anyOf(
      /overload|(?:no|at|over|insufficient) capacity|server (?:is )?busy|temporarily unavailable/u,
      /(?:please )?try again later|系统繁忙|服务繁忙|过载|稍后(?:再试|重试)/u,
    ),
  },
];

/** The meaning by the codes alone; null when they tell too little. */
export function meaningByCode({ codes }: ProviderError): Meaning | null {
  for (const code of codes) {
    const means = TELLING.get(code);
    if (means !== undefined) return means === 'rate' || means === 'quota' ? null : means;
  }
  return null;
}

/** Statuses that say more than "a page came". */
const TELLING_STATUSES: ReadonlySet<number> = new Set([402, 404, 413, 429]);
/** Meanings of words that say which limit a code of a limit is about. */
const NARROWER: ReadonlySet<Meaning | undefined> = new Set(['day', 'burst', 'concurrency', 'arrears']);

/** The cause of an error, by its codes, its words and its status. */
export function meaningOf(error: ProviderError): Meaning {
  const { status, message, page, codes } = error;
  const byCode = meaningByCode(error);
  if (byCode !== null) return byCode;
  if (page && !TELLING_STATUSES.has(status) && !/error code: 10\d\d|rate limited/iu.test(message)) return 'page';
  const said = WORDS.find(({ statuses, words }) => statuses.includes(status) && words.test(message))?.means;
  const limit = codes.map((code) => TELLING.get(code)).find((means) => means !== undefined);
  if (limit !== undefined && !NARROWER.has(said)) return limit;
  if (said !== undefined) return said;
  return status === 200 ? (broadly(codes) ?? 'server') : byStatus(status, broadly(codes));
}

const broadly = (codes: readonly string[]): Meaning | null =>
  codes.map((code) => BROAD.get(code)).find((means) => means !== undefined) ?? null;

const BY_STATUS: Readonly<Record<number, Meaning>> = {
  401: 'bad-key',
  402: 'arrears',
  403: 'bad-key',
  404: 'model',
  405: 'model',
  407: 'page',
  409: 'server',
  410: 'model',
  424: 'server',
  425: 'server',
  429: 'rate',
  451: 'place',
  499: 'server',
  501: 'model',
  503: 'overloaded',
  529: 'overloaded',
};

function byStatus(status: number, broad: Meaning | null): Meaning {
  const known = BY_STATUS[status];
  if (known !== undefined) return known;
  if (status >= 500) return 'server';
  // A redirect: the address is not the provider's.
  if (status >= 300 && status < 400) return 'model';
  return broad === 'bad-key' || broad === 'rate' || broad === 'model' || broad === 'server' ? broad : 'request';
}
