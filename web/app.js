/** The page: connects the live feed, the camera list, health and the tree to their views. */
import { ApiError, request, takeTokenFromAddress } from './api.js';
import { Alerts } from './alerts.js';
import { Feed } from './feed.js';
import { addCameraForm, removeDialog, tokenDialog } from './forms.js';
import { byId, plural, setText } from './format.js';
import { NoticeBar, noticeOfGap, noticeOfLag, noticesOf } from './notices.js';
import { CameraTile, isNewer } from './tile.js';
import { Tree } from './tree.js';

/** @typedef {import('../src/http/schemas/cameras-schema.ts').CameraView} CameraView */
/** @typedef {import('../src/messages/feed.ts').FeedMessage} FeedMessage */

const CAMERAS_MS = 5_000;
const HEALTH_MS = 5_000;
const TREE_MS = 2_000;
/** How long the notices of a gap and of a slow connection are shown. */
const GAP_SHOWN_MS = 30_000;
const LAG_SHOWN_MS = 5_000;

const grid = byId('cameras', HTMLElement);
const pill = byId('feed-state', HTMLElement);
const notices = new NoticeBar(byId('notices', HTMLElement));
const tree = new Tree(byId('tree', HTMLElement), byId('dead-letters', HTMLElement));
/** @type {Map<string, CameraTile>} */
const tiles = new Map();
/** @type {Map<string, CameraView>} */
const cameras = new Map();
const alerts = new Alerts(
  byId('alerts', HTMLElement),
  byId('no-alerts', HTMLElement),
  (id) => cameras.get(id)?.name ?? id,
);
const feed = new Feed(onMessage, onFeedState);

/** Tells tiles whether they are visible, a little ahead of scrolling. @type {WeakMap<Element, CameraTile>} */
const observed = new WeakMap();
const observer = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) observed.get(entry.target)?.visible(entry.isIntersecting);
  },
  { rootMargin: '200px' },
);

const askToken = tokenDialog(() => {
  feed.retry();
  void refreshCameras();
  void refreshHealth();
  void refreshTree();
});
const askRemove = removeDialog(() => void refreshCameras());
addCameraForm(() => void refreshCameras());

/** @param {FeedMessage} message */
function onMessage(message) {
  switch (message.type) {
    case 'detection_result': {
      const tile = tiles.get(message.data.cameraId);
      alerts.revise(message.data);
      if (tile !== undefined) {
        tile.frame(message.data);
        return;
      }
      const waiting = pending.get(message.data.cameraId);
      if (waiting === undefined || isNewer(message.data, waiting.data)) pending.set(message.data.cameraId, message);
      void refreshCameras();
      return;
    }
    case 'camera_status':
      tiles.get(message.data.cameraId)?.status(message.data);
      if (!tiles.has(message.data.cameraId) || message.data.message === 'the camera was removed') void refreshCameras();
      return;
    case 'alert':
      alerts.add([message.data]);
      return;
    case 'gap':
      notices.setFor('feed-gap', noticeOfGap(message.data), GAP_SHOWN_MS);
      // Alerts may be missing: load them again.
      if (message.data.alertsSince === null) alertsLoaded = false;
      return;
    case 'lag':
      notices.setFor('feed-lag', noticeOfLag(message.data), LAG_SHOWN_MS);
      return;
    case 'error':
      notices.set('feed-error', [{ level: 'warn', text: message.data.message }]);
      return;
    case 'connection_ack':
    case 'pong':
      return;
    default:
  }
}

/**
 * Frames of cameras that have no tile yet.
 * @type {Map<string, Extract<FeedMessage, { type: 'detection_result' }>>}
 */
const pending = new Map();

/** @param {'connecting' | 'live' | 'lost'} state */
function onFeedState(state) {
  pill.dataset['state'] = state;
  setText(pill, state === 'live' ? 'live' : state === 'lost' ? 'disconnected' : 'connecting');
  notices.set(
    'feed',
    state === 'lost'
      ? [{ level: 'bad', text: 'The live feed is disconnected; trying again. What you see may be old.' }]
      : [],
  );
  if (state === 'live') {
    notices.set('feed-error', []);
    void refreshCameras();
    void refreshHealth();
  }
}

let refreshing = false;
let again = false;
let alertsLoaded = false;
async function refreshCameras() {
  if (refreshing) {
    again = true;
    return;
  }
  refreshing = true;
  try {
    /** @type {CameraView[]} */
    const list = await request('/api/cameras');
    showCameras(list);
    if (!alertsLoaded) {
      alertsLoaded = true;
      void alerts.load(list.map((camera) => camera.cameraId));
    }
  } catch (error) {
    refused(error);
  } finally {
    refreshing = false;
    if (again) {
      again = false;
      setTimeout(() => void refreshCameras(), 500);
    }
  }
}

/** @param {readonly CameraView[]} list */
function showCameras(list) {
  cameras.clear();
  const sorted = list.toSorted((a, b) => a.cameraId.localeCompare(b.cameraId, undefined, { numeric: true }));
  for (const camera of sorted) cameras.set(camera.cameraId, camera);
  for (const [id, tile] of tiles) {
    if (cameras.has(id)) continue;
    observer.unobserve(tile.element);
    tile.dispose();
    tiles.delete(id);
  }
  for (const [index, camera] of sorted.entries()) {
    let tile = tiles.get(camera.cameraId);
    if (tile === undefined) {
      tile = new CameraTile(camera, {
        now: () => feed.now(),
        onRemove: askRemove,
        watch: (element, watched) => {
          observed.set(element, watched);
          observer.observe(element);
        },
      });
      tiles.set(camera.cameraId, tile);
    } else tile.describe(camera);
    if (grid.children[index] !== tile.element) grid.insertBefore(tile.element, grid.children[index] ?? null);
    const waiting = pending.get(camera.cameraId);
    if (waiting !== undefined) tile.frame(waiting.data);
  }
  pending.clear();
  grid.dataset['count'] = sorted.length > 2 ? 'many' : String(sorted.length);
  byId('no-cameras', HTMLElement).hidden = sorted.length > 0;
  const online = sorted.filter((camera) => camera.status.state === 'online').length;
  setText(
    byId('summary', HTMLElement),
    sorted.length === 0 ? '' : `${plural(sorted.length, 'camera')}, ${online} online`,
  );
}

async function refreshHealth() {
  try {
    notices.set('health', noticesOf(await request('/api/health')));
  } catch (error) {
    if (!refused(error)) notices.set('health', [{ level: 'bad', text: 'Gantry does not answer.' }]);
  }
}

async function refreshTree() {
  if (document.hidden) return;
  try {
    tree.show(await request('/api/supervisor/tree'));
  } catch (error) {
    // The health notice tells that the server does not answer; the tree stays as it is.
    refused(error);
  }
}

/** @param {unknown} error @returns {boolean} true when the token was the reason */
function refused(error) {
  if (!(error instanceof ApiError) || error.status !== 401) return false;
  askToken();
  return true;
}

/** Runs `refresh` for ever, with `ms` between two runs. @param {() => Promise<void>} refresh @param {number} ms */
async function every(refresh, ms) {
  for (;;) {
    await refresh();
    await new Promise((resolve) => setTimeout(resolve, ms));
  }
}

takeTokenFromAddress();
setInterval(() => {
  for (const tile of tiles.values()) tile.tick();
}, 500);
void every(refreshCameras, CAMERAS_MS);
void every(refreshHealth, HEALTH_MS);
void every(refreshTree, TREE_MS);
feed.connect();
