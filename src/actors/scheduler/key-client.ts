import type { CallOutcomeKind } from '../../keys/outcome.ts';
import type { LeaseGrant, LeaseReply, LeaseRequest, PoolState, Settlement } from '../../keys/pool.types.ts';
import type { KeySupply } from '../../keys/supply.ts';
import { steadyNow } from '../../keys/steady.ts';
import type { ActorLog } from '../../runtime/actor.ts';
import { type Clock, pause } from '../../runtime/clock.ts';
import { joinSignals } from '../../runtime/joined-signal.ts';
import type { ActorRef } from '../../runtime/ref.ts';
import type { KeyPoolMessage } from '../key-pool.ts';

/** Pause before a pool that did not answer (it is being restarted, or its mailbox is full) is asked again. */
const AGAIN_MS = 250;
/** The pool answers at the deadline; a pool that does not is given up this much later. */
const ASK_GRACE_MS = 1_000;
const STATE_MS = 1_000;

export interface KeyClientOptions {
  readonly clock: Clock;
  readonly log: ActorLog;
  readonly pool: ActorRef<KeyPoolMessage>;
  /** Aborted: waiting requests are withdrawn. */
  readonly closing: AbortSignal;
  /** Told of the outcome of every lease, after the pool. */
  readonly onOutcome: (kind: CallOutcomeKind) => void;
}

/** The key pool as the scheduler uses it. */
export class KeyClient {
  readonly #options: KeyClientOptions;
  #keysWanted = true;

  constructor(options: KeyClientOptions) {
    this.#options = options;
  }

  /** Whether any key is meant to be used, as the pool last said. With none, rules assess. */
  get keysWanted(): boolean {
    return this.#keysWanted;
  }

  /**
   * Never rejects: a pool that cannot be reached by the deadline counts as a refusal. When `withdraw` is aborted the
   * reply is the refusal `cancelled`, unless a lease is on its way already.
   */
  async lease(request: LeaseRequest, withdraw: AbortSignal): Promise<LeaseReply> {
    const until = joinSignals([this.#options.closing, withdraw]);
    try {
      const reply = await this.#lease(request, until.signal);
      if (reply.kind === 'granted') this.#keysWanted = true;
      else if (reply.keysWanted !== undefined) this.#keysWanted = reply.keysWanted;
      return reply;
    } finally {
      until.release();
    }
  }

  /** The call under this lease left `agoMs` ago, from a thread that was up to `delayMs` late. */
  sent(leaseId: string, agoMs: number, delayMs = 0): void {
    const { pool, clock } = this.#options;
    // Whole ms, and rather a moment too late than too early.
    pool.tell({ type: 'sent', leaseId, at: steadyNow(clock) - Math.floor(agoMs), delayMs });
  }

  settle(settlement: Settlement): void {
    const { pool, log, onOutcome } = this.#options;
    const { leaseId, outcome } = settlement;
    const told = pool.tell({ type: 'settle', ...settlement });
    if (told !== 'accepted')
      log.warn({ leaseId, told }, 'the key pool did not take a settlement; the lease will expire');
    onOutcome(outcome.kind);
  }

  /** Settles a lease whose call is not made. */
  giveBack({ leaseId }: LeaseGrant): void {
    this.settle({
      leaseId,
      outcome: { kind: 'abandoned', message: 'the lease is not needed any more' },
      blame: 'key',
    });
  }

  /** One failure booked on this key was the request's fault. */
  forgive(keyName: string): void {
    this.#options.pool.tell({ type: 'forgive', keyName });
  }

  /** Null when the pool does not answer within a second. */
  async state(): Promise<PoolState | null> {
    try {
      const state = await this.#options.pool.ask({ type: 'state' }, { timeoutMs: STATE_MS });
      this.#keysWanted = state !== 'no-keys';
      return state;
    } catch {
      return null;
    }
  }

  /** The calls that the keys allow, `only` those named if given; null when the pool does not answer within a second. */
  async supply(answerMs: number, only?: readonly string[]): Promise<KeySupply | null> {
    const keys = only === undefined ? {} : { only };
    try {
      return await this.#options.pool.ask({ type: 'supply', answerMs, ...keys }, { timeoutMs: STATE_MS });
    } catch {
      return null;
    }
  }

  async #lease(request: LeaseRequest, until: AbortSignal): Promise<LeaseReply> {
    const { pool, clock } = this.#options;
    const cancel = (): void => void pool.tell({ type: 'cancel', waiterId: request.waiterId });
    until.addEventListener('abort', cancel, { once: true });
    try {
      for (;;) {
        const left = request.deadline - clock.now();
        if (until.aborted)
          return { kind: 'refused', reason: 'cancelled', message: 'the request for an API key was withdrawn' };
        if (left <= 0)
          return { kind: 'refused', reason: 'deadline', message: 'no API key came free before the deadline' };
        try {
          return await pool.ask({ type: 'lease', ...request }, { timeoutMs: left + ASK_GRACE_MS });
        } catch {
          await pause(clock, Math.min(AGAIN_MS, left), until);
        }
      }
    } finally {
      until.removeEventListener('abort', cancel);
    }
  }
}

/** What one assessment needs of the key pool; a test may stand in for it. */
export type Keys = Pick<KeyClient, 'keysWanted' | 'lease' | 'sent' | 'settle' | 'giveBack' | 'forgive'>;
