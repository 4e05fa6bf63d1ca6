import type { AlertQuery, ListedAlertRow } from '../../alert-desk/alert-desk.ts';
import type { ListPlace } from '../../alert-desk/alert-list.ts';
import type { Principal } from '../../messages/principal.ts';
import type { CameraScope } from '../access/camera-scope.ts';
import type { DeskPort, HttpPorts } from '../ports.ts';
import type { AlertFilters, AlertRow } from '../schemas/alert-desk-schema.ts';

export interface SearchDeps extends Pick<HttpPorts, 'desk' | 'cameras'> {
  readonly scope: Pick<CameraScope, 'sees' | 'groupsOf'>;
}

/** Finds alerts for whoever asks. */
export class AlertSearch {
  readonly #desk: Pick<DeskPort, 'find'>;
  readonly #cameras: Pick<HttpPorts['cameras'], 'list'>;
  readonly #scope: SearchDeps['scope'];

  constructor({ desk, cameras, scope }: SearchDeps) {
    this.#desk = desk;
    this.#cameras = cameras;
    this.#scope = scope;
  }

  /** At most `limit` alerts that the principal may see, newest first, and the last one's place where there are more. */
  async page(
    filters: AlertFilters,
    limit: number,
    principal: Principal,
  ): Promise<{ readonly rows: readonly ListedAlertRow[]; readonly next: string | null }> {
    const rows: ListedAlertRow[] = [];
    for await (const row of this.#desk.find(await this.#queryOf(filters, principal))) {
      const last = rows.at(-1);
      if (rows.length === limit && last !== undefined) return { rows, next: placeText(last.entry) };
      rows.push(row);
    }
    return { rows, next: null };
  }

  async #queryOf(filters: AlertFilters, principal: Principal): Promise<AlertQuery> {
    const { group, cameraId, kind, level, state, verdict, from, to, text, before } = filters;
    const scope = this.#scope;
    const names = text === undefined ? new Map<string, string>() : await this.names();
    return {
      from: from ?? null,
      to: to ?? null,
      before: before === undefined ? null : placeOf(before),
      filter: {
        cameraIds: setOf(cameraId),
        kinds: setOf(kind),
        levels: setOf(level),
        states: setOf(state),
        verdicts: setOf(verdict),
        text: text ?? null,
      },
      cameraName: (id) => names.get(id) ?? '',
      inScope: (id) => scope.sees(principal, id) && (group === undefined || scope.groupsOf(id).includes(group)),
    };
  }

  /** Names of cameras by their ids. */
  async names(): Promise<ReadonlyMap<string, string>> {
    return new Map((await this.#cameras.list()).map(({ config }) => [config.cameraId, config.name]));
  }
}

const setOf = <T>(values: readonly T[] | undefined): ReadonlySet<T> | null =>
  values === undefined ? null : new Set(values);

/** Pure. */
export const rowView = ({ entry, handling, shelved }: ListedAlertRow): AlertRow => {
  const { at, seq: _, kinds, incidents, ...rest } = entry;
  return {
    ...rest,
    timestamp: new Date(at).toISOString(),
    kinds: [...kinds],
    incidents: [...incidents],
    handling,
    shelved,
  };
};

const placeText = ({ at, alertId }: ListPlace): string => `${at}_${alertId}`;
const placeOf = (text: string): ListPlace => {
  const cut = text.indexOf('_');
  return { at: Number(text.slice(0, cut)), alertId: text.slice(cut + 1) };
};
