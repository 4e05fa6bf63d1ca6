import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { CameraIsolation } from '../actors/tree.ts';
import { AddressRanges } from '../infra/address-ranges.ts';
import { InfraError } from '../infra/infra-error.ts';
import type { LogLevel } from '../infra/log.ts';
import { LEAST_STREAMS_MB, STREAMS_MB } from '../infra/nats/stream-sizes.ts';
import { urlOrigin } from '../infra/url-origin.ts';
import type { SourceAllow } from '../infra/source-policy.ts';
import { Secret } from '../keys/secret.ts';
import type { OidcSettings } from '../oidc/oidc-client.ts';
import { PROJECT_ROOT } from '../provision/folders.ts';
import { type AccessConfig, readAccess, readSecret } from './access.ts';
import { readOidc } from './oidc-settings.ts';
import type { TraceSettings } from '../tracing/trace-settings.types.ts';
import { natsUrlFrom, redisUrlFrom } from './server-settings.ts';
import { readTraceSettings } from './trace-settings.ts';
import { ROLES, START_NOTES, START_OPTIONS } from './start-options.ts';

export { ROLES };
export type Role = (typeof ROLES)[number];

export const MODEL_PRECISIONS = ['auto', 'float', 'int8'] as const;
export type ModelPrecision = (typeof MODEL_PRECISIONS)[number];

export const INFERENCE_MODES = ['auto', 'own', 'shared'] as const;
export type InferenceMode = (typeof INFERENCE_MODES)[number];

export interface GantryConfig extends AccessConfig {
  /** Roles of this process; at least one. */
  readonly roles: readonly Role[];
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  /** With the login, as `src/servers/nats-url.ts` reads it. Null starts an embedded nats-server. */
  readonly natsUrl: string | null;
  /** As `src/servers/redis-url.ts` reads it. Null starts an embedded Redis; `off` uses none. */
  readonly redisUrl: string | null;
  /** Size wanted for all streams together, in MB; less where the server has less room. */
  readonly streamsMb: number;
  /** Folder of the streams, Redis's file, the list of cameras. */
  readonly dataDir: string;
  readonly demo: boolean;
  /** Source of the demo camera, an RTSP URL or a video file; null for the standard clip. */
  readonly source: string | null;
  readonly simulateProvider: boolean;
  readonly keysFile: string;
  /** Alert rules; it need not exist. */
  readonly monitoringFile: string;
  /** A name in `models/manifest.json`, or a file with a model spec. */
  readonly model: string;
  readonly confidence: number;
  readonly iou: number;
  /** Whether the detector computes in floats or in 8 bits; `auto`: in 8 bits where that agrees well enough. */
  readonly precision: ModelPrecision;
  /** Whether cameras have a detector each or share some. */
  readonly inference: InferenceMode;
  /** A picture in which nothing moves is given to the detector after so many seconds again; 0 for every picture. */
  readonly stillSeconds: number;
  /** Pictures a second of look-backs that a camera may ask for, on average; 0 for none. */
  readonly burstFps: number;
  /** Whether cameras run in threads or processes. */
  readonly isolation: CameraIsolation;
  /** Processes that decode pictures for all cameras, at most. */
  readonly decoders: number;
  readonly language: 'zh' | 'en';
  /** The identity provider that people may sign in by; null for none. */
  readonly oidc: OidcSettings | null;
  readonly sourceAllow: SourceAllow | null;
  /** Proxies whose `X-Forwarded-For` is trusted. */
  readonly trustedProxies: AddressRanges;
  readonly logLevel: LogLevel;
  /** Least number of nodes assumed to share the keys' limits before Redis is first reached. */
  readonly expectedNodes: number;
  /** Signs webhooks; null calls none. */
  readonly hookSecret: Secret | null;
  /** URLs of webhooks called for every alert. */
  readonly alertHooks: readonly string[];
  /** Private hosts that pictures may be fetched from and webhooks called on. */
  readonly fetchAllow: readonly string[];
  /** Wait for the answer to a picture that was handed in, in ms. */
  readonly onDemandValidityMs: number;
  /** Age of a frame, in ms, at which answers about it are no longer wanted. */
  readonly taskValidityMs: number;
  /** How traces are exported; null: not at all. */
  readonly traces: TraceSettings | null;
  /** Longest stop in ms; then the process exits anyway. */
  readonly stopMs: number;
}

