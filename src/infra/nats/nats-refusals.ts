import { NatsError } from 'nats';
import { lacksCertificate, natsUser, shownNats } from '../../servers/nats-url.ts';
import { asError } from '../../runtime/errors.ts';

/** The server's reasons for not letting a client in. Waiting does not help: the configuration must change. */
const LOGIN: ReadonlySet<string> = new Set([
  'AUTHORIZATION_VIOLATION',
  'AUTHENTICATION_EXPIRED',
  'ACCOUNT_EXPIRED',
  'BAD_AUTHENTICATION',
]);
/** JetStream's codes: not enabled for this account, on this server; no such account. */
const NOT_FOR_ACCOUNT: ReadonlySet<number> = new Set([10_035, 10_039, 10_076]);
const HOW_TO_LOG_IN =
  'NATS_URL (nats://user:password@host or nats://token@host), NATS_USER and NATS_PASSWORD, ' +
  'NATS_TOKEN, NATS_NKEY or NATS_CREDS';
/** The server cannot be reached; its name in the message proves nothing else. */
const UNREACHABLE: ReadonlySet<string> = new Set([
  'CONNECTION_REFUSED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'ETIMEDOUT',
  'TIMEOUT',
]);
/** OpenSSL's and Node's codes for a certificate that cannot be trusted, or a key that is no key. */
const CERTIFICATE = /^(?:ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH)/u;

/**
 * `login`: the server refuses this user. `tls`: no secure connection is possible. `files`: a credentials or TLS file
 * cannot be read.
 */
export interface NatsRefusal {
  readonly kind: 'login' | 'tls' | 'files';
  /** What happened, at which server, with which user, and what to do. Without secrets. */
  readonly message: string;
}

/** The refusal behind an error of a connection attempt; null when it is about neither login nor TLS. */
export function natsRefusal(thrown: unknown, url: string): NatsRefusal | null {
  const error = asError(thrown);
  const code = codeOf(error);
  if (UNREACHABLE.has(code)) return null;
  const where = `NATS at ${shownNats(url)}`;
  if (LOGIN.has(code) || /authorization violation|authentication expired/iu.test(error.message))
    return { kind: 'login', message: `${where} refuses ${natsUser(url)} (${error.message}): look at ${HOW_TO_LOG_IN}` };
  if (code === 'SERVER_OPT_NA' && error.message.includes('tls'))
    return {
      kind: 'tls',
      message:
        `${where} offers no TLS, which tls:// or NATS_CA asks for: nothing is sent in clear; ` +
        'switch TLS on there, or use nats:// without NATS_CA',
    };
  const cause = causeOf(error);
  if (CERTIFICATE.test(codeOf(cause)) || code === 'TLS_ERR' || /certificate|ssl|tls/iu.test(cause.message))
    return {
      kind: 'tls',
      message:
        `no TLS connection to ${where}: ${cause.message}; NATS_CA names the file of the authority that signed ` +
        "its certificate, NATS_CERT and NATS_KEY the client's own when it asks for one",
    };
  if (/ENOENT|EACCES|doesn't exist|nkey|seed|creds|jwt/iu.test(`${code} ${error.message}`))
    return {
      kind: 'files',
      message: `what is needed to log in at ${where} cannot be used (${natsUser(url)}): ${error.message}`,
    };
  return null;
}

/** A server that asks for the client's certificate closes a connection without one and does not say why. */
export const hintAfter = (thrown: unknown, url: string): string =>
  codeOf(asError(thrown)) === 'TIMEOUT' && lacksCertificate(url)
    ? ' after TLS began: it may ask for a certificate of the client, which NATS_CERT and NATS_KEY name'
    : '';

const codeOf = (error: Error): string => ('code' in error && typeof error.code === 'string' ? error.code : '');

function causeOf(error: Error): Error {
  const inner = error instanceof NatsError ? error.chainedError : error.cause;
  return inner instanceof Error ? inner : error;
}

/** The server has JetStream, but not for this account: waiting does not help. */
export const hasNoJetStream = (thrown: unknown): boolean =>
  thrown instanceof NatsError && NOT_FOR_ACCOUNT.has(thrown.api_error?.err_code ?? 0);

/** `refused`, followed by the permissions that a user of JetStream needs. */
export const jetStreamPermissions = (refused: string): string =>
  `${refused}. To use JetStream it needs publish on "$JS.API.>", "$JS.ACK.>", "$KV.>" and Gantry's subjects, ` +
  'and subscribe on "_INBOX.>" and these';

/** The meaning of JetStream's refusal to set up the streams, and what to do about it. */
export function jetStreamAdvice(thrown: unknown, url: string): string {
  const error = asError(thrown);
  const where = `NATS at ${shownNats(url)}`;
  const errCode = error instanceof NatsError ? error.api_error?.err_code : undefined;
  if (codeOf(error) === 'PERMISSIONS_VIOLATION')
    return jetStreamPermissions(`${where} does not let ${natsUser(url)} do all it must (${error.message})`);
  if (hasNoJetStream(thrown))
    return `${where} has no JetStream for ${natsUser(url)}: enable it for that account (jetstream: enabled)`;
  if (codeOf(error) === '503')
    return `${where} has no JetStream: start it with --jetstream, or configure jetstream { store_dir: ... }`;
  if (errCode === 10_027 || errCode === 10_026)
    return `${where} allows ${natsUser(url)} too little (${error.message}): Gantry needs 11 streams, 13 consumers`;
  if (codeOf(error) === 'TIMEOUT')
    return `${where} does not answer for JetStream: is it busy, may ${natsUser(url)} use "$JS.API.>" and "_INBOX.>"?`;
  return (
    `${where} cannot set up the streams: ${error.message}; is there room for them (max_file_store, the account's ` +
    'limits, the disk)? GANTRY_STREAMS_MB asks for less'
  );
}
