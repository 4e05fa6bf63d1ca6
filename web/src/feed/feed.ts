/** Connects the live feed to the stores that views read. */
import { batch, createEffect, createRoot, createSignal, on } from 'solid-js';
import type { FeedGap } from '../../../src/messages/feed.ts';
import type { Aggregate } from '../../../src/messages/aggregate.ts';
import { request } from '../api/request.ts';
import { createPoll } from '../api/poll.ts';
import { signIns } from '../api/session.ts';
import { clearNotice, notify, notifyFor } from '../app/notices.ts';
import { t } from '../i18n/index.ts';
import { noticeOfGap, noticeOfLag } from './feed-notices.ts';
import { type CameraView, takeFrame, takeList, takeStatus } from './cameras.ts';
import { FeedSocket, type FeedState } from './feed-socket.ts';
import type { AlertRow, PageMessage } from './messages.ts';
import { addAlerts, addRows, forgetAlerts, reviseAlert } from './recent-alerts.ts';

const CAMERAS_MS = 5_000;
/** How long the notices of a gap and of a slow connection are shown. */
const GAP_SHOWN_MS = 30_000;
const LAG_SHOWN_MS = 5_000;
const FIRST_ALERTS = 50;
/** Frames wait this long for others. Alerts don't wait. */
const BATCH_MS = 80;

const [state, setState] = createSignal<FeedState>('connecting');
export const feedState = state;

type DataOf<T> = Extract<PageMessage, { readonly type: T }>['data'];
type Listener = (message: PageMessage) => void;
const listeners = new Set<Listener>();

/** Newest frames that wait for the next animation frame: one per camera. */
const waiting = new Map<string, Aggregate>();
let scheduled = false;

const socket = new FeedSocket(receive, changeState);

/** Milliseconds since the epoch by the server's clock. */
export const serverNow = (): number => socket.now();

const [tick, setTick] = createSignal(Date.now());
/** {@link serverNow}, as a signal that changes twice a second while the page is visible. */
export const now = tick;

/** Calls `listener` with the messages of one type, as they arrive, until the returned function is called. */
export function onMessage<T extends PageMessage['type']>(type: T, listener: (data: DataOf<T>) => void): () => void {
  const each: Listener = (message) => {
    if (message.type === type) listener(message.data as DataOf<T>);
  };
  listeners.add(each);
  return () => listeners.delete(each);
}

let refreshCameras: () => Promise<void> = async () => undefined;
let refreshSoon = false;

/** Loads the list of cameras now. */
export const reloadCameras = (): Promise<void> => refreshCameras();

/** Several messages of unknown cameras make one request. */
function reloadSoon(): void {
  if (refreshSoon) return;
  refreshSoon = true;
  setTimeout(() => {
    refreshSoon = false;
    void refreshCameras();
  }, 200);
}

function receive(message: PageMessage): void {
  switch (message.type) {
    case 'detection_result':
      enqueue(message.data);
      break;
    case 'camera_status':
      if (!takeStatus(message.data) || message.data.message === 'the camera was removed') reloadSoon();
      break;
    case 'alert':
      addAlerts([message.data]);
      break;
    case 'gap':
      takeGap(message.data);
      break;
    case 'lag':
      notifyFor('feed-lag', () => noticeOfLag(message.data), LAG_SHOWN_MS);
      break;
    case 'error':
      notify('feed-error', () => [{ level: 'warn', text: message.data.message }]);
      break;
    case 'connection_ack':
    case 'pong':
    case 'alert_handling':
    case 'shelves':
    case 'alarm':
      break;
    default:
  }
  for (const listener of listeners) listener(message);
}

/** Only the newest frame of each camera is shown, all of them at once: layout and paint cost more than the change. */
function enqueue(aggregate: Aggregate): void {
  const before = waiting.get(aggregate.cameraId);
  const late = before !== undefined && Date.parse(before.timestamp) > Date.parse(aggregate.timestamp);
  if (!late) waiting.set(aggregate.cameraId, aggregate);
  reviseAlert(aggregate);
  if (scheduled) return;
  scheduled = true;
  // Not called in a hidden page, which shows nothing: the newest frames wait there until it is visible.
  setTimeout(() => requestAnimationFrame(flush), BATCH_MS);
}

function flush(): void {
  scheduled = false;
  let unknown = false;
  batch(() => {
    for (const aggregate of waiting.values()) if (!takeFrame(aggregate)) unknown = true;
    waiting.clear();
  });
  if (unknown) reloadSoon();
}

function takeGap(gap: FeedGap): void {
  notifyFor('feed-gap', () => noticeOfGap(gap), GAP_SHOWN_MS);
  // Alerts may be missing: load them again.
  if (gap.alertsSince === null) void loadAlerts();
}

function changeState(next: FeedState): void {
  setState(next);
  if (next === 'lost') notify('feed', () => [{ level: 'bad', text: t('shell.feed.lostNotice') }]);
  else clearNotice('feed');
  if (next !== 'live') return;
  clearNotice('feed-error');
  void refreshCameras();
}

/** The alerts from before the page was opened, of all cameras. */
async function loadAlerts(): Promise<void> {
  try {
    const { alerts } = await request<{ alerts: readonly AlertRow[] }>(`/api/alerts?limit=${FIRST_ALERTS}`);
    addRows(alerts);
  } catch {
    // Live alerts arrive anyway; the view of alerts has the history and says why it cannot be read.
  }
}

/** Connects; called once. */
export function startFeed(): void {
  createRoot(() => {
    const cameras = createPoll<CameraView[]>(() => '/api/cameras', CAMERAS_MS);
    refreshCameras = cameras.refresh;
    createEffect(() => {
      const list = cameras.data();
      if (list !== undefined) takeList(list);
    });
    createEffect(
      on(
        signIns,
        () => {
          forgetAlerts();
          void loadAlerts();
          socket.restart();
        },
        { defer: true },
      ),
    );
  });
  setInterval(() => {
    if (!document.hidden) setTick(socket.now());
  }, 500);
  void loadAlerts();
  socket.connect();
}
