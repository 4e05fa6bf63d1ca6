import { z } from 'zod';
import type { AlertHandling, Shelf } from '../messages/alert-handling.ts';
import { MOST } from '../messages/bounds.ts';
import { streams, subjects } from '../messages/subjects.ts';
import type { ActorLog } from '../runtime/actor.ts';
import { type Clock, systemClock } from '../runtime/clock.ts';
import type { AlertEntry } from './alert-entry.ts';
import { type AlertFilter, alertMatcher } from './alert-filter.ts';
import type { ListRange } from './alert-list.ts';
import type { DeskStore } from './desk-store.ts';
import { type HandlingChange, unhandled } from './handling-changes.ts';
import { Handlings } from './handlings.ts';
import { KeptAlerts } from './kept-alerts.ts';
import type { Shelvable } from './shelved.ts';
import { Shelves } from './shelves.ts';

/** The instructions that the model had, figures left out. */
export const PromptText = z.object({ text: z.string().max(MOST.promptText) });

/** An alert with what people did about it. */
export interface ListedAlertRow {
  readonly entry: AlertEntry;
  readonly handling: AlertHandling;
  readonly shelved: boolean;
}

export interface AlertQuery extends ListRange {
  readonly filter: AlertFilter;
  readonly cameraName: (cameraId: string) => string;
  /** Whether whoever asks may see alerts of this camera. */
  readonly inScope: (cameraId: string) => boolean;
}

/** Told of changes, made here or by other nodes. */
export interface DeskListener {
  readonly onHandling: (handling: AlertHandling) => void;
  readonly onShelves: (shelves: readonly Shelf[]) => void;
}

export interface AlertDeskOptions {
  readonly store: DeskStore;
  readonly log: ActorLog;
  readonly clock?: Clock;
}

/** The list of alerts, and what people do about them: acknowledgements, verdicts, comments and shelves. */
export class AlertDesk {
  readonly #clock: Clock;
  readonly #store: DeskStore;
  readonly #stop = new AbortController();
  readonly #alerts: KeptAlerts;
  readonly #handlings: Handlings;
  readonly #shelves: Shelves;
  readonly #listeners = new Set<DeskListener>();

  constructor({ store, log, clock = systemClock }: AlertDeskOptions) {
    const { signal } = this.#stop;
    this.#clock = clock;
    this.#store = store;
    this.#alerts = new KeptAlerts({ bus: store, clock, log, signal });
    this.#handlings = new Handlings({
      store,
      signal,
      onChange: (handling) => {
        for (const { onHandling } of this.#listeners) onHandling(handling);
      },
    });
    this.#shelves = new Shelves({
      store,
      clock,
      signal,
      onChange: (shelves) => {
        for (const { onShelves } of this.#listeners) onShelves(shelves);
      },
    });
  }

  close(): void {
    this.#stop.abort();
    this.#listeners.clear();
  }

  /** Alerts in the list, and those that left it at its bound. */
  figures(): { readonly listed: number; readonly dropped: number; readonly handled: number } {
    return { listed: this.#alerts.list.size, dropped: this.#alerts.list.dropped, handled: this.#handlings.size };
  }

  /** False while alerts that are kept may still be missing in the list. */
  get complete(): boolean {
    return this.#alerts.complete;
  }

  /** Returns a function that ends it. */
  subscribe(listener: DeskListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** The alerts that match, newest first. */
  async *find({ filter, cameraName, inScope, ...range }: AlertQuery): AsyncGenerator<ListedAlertRow, void, undefined> {
    const isShelvedEntry = (entry: AlertEntry): boolean => this.#shelves.isShelved(entry, this.#clock.now());
    const matches = alertMatcher(filter, {
      handling: (alertId) => this.#handlings.get(alertId),
      isShelved: isShelvedEntry,
      cameraName,
    });
    const wanted = (entry: AlertEntry): boolean => inScope(entry.cameraId) && matches(entry);
    for await (const entry of this.#alerts.list.newest(range, wanted))
      yield { entry, handling: this.handling(entry), shelved: isShelvedEntry(entry) };
  }

  handling(alert: Pick<AlertHandling, 'alertId' | 'cameraId'>): AlertHandling {
    return this.#handlings.get(alert.alertId) ?? unhandled(alert);
  }

  /** As {@link Handlings.change}. */
  change(
    alert: Pick<AlertHandling, 'alertId' | 'cameraId'>,
    change: HandlingChange,
    revision: number | null = null,
  ): ReturnType<Handlings['change']> {
    return this.#handlings.change(alert, change, revision);
  }

  /** The shelves in force now, newest first. */
  shelves(): readonly Shelf[] {
    return this.#shelves.now();
  }

  /** @param at epoch ms */
  isShelved(alert: Shelvable, at: number): boolean {
    return this.#shelves.isShelved(alert, at);
  }

  /** Rejects `BUS_DOWN`. */
  addShelf(shelf: Shelf): Promise<'added' | 'full'> {
    return this.#shelves.add(shelf);
  }

  /** The removed one; null when there was none of that id. Rejects `BUS_DOWN`. */
  removeShelf(shelfId: string): Promise<Shelf | null> {
    return this.#shelves.remove(shelfId);
  }

  /** The text of a prompt; null when it is not kept. Rejects `BUS_DOWN`. */
  async prompt(promptHash: string): Promise<string | null> {
    const subject = subjects.promptText(promptHash);
    const found = await this.#store.last({ stream: streams.alertDesk, subject, parser: PromptText });
    return found?.body.text ?? null;
  }
}
