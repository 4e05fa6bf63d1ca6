/** One node of the supervisor tree: why it is as it is, what a failure now would bring, and the restart by hand. */
import { createSignal, For, type ParentProps, Show } from 'solid-js';
import type { ExplainedNode, SupervisorEvent } from '../../../../src/http/schemas/tree-schema.ts';
import { request } from '../../api/request.ts';
import { may, mayAll } from '../../api/session.ts';
import { FormError } from '../../parts/form-error.tsx';
import { now } from '../../feed/feed.ts';
import { t } from '../../i18n/index.ts';
import { Button } from '../../parts/button.tsx';
import { createSubmit } from '../../parts/create-submit.ts';
import { Dialog } from '../../parts/dialog.tsx';
import { Meter } from '../../parts/meter.tsx';
import { toast } from '../../parts/toast.tsx';
import { age, dayTime, figure } from '../../picture/words.ts';
import { cameraAtPath, nameOfPath, type TreeEntry } from './tree-nodes.ts';

export function NodeDetail(props: { entry: TreeEntry; onRestarted: () => void }) {
  const node = () => props.entry.node;
  const [asking, setAsking] = createSignal(false);
  const mayRestart = () => (cameraAtPath(node().path) === null ? mayAll('admin') : may('operator'));
  return (
    <section class="card tree-detail" aria-label={node().path}>
      <div class="row">
        <h3>{nameOfPath(node().path)}</h3>
        <span class="dot" data-state={node().state} aria-hidden="true" />
        <span>{t(`system.tree.states.${node().state}`)}</span>
      </div>
      <p>{whyOf(node())}</p>
      <dl class="facts">
        <Fact name={t('system.tree.path')}>
          <code>{node().path}</code>
        </Fact>
        <Restarts entry={props.entry} />
        <ActorFacts node={node()} />
      </dl>
      <Show when={mayRestart()} fallback={<p class="muted">{t('system.tree.mayNotRestart')}</p>}>
        <p class="row">
          <Button onClick={() => setAsking(true)}>{t('system.tree.restart')}</Button>
        </p>
      </Show>
      <h4>{t('system.tree.events')}</h4>
      <Show when={node().events.length > 0} fallback={<p class="muted">{t('system.tree.noEvents')}</p>}>
        <ol class="system-events">
          <For each={node().events.toReversed()}>
            {(event) => (
              <li>
                <time datetime={event.at}>{dayTime(event.at)}</time> {eventText(event)}
              </li>
            )}
          </For>
        </ol>
      </Show>
      <RestartDialog
        path={asking() ? node().path : null}
        isSupervisor={node().type === 'supervisor'}
        onClose={() => setAsking(false)}
        onDone={() => props.onRestarted()}
      />
    </section>
  );
}

const Fact = (props: ParentProps<{ name: string }>) => (
  <div>
    <dt class="muted">{props.name}</dt>
    <dd>{props.children}</dd>
  </div>
);

/** Restarts so far and left, and the wait before the next one. */
function Restarts(props: { entry: TreeEntry }) {
  const node = () => props.entry.node;
  const nextIn = (): number | null => {
    const { nextRestartAt: at } = node();
    return at === null ? null : Math.max(0, Math.ceil((Date.parse(at) - now()) / 1000));
  };
  /** Of a supervisor its own, of an actor those of its supervisor. */
  const intensity = () => {
    const own = node();
    return own.type === 'supervisor' ? own.intensity : props.entry.parent?.intensity;
  };
  return (
    <>
      <Fact name={t('system.tree.restarts')}>{figure(node().restarts)}</Fact>
      <Show when={intensity()}>
        {(given) => (
          <Fact name={t(node().type === 'supervisor' ? 'system.tree.left' : 'system.tree.leftOfSupervisor')}>
            {t('system.tree.leftOf', {
              left: given().left,
              most: given().maxRestarts,
              seconds: figure(given().withinMs / 1000),
            })}
          </Fact>
        )}
      </Show>
      <Fact name={t('system.tree.nextBackoff')}>
        {nextIn() === null
          ? t('system.tree.backoffAfterFailure', { time: age(node().nextBackoffMs) })
          : t('system.tree.backoffNow', { seconds: nextIn() ?? 0 })}
      </Fact>
    </>
  );
}