export const USAGE = `Usage: npm start -- [options]

${Object.entries(START_OPTIONS)
  .map(([name, { takes, describe }]) => `  ${`--${name} ${takes}`.padEnd(22)} ${describe}`)
  .join('\n')}

${START_NOTES}
`;

/** Reads arguments and environment. Throws `CONFIG_INVALID` with the option, its value and the allowed ones. */
export function readConfig(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): GantryConfig | 'help' {
  const { values } = parse(args);
  if (values.help === true) return 'help';
  const text = (flag: string | undefined, name: string, fallback: string): string =>
    flag ?? (env[name] === undefined || env[name] === '' ? fallback : env[name]);
  const orNull = (name: string): string | null => (env[name] === undefined || env[name] === '' ? null : env[name]);
  const list = (name: string): string[] =>
    (orNull(name) ?? '')
      .split(',')
      .map((each) => each.trim())
      .filter((each) => each !== '');
  const sources = list('GANTRY_SOURCE_ALLOW');
  const roles = rolesOf(text(values.roles, 'GANTRY_ROLES', ROLES.join(',')));
  const natsUrl = natsUrlFrom(env);
  const redisUrl = redisUrlFrom(env);
  if (!roles.includes('cameras') && natsUrl === null) throw serverMissing('NATS_URL', roles);
  if (!roles.includes('cameras') && redisUrl === null) throw serverMissing('REDIS_URL', roles);
  return {
    roles,
    host: text(values.host, 'HOST', '127.0.0.1'),
    port: number('port', text(values.port, 'PORT', '8080'), 0, 65_535),
    natsUrl,
    redisUrl,
    streamsMb: number(
      'GANTRY_STREAMS_MB',
      text(undefined, 'GANTRY_STREAMS_MB', String(STREAMS_MB)),
      LEAST_STREAMS_MB,
      1_000_000,
    ),
    dataDir: text(values['data-dir'], 'GANTRY_DATA_DIR', join(PROJECT_ROOT, 'data')),
    demo: values['no-demo'] !== true,
    source: values.source ?? null,
    simulateProvider: values['simulate-provider'] === true,
    keysFile: text(values.keys, 'GANTRY_KEYS', join(PROJECT_ROOT, 'config', 'api_keys.yaml')),
    monitoringFile: text(undefined, 'GANTRY_MONITORING', join(PROJECT_ROOT, 'config', 'monitoring.yaml')),
    model: text(values.model, 'GANTRY_MODEL', 'ssd-mobilenet-v2'),
    confidence: number('GANTRY_CONFIDENCE', text(undefined, 'GANTRY_CONFIDENCE', '0.35'), 0.01, 1),
    iou: number('GANTRY_IOU', text(undefined, 'GANTRY_IOU', '0.5'), 0.01, 1),
    precision: oneOf('GANTRY_MODEL_PRECISION', text(undefined, 'GANTRY_MODEL_PRECISION', 'auto'), MODEL_PRECISIONS),
    inference: oneOf('GANTRY_INFERENCE', text(undefined, 'GANTRY_INFERENCE', 'auto'), INFERENCE_MODES),
    stillSeconds: number('GANTRY_STILL_SECONDS', text(undefined, 'GANTRY_STILL_SECONDS', '10'), 0, 3_600),
    burstFps: number('GANTRY_BURST_FPS', text(undefined, 'GANTRY_BURST_FPS', '2'), 0, 10),
    isolation: oneOf('isolation', text(values.isolation, 'GANTRY_ISOLATION', 'thread'), ['thread', 'process']),
    decoders: whole('GANTRY_DECODERS', text(undefined, 'GANTRY_DECODERS', String(usualDecoders())), 1, 64),
    language: oneOf('GANTRY_LANGUAGE', text(undefined, 'GANTRY_LANGUAGE', 'en'), ['en', 'zh']),
    ...readAccess(env),
    oidc: readOidc(env),
    sourceAllow: sources.length === 0 ? null : sources,
    trustedProxies: proxies(list('GANTRY_TRUSTED_PROXIES')),
    logLevel: oneOf('log-level', text(values['log-level'], 'GANTRY_LOG_LEVEL', 'info'), [
      'debug',
      'info',
      'warn',
      'error',
      'silent',
    ]),
    expectedNodes: number('GANTRY_EXPECTED_NODES', text(undefined, 'GANTRY_EXPECTED_NODES', '1'), 1, 1_000),
    ...hooks(readSecret(env, 'GANTRY_HOOK_SECRET'), list('GANTRY_ALERT_HOOKS')),
    fetchAllow: list('GANTRY_FETCH_ALLOW'),
    onDemandValidityMs: number(
      'GANTRY_ON_DEMAND_VALIDITY_MS',
      text(undefined, 'GANTRY_ON_DEMAND_VALIDITY_MS', '120000'),
      1_000,
      540_000,
    ),
    taskValidityMs: number(
      'GANTRY_TASK_VALIDITY_MS',
      text(undefined, 'GANTRY_TASK_VALIDITY_MS', '30000'),
      1_000,
      600_000,
    ),
    traces: readTraceSettings(env),
    stopMs: number('GANTRY_STOP_SECONDS', text(undefined, 'GANTRY_STOP_SECONDS', '5'), 1, 600) * 1_000,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: { ...START_OPTIONS, help: { type: 'boolean', short: 'h' } },
    });
  } catch (thrown) {
    throw new InfraError('CONFIG_INVALID', thrown instanceof Error ? thrown.message : String(thrown), {}, thrown);
  }
}

