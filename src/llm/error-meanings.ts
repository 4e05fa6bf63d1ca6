import type { ProviderError } from './provider-error.ts';

/**
 * What an error is about.
 * - `bad-key`, `arrears`: the key is wrong or revoked; its account is not paid. The key is out.
 * - `rate`, `burst` (the rate rose too fast), `concurrency`, `quota` (what was paid for is used up), `day` (a day's share
 *   is): the key rests.
 * - `content`: what is in the picture is refused. `request`: what we sent is.
 * - `model`: the model or address cannot be used with this key. A fault of the configuration.
 * - `place`: calls from here are not taken. `overloaded`, `server`: the provider fails. `page`: a proxy answered.
 */
export type Meaning =
  | 'bad-key'
  | 'arrears'
  | 'rate'
  | 'burst'
  | 'concurrency'
  | 'quota'
  | 'day'
  | 'content'
  | 'request'
  | 'model'
  | 'place'
  | 'overloaded'
  | 'server'
  | 'page';

interface Row {
  readonly provider: string;
  readonly means: Meaning;
  /** In lower case, as `readProviderError` gives them, separated by spaces. */
  readonly codes: string;
}

/** Codes that say by themselves what is wrong, whatever the status. Those of more than one provider stand once. */
const CODE_ROWS: readonly Row[] = [
  { provider: 'OpenAI', means: 'bad-key', codes: 'invalid_api_key account_deactivated invalid_organization mismatched_organization' },
  { provider: 'OpenAI', means: 'arrears', codes: 'billing_not_active billing_hard_limit_reached' },
  { provider: 'OpenAI', means: 'quota', codes: 'insufficient_quota' },
  { provider: 'OpenAI', means: 'rate', codes: 'rate_limit_exceeded requests tokens' },
  { provider: 'OpenAI', means: 'model', codes: 'model_not_found' },
  { provider: 'OpenAI', means: 'content', codes: 'content_policy_violation content_filter moderation_blocked moderation' },
  { provider: 'OpenAI', means: 'place', codes: 'unsupported_country_region_territory ip_not_authorized' },
  { provider: 'OpenAI', means: 'request', codes: 'context_length_exceeded string_above_max_length invalid_image invalid_image_format invalid_base64 image_parse_error image_too_large image_too_small unsupported_image_media_type' },
  { provider: 'OpenAI', means: 'overloaded', codes: 'engine_overloaded slow_down' },
  { provider: 'Azure', means: 'model', codes: 'deploymentnotfound operationnotsupported invalidapiversionparameter' },
  { provider: 'Azure', means: 'content', codes: 'responsibleaipolicyviolation' },
  { provider: 'Azure', means: 'rate', codes: 'ratelimitreached noCapacity' },
  { provider: 'DashScope', means: 'arrears', codes: 'arrearage account.arrears prepaidbilloverdue postpaidbilloverdue commoditynotpurchased' },
  { provider: 'DashScope', means: 'bad-key', codes: 'invalidapikey' },
  { provider: 'DashScope', means: 'model', codes: 'model.accessdenied accessdenied.unpurchased modelnotfound model_not_supported model.notfound modelnotsupported' },
  { provider: 'DashScope', means: 'rate', codes: 'throttling throttling.ratequota limitrequests limit_requests limit_rate' },
  { provider: 'DashScope', means: 'quota', codes: 'throttling.allocationquota allocationquota.freetieronly allocationquota' },
  { provider: 'DashScope', means: 'burst', codes: 'throttling.burstrate limit_burst_rate' },
  { provider: 'DashScope', means: 'content', codes: 'datainspectionfailed data_inspection_failed ipinfringementsuspect' },
  { provider: 'DashScope', means: 'server', codes: 'internalerror internalerror.algo internalerror.timeout internal_error modelservicefailed requesttimeout modelservingerror' },
  { provider: 'DashScope', means: 'overloaded', codes: 'modelunavailable serviceunavailable service_unavailable' },
  { provider: 'Gemini', means: 'bad-key', codes: 'api_key_invalid api_key_expired consumer_suspended access_token_expired' },
  { provider: 'Gemini', means: 'arrears', codes: 'billing_disabled' },
  { provider: 'Gemini', means: 'model', codes: 'service_disabled api_key_service_blocked' },
  { provider: 'Gemini', means: 'place', codes: 'api_key_ip_address_blocked api_key_http_referrer_blocked' },
  { provider: 'Gemini', means: 'content', codes: 'safety prohibited_content blocklist image_safety spii recitation' },
  { provider: 'Gemini', means: 'overloaded', codes: 'unavailable' },
  { provider: 'Anthropic', means: 'overloaded', codes: 'overloaded_error' },
  { provider: 'Anthropic', means: 'arrears', codes: 'billing_error' },
  { provider: 'Zhipu', means: 'bad-key', codes: '1000 1001 1002 1003 1004 1110 1111 1112' },
  { provider: 'Zhipu', means: 'arrears', codes: '1113 1309' },
  { provider: 'Zhipu', means: 'model', codes: '1211 1220 1221 1222 1311' },
  { provider: 'Zhipu', means: 'request', codes: '1210 1213 1214 1215 1261' },
  { provider: 'Zhipu', means: 'content', codes: '1301' },
  { provider: 'Zhipu', means: 'concurrency', codes: '1302' },
  { provider: 'Zhipu', means: 'rate', codes: '1303 1305' },
  { provider: 'Zhipu', means: 'day', codes: '1304' },
  { provider: 'Zhipu', means: 'quota', codes: '1308 1310' },
  { provider: 'Zhipu', means: 'overloaded', codes: '1312' },
  { provider: 'Moonshot', means: 'bad-key', codes: 'invalid_authentication_error incorrect_api_key_error' },
  { provider: 'Moonshot', means: 'quota', codes: 'exceeded_current_quota_error' },
  { provider: 'Moonshot', means: 'rate', codes: 'rate_limit_reached_error' },
  { provider: 'Moonshot', means: 'overloaded', codes: 'engine_overloaded_error' },
  { provider: 'Moonshot', means: 'model', codes: 'resource_not_found_error' },
  { provider: 'Baidu', means: 'bad-key', codes: 'error_code:13 error_code:14 error_code:100 error_code:110 error_code:111 invalid_iam_token' },
  { provider: 'Baidu', means: 'model', codes: 'error_code:3 error_code:6 error_code:336117' },
  { provider: 'Baidu', means: 'rate', codes: 'error_code:4 error_code:18 error_code:336501 error_code:336502 rpm_rate_limit_exceeded tpm_rate_limit_exceeded preemptible_tpm_rate_limit_exceeded' },
  { provider: 'Baidu', means: 'day', codes: 'error_code:17' },
  { provider: 'Baidu', means: 'quota', codes: 'error_code:19 coupon_exhausted' },
  { provider: 'Baidu', means: 'arrears', codes: 'account_overdue error_code:336503' },
  { provider: 'Baidu', means: 'request', codes: 'error_code:336002 error_code:336003 error_code:336006 error_code:336007' },
  { provider: 'Baidu', means: 'server', codes: 'error_code:1 error_code:2 error_code:336000' },
  { provider: 'Baidu', means: 'overloaded', codes: 'error_code:336100' },
  { provider: 'Baidu', means: 'content', codes: 'error_code:336104 error_code:336105 error_code:17100' },
  { provider: 'Volcengine', means: 'arrears', codes: 'accountoverdueerror accountoverdue' },
  { provider: 'Volcengine', means: 'bad-key', codes: 'authenticationerror invalidapikey apikeydisabled' },
  { provider: 'Volcengine', means: 'model', codes: 'modelnotopen invalidendpointormodel.notfound invalidendpointormodel.modelidaccessdisabled invalidendpointormodel invalidendpoint.closedendpoint invalidendpoint.notfound operationdenied.serviceoverdue' },
  { provider: 'Volcengine', means: 'rate', codes: 'ratelimitexceeded.endpointrpmexceeded ratelimitexceeded.endpointtpmexceeded modelaccountrpmratelimitexceeded modelaccounttpmratelimitexceeded modelaccountipmratelimitexceeded accountratelimitexceeded apikeyrpmratelimitexceeded' },
  { provider: 'Volcengine', means: 'quota', codes: 'quotaexceeded setlimitexceeded inferencelimitexceeded' },
  { provider: 'Volcengine', means: 'burst', codes: 'requestbursttoofast' },
  { provider: 'Volcengine', means: 'overloaded', codes: 'serveroverloaded' },
  { provider: 'Volcengine', means: 'server', codes: 'internalserviceerror' },
  { provider: 'Volcengine', means: 'content', codes: 'sensitivecontentdetected inputtextsensitivecontentdetected inputimagesensitivecontentdetected outputtextsensitivecontentdetected outputtextriskdetection inputimageriskdetection inputtextriskdetection contentsecuritydetectionerror' },
  { provider: 'SiliconFlow', means: 'arrears', codes: '30001' },
  { provider: 'SiliconFlow', means: 'model', codes: '20012 30003' },
  { provider: 'SiliconFlow', means: 'request', codes: '20015' },
  { provider: 'SiliconFlow', means: 'overloaded', codes: '50505 50603' },
  { provider: 'MiniMax', means: 'bad-key', codes: 'status_code:1004 status_code:2049' },
  { provider: 'MiniMax', means: 'arrears', codes: 'status_code:1008' },
  { provider: 'MiniMax', means: 'rate', codes: 'status_code:1002 status_code:1039' },
  { provider: 'MiniMax', means: 'concurrency', codes: 'status_code:1041' },
  { provider: 'MiniMax', means: 'burst', codes: 'status_code:2045' },
  { provider: 'MiniMax', means: 'quota', codes: 'status_code:2056' },
  { provider: 'MiniMax', means: 'content', codes: 'status_code:1026 status_code:1027' },
  { provider: 'MiniMax', means: 'model', codes: 'status_code:2061' },
  { provider: 'MiniMax', means: 'request', codes: 'status_code:2013 status_code:1042' },
  { provider: 'MiniMax', means: 'server', codes: 'status_code:1000 status_code:1001 status_code:1013 status_code:1024 status_code:1033' },
];