function ActorFacts(props: { node: ExplainedNode }) {
  const actor = () => (props.node.type === 'actor' ? props.node : null);
  return (
    <Show when={actor()}>
      {(given) => {
        const mailbox = () => given().mailbox;
        return (
          <>
            <Fact name={t('system.tree.mailbox')}>
              {t('system.tree.mailboxOf', { depth: figure(mailbox().depth), capacity: figure(mailbox().capacity) })}
              <Show when={mailbox().oldestMs !== null}>
                {', '}
                {t('system.tree.oldest', { time: age(mailbox().oldestMs ?? 0) })}
              </Show>
              <Meter label={t('system.tree.mailbox')} value={mailbox().depth} max={mailbox().capacity} />
            </Fact>
            <Fact name={t('system.tree.lost')}>
              {t('system.tree.lostOf', { dropped: figure(mailbox().dropped), refused: figure(mailbox().refused) })}
            </Fact>
            <Fact name={t('system.tree.processed')}>{figure(given().processed)}</Fact>
            <Fact name={t('system.tree.busy')}>{`${figure(given().busyShare * 100, 1)} %`}</Fact>
            <Fact name={t('system.tree.runsIn')}>{t(`system.tree.placements.${given().placement}`)}</Fact>
            <For each={Object.entries(given().detail)}>
              {([name, value]) => <Fact name={name}>{value === null ? '–' : String(value)}</Fact>}
            </For>
          </>
        );
      }}
    </Show>
  );
}

/** Why it is in its state, and where a failure now would be more than a restart. */
function whyOf(node: ExplainedNode): string {
  const failure = node.lastFailure;
  const parts = [t(`system.tree.why.${node.state}`)];
  if (node.state === 'running' && node.restarts === 0 && failure === null) parts.push(t('system.tree.why.neverFailed'));
  if (failure !== null)
    parts.push(
      t('system.tree.why.lastFailure', {
        at: dayTime(failure.at),
        reason: failure.code === null ? failure.message : `${failure.message} (${failure.code})`,
      }),
    );
  const forecast = node.onNextFailure;
  if ((node.state === 'running' || node.state === 'backing-off') && forecast !== null && forecast !== 'restart')
    parts.push(t(`system.tree.forecast.${forecast}`));
  return parts.join(' ');
}

function eventText(event: SupervisorEvent): string {
  switch (event.type) {
    case 'started':
      return t('system.tree.event.started', { incarnation: event.incarnation });
    case 'failed':
      return t('system.tree.event.failed', { reason: event.failure.message });
    case 'escalated':
      return t('system.tree.event.escalated', { reason: event.failure.message });
    case 'restarting':
      return t('system.tree.event.restarting', { time: age(event.delayMs), because: event.because });
    case 'stopped':
      return t(event.forced ? 'system.tree.event.forced' : 'system.tree.event.stopped');
    case 'mailbox-full':
      return t('system.tree.event.mailboxFull', { capacity: figure(event.capacity) });
    case 'exited':
      return t('system.tree.event.exited');
    case 'quarantined':
      return t('system.tree.event.quarantined');
  }
}

function RestartDialog(props: { path: string | null; isSupervisor: boolean; onClose: () => void; onDone: () => void }) {
  const { error, busy, submit } = createSubmit(
    () => request('/api/supervisor/restart', { method: 'POST', body: { path: props.path ?? '' } }),
    () => {
      toast({ type: 'success', text: t('system.tree.restarted', { path: props.path ?? '' }) });
      props.onDone();
      props.onClose();
    },
  );
  return (
    <Dialog
      id="restart"
      role="alertdialog"
      open={props.path !== null}
      onOpenChange={props.onClose}
      title={t('system.tree.restartOf', { path: props.path ?? '' })}
      description={t(props.isSupervisor ? 'system.tree.restartGroupHint' : 'system.tree.restartHint')}
    >
      <form class="form" onSubmit={submit}>
        <FormError error={error()} fields={[]} />
        <div class="actions">
          <Button onClick={() => props.onClose()}>{t('shell.cancel')}</Button>
          <Button type="submit" look="danger" disabled={busy()}>
            {t('system.tree.restart')}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
