import type { ActorDefinition, Behavior, StopReason } from './actor.ts';
import type { Clock } from './clock.ts';
import { type ContextHost, IncarnationContext } from './context.ts';
import { asError } from './errors.ts';
import { handle } from './handling.ts';
import { type Incarnation, type IncarnationEvents, NO_ENVELOPES } from './incarnation.ts';
import type { Envelope } from './mailbox.ts';
import type { Message } from './message.ts';
import { settlesWithin } from './time-limit.ts';

/** Starts an actor on this thread. Rejects with what its `start` threw. */
export async function startInline(
  definition: ActorDefinition<Message, unknown>,
  init: unknown,
  host: Omit<ContextHost, 'native' | 'ownProcess' | 'disownProcess' | 'report' | 'fail'>,
  events: IncarnationEvents,
): Promise<Incarnation> {
  const incarnation = new InlineIncarnation(host, events);
  await incarnation.begin(definition, init);
  return incarnation;
}

class InlineIncarnation implements Incarnation {
  readonly window = 1;
  readonly #events: IncarnationEvents;
  readonly #clock: Clock;
  readonly #context: IncarnationContext;
  readonly #processes = new Set<number>();
  #behavior: Behavior<Message> | null = null;
  #idle: Promise<void> = Promise.resolve();
  #native = 0;
  #over = false;

  constructor(host: Omit<ContextHost, 'native' | 'ownProcess' | 'disownProcess' | 'report' | 'fail'>, events: IncarnationEvents) {
    this.#events = events;
    this.#clock = host.clock;
    this.#context = new IncarnationContext({
      path: host.path,
      incarnation: host.incarnation,
      clock: host.clock,
      log: host.log,
      ref: (to) => host.ref(to),
      toSelf: (message, onLeave) => host.toSelf(message, onLeave),
      native: (work) => this.#guarded(work),
      ownProcess: (pid) => this.#processes.add(pid),
      disownProcess: (pid) => this.#processes.delete(pid),
      report: (detail) => events.onReport(detail),
      fail: (error) => this.#fail(error),
    });
  }

  async begin(definition: ActorDefinition<Message, unknown>, init: unknown): Promise<void> {
    try {
      this.#behavior = await definition.start(this.#context, init);
    } catch (thrown) {
      this.#over = true;
      this.#context.close();
      this.#context.bury();
      this.#killProcesses();
      throw thrown;
    }
  }

  native(): number {
    return this.#native;
  }

  deliver(envelope: Envelope): void {
    if (this.#behavior === null) return;
    let finished = false;
    let release: (() => void) | null = null;
    handle(this.#behavior, envelope.message, envelope.reply, (failure) => {
      finished = true;
      release?.();
      if (failure !== null) this.#fail(failure);
      else this.#events.onProcessed();
    });
    if (!finished) this.#idle = new Promise((resolve) => (release = resolve));
  }

  reclaim(): readonly Envelope[] {
    return NO_ENVELOPES;
  }

  async stop(reason: StopReason, timeoutMs: number): Promise<{ readonly forced: boolean }> {
    this.#over = true;
    this.#context.close();
    const ending = (async () => {
      await this.#idle;
      await this.#behavior?.stop?.(reason);
    })();
    const ended = await settlesWithin(this.#clock, ending, timeoutMs);
    if (ended.error !== null) this.#context.log.warn({ path: this.#context.path, err: ended.error }, 'actor failed while stopping');
    this.#context.bury();
    this.#killProcesses();
    return { forced: ended.timedOut };
  }

  #fail(error: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#context.close();
    this.#events.onFailed(error);
  }

  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    this.#native += 1;
    try {
      return await work();
    } finally {
      this.#native -= 1;
    }
  }

  #killProcesses(): void {
    killProcesses(this.#processes, this.#context.log);
  }
}

/** Ends operating-system processes that their owner left behind. */
export function killProcesses(pids: Set<number>, log: { debug(fields: object, message: string): void }): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (thrown) {
      log.debug({ pid, err: asError(thrown) }, 'process was gone already');
    }
  }
  pids.clear();
}
