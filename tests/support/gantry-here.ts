import { Writable } from 'node:stream';
import { runGantry } from '../../src/cli/gantry-program.ts';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Collects text; `isTTY`: pretends to be a terminal. */
export class TextSink extends Writable {
  text = '';
  readonly isTTY: boolean;
  readonly columns = 80;

  constructor(isTTY = false) {
    super();
    this.isTTY = isTTY;
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString('utf8');
    done();
  }
}

/** Runs `gantry ARGS` in this process. */
export async function gantryHere(...args: readonly string[]): Promise<Ran> {
  const [stdout, stderr] = [new TextSink(), new TextSink()];
  const code = await runGantry(args, { stdout, stderr });
  return { code, out: stdout.text, err: stderr.text };
}

/** {@link gantryHere} with these variables in the environment, and no others of Gantry's. One call at a time. */
export async function gantryWith(env: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<Ran> {
  const before = { ...process.env };
  for (const name of Object.keys(before)) if (/^(GANTRY|NATS|REDIS)_/u.test(name)) delete process.env[name];
  Object.assign(process.env, env);
  try {
    return await gantryHere(...args);
  } finally {
    for (const name of Object.keys(process.env)) if (!Object.hasOwn(before, name)) delete process.env[name];
    Object.assign(process.env, before);
  }
}
