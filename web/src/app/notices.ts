/** Current problems, by source; the shell shows them. */
import { createSignal } from 'solid-js';

export interface Notice {
  /** `info`: nothing is wrong. */
  readonly level: 'bad' | 'warn' | 'info';
  readonly text: string;
  /** A view that tells more. */
  readonly link?: { readonly href: string; readonly text: string };
}

/** Made anew when the language changes. */
type Make = () => readonly Notice[];

const [sources, setSources] = createSignal<ReadonlyMap<string, Make>>(new Map());
/** Timers of temporary notices, by source. */
const timers = new Map<string, ReturnType<typeof setTimeout>>();

/** All notices now, in the order in which their sources first reported. */
export const notices = (): Notice[] => [...sources().values()].flatMap((make) => [...make()]);

/** Replaces the notices of `source`. `make` may read signals. */
export function notify(source: string, make: Make): void {
  clearTimeout(timers.get(source));
  timers.delete(source);
  setSources((old) => new Map(old).set(source, make));
}

export function clearNotice(source: string): void {
  clearTimeout(timers.get(source));
  timers.delete(source);
  if (!sources().has(source)) return;
  setSources((old) => new Map([...old].filter(([name]) => name !== source)));
}

/** Shows a notice for `ms`. */
export function notifyFor(source: string, make: () => Notice, ms: number): void {
  notify(source, () => [make()]);
  timers.set(
    source,
    setTimeout(() => clearNotice(source), ms),
  );
}
