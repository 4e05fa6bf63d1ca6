import { readdirSync, readFileSync } from 'node:fs';

/** Process ids of the decoders that a process started. They name themselves. */
export const decoderPids = (parent = process.pid): readonly number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/u.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
        if (!command.startsWith('gantry-decoder')) return false;
        // After the name in parentheses: the state, then the parent.
        const [, ppid] = /^.*\) \S (\d+)/su.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
        return Number(ppid) === parent;
      } catch {
        // It has ended meanwhile.
        return false;
      }
    });
