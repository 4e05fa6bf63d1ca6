import type { ActorDefinition, MailboxOptions } from './actor.ts';
import { RuntimeError } from './errors.ts';
import type { Message } from './message.ts';

/**
 * Supervision as data: what is supervised, and how. Built with {@link child}, {@link supervisor} and {@link dynamic},
 * validated there, executed by the actor system. Terms and meanings are those of Erlang/OTP's `supervisor`.
 */
export type Restart = 'permanent' | 'transient' | 'temporary';
export type Placement =
  | { readonly kind: 'inline' }
  | { readonly kind: 'thread'; readonly maxHeapMb?: number };

/** At most `maxRestarts` restarts within any `withinMs`; one more and the supervisor gives up and escalates. */
export interface RestartIntensity {
  readonly maxRestarts: number;
  readonly withinMs: number;
}

/** Wait before the n-th restart in a row: `min(maxMs, minMs * factor^(n-1))`; n starts again after `resetAfterMs` of running. */
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
  readonly actorKind: string;
  readonly restart: Restart;
  readonly placement: Placement;
  readonly startTimeoutMs: number;
  readonly shutdownTimeoutMs: number;
  readonly backoff: Backoff;
  readonly mailbox: MailboxOptions;
  /** The definition with its init closed over, types erased. Only {@link child} makes one, with both of one type. */
  readonly definition: ActorDefinition<Message, unknown>;
  /** Called at every start, so that a restart sees what is true then. */
  readonly init: () => unknown;
}

export interface SupervisorSpec {
  readonly kind: 'supervisor';
  readonly id: string;
  readonly strategy: 'one-for-one';
  readonly intensity: RestartIntensity;
  /** True when children come and go at run time. */
  readonly dynamic: boolean;
  readonly children: readonly Spec[];
}
export type Spec = ChildSpec | SupervisorSpec;

export const DEFAULT_BACKOFF: Backoff = { minMs: 100, maxMs: 10_000, factor: 2, resetAfterMs: 30_000 };
export const DEFAULT_INTENSITY: RestartIntensity = { maxRestarts: 5, withinMs: 60_000 };

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
    actorKind: definition.kind,
    restart: options.restart ?? 'permanent',
    placement: options.placement ?? { kind: 'inline' },
    startTimeoutMs: options.startTimeoutMs ?? 10_000,
    shutdownTimeoutMs: options.shutdownTimeoutMs ?? 5_000,
    backoff: { ...DEFAULT_BACKOFF, ...options.backoff },
    mailbox: { ...definition.mailbox, ...options.mailbox },
    // Type erasure: the pair (definition, init) was checked by this signature and is never taken apart.
    definition: definition as unknown as ActorDefinition<Message, unknown>,
    init,
  };
  validateChild(spec);
  return spec;
}

export interface SupervisorOptions {
  readonly intensity?: Partial<RestartIntensity>;
}

/** A supervisor with children known beforehand, started in order and stopped in reverse. */
export const supervisor = (id: string, children: readonly Spec[], options: SupervisorOptions = {}): SupervisorSpec =>
  validateSupervisor({ kind: 'supervisor', id, strategy: 'one-for-one', dynamic: false, children, intensity: { ...DEFAULT_INTENSITY, ...options.intensity } });

/** A supervisor whose children come and go at run time. */
export const dynamic = (id: string, options: SupervisorOptions = {}): SupervisorSpec =>
  validateSupervisor({ kind: 'supervisor', id, strategy: 'one-for-one', dynamic: true, children: [], intensity: { ...DEFAULT_INTENSITY, ...options.intensity } });

const ID = /^[A-Za-z0-9_.-]{1,64}$/;

function bad(id: string, field: string, must: string, got: unknown): never {
  throw new RuntimeError('BAD_DEFINITION', `child "${id}": ${field} ${must}, not ${String(got)}`, { child: id, field, value: got });
}

function range(id: string, field: string, value: number, min: number, max: number): void {
  if (!Number.isFinite(value) || value < min || value > max) bad(id, field, `must be from ${min} to ${max}`, value);
}

function validateChild(spec: ChildSpec): void {
  const { id, backoff } = spec;
  if (!ID.test(id)) bad(id, 'id', 'must be 1 to 64 characters of A-Z a-z 0-9 _ . -', id);
  range(id, 'startTimeoutMs', spec.startTimeoutMs, 1, 600_000);
  range(id, 'shutdownTimeoutMs', spec.shutdownTimeoutMs, 0, 600_000);
  range(id, 'backoff.minMs', backoff.minMs, 0, 3_600_000);
  range(id, 'backoff.maxMs', backoff.maxMs, backoff.minMs, 3_600_000);
  range(id, 'backoff.factor', backoff.factor, 1, 100);
  range(id, 'backoff.resetAfterMs', backoff.resetAfterMs, 0, 86_400_000);
  range(id, 'mailbox.capacity', spec.mailbox.capacity, 1, 1_000_000);
  if (spec.placement.kind === 'thread' && spec.definition.module === null) {
    bad(id, 'placement', 'may be "thread" only for an actor defined with `module`', 'thread');
  }
}

function validateSupervisor(spec: SupervisorSpec): SupervisorSpec {
  if (!ID.test(spec.id)) bad(spec.id, 'id', 'must be 1 to 64 characters of A-Z a-z 0-9 _ . -', spec.id);
  range(spec.id, 'intensity.maxRestarts', spec.intensity.maxRestarts, 0, 10_000);
  range(spec.id, 'intensity.withinMs', spec.intensity.withinMs, 1, 86_400_000);
  const seen = new Set<string>();
  for (const { id } of spec.children) {
    if (seen.has(id)) bad(id, 'id', `must be unique under "${spec.id}"`, id);
    seen.add(id);
  }
  return spec;
}
