import { pino } from 'pino';
import pretty from 'pino-pretty';
import type { ActorLog } from '../runtime/actor.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** The system's log. `child` adds fields to every line. */
export interface Log extends ActorLog {
  child(fields: object): Log;
}

/**
 * JSON lines on standard output, or lines for people when that is a terminal. Errors are serialised; fields that could
 * carry a secret are always blanked.
 */
export function createLog(level: LogLevel): Log {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: pino.stdSerializers.err },
    redact: {
      paths: [
        'key',
        'apiKey',
        'authorization',
        'password',
        'token',
        '*.key',
        '*.apiKey',
        '*.authorization',
        '*.password',
        '*.token',
      ],
      censor: '***',
    },
  };
  // On a terminal the message alone is shown, and errors; the other fields are for machines.
  const people = {
    sync: true,
    colorize: true,
    translateTime: 'SYS:HH:MM:ss',
    hideObject: level !== 'debug',
    ignore: 'pid,hostname',
  };
  return process.stdout.isTTY ? pino(options, pretty(people)) : pino(options);
}
