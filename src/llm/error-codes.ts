/**
 * The cause of an error.
 * - `bad-key`: the key is wrong or revoked. `arrears`: its account is not paid. The key is out.
 * - `rate`, `burst` (the rate rose too fast), `concurrency`, `quota` (the paid quota is used up), `day` (the day's
 *   quota is): the key rests.
 * - `content`: the picture's content is refused. `request`: the request's form is.
 * - `model`: the model or address cannot be used with this key, a fault of the configuration.
 * - `place`: calls from this place are refused. `overloaded`, `server`: the provider fails. `page`: a proxy answered.
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
  /** Separated by spaces, in lower case as `readProviderError` gives them. */
  readonly codes: string;
}

/** Codes that tell the cause by themselves, whatever the status. A code of several providers is listed once. */
const CODE_ROWS: readonly Row[] = [
  {
    provider: 'OpenAI',
    means: 'bad-key',
    codes: 'invalid_api_key account_deactivated invalid_organization mismatched_organization',
  },
  { provider: 'OpenAI', means: 'arrears', codes: 'billing_not_active billing_hard_limit_reached' },
  { provider: 'OpenAI', means: 'quota', codes: 'insufficient_quota' },
  { provider: 'OpenAI', means: 'rate', codes: 'rate_limit_exceeded requests tokens' },
  { provider: 'OpenAI', means: 'model', codes: 'model_not_found' },
  {
    provider: 'OpenAI',
    means: 'content',
    codes: 'content_policy_violation content_filter moderation_blocked moderation',
  },
  { provider: 'OpenAI', means: 'place', codes: 'unsupported_country_region_territory ip_not_authorized' },
  {
    provider: 'OpenAI',
    means: 'request',
    codes:
      'context_length_exceeded string_above_max_length invalid_image invalid_image_format invalid_base64 ' +
      'image_parse_error image_too_large image_too_small unsupported_image_media_type',
  },
  { provider: 'OpenAI', means: 'overloaded', codes: 'engine_overloaded slow_down' },
  { provider: 'Azure', means: 'model', codes: 'deploymentnotfound operationnotsupported invalidapiversionparameter' },
  { provider: 'Azure', means: 'content', codes: 'responsibleaipolicyviolation' },
  { provider: 'Azure', means: 'rate', codes: 'ratelimitreached noCapacity' },
  {
    provider: 'DashScope',
    means: 'arrears',
    codes: 'arrearage account.arrears prepaidbilloverdue postpaidbilloverdue commoditynotpurchased',
  },
  { provider: 'DashScope', means: 'bad-key', codes: 'invalidapikey' },
  {
    provider: 'DashScope',
    means: 'model',
    codes:
      'model.accessdenied accessdenied.unpurchased modelnotfound model_not_supported model.notfound ' +
      'modelnotsupported',
  },
  {
    provider: 'DashScope',
    means: 'rate',
    codes: 'throttling throttling.ratequota limitrequests limit_requests limit_rate',
  },
  {
    provider: 'DashScope',
    means: 'quota',
    codes: 'throttling.allocationquota allocationquota.freetieronly allocationquota',
  },
  { provider: 'DashScope', means: 'burst', codes: 'throttling.burstrate limit_burst_rate' },
  {
    provider: 'DashScope',
    means: 'content',
    codes: 'datainspectionfailed data_inspection_failed ipinfringementsuspect',
  },
  {
    provider: 'DashScope',
    means: 'server',
    codes:
      'internalerror internalerror.algo internalerror.timeout internal_error modelservicefailed ' +
      'requesttimeout modelservingerror',
  },
  { provider: 'DashScope', means: 'overloaded', codes: 'modelunavailable serviceunavailable service_unavailable' },
  {
    provider: 'Gemini',
    means: 'bad-key',
    codes: 'api_key_invalid api_key_expired consumer_suspended access_token_expired',
  },
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
  {
    provider: 'Baidu',
    means: 'bad-key',
    codes: 'error_code:13 error_code:14 error_code:100 error_code:110 error_code:111 invalid_iam_token',
  },
  { provider: 'Baidu', means: 'model', codes: 'error_code:3 error_code:6 error_code:336117' },
  {
    provider: 'Baidu',
    means: 'rate',
    codes:
      'error_code:4 error_code:18 error_code:336501 error_code:336502 rpm_rate_limit_exceeded ' +
      'tpm_rate_limit_exceeded preemptible_tpm_rate_limit_exceeded',
  },
  { provider: 'Baidu', means: 'day', codes: 'error_code:17' },
  { provider: 'Baidu', means: 'quota', codes: 'error_code:19 coupon_exhausted' },
  { provider: 'Baidu', means: 'arrears', codes: 'account_overdue error_code:336503' },
  {
    provider: 'Baidu',
    means: 'request',
    codes: 'error_code:336002 error_code:336003 error_code:336006 error_code:336007',
  },
  { provider: 'Baidu', means: 'server', codes: 'error_code:1 error_code:2 error_code:336000' },
  { provider: 'Baidu', means: 'overloaded', codes: 'error_code:336100' },
  { provider: 'Baidu', means: 'content', codes: 'error_code:336104 error_code:336105 error_code:17100' },
  { provider: 'Volcengine', means: 'arrears', codes: 'accountoverdueerror accountoverdue' },
  { provider: 'Volcengine', means: 'bad-key', codes: 'authenticationerror invalidapikey apikeydisabled' },
  {
    provider: 'Volcengine',
    means: 'model',
    codes:
      'modelnotopen invalidendpointormodel.notfound invalidendpointormodel.modelidaccessdisabled ' +
      'invalidendpointormodel invalidendpoint.closedendpoint invalidendpoint.notfound ' +
      'operationdenied.serviceoverdue',
  },
  {
    provider: 'Volcengine',
    means: 'rate',
    codes:
      'ratelimitexceeded.endpointrpmexceeded ratelimitexceeded.endpointtpmexceeded ' +
      'modelaccountrpmratelimitexceeded modelaccounttpmratelimitexceeded modelaccountipmratelimitexceeded ' +
      'accountratelimitexceeded apikeyrpmratelimitexceeded',
  },
  { provider: 'Volcengine', means: 'quota', codes: 'quotaexceeded setlimitexceeded inferencelimitexceeded' },
  { provider: 'Volcengine', means: 'burst', codes: 'requestbursttoofast' },
  { provider: 'Volcengine', means: 'overloaded', codes: 'serveroverloaded' },
  { provider: 'Volcengine', means: 'server', codes: 'internalserviceerror' },
  {
    provider: 'Volcengine',
    means: 'content',
    codes:
      'sensitivecontentdetected inputtextsensitivecontentdetected inputimagesensitivecontentdetected ' +
      'outputtextsensitivecontentdetected outputtextriskdetection inputimageriskdetection ' +
      'inputtextriskdetection contentsecuritydetectionerror',
  },
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
  {
    provider: 'MiniMax',
    means: 'server',
    codes: 'status_code:1000 status_code:1001 status_code:1013 status_code:1024 status_code:1033',
  },
];