/** Codes that name a class without saying more: the words count for more than they do. */
const BROAD_ROWS: readonly Row[] = [
  { provider: 'OpenAI, Anthropic', means: 'bad-key', codes: 'authentication_error unauthorized unauthenticated' },
  { provider: 'OpenAI, Anthropic', means: 'rate', codes: 'rate_limit_error too_many_requests resource_exhausted' },
  { provider: 'OpenAI, vLLM', means: 'request', codes: 'invalid_request_error badrequesterror invalid_argument invalid_parameter_error invalidparameter missingparameter bad_request request_too_large' },
  { provider: 'OpenAI, vLLM', means: 'model', codes: 'not_found_error notfounderror not_found' },
  { provider: 'OpenAI, Gemini', means: 'server', codes: 'server_error api_error internal internalservererror internal_server_error timeout_error deadline_exceeded' },
];

const tableOf = (rows: readonly Row[]): ReadonlyMap<string, Meaning> =>
  new Map(rows.flatMap(({ codes, means }) => codes.split(' ').map((code) => [code.toLowerCase(), means] as const)));
const TELLING = tableOf(CODE_ROWS);
const BROAD = tableOf(BROAD_ROWS);

/** Statuses by which a provider may refuse a call for any reason at all. */
const ANY = [200, 400, 401, 402, 403, 404, 406, 409, 422, 424, 429, 451, 500, 502, 503] as const;

