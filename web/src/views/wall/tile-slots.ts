/** Tiles that show one camera after another while the wall is scrolled: making one costs more than a frame may take. */
import { type Accessor, batch, createComputed, createSignal, onCleanup, untrack } from 'solid-js';

export interface Slot {
  readonly cameraId: Accessor<string>;
  readonly setCameraId: (id: string) => void;
  /** False: out of sight, kept for the next camera while the wall is scrolled. */
  readonly used: Accessor<boolean>;
  readonly setUsed: (used: boolean) => void;
}

/** Time without a change after which the elements are put in the order of the cameras, for keyboard and reader. */
const SETTLED_MS = 250;

/**
 * Slots for `ids`: a camera keeps its slot; new cameras take the slots of those that are gone.
 *
 * @param ids each once
 */
export function createSlots(ids: Accessor<readonly string[]>): Accessor<readonly Slot[]> {
  const [slots, setSlots] = createSignal<readonly Slot[]>([]);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const sort = (): void => {
    const places = new Map(ids().map((id, index) => [id, index]));
    const placeOf = (slot: Slot): number => places.get(slot.cameraId()) ?? 0;
    const used = slots().filter((slot) => slot.used());
    const sorted = used.toSorted((a, b) => placeOf(a) - placeOf(b));
    if (sorted.length === slots().length && sorted.every((slot, index) => slot === slots()[index])) return;
    const focused = document.activeElement;
    setSlots(sorted);
    // An element that is moved loses the focus.
    if (focused instanceof HTMLElement && focused !== document.activeElement) focused.focus({ preventScroll: true });
  };
  createComputed(() => {
    const wanted = ids();
    untrack(() => batch(() => setSlots(assign(slots(), wanted))));
    clearTimeout(timer);
    timer = setTimeout(sort, SETTLED_MS);
  });
  onCleanup(() => clearTimeout(timer));
  return slots;
}

/** The slots for `ids`, in the order that they had; those that are not needed are kept, unused. */
export function assign(slots: readonly Slot[], ids: readonly string[]): Slot[] {
  const missing = new Set(ids);
  const wanted = new Set(ids);
  for (const slot of slots) missing.delete(slot.cameraId());
  const fresh = missing.values();
  for (const slot of slots) {
    const keeps = wanted.has(slot.cameraId());
    const next = keeps ? undefined : fresh.next().value;
    if (next !== undefined) slot.setCameraId(next);
    slot.setUsed(keeps || next !== undefined);
  }
  return [...slots, ...[...fresh].map(newSlot)];
}

function newSlot(id: string): Slot {
  const [cameraId, setCameraId] = createSignal(id);
  const [used, setUsed] = createSignal(true);
  return { cameraId, setCameraId, used, setUsed };
}
