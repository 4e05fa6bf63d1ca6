export interface GroupIdentityOptions {
  /** A group unseen for longer than this loses its name, in seconds. Default 6, like tracks (`TrackerOptions`). */
  readonly maxAgeSeconds?: number;
  /** Most groups remembered; beyond it the longest unseen is forgotten first. Default 400. */
  readonly maxGroups?: number;
  /** Ends every name, so that groups named by another run are others. Default none. */
  readonly suffix?: string;
}

export interface GroupIdentity {
  /**
   * Gives each group of one frame its `groupId`; order is kept. `tracksOf` returns the track ids of a group's members,
   * `timeMs` is when the frame was taken.
   */
  name<T>(
    groups: readonly T[],
    tracksOf: (group: T) => readonly number[],
    timeMs: number,
  ): (T & { readonly groupId: string })[];
  /** Groups remembered now. */
  readonly size: number;
}

interface Remembered {
  readonly number: number;
  readonly tracks: ReadonlySet<number>;
  readonly seenAt: number;
}

/**
 * Names groups so that a name stays with the same road users: a group takes the name of the remembered group with which
 * it shares most members. Each name is used once in a frame: when a group splits, the larger part keeps the name; when
 * groups merge, the name of the one with more members stays.
 */
export function createGroupIdentity(options: GroupIdentityOptions = {}): GroupIdentity {
  const { maxAgeSeconds = 6, maxGroups = 400, suffix = '' } = options;
  let memory: Remembered[] = [];
  let nextNumber = 1;

  return {
    name(groups, tracksOf, timeMs) {
      memory = memory.filter((group) => timeMs - group.seenAt <= maxAgeSeconds * 1000);
      const taken = inherit(groups.map(tracksOf), memory);
      const current = groups.map((group, i) => ({
        group,
        number: taken.get(i) ?? nextNumber++,
        tracks: new Set(tracksOf(group)),
        seenAt: timeMs,
      }));
      const used = new Set(current.map(({ number }) => number));
      const unseen = memory.filter(({ number }) => !used.has(number));
      memory = [
        ...current.map(({ number, tracks, seenAt }) => ({ number, tracks, seenAt })),
        ...unseen.toSorted((a, b) => b.seenAt - a.seenAt),
      ].slice(0, maxGroups);
      return current.map(({ group, number }) => ({ ...group, groupId: `g${number}${suffix}` }));
    },
    get size() {
      return memory.length;
    },
  };
}

/**
 * The numbers that groups (by position) inherit from remembered ones: most shared members first, then the older name.
 */
function inherit(groups: readonly (readonly number[])[], memory: readonly Remembered[]): Map<number, number> {
  const claims = groups.flatMap((tracks, group) =>
    memory.flatMap(({ number, tracks: known }) => {
      const shared = tracks.filter((track) => known.has(track)).length;
      return shared === 0 ? [] : [{ group, number, shared }];
    }),
  );
  const given = new Map<number, number>();
  const used = new Set<number>();
  for (const { group, number } of claims.toSorted(
    (a, b) => b.shared - a.shared || a.number - b.number || a.group - b.group,
  )) {
    if (given.has(group) || used.has(number)) continue;
    given.set(group, number);
    used.add(number);
  }
  return given;
}
