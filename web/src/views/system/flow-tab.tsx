/** How frames flow through the stages of all nodes. */
import { For, type ParentProps, Show } from 'solid-js';
import type { FlowReport } from '../../../../src/http/schemas/system-schema.ts';
import { createPoll } from '../../api/poll.ts';
import { t } from '../../i18n/index.ts';
import { createStableRows } from '../../parts/stable-rows.ts';
import { age, figure } from '../../picture/words.ts';
import { Problem } from './problem.tsx';

type Stage = FlowReport['stages'][number];

const FLOW_MS = 2_000;
/** Age of the oldest waiting frame from which a stage is behind, in ms. */
const BEHIND_MS = 5_000;

export function FlowTab() {
  const poll = createPoll<FlowReport>(() => '/api/system/flow', FLOW_MS);
  const stages = createStableRows(() => poll.data()?.stages ?? [], 'name');
  return (
    <>
      <Problem error={poll.error()} />
      <Show when={poll.data()} fallback={<p class="empty">{t('shell.loading')}</p>}>
        <p class="muted">{t('system.flow.hint')}</p>
        <ol class="flow">
          <For each={stages()}>{(stage) => <StageCard stage={stage} />}</For>
        </ol>
      </Show>
    </>
  );
}

function StageCard(props: { stage: Stage }) {
  const shed = () => props.stage.shed.reduce((sum, { count }) => sum + count, 0);
  const isBehind = () => (props.stage.oldestMs ?? 0) > BEHIND_MS;
  return (
    <li class="card flow-stage" data-stage={props.stage.name}>
      <h3>{t(`system.flow.names.${props.stage.name}`)}</h3>
      <p class="muted">{t(`system.flow.does.${props.stage.name}`)}</p>
      <p class="flow-rate">{t('system.flow.perSecond', { rate: figure(props.stage.perSecond, 1) })}</p>
      <dl class="facts">
        <Count name={t('system.flow.waiting')} bad={isBehind()}>
          {figure(props.stage.waiting)}
          <Show when={props.stage.oldestMs !== null}>
            {', '}
            {t('system.flow.oldest', { time: age(props.stage.oldestMs ?? 0) })}
          </Show>
        </Count>
        <Show when={props.stage.lag !== null}>
          <Count name={t('system.flow.lag')}>{figure(props.stage.lag ?? 0)}</Count>
        </Show>
        <Count name={t('system.flow.shed')} bad={shed() > 0}>
          {figure(shed())}
          <Show when={props.stage.shed.length > 0}>
            <ul>
              <For each={props.stage.shed}>
                {({ reason, count }) => (
                  <li>
                    {figure(count)} × {reason}
                  </li>
                )}
              </For>
            </ul>
          </Show>
        </Count>
        <Count name={t('system.flow.failed')} bad={props.stage.failed > 0}>
          {figure(props.stage.failed)}
        </Count>
        <Count name={t('system.parts.nodes')}>{figure(props.stage.nodes)}</Count>
      </dl>
    </li>
  );
}

/** `bad`: marked by a sign as well as by colour. */
const Count = (props: ParentProps<{ name: string; bad?: boolean }>) => (
  <div>
    <dt class="muted">{props.name}</dt>
    <dd class={props.bad === true ? 'flow-bad' : ''}>
      <Show when={props.bad}>⚠ </Show>
      {props.children}
    </dd>
  </div>
);
