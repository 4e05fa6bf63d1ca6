import type { HttpServerOptions } from '../../src/http/server.ts';
import type { Aggregate } from '../../src/messages/aggregate.ts';
import type { Alarm } from '../../src/messages/alarm.ts';
import { type Principal, UserRole } from '../../src/messages/principal.ts';
import { SceneConfig } from '../../src/messages/scene.ts';
import { systemAlert } from './fake-monitoring.ts';
import { FakeWorld, fakeServer } from './http-fakes.ts';
import { aggregate, config, countedBin, healthy, record, SCENE, tree } from './http-samples.ts';
import { budget } from './system-samples.ts';

/** Two cameras, each in a group of its own name. Whatever is about the second has its name, `south`, in it. */
export const NORTH = 'north';
export const SOUTH = 'south';

/** Ids that requests need; the same ones for both cameras but for their first digit. */
const idOf = (first: '1' | '2'): string => `${first}1a21da4-536b-4b5e-88cc-cfb75567940a`;
export const ALERTS = { [NORTH]: idOf('1'), [SOUTH]: idOf('2') } as const;
export const LETTERS = { [NORTH]: 1, [SOUTH]: 2 } as const;

const JPEG = Buffer.from([0xff, 0xd8, 0xff, 0xd9]);

/** A world in which both cameras have everything that a camera can have. */
export class ScopedWorld extends FakeWorld {
  constructor() {
    super();
    this.reset();
  }

  /** As at the beginning, after requests that changed it. */
  reset(): void {
    for (const camera of [NORTH, SOUTH] as const) this.#put(camera);
    this.treeNow = tree([NORTH, SOUTH]);
    this.usedBy = [NORTH, SOUTH];
    const [row] = budget.questions.by_camera;
    const by_camera = [NORTH, SOUTH].flatMap((camera_id) => (row === undefined ? [] : [{ ...row, camera_id }]));
    this.budget = { ...budget, questions: { ...budget.questions, by_camera } };
    this.alarms.alarms = [NORTH, SOUTH].map((camera) => alarmOf(camera === NORTH ? NORTH : SOUTH));
    const dark = [NORTH, SOUTH].map((cameraId) => systemAlert('camera_dark', { cameraId }));
    this.monitoring.alerts = [...dark, systemAlert('disk_full', { labels: { of: SOUTH } })];
    const silence = { rule: 'camera_dark', until: '2100-01-02T03:04:05.000Z', by: 'ann' };
    this.monitoring.silences.splice(0);
    for (const cameraId of [NORTH, SOUTH] as const)
      this.monitoring.silences.push({ ...silence, silenceId: ALERTS[cameraId], cameraId, reason: `${cameraId} moves` });
    const alerts = this.monitoring.alerts.map((alert) => ({ ...alert, notice: null }));
    this.health = { ...healthy, notices: ['camera south is slow'], alerts };
  }

  /** A shelf of each camera, with the id of its alert. */
  async shelve(): Promise<void> {
    const at = new Date().toISOString();
    const until = new Date(Date.now() + 3_600_000).toISOString();
    for (const camera of [NORTH, SOUTH] as const) {
      const shelf = { cameraId: camera, kind: null, until, reason: `${camera} is being rebuilt`, by: 'ann', at };
      await this.desk.addShelf({ ...shelf, shelfId: ALERTS[camera] });
    }
  }

  #put(camera: typeof NORTH | typeof SOUTH): void {
    const scene = SceneConfig.parse(SCENE);
    this.cameras.set(camera, record(config(camera, { groups: [camera], scene })));
    const alert: Aggregate = aggregate(camera, { requestId: ALERTS[camera], risk: 'high' });
    this.saw(alert, JPEG);
    this.alertLists.set(camera, [alert]);
    this.alertLists.set('', [...(this.alertLists.get('') ?? []).filter(({ cameraId }) => cameraId !== camera), alert]);
    this.counts.set(camera, [countedBin('2026-01-02T03:04:00.000Z')]);
    this.clips.records.set(ALERTS[camera], {
      outcome: 'stored',
      bytes: 4,
      partBytes: 1_000,
      from: '2026-01-02T03:04:00.000Z',
      to: '2026-01-02T03:04:10.000Z',
    });
    this.clips.parts.set(`${ALERTS[camera]} 0`, JPEG);
    this.deadLetters.set(LETTERS[camera], {
      id: LETTERS[camera],
      at: 1_767_323_045_000,
      stream: 'DETECTIONS',
      consumer: 'task-generator',
      subject: `detection-results.${camera}`,
      reason: `a frame of ${camera} is broken`,
      deliveries: 3,
      cameraId: camera,
      requestId: ALERTS[camera],
      traceId: null,
      headers: {},
      body: Buffer.from(camera),
      cut: null,
    });
  }
}

const alarmOf = (camera: typeof NORTH | typeof SOUTH): Alarm => {
  const at = new Date().toISOString();
  return {
    alarmId: `i-${ALERTS[camera]}`,
    reason: 'incident',
    openedAt: at,
    updatedAt: at,
    level: 'high',
    cameraIds: [camera],
    cameras: 1,
    kinds: [],
    count: 1,
    members: [{ alertId: ALERTS[camera], incidentId: null, cameraId: camera, kind: null, level: 'high', at }],
    state: 'open',
  };
};

/** Null groups: every camera. */
export const principal = (role: UserRole, groups: readonly string[] | null): Principal => ({
  name: `${role}-of-${groups?.join('+') ?? 'all'}`,
  role,
  groups: groups === null ? null : [...groups],
  via: 'session',
});

/** The header names role and groups, as in `viewer north`; without it, a request is nobody's. */
export const AS = 'x-test-principal';
const principalOf: NonNullable<HttpServerOptions['principalOf']> = ({ headers }) => {
  const [role, ...groups] = String(headers[AS] ?? '').split(' ');
  const known = UserRole.safeParse(role);
  return known.success ? principal(known.data, groups.length === 0 ? null : groups) : null;
};

/** The value of {@link AS} for a principal. */
export const asHeader = ({ role, groups }: Pick<Principal, 'role' | 'groups'>): string =>
  [role, ...(groups ?? [])].join(' ');

/** A server over a {@link ScopedWorld} that believes the header {@link AS}. */
export async function scopedServer(options: Partial<HttpServerOptions> = {}) {
  const world = new ScopedWorld();
  const server = await fakeServer(world, { principalOf, ...options });
  await server.scope.refresh();
  for (const camera of [NORTH, SOUTH] as const)
    world.keepAlert(aggregate(camera, { requestId: ALERTS[camera], risk: 'high' }));
  await world.shelve();
  return { world, server };
}
