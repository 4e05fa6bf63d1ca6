import { STREAMS_MB } from '../infra/nats/stream-sizes.ts';

/** How a value may be shown: as it is, as an address without its password, as origins only, or not at all. */
type Shown = 'plain' | 'address' | 'origins' | 'secret';

export interface Setting {
  /** The variable of the environment. */
  readonly name: string;
  /** In words where it is no fixed value; `none`: nothing. */
  readonly default: string;
  /** The beginning of its row in docs/operations.md. */
  readonly meaning: string;
  readonly shown: Shown;
  /** The option of the command line that comes before the variable; null for none. */
  readonly option: string | null;
}

const setting = (
  name: string,
  preset: string,
  meaning: string,
  { shown = 'plain', option = null }: { readonly shown?: Shown; readonly option?: string | null } = {},
): Setting => ({ name, default: preset, meaning, shown, option });

const secret = { shown: 'secret' } as const;
const address = { shown: 'address' } as const;

/** Every setting that a start reads from the environment, in the order of docs/operations.md. */
export const SETTINGS: readonly Setting[] = [
  setting('PORT', '8080', 'where the page and the API listen', { option: 'port' }),
  setting('HOST', '127.0.0.1', 'where the page and the API listen', { option: 'host' }),
  setting('NATS_URL', 'embedded', 'servers of your own', address),
  setting('REDIS_URL', 'embedded', 'servers of your own', address),
  setting('GANTRY_STREAMS_MB', String(STREAMS_MB), 'size of all NATS streams together, 64 to 1000000 MB'),
  setting('GANTRY_TOKEN', 'none', 'every client must send it as Authorization: Bearer', secret),
  setting('GANTRY_OPEN', 'none', 'yes: other machines may reach Gantry without a token, or with a short one'),
  setting('GANTRY_ALLOWED_HOSTS', 'none', 'public names of this server, with or without a port'),
  setting('GANTRY_TRUSTED_PROXIES', 'none', 'addresses and CIDR ranges of the proxies in front of Gantry'),
  setting('GANTRY_CORS_ORIGINS', 'none', 'origins whose pages may use the API and the WebSockets'),
  setting('GANTRY_EMBED_ORIGINS', 'none', "origins whose pages may show Gantry's in a frame"),
  setting('GANTRY_BASE_PATH', 'none', 'path before every address'),
  setting('GANTRY_OIDC_ISSUER', 'none', 'identity provider that people may sign in by'),
  setting('GANTRY_OIDC_CLIENT_ID', 'none', "identity provider that people may sign in by, and Gantry's name there"),
  setting('GANTRY_OIDC_CLIENT_SECRET', 'none', "Gantry's secret there; without it Gantry is a public client", secret),
  setting('GANTRY_OIDC_LABEL', "the issuer's host", 'name of the provider on the page, at most 60 characters'),
  setting('GANTRY_OIDC_SCOPE', 'openid profile email', 'scopes asked for, separated by spaces'),
  setting('GANTRY_OIDC_ROLES', 'none', 'who gets which role, as a JSON list of rules'),
  setting(
    'GANTRY_SOURCE_ALLOW',
    "all but link-local and clouds' metadata addresses",
    'hosts that cameras may be read from and may redirect to: names, *.example.org, addresses, CIDR',
  ),
  setting('GANTRY_LANGUAGE', 'en', 'language of descriptions: en or zh'),
  setting('GANTRY_DECODERS', 'as many as cores, at most 8', 'processes that decode pictures for all cameras, 1 to 64'),
  setting('GANTRY_ISOLATION', 'thread', 'where each camera runs', { option: 'isolation' }),
  setting('GANTRY_MODEL', 'ssd-mobilenet-v2', 'a name from models/manifest.json, or a spec file', { option: 'model' }),
  setting('GANTRY_CONFIDENCE', '0.35', 'least confidence of the detector'),
  setting('GANTRY_IOU', '0.5', 'least confidence of the detector, which continues a track (0.1 more begins one), and'),
  setting('GANTRY_MODEL_PRECISION', 'auto', 'float, int8 or auto: 8-bit arithmetic'),
  setting('GANTRY_INFERENCE', 'auto', 'own: each camera has a detector in its thread; shared: all cameras'),
  setting('GANTRY_STILL_SECONDS', '10', 'a picture in which nothing moves is given to the detector after so many'),
  setting('GANTRY_BURST_FPS', '2', 'pictures a second that a camera may look back at'),
  setting('GANTRY_TASK_VALIDITY_MS', '30000', 'how long a group waits for a provider that does not answer'),
  setting('GANTRY_KEYS', 'config/api_keys.yaml', 'API keys', { option: 'keys' }),
  setting('GANTRY_MONITORING', 'config/monitoring.yaml', 'alert rules about Gantry itself'),
  setting('NODE_USE_ENV_PROXY', 'off', '1: calls to providers, and downloads of detectors, go through the proxy'),
  setting('GANTRY_EXPECTED_NODES', 'as last known, else 1', "least number of nodes that share the keys' limits"),
  setting('GANTRY_KEYS_SECRET', 'none', 'decrypts the key file and the stored changes of keys', secret),
  setting('GANTRY_HOOK_SECRET', 'none', 'signs webhooks', secret),
  setting('GANTRY_ALERT_HOOKS', 'none', 'URLs called for every alert', { shown: 'origins' }),
  setting('GANTRY_FETCH_ALLOW', 'none', 'private hosts that image_url and hook_url may name'),
  setting('GANTRY_ON_DEMAND_VALIDITY_MS', '120000', 'how long Gantry waits for the answer to a submitted picture'),
  setting('GANTRY_ROLES', 'all', 'the roles of this process', { option: 'roles' }),
  setting('GANTRY_STOP_SECONDS', '5', 'the longest that a stop may take'),
  setting('GANTRY_DATA_DIR', 'data', "streams, Redis's file, cameras.json", { option: 'data-dir' }),
  setting('GANTRY_LOG_LEVEL', 'info', 'debug, info, warn, error', { option: 'log-level' }),
  setting('NATS_USER', 'none', 'user and password'),
  setting('NATS_PASSWORD', 'none', 'user and password', secret),
  setting('NATS_TOKEN', 'none', 'a token', secret),
  setting('NATS_NKEY', 'none', 'a file with the seed of an nkey'),
  setting('NATS_CREDS', 'none', 'a file with the seed of an nkey; a credentials file'),
  setting('NATS_CA', 'none', "files: the authority that signed the server's certificate"),
  setting('NATS_CERT', 'none', "files: the authority that signed the server's certificate; the client's own"),
  setting('NATS_KEY', 'none', "files: the authority that signed the server's certificate; the client's own"),
  setting('REDIS_USER', 'none', 'an ACL user'),
  setting('REDIS_PASSWORD', 'none', 'an ACL user and its password', secret),
  setting('REDIS_CA', 'none', 'as for NATS'),
  setting('REDIS_CERT', 'none', 'as for NATS'),
  setting('REDIS_KEY', 'none', 'as for NATS'),
];