interface Words {
  readonly means: Meaning;
  readonly statuses: readonly number[];
  /** Tried on 2,000 characters at most; no part of it may repeat inside another. */
  readonly words: RegExp;
}

/** What messages say, in English and Chinese, where the codes don't; the first that fits counts. */
const WORDS: readonly Words[] = [
  {
    means: 'content',
    statuses: ANY.filter((status) => status !== 429),
    words: /inappropriate|content[ _-](?:\w+ )?(?:policy|filter|safety|moderation)|data[ _-]?inspection|\bmoderat(?:ion|ed)\b|\bflagged\b|safety (?:system|filter|polic|reason|setting|check)|prohibited[ _]content|sensitive (?:content|information|word|data)|harmful content|(?:usage|content) guidelines|responsible ai|敏感(?:内容|词|信息)|不安全|违规|违反.{0,20}(?:规定|法规|政策)|内容(?:审核|安全)/iu,
  },
  {
    means: 'arrears',
    statuses: ANY,
    words: /arrear|overdue|in good standing|insufficient[ _](?:account |user )?(?:balance|funds?|credits?)|balance[^.]{0,20}(?:insufficient|not enough|too low|exhausted)|out of credits?|not enough credits?|requires? more credits|payment required|billing[^.]{0,20}not (?:active|enabled)|no (?:active )?(?:subscription|payment method)|subscription[^.]{0,20}expired|欠费|余额不足|余额已用尽|账户已?(?:冻结|停用)|账号已?(?:冻结|停用)|请充值|资源包.{0,10}(?:已用尽|已过期|不足)/iu,
  },
  {
    means: 'bad-key',
    statuses: ANY.filter((status) => status !== 429),
    words: /(?:invalid|incorrect|wrong|unknown|expired|revoked|missing|malformed|disabled|no)(?: or \w+)?(?: \w+)? ?api[ _-]?key|api[ _-]?key[^.]{0,40}(?:not valid|not found|not exist|invalid|incorrect|expired|revoked|disabled|deleted|leaked|blocked|suspended)|api[ _-]?key[^.]{0,20}格式|(?:invalid|expired) (?:access )?token\b|authentication (?:fail|error)|account[^.]{0,30}(?:deactivated|suspended|disabled|banned|terminated)|无效的?(?:令牌|密钥|api)|令牌(?:无效|已过期)|(?:身份)?(?:验证|认证|鉴权)失败|api ?key ?.{0,10}(?:无效|错误|过期|不存在|已禁用)/iu,
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
    words: /insufficient[_ ]quota|allocation[_. ]?quota|free[_ ](?:tier|quota)|exceeded your (?:current|monthly|assigned) quota|quota (?:has been |is |was )?(?:exceeded|exhausted|used up|reached)|(?:usage|spend\w*) limit|额度.{0,10}(?:不足|用尽|用完|超)|配额/iu,
  },
  {
    means: 'concurrency',
    statuses: [200, 400, 403, 429, 503],
    words: /concurren|too many connections|simultaneous|并发/iu,
  },
  {
    means: 'rate',
    statuses: [200, 400, 403, 500, 503],
    words: /rate[ _-]?limit|ratelimit|too many requests|requests? per (?:second|minute)|\b(?:rpm|tpm|qps)\b|throttl|error code: 1015|请求过于频繁|频率|限流|限速|访问量过大/iu,
  },
  {
    means: 'request',
    statuses: [200, 400, 403, 413, 422, 500],
    words: /context[ _](?:length|window|size)|maximum context|too many (?:input )?tokens|(?:prompt|input|request|messages?)[^.]{0,30}too (?:long|large|big)|exceed\w*[^.]{0,40}(?:context|max\w* (?:input|length|tokens?|size))|range of input length|image[^.]{0,60}(?:restriction|length and width|too (?:large|small|big|many)|size|dimension|pixel|resolution|aspect|decode|corrupt|format|could not|cannot be|unable)|(?:width|height) (?:and|or|of)|payload too large|图[片像].{0,30}(?:过[大小]|尺寸|大小|格式|分辨率|解析)|(?:输入|上下文).{0,10}(?:过长|超)/iu,
  },
  {
    means: 'place',
    statuses: [200, 400, 401, 403, 404, 451],
    words: /(?:country|region|territory|location)[^.]{0,60}(?:not supported|unsupported|not allowed|not available|restricted|blocked|unavailable)|(?:unsupported|restricted|not available in your) (?:country|region|location)|\bip\b[^.]{0,60}(?:not allowed|not in|not authorized|blocked|denied|restricted|forbidden|banned)|(?:white|allow)[ -]?list|\bip address|your ip\b|firewall|virtual network|private (?:endpoint|link)|public access is disabled|error code: 10\d\d|(?:地区|地域|区域).{0,10}(?:不支持|限制|不可用)|ip.{0,10}(?:白名单|受限|禁止)/iu,
  },
  {
    means: 'model',
    statuses: [200, 400, 401, 403, 404, 410, 422, 500],
    words: /model[^.]{0,100}(?:not[ _](?:be )?(?:found|exist|available|open|activated|enabled|deployed)|does ?n[o']t exist|not have access|no access|unavailable|deprecat|decommission|retired|disabled|not allowed|access denied|no permission|no longer)|(?:no such|unknown|invalid|unsupported|unrecognized) model|(?:not (?:have |authorized to )?access|no (?:access|permission))[^.]{0,30}model|deployment[^.]{0,60}(?:not exist|not found)|no (?:allowed |healthy |available )?(?:endpoints?|deployments?|providers?|channels?)[^.]{0,30}(?:found|available|for)|无可用渠道|模型.{0,60}(?:不存在|未开通|没有权限|无权限|已下线|不可用|未找到)|无权(?:访问|使用)|not support (?:image|vision|multi-?modal|visual)|(?:image|vision|multi-?modal)[^.]{0,30}(?:not supported|unsupported|not available)|not a (?:vision|multi-?modal|vl)|unknown variant .?image_url/iu,
  },
  {
    means: 'overloaded',
    statuses: [200, 400, 403, 404, 500, 502],
    words: /overload|(?:no|at|over|insufficient) capacity|server (?:is )?busy|temporarily unavailable|(?:please )?try again later|系统繁忙|服务繁忙|过载|稍后(?:再试|重试)/iu,
  },
];

/** What the codes alone say; null when they say too little. */
export function meaningByCode({ codes }: ProviderError): Meaning | null {
  for (const code of codes) {
    const means = TELLING.get(code);
    if (means !== undefined) return means === 'rate' || means === 'quota' ? null : means;
  }
  return null;
}

/** What an error is about, by its codes, its words and its status. */
export function meaningOf(error: ProviderError): Meaning {
  const { status, message, page, codes } = error;
  const byCode = meaningByCode(error);
  if (byCode !== null) return byCode;
  const limited = codes.map((code) => TELLING.get(code)).find((means) => means !== undefined);
  if (page && !/error code: 10\d\d|rate limited/iu.test(message) && status !== 402 && status !== 404 && status !== 413 && status !== 429)
    return 'page';
  const said = WORDS.find(({ statuses, words }) => statuses.includes(status) && words.test(message))?.means;
  // A code that speaks of a limit says that it is one; the words may say which.
  if (limited !== undefined) return said === 'day' || said === 'burst' || said === 'concurrency' || said === 'arrears' ? said : limited;
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
