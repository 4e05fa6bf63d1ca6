/** For any program: paths, language, time zone, limits. None of these is ever a secret. */
const PLAIN = [
  'PATH',
  'HOME',
  'USER',
  'LOGNAME',
  'LANG',
  'LANGUAGE',
  'TZ',
  'TZDIR',
  'TMPDIR',
  'TMP',
  'TEMP',
  'LD_LIBRARY_PATH',
  'MALLOC_ARENA_MAX',
  'GOMAXPROCS',
  'GOMEMLIMIT',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
];
/** For a Node that runs our code, and the libraries that it loads. */
const NODE = [
  'NODE_OPTIONS',
  'NODE_COMPILE_CACHE',
  'NODE_EXTRA_CA_CERTS',
  'NODE_V8_COVERAGE',
  'UV_THREADPOOL_SIZE',
  'OMP_NUM_THREADS',
  'CUDA_VISIBLE_DEVICES',
];
/** For downloads. Proxies may hold a password, and npm's settings a registry's token. */
const DOWNLOAD = [/^(?:https?|no|all)_proxy$/iu, /^NODE_USE_ENV_PROXY$/u, /^npm_config_/iu];

export interface ChildNeeds {
  /** Added last, over the values of this process. */
  readonly extra?: Readonly<Record<string, string>>;
  /** The child runs our own code in Node. Default false. */
  readonly node?: boolean;
  /** The child fetches something: it gets the proxies and npm's settings. Default false. */
  readonly download?: boolean;
}

/**
 * The environment of every child process: a short list of names. This process's own holds the token, the secrets and
 * the keys of providers, and every child and every process of the same user could read it there.
 */
export function childEnvironment(needs: ChildNeeds = {}, own: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const names = new Set([...PLAIN, ...(needs.node === true ? NODE : [])]);
  const isWanted = (name: string): boolean =>
    names.has(name) ||
    name.startsWith('LC_') ||
    (needs.download === true && DOWNLOAD.some((wanted) => wanted.test(name)));
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(own)) if (value !== undefined && isWanted(name)) environment[name] = value;
  return { ...environment, ...needs.extra };
}
