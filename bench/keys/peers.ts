/**
 * The parts of the limiters that are measured, as their documentation gives them. Loaded at run time and typed here, so
 * that the project's type check needs none of the packages of bench/.
 */

export interface Bottleneck {
  schedule<T>(work: () => Promise<T>): Promise<T>;
  chain(next: Bottleneck): void;
}
export type BottleneckClass = new (options: {
  readonly reservoir: number;
  readonly reservoirRefreshAmount: number;
  readonly reservoirRefreshInterval: number;
}) => Bottleneck;

export type PThrottle = (options: {
  readonly limit: number;
  readonly interval: number;
  readonly strict: boolean;
}) => (work: () => Promise<unknown>) => () => Promise<unknown>;

export interface RateLimiterFlexible {
  /** `consume` rejects with `{ msBeforeNext }` when no point is left. */
  readonly RateLimiterMemory: new (options: { readonly points: number; readonly duration: number }) => {
    consume(key: string): Promise<unknown>;
  };
}

/** A package of bench/node_modules by a name the type checker does not follow. */
const load = async (name: string): Promise<object> => import(name);

export async function loadBottleneck(): Promise<BottleneckClass> {
  const { default: loaded } = (await load('bottleneck')) as { readonly default: BottleneckClass };
  return loaded;
}

export async function loadPThrottle(): Promise<PThrottle> {
  const { default: loaded } = (await load('p-throttle')) as { readonly default: PThrottle };
  return loaded;
}

export const loadRateLimiterFlexible = async (): Promise<RateLimiterFlexible> =>
  (await load('rate-limiter-flexible')) as RateLimiterFlexible;

/** Milliseconds to wait after a refusal. Rethrows other errors. */
export function refusedForMs(thrown: unknown): number {
  if (
    typeof thrown === 'object' &&
    thrown !== null &&
    'msBeforeNext' in thrown &&
    typeof thrown.msBeforeNext === 'number'
  )
    return thrown.msBeforeNext;
  throw thrown;
}
