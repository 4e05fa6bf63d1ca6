import type { ActorDefinition, MailboxOptions } from './actor.ts';
import { RuntimeError } from './errors.ts';
import type { Message } from './message.ts';

/**
 * Supervision as data, built and validated by {@link child}, {@link supervisor} and {@link dynamic} and executed by the
 * actor system. Terms and meanings are those of Erlang/OTP's `supervisor`.
 */

/** Restarted always; only after a failure; never. */
export type Restart = 'permanent' | 'transient' | 'temporary';

/**
 * Which children restart when one does: itself; all; itself and those started after it.
 * OTP's `simple_one_for_one` is {@link dynamic}: `one-for-one` with children added at run time.
 */
export type Strategy = 'one-for-one' | 'one-for-all' | 'rest-for-one';

/** Whether the end of significant children ends their supervisor: never, of any of them, or of the last. */
export type AutoShutdown = 'never' | 'any-significant' | 'all-significant';

/**
 * Where an actor runs. `inline`: on the main thread. `thread`: in a worker thread of its own; a crash in native code
 * still ends the whole program. `process`: in a process of its own, whose crash ends nothing else.
 */
export type Placement = { readonly kind: 'inline' } | ({ readonly kind: 'thread' | 'process' } & WorkerMemory);

/** Bounds of a worker's JavaScript heap, in MB. */
export interface WorkerMemory {
  /** 8 to 65,536. Default: V8's. */
  readonly maxHeapMb?: number;
  /** Of the part for new objects, 1 to 1,024. Default: V8's, 48. A small one costs more, shorter collections. */
  readonly maxYoungMb?: number;
}

/** At most `maxRestarts` restarts within any `withinMs`; one more and the supervisor gives up and escalates. */
export interface RestartIntensity {
  readonly maxRestarts: number;
  readonly withinMs: number;
}

/**
 * Wait before the n-th restart in a row: `min(maxMs, minMs * factor^(n-1))`, up to a quarter less by chance. After
 * `resetAfterMs` of running, n starts at 1 again.
 */
export interface Backoff {
  readonly minMs: number;
  readonly maxMs: number;
  readonly factor: number;
  readonly resetAfterMs: number;
}

export interface ChildOptions {
  /** Default `permanent`. */
  readonly restart?: Restart;
  /** Default inline. */
  readonly placement?: Placement;
  /** Its end may end the supervisor, see `autoShutdown` there. Not for permanent children. Default false. */
  readonly significant?: boolean;
  /** Milliseconds for the start, default 10,000. */
  readonly startTimeoutMs?: number;
  /** Milliseconds for a co-operative stop, default 5,000. */
  readonly shutdownTimeoutMs?: number;
  readonly backoff?: Partial<Backoff>;
  /** Overrides the definition's mailbox. */
  readonly mailbox?: Partial<MailboxOptions>;
}

export interface ChildSpec {
  readonly kind: 'actor';
  readonly id: string;
  readonly restart: Restart;
  readonly placement: Placement;
  readonly significant: boolean;
  readonly startTimeoutMs: number;
  readonly shutdownTimeoutMs: number;
  readonly backoff: Backoff;
  readonly mailbox: MailboxOptions;
  /** Types erased. {@link child} checks that definition and init belong together. */
  readonly definition: ActorDefinition<Message, unknown>;
  /** Called at every start, so that a restart gets current values. */
  readonly init: () => unknown;
}

export interface SupervisorOptions {
  /** Default `one-for-one`. */
  readonly strategy?: Strategy;
  /** Default 5 restarts in 60 s. */
  readonly intensity?: Partial<RestartIntensity>;
  /** Default `never`. */
  readonly autoShutdown?: AutoShutdown;
  /** As a child of the supervisor above. Default `permanent`. */
  readonly restart?: Restart;
  readonly significant?: boolean;
  readonly backoff?: Partial<Backoff>;
}

export interface SupervisorSpec {
  readonly kind: 'supervisor';
  readonly id: string;
  readonly strategy: Strategy;
  readonly intensity: RestartIntensity;
  readonly autoShutdown: AutoShutdown;
  readonly restart: Restart;
  readonly significant: boolean;
  readonly backoff: Backoff;
  /** True when children come and go at run time. */
  readonly dynamic: boolean;
  readonly children: readonly Spec[];
}
export type Spec = ChildSpec | SupervisorSpec;

const DEFAULT_BACKOFF: Backoff = { minMs: 100, maxMs: 10_000, factor: 2, resetAfterMs: 30_000 };
const DEFAULT_INTENSITY: RestartIntensity = { maxRestarts: 5, withinMs: 60_000 };
const INLINE: Placement = { kind: 'inline' };

