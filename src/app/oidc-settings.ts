import { InfraError } from '../infra/infra-error.ts';
import { redactUrl } from '../infra/redact.ts';
import type { OidcSettings } from '../oidc/oidc-client.ts';
import { type RoleRule, RoleRules } from '../oidc/role-rules.ts';
import { readSecret } from './access.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULT_SCOPE = 'openid profile email';
const LONGEST_LABEL = 60;
const LONGEST_RULES = 65_536;
const OTHERS = [
  'GANTRY_OIDC_CLIENT_ID',
  'GANTRY_OIDC_CLIENT_SECRET',
  'GANTRY_OIDC_CLIENT_SECRET_FILE',
  'GANTRY_OIDC_LABEL',
  'GANTRY_OIDC_SCOPE',
  'GANTRY_OIDC_ROLES',
] as const;

/** The identity provider of the environment; null for none. Throws `CONFIG_INVALID` with the variable's name. */
export function readOidc(env: Environment): OidcSettings | null {
  const text = (name: string): string => (env[name] ?? '').trim();
  const issuer = text('GANTRY_OIDC_ISSUER');
  if (issuer === '') {
    const alone = OTHERS.find((name) => text(name) !== '');
    if (alone === undefined) return null;
    throw invalid('GANTRY_OIDC_ISSUER', `is missing, although ${alone} is set`);
  }
  const clientId = text('GANTRY_OIDC_CLIENT_ID');
  if (clientId === '') throw invalid('GANTRY_OIDC_CLIENT_ID', 'is missing: the name that the provider knows Gantry by');
  const secret = readSecret(env, 'GANTRY_OIDC_CLIENT_SECRET');
  const scope = text('GANTRY_OIDC_SCOPE') === '' ? DEFAULT_SCOPE : text('GANTRY_OIDC_SCOPE');
  if (!scope.split(' ').includes('openid'))
    throw invalid('GANTRY_OIDC_SCOPE', `must have openid in it, not "${scope}"`);
  return {
    issuer: checkedIssuer(issuer),
    clientId,
    clientSecret: secret === null ? null : () => secret,
    label: labelOf(text('GANTRY_OIDC_LABEL'), issuer),
    scope,
    rules: rulesOf(text('GANTRY_OIDC_ROLES')),
  };
}

function checkedIssuer(issuer: string): string {
  const url = URL.parse(issuer);
  const isHere = url !== null && ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  if (url === null || (url.protocol !== 'https:' && !(url.protocol === 'http:' && isHere)))
    throw invalid('GANTRY_OIDC_ISSUER', `must be an https URL, or http on this machine, not "${redactUrl(issuer)}"`);
  return issuer;
}

function labelOf(label: string, issuer: string): string {
  if (label.length > LONGEST_LABEL) throw invalid('GANTRY_OIDC_LABEL', `must have at most ${LONGEST_LABEL} characters`);
  return label === '' ? new URL(issuer).hostname.slice(0, LONGEST_LABEL) : label;
}

function rulesOf(text: string): readonly RoleRule[] | null {
  if (text === '') return null;
  const parsed = RoleRules.safeParse(text.length > LONGEST_RULES ? null : jsonOf(text));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const at = issue === undefined || issue.path.length === 0 ? '' : ` (at ${issue.path.join('.')})`;
  const example = '[{"claim":"groups","value":"traffic","role":"operator","groups":["North"]}]';
  const why = `${issue?.message ?? 'it is not valid'}${at}`;
  throw invalid('GANTRY_OIDC_ROLES', `must be a JSON list of rules such as ${example}: ${why}`);
}

/** Undefined for a text that is not JSON. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const invalid = (name: string, why: string): InfraError =>
  new InfraError('CONFIG_INVALID', `${name} ${why}`, { field: name });