/** Codes that name only a class of errors: the words of the message take precedence. */
const BROAD_ROWS: readonly Row[] = [
  { provider: 'OpenAI, Anthropic', means: 'bad-key', codes: 'authentication_error unauthorized unauthenticated' },
  { provider: 'OpenAI, Anthropic', means: 'rate', codes: 'rate_limit_error too_many_requests resource_exhausted' },
  {
    provider: 'OpenAI, vLLM',
    means: 'request',
    codes:
      'invalid_request_error badrequesterror invalid_argument invalid_parameter_error invalidparameter ' +
      'missingparameter bad_request request_too_large',
  },
  { provider: 'OpenAI, vLLM', means: 'model', codes: 'not_found_error notfounderror not_found' },
  {
    provider: 'OpenAI, Gemini',
    means: 'server',
    codes: 'server_error api_error internal internalservererror internal_server_error timeout_error deadline_exceeded',
  },
];

const tableOf = (rows: readonly Row[]): ReadonlyMap<string, Meaning> =>
  new Map(rows.flatMap(({ codes, means }) => codes.split(' ').map((code) => [code.toLowerCase(), means] as const)));

/** The meaning of each telling code. */
export const TELLING = tableOf(CODE_ROWS);
/** The meaning of each broad code, where nothing else says more. */
export const BROAD = tableOf(BROAD_ROWS);
