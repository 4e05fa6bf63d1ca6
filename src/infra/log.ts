import { pino } from 'pino';
import type { ActorLog } from '../runtime/actor.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** Where the system writes what happens. `child` adds fields to every line. */
export interface Log extends ActorLog {
  child(fields: object): Log;
}

/** JSON lines on standard output, errors serialised; fields that could carry a secret are blanked whatever they hold. */
export function createLog(level: LogLevel): Log {
  return pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: pino.stdSerializers.err },
    redact: { paths: ['key', 'apiKey', 'authorization', 'password', 'token', '*.key', '*.apiKey', '*.authorization', '*.password', '*.token'], censor: '***' },
  });
}
