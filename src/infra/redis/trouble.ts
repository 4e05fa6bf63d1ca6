import { redisUser, shownRedis } from '../../servers/redis-url.ts';

/** Redis's error codes (the first word of its answer), each with its meaning and remedy. */
const ADVICE = {
  READONLY:
    'it has become a replica and takes no writes: point REDIS_URL at the primary, ' +
    'or make this one the primary again (REPLICAOF NO ONE)',
  OOM: 'its memory is full and it may drop nothing: raise maxmemory, or set maxmemory-policy volatile-lru',
  MISCONF: 'it takes no writes because it cannot save to its disk: make room there, and look at its log',
  NOAUTH: 'it asks for a password: set it in REDIS_URL (redis://:password@host), or in REDIS_PASSWORD',
  WRONGPASS: 'it refuses the password or the user: look at REDIS_URL, REDIS_USER and REDIS_PASSWORD',
  NOPERM:
    'the user may not do what Gantry needs: ' +
    'give it ~camera:* ~detection:* ~alerts:* ~gantry:* &camera:* &gantry:* +@all -@dangerous +info',
  LOADING: 'it is still reading its data from disk: it is used as soon as it has them',
  CLUSTERDOWN:
    'its cluster is down: Gantry needs a single Redis, not a cluster; bring it up, or name another one in REDIS_URL',
  MOVED: 'it is part of a cluster, which keeps keys on other nodes: Gantry needs a single Redis; name one in REDIS_URL',
  CROSSSLOT: 'it is part of a cluster: Gantry needs a single Redis; name one in REDIS_URL',
  NOREPLICAS: 'it has fewer replicas than min-replicas-to-write asks for and takes no writes: bring them back',
  MASTERDOWN: 'it is a replica that has lost its primary: point REDIS_URL at the primary',
  BUSY: 'a script of somebody else keeps it busy: end that with SCRIPT KILL',
  DENIED:
    'it runs in protected mode and takes only clients of its own machine: give it a password, and set it in REDIS_URL',
  TLS:
    'no TLS connection comes about: REDIS_CA names the file of the authority that signed its certificate, ' +
    "REDIS_CERT and REDIS_KEY the client's own when it asks for one; rediss:// is for servers with TLS, " +
    'redis:// for those without',
} as const;
export type RedisTroubleCode = keyof typeof ADVICE;

/** Why a Redis that answers is of no use. */
export interface RedisTrouble {
  readonly code: RedisTroubleCode;
  /** The code, the server, the user and what to do; no secrets. */
  readonly message: string;
}

const isCode = (word: string): word is RedisTroubleCode => Object.hasOwn(ADVICE, word);
const TLS_FAILURE =
  /^(?:ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH|EPROTO)/u;
const LOOKED_AT = 400;

/** The trouble behind an error of a command or of the connection; null when it names none, as when Redis is down. */
export function redisTrouble(error: Error, url: string): RedisTrouble | null {
  const code = codeOf(error);
  if (code === null) return null;
  const who = code === 'NOAUTH' || code === 'WRONGPASS' || code === 'NOPERM' ? `, ${redisUser(url)}` : '';
  return { code, message: `Redis at ${shownRedis(url)}${who}: ${code}, ${ADVICE[code]}` };
}

function codeOf(error: Error): RedisTroubleCode | null {
  if ('code' in error && typeof error.code === 'string' && TLS_FAILURE.test(error.code)) return 'TLS';
  const text = error.message.slice(0, LOOKED_AT);
  const first = /^-?([A-Z]+)\b/u.exec(text)?.[1] ?? '';
  if (isCode(first) && first !== 'TLS') return first;
  // An error inside a script, or of the client's own log-in, has the code further inside.
  const inside = /\b(?:READONLY|OOM|MISCONF|NOAUTH|WRONGPASS|NOPERM|NOREPLICAS|MASTERDOWN)\b/u.exec(text)?.[0] ?? '';
  if (isCode(inside)) return inside;
  if (/invalid password|invalid username-password/iu.test(text)) return 'WRONGPASS';
  if (/called without any password configured/iu.test(text)) return 'WRONGPASS';
  return null;
}