/** In the order of {@link ROLES}, each once. */
function rolesOf(text: string): readonly Role[] {
  const names = text.split(',').map((each) => oneOf('roles', each.trim(), ROLES));
  return ROLES.filter((role) => names.includes(role));
}

/** Embedded servers would serve this process alone, apart from all others. */
const serverMissing = (name: string, roles: readonly Role[]): InfraError =>
  new InfraError(
    'CONFIG_INVALID',
    `${name} is needed by a process without the role cameras (roles: ${roles.join(', ')}): name the server that all ` +
      `processes share${name === 'REDIS_URL' ? ', or off' : ''}`,
    { field: name },
  );

const SHORTEST_HOOK_SECRET = 16;

function hooks(secret: string | null, alertHooks: readonly string[]): Pick<GantryConfig, 'hookSecret' | 'alertHooks'> {
  if (secret !== null && secret.length < SHORTEST_HOOK_SECRET)
    throw new InfraError('CONFIG_INVALID', `GANTRY_HOOK_SECRET must have at least ${SHORTEST_HOOK_SECRET} characters`, {
      field: 'GANTRY_HOOK_SECRET',
    });
  if (alertHooks.length > 0 && secret === null)
    throw new InfraError('CONFIG_INVALID', 'GANTRY_ALERT_HOOKS needs GANTRY_HOOK_SECRET, which signs the calls', {
      field: 'GANTRY_HOOK_SECRET',
    });
  for (const url of alertHooks) {
    if (!/^https?:$/u.test(URL.parse(url)?.protocol ?? ''))
      throw new InfraError('CONFIG_INVALID', `GANTRY_ALERT_HOOKS must be http or https URLs, not "${urlOrigin(url)}"`, {
        field: 'GANTRY_ALERT_HOOKS',
      });
  }
  if (alertHooks.length > 16)
    throw new InfraError('CONFIG_INVALID', 'GANTRY_ALERT_HOOKS must name at most 16 URLs', {
      field: 'GANTRY_ALERT_HOOKS',
    });
  return { hookSecret: secret === null ? null : new Secret(secret), alertHooks };
}

function proxies(entries: readonly string[]): AddressRanges {
  try {
    return new AddressRanges(entries);
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    const message = `GANTRY_TRUSTED_PROXIES must list IP addresses and CIDR ranges: ${why}`;
    throw new InfraError('CONFIG_INVALID', message, { field: 'GANTRY_TRUSTED_PROXIES' }, thrown);
  }
}

function number(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < min || value > max) {
    throw new InfraError('CONFIG_INVALID', `${name} must be a number from ${min} to ${max}, not "${text}"`, {
      field: name,
      value: text,
    });
  }
  return value;
}

function whole(name: string, text: string, min: number, max: number): number {
  const value = number(name, text, min, max);
  if (Number.isInteger(value)) return value;
  throw new InfraError('CONFIG_INVALID', `${name} must be a whole number from ${min} to ${max}, not "${text}"`, {
    field: name,
    value: text,
  });
}

/** As many as there are cores, up to eight: a picture costs little, and the detectors need the rest. */
const usualDecoders = (): number => Math.min(8, availableParallelism());

function oneOf<T extends string>(name: string, text: string, allowed: readonly T[]): T {
  const found = allowed.find((each) => each === text);
  if (found === undefined)
    throw new InfraError('CONFIG_INVALID', `${name} must be one of ${allowed.join(', ')}, not "${text}"`, {
      field: name,
      value: text,
    });
  return found;
}
