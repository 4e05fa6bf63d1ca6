/** The roles of a process, in the order of the data. */
export const ROLES = ['cameras', 'scheduler', 'aggregator', 'web'] as const;

interface StartOption {
  readonly type: 'string' | 'boolean';
  /** Its value in the help; empty for a switch. */
  readonly takes: string;
  readonly describe: string;
}

/** Options of `npm start` and `gantry start`. Other settings are variables of the environment only. */
export const START_OPTIONS = {
  port: { type: 'string', takes: 'N', describe: 'port of the page and the API (PORT, default 8080)' },
  host: { type: 'string', takes: 'ADDRESS', describe: 'address to listen on (HOST, default 127.0.0.1)' },
  source: {
    type: 'string',
    takes: 'FILE|URL',
    describe: 'what the demo camera shows: a video file or rtsp://...',
  },
  'no-demo': { type: 'boolean', takes: '', describe: 'no demo camera' },
  'simulate-provider': {
    type: 'boolean',
    takes: '',
    describe: 'run a simulated model provider with two keys beside Gantry',
  },
  model: {
    type: 'string',
    takes: 'NAME|FILE',
    describe: 'detector: a name of models/manifest.json or a spec file (GANTRY_MODEL)',
  },
  isolation: {
    type: 'string',
    takes: 'KIND',
    describe: 'where each camera runs: thread, or process (GANTRY_ISOLATION, default thread)',
  },
  'data-dir': { type: 'string', takes: 'DIR', describe: 'where state is kept (GANTRY_DATA_DIR, default ./data)' },
  keys: { type: 'string', takes: 'FILE', describe: 'API keys (GANTRY_KEYS, default config/api_keys.yaml)' },
  roles: {
    type: 'string',
    takes: 'LIST',
    describe: `what this process does, of ${ROLES.join(',')} (GANTRY_ROLES, default all)`,
  },
  'log-level': {
    type: 'string',
    takes: 'LEVEL',
    describe: 'debug, info, warn, error (GANTRY_LOG_LEVEL, default info)',
  },
} as const satisfies Readonly<Record<string, StartOption>>;

/** Follows the options in their help. */
export const START_NOTES = `Environment only: NATS_URL and REDIS_URL name servers to use instead of the embedded ones
(REDIS_URL=off for none); how to log in there may be in the URL, or in NATS_USER, NATS_PASSWORD and the like
(docs/operations.md).
GANTRY_TOKEN asks every client for this token and is needed to listen beyond this machine (GANTRY_OPEN=yes insists on
none), GANTRY_LANGUAGE is en or zh, GANTRY_SOURCE_ALLOW lists the hosts cameras may be read from, GANTRY_ALLOWED_HOSTS
the public names of this server, GANTRY_TRUSTED_PROXIES the addresses of the proxies in front of it, GANTRY_CORS_ORIGINS
the origins whose pages may use the API, GANTRY_EMBED_ORIGINS those that may frame the page, all separated by commas.
GANTRY_BASE_PATH is the path that a proxy puts before every address. GANTRY_OIDC_ISSUER and GANTRY_OIDC_CLIENT_ID name
an identity provider that people may sign in by.
GANTRY_KEYS_SECRET opens the encrypted key file, GANTRY_HOOK_SECRET signs webhooks; of these and of GANTRY_TOKEN,
NAME_FILE names a file that holds the secret instead. GANTRY_ALERT_HOOKS lists the URLs that are told of alerts,
GANTRY_FETCH_ALLOW the private hosts that webhooks and pictures may be on. GANTRY_STOP_SECONDS is the longest that a
stop may take (default 5). GANTRY_EXPECTED_NODES is how many nodes share the keys' limits at least, for a start while
Redis is down. The others: docs/operations.md.`;