/** A supervised actor. `init` is called at every (re)start. Throws `BAD_DEFINITION` naming child and field. */
export function child<M extends Message, Init>(
  id: string,
  definition: ActorDefinition<M, Init>,
  init: () => Init,
  options: ChildOptions = {},
): ChildSpec {
  const spec: ChildSpec = {
    kind: 'actor',
    id,
    restart: options.restart ?? 'permanent',
    placement: options.placement ?? INLINE,
    significant: options.significant ?? false,
    startTimeoutMs: options.startTimeoutMs ?? 10_000,
    shutdownTimeoutMs: options.shutdownTimeoutMs ?? 5_000,
    // Shared when nothing is overridden: there may be a hundred thousand children.
    backoff: withBackoff(options.backoff),
    mailbox: options.mailbox === undefined ? definition.mailbox : { ...definition.mailbox, ...options.mailbox },
    // Type erasure: the pair (definition, init) was checked by this signature and is never taken apart.
    definition: definition as unknown as ActorDefinition<Message, unknown>,
    init,
  };
  validateChild(spec);
  return spec;
}

/** A supervisor with children known beforehand, started in order and stopped in reverse. Throws `BAD_DEFINITION`. */
export const supervisor = (id: string, children: readonly Spec[], options: SupervisorOptions = {}): SupervisorSpec =>
  newSupervisor(id, children, false, options);

/** A supervisor whose children come and go at run time. Throws `BAD_DEFINITION`. */
export const dynamic = (id: string, options: Omit<SupervisorOptions, 'strategy'> = {}): SupervisorSpec =>
  newSupervisor(id, [], true, options);

function newSupervisor(
  id: string,
  children: readonly Spec[],
  isDynamic: boolean,
  options: SupervisorOptions,
): SupervisorSpec {
  const spec: SupervisorSpec = {
    kind: 'supervisor',
    id,
    strategy: options.strategy ?? 'one-for-one',
    intensity: { ...DEFAULT_INTENSITY, ...options.intensity },
    autoShutdown: options.autoShutdown ?? 'never',
    restart: options.restart ?? 'permanent',
    significant: options.significant ?? false,
    backoff: withBackoff(options.backoff),
    dynamic: isDynamic,
    children,
  };
  validateSupervisor(spec);
  return spec;
}

const withBackoff = (over: Partial<Backoff> | undefined): Backoff =>
  over === undefined ? DEFAULT_BACKOFF : { ...DEFAULT_BACKOFF, ...over };

const ID = /^[A-Za-z0-9_.-]{1,64}$/;

function bad(id: string, field: string, must: string, got: unknown): never {
  throw new RuntimeError('BAD_DEFINITION', `child "${id}": ${field} ${must}, not ${String(got)}`, {
    child: id,
    field,
    value: got,
  });
}

function range(id: string, field: string, value: number, min: number, max: number): void {
  if (!Number.isFinite(value) || value < min || value > max) bad(id, field, `must be from ${min} to ${max}`, value);
}

function validateCommon({ id, backoff, restart, significant }: Spec): void {
  if (!ID.test(id)) bad(id, 'id', 'must be 1 to 64 characters of A-Z a-z 0-9 _ . -', id);
  if (significant && restart === 'permanent')
    bad(id, 'significant', 'is not for permanent children, which never end', significant);
  if (backoff === DEFAULT_BACKOFF) return;
  range(id, 'backoff.minMs', backoff.minMs, 0, 3_600_000);
  range(id, 'backoff.maxMs', backoff.maxMs, backoff.minMs, 3_600_000);
  range(id, 'backoff.factor', backoff.factor, 1, 100);
  range(id, 'backoff.resetAfterMs', backoff.resetAfterMs, 0, 86_400_000);
}

function validateChild(spec: ChildSpec): void {
  const { id, mailbox, placement } = spec;
  validateCommon(spec);
  range(id, 'startTimeoutMs', spec.startTimeoutMs, 1, 600_000);
  range(id, 'shutdownTimeoutMs', spec.shutdownTimeoutMs, 0, 600_000);
  range(id, 'mailbox.capacity', mailbox.capacity, 1, 1_000_000);
  range(id, 'mailbox.lanes', mailbox.lanes ?? 1, 1, 8);
  if (placement.kind === 'inline') return;
  if (spec.definition.module === null)
    bad(id, 'placement', 'other than "inline" needs an actor defined with `module`', placement.kind);
  if (placement.maxHeapMb !== undefined) range(id, 'placement.maxHeapMb', placement.maxHeapMb, 8, 65_536);
  if (placement.maxYoungMb !== undefined) range(id, 'placement.maxYoungMb', placement.maxYoungMb, 1, 1_024);
}

function validateSupervisor(spec: SupervisorSpec): void {
  validateCommon(spec);
  range(spec.id, 'intensity.maxRestarts', spec.intensity.maxRestarts, 0, 10_000);
  range(spec.id, 'intensity.withinMs', spec.intensity.withinMs, 1, 86_400_000);
  const seen = new Set<string>();
  for (const { id, significant } of spec.children) {
    if (seen.has(id)) bad(id, 'id', `must be unique under "${spec.id}"`, id);
    if (significant && spec.autoShutdown === 'never')
      bad(id, 'significant', `has no meaning while autoShutdown of "${spec.id}" is never`, significant);
    seen.add(id);
  }
}
