/** Ticks a second in /proc; the same on every Linux that Node supports. */
const TICKS = 100;

export interface Stat {
  readonly name: string;
  readonly parent: number;
  /** CPU time of its own, in seconds. */
  readonly seconds: number;
}

/** Fields of a `stat` file of a process or thread in Linux's /proc. */
export function readStat(text: string): Stat {
  // The name is in brackets and may hold any character.
  const close = text.lastIndexOf(')');
  const rest = text.slice(close + 2).split(' ');
  return {
    name: text.slice(text.indexOf('(') + 1, close),
    parent: Number(rest[1]),
    seconds: (Number(rest[11]) + Number(rest[12])) / TICKS,
  };
}
