import { flushCompileCache } from 'node:module';
import { setFlagsFromString } from 'node:v8';
import { InfraError } from '../infra/infra-error.ts';
import { createLog, type Log } from '../infra/log.ts';
import { asError } from '../runtime/errors.ts';
import { type GantryConfig, readConfig, USAGE } from './config.ts';

/** As of all commands. */
const EXIT_USAGE = 2;
const EXIT_FAILURE = 1;

/**
 * V8 begins a full collection when a heap has less room to its limit than the size of its nursery (16 MB). In a thread
 * with a small heap that is always so: it would collect about once a second, a tenth of its time. With these flags
 * incremental marking begins when half of that room is used. Begun much later it does not finish in time, and the rest
 * pauses the process for 70 to 110 ms instead of 15.
 */
const COLLECT_LATER = ['--incremental-marking-soft-trigger=50', '--incremental-marking-hard-trigger=70'];

type Start = (options: {
  readonly config: GantryConfig;
  readonly log: Log;
  readonly onLost: (error: Error) => void;
  readonly signal: AbortSignal;
}) => Promise<{ stop(): Promise<void> }>;

/**
 * Runs Gantry as a program: arguments, signals, exit code. SIGINT and SIGTERM stop it in order; a second signal, or the
 * deadline, ends it at once.
 */
export async function runAsProgram(start: Start): Promise<void> {
  const config = readOrExit();
  if (config === null) return;
  for (const flag of COLLECT_LATER) setFlagsFromString(flag);
  const log = createLog(config.logLevel);
  const giveUp = new AbortController();
  let ending = false;

  const end = (exitCode: number, why: string): void => {
    if (ending) {
      log.warn({}, 'stopped at once by the second signal');
      process.exit(exitCode === 0 ? 130 : exitCode);
    }
    ending = true;
    log.info({ why }, `stopping: ${why}`);
    const deadline = setTimeout(() => {
      log.error({}, `not everything stopped within ${config.stopMs} ms; exiting anyway`);
      process.exit(exitCode === 0 ? 1 : exitCode);
    }, config.stopMs);
    giveUp.abort(new Error(why));
    const stopped = starting.then(
      (running) => running.stop(),
      // The failed step is logged already, and the steps before it are stopped.
      () => undefined,
    );
    void stopped.then(() => {
      clearTimeout(deadline);
      log.info({}, 'stopped');
      process.exit(exitCode);
    });
  };
  process.on('SIGINT', () => end(0, 'SIGINT'));
  process.on('SIGTERM', () => end(0, 'SIGTERM'));
  process.on('uncaughtException', (thrown) => {
    log.error({ err: thrown }, `unhandled error: ${asError(thrown).message}`);
    end(EXIT_FAILURE, 'an unhandled error');
  });

  const starting = start({
    config,
    log,
    onLost: (error) => end(EXIT_FAILURE, `the actors gave up: ${error.message}`),
    signal: giveUp.signal,
  });
  try {
    await starting;
    // Otherwise compiled code is saved at an orderly exit only, and a killed process takes twice as long to restart.
    flushCompileCache();
  } catch (thrown) {
    const isMisuse = thrown instanceof InfraError && thrown.code === 'CONFIG_INVALID';
    if (!ending) end(isMisuse ? EXIT_USAGE : EXIT_FAILURE, 'the start failed');
  }
}

function readOrExit(): GantryConfig | null {
  try {
    const config = readConfig(process.argv.slice(2), process.env);
    if (config !== 'help') return config;
    process.stdout.write(USAGE);
  } catch (thrown) {
    process.stderr.write(`${asError(thrown).message}\n\n${USAGE}`);
    process.exitCode = EXIT_USAGE;
  }
  return null;
}
