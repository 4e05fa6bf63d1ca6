import { REDACTED, redactText, redactUrl } from '../../infra/redact.ts';
import { urlOrigin } from '../../infra/url-origin.ts';

const MAX_LENGTH = 200;
/** Addresses of webhooks and pictures: their paths are secrets. */
const SECRET_PATH = /(?:hook|image)_?url$/iu;
const SECRET_NAME = /pass|pwd|token|secret|auth|credential|(^|[._-])(api)?key$/iu;

/**
 * What was received, fit to be sent back and logged: URLs without passwords, secrets by name hidden, long values cut
 * with their length. Anything but a plain value becomes JSON text, cut likewise.
 */
export function safeValue(field: string, value: unknown): string | number | boolean | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'number' || typeof value === 'boolean') return SECRET_NAME.test(field) ? REDACTED : value;
  if (SECRET_NAME.test(field)) return REDACTED;
  if (typeof value === 'string' && SECRET_PATH.test(field)) return urlOrigin(value);
  if (typeof value === 'string') return cut(redactText(redactUrl(value)));
  return cut(redactText(JSON.stringify(value, (name, inner: unknown) => (typeof inner === 'string' ? (SECRET_NAME.test(name) ? REDACTED : redactUrl(inner)) : inner)) ?? ''));
}

const cut = (text: string): string => (text.length <= MAX_LENGTH ? text : `${text.slice(0, MAX_LENGTH)}… (${text.length} characters)`);
