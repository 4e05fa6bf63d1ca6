/** Messages of the bus that no consumer could handle: their bodies, the reasons, and the replay. */
import { createSignal, For, Show } from 'solid-js';
import type { DeadLetterList, DeadLetterView } from '../../../../src/http/schemas/dead-letters-schema.ts';
import { createPoll } from '../../api/poll.ts';
import { request } from '../../api/request.ts';
import { FormError } from '../../parts/form-error.tsx';
import { nameOf } from '../../feed/cameras.ts';
import { t } from '../../i18n/index.ts';
import { Button } from '../../parts/button.tsx';
import { createSubmit } from '../../parts/create-submit.ts';
import { Dialog } from '../../parts/dialog.tsx';
import { Field } from '../../parts/field.tsx';
import { createStableRows } from '../../parts/stable-rows.ts';
import { type Column, Table } from '../../parts/table.tsx';
import { toast } from '../../parts/toast.tsx';
import { dayTime, figure } from '../../picture/words.ts';
import { Problem } from './problem.tsx';

type Letter = DeadLetterList['deadLetters'][number];

const LETTERS_MS = 5_000;
const MOST_LETTERS = 500;
/** Characters of a body that are shown. */
const MOST_BODY = 20_000;

export function DeadLettersTab() {
  const [stream, setStream] = createSignal('');
  const [openId, setOpenId] = createSignal<number | null>(null);
  const path = (): string => {
    const filter = stream().trim() === '' ? '' : `&stream=${encodeURIComponent(stream().trim())}`;
    return `/api/dead-letters?limit=${MOST_LETTERS}${filter}`;
  };
  const poll = createPoll<DeadLetterList>(path, LETTERS_MS);
  const rows = createStableRows(() => poll.data()?.deadLetters ?? [], 'id');
  return (
    <>
      <Problem error={poll.error()} />
      <div class="row system-filters">
        <Field
          name="stream"
          label={t('system.deadLetters.stream')}
          placeholder="DETECTIONS"
          value={stream()}
          onInput={(text) => setStream(text.toUpperCase())}
          error={poll.error()}
        />
      </div>
      <Show when={poll.data()} fallback={<p class="empty">{t('shell.loading')}</p>}>
        <Show when={rows().length > 0} fallback={<p class="empty">{t('system.deadLetters.none')}</p>}>
          <p class="muted">{t('system.deadLetters.hint', { most: MOST_LETTERS })}</p>
          <Table
            label={t('system.parts.deadLetters')}
            rows={rows()}
            rowId={({ id }) => String(id)}
            columns={columns()}
            onOpen={({ id }) => setOpenId(id)}
            minWidth={860}
          />
        </Show>
      </Show>
      <LetterDialog id={openId()} onClose={() => setOpenId(null)} onReplayed={() => void poll.refresh()} />
    </>
  );
}

const columns = (): readonly Column<Letter>[] => [
  { id: 'at', header: t('system.deadLetters.at'), sortBy: ({ at }) => at, cell: ({ at }) => dayTime(at) },
  {
    id: 'stream',
    header: t('system.deadLetters.stream'),
    sortBy: ({ stream }) => stream,
    cell: ({ stream }) => <code>{stream}</code>,
  },
  {
    id: 'camera',
    header: t('system.deadLetters.camera'),
    sortBy: ({ cameraId }) => cameraId ?? '',
    cell: ({ cameraId }) => (cameraId === null ? '–' : nameOf(cameraId)),
  },
  {
    id: 'reason',
    header: t('system.deadLetters.reason'),
    weight: 3,
    cell: ({ reason }) => <span title={reason}>{reason}</span>,
  },
  {
    id: 'deliveries',
    header: t('system.deadLetters.deliveries'),
    align: 'end',
    sortBy: ({ deliveries }) => deliveries,
    cell: ({ deliveries }) => figure(deliveries),
  },
];

function LetterDialog(props: { id: number | null; onClose: () => void; onReplayed: () => void }) {
  const poll = createPoll<DeadLetterView>(() => (props.id === null ? null : `/api/dead-letters/${props.id}`), 0);
  const letter = () => (poll.data()?.id === props.id ? poll.data() : undefined);
  const { error, busy, submit, clear } = createSubmit(
    () => request(`/api/dead-letters/${props.id ?? 0}/replay`, { method: 'POST' }),
    () => {
      toast({ type: 'success', text: t('system.deadLetters.replayed', { id: props.id ?? 0 }) });
      props.onReplayed();
      props.onClose();
    },
  );
  const close = (): void => {
    clear();
    props.onClose();
  };
  return (
    <Dialog
      id="dead-letter"
      open={props.id !== null}
      onOpenChange={close}
      title={t('system.deadLetters.one', { id: props.id ?? 0 })}
      wide
    >
      <Problem error={poll.error()} />
      <Show when={letter()}>{(given) => <Letter letter={given()} />}</Show>
      <form class="form" onSubmit={submit}>
        <FormError error={error()} fields={[]} />
        <Show when={letter()?.cut}>
          {(cut) => <p class="muted">{t('system.deadLetters.cut', { parts: cut() })}</p>}
        </Show>
        <div class="actions">
          <Button onClick={close}>{t('shell.close')}</Button>
          <Button type="submit" look="primary" disabled={busy() || letter() === undefined || letter()?.cut !== null}>
            {t('system.deadLetters.replay')}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

const Letter = (props: { letter: DeadLetterView }) => (
  <>
    <p>{props.letter.reason}</p>
    <dl class="facts">
      <For
        each={[
          [t('system.deadLetters.at'), dayTime(props.letter.at)],
          [t('system.deadLetters.stream'), props.letter.stream],
          [t('system.deadLetters.consumer'), props.letter.consumer],
          [t('system.deadLetters.subject'), props.letter.subject],
          [t('system.deadLetters.deliveries'), figure(props.letter.deliveries)],
          [t('system.deadLetters.request'), props.letter.requestId ?? '–'],
          ...Object.entries(props.letter.headers),
        ]}
      >
        {([name, value]) => (
          <div>
            <dt class="muted">{name}</dt>
            <dd>
              <code>{value}</code>
            </dd>
          </div>
        )}
      </For>
    </dl>
    <h3>{t('system.deadLetters.body')}</h3>
    <pre class="letter-body" tabindex="0">
      {bodyText(props.letter.body)}
    </pre>
  </>
);

/** JSON on lines of its own; anything else as it is. */
function bodyText(body: string): string {
  if (body.length > MOST_BODY) return `${body.slice(0, MOST_BODY)}…`;
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    // Not JSON, which may be why it is here.
    return body;
  }
}
