/** The model's answers about an alert: level, words, prompt, reply, tokens, cost. */
import { createSignal, For, Show } from 'solid-js';
import type { AlertRecord } from '../../../../src/http/schemas/alert-record-schema.ts';
import { createPoll } from '../../api/poll.ts';
import { reasonOf } from '../../api/request.ts';
import { t } from '../../i18n/index.ts';
import { Button } from '../../parts/button.tsx';
import { Dialog } from '../../parts/dialog.tsx';
import { nameOfKind } from '../../picture/incidents.ts';
import { levelName } from '../../picture/risk.ts';
import { dayTime, figure } from '../../picture/words.ts';

type Answer = AlertRecord['answers'][number];

/** Digits of a cost: a call costs parts of a cent. */
const COST_DIGITS = 5;

export function ModelAnswers(props: { record: AlertRecord }) {
  const [hash, setHash] = createSignal<string | null>(null);
  return (
    <section class="card" aria-labelledby="model-title">
      <h3 id="model-title">{t('alerts.model.title')}</h3>
      <ul class="row">
        <For each={props.record.alert.incidents}>
          {({ kind, verdict }) => (
            <li class="mark">
              {nameOfKind(kind)}: {t(`alerts.model.status.${verdict.status}`)}
            </li>
          )}
        </For>
      </ul>
      <Show when={props.record.answers.length > 0} fallback={<p class="muted">{t('alerts.model.none')}</p>}>
        <For each={props.record.answers}>
          {(answer) => <AnswerFacts answer={answer} about={aboutOf(props.record, answer)} onPrompt={setHash} />}
        </For>
      </Show>
      <Dialog
        id="prompt"
        wide
        open={hash() !== null}
        onOpenChange={(open) => {
          if (!open) setHash(null);
        }}
        title={t('alerts.model.promptTitle', { hash: hash() ?? '' })}
      >
        <PromptText hash={hash() ?? ''} />
      </Dialog>
    </section>
  );
}

function aboutOf({ alert }: AlertRecord, { groupId, incidentId }: Answer): string {
  const incident = alert.incidents.find((each) => each.incidentId === incidentId);
  if (incident !== undefined) return t('alerts.model.about.incident', { name: nameOfKind(incident.kind) });
  return t('alerts.model.about.group', { name: groupId ?? '' });
}

function AnswerFacts(props: { answer: Answer; about: string; onPrompt: (hash: string) => void }) {
  const kept = (text: string | null): string => text ?? t('alerts.model.notKept');
  const confidence = () => props.answer.confidence;
  const spent = () => props.answer.spent;
  return (
    <div class="answer">
      <h4>{props.about}</h4>
      <p>{props.answer.description}</p>
      <dl class="facts">
        <dt>{t('alerts.model.level')}</dt>
        <dd>
          <span class="badge" data-level={props.answer.level}>
            {levelName(props.answer.level)}
          </span>
        </dd>
        <dt>{t('alerts.model.confidence')}</dt>
        <dd>{percentText(confidence())}</dd>
        <dt>{t('alerts.model.model')}</dt>
        <dd>{kept(props.answer.model)}</dd>
        <dt>{t('alerts.model.assessed')}</dt>
        <dd>{props.answer.assessedAt === null ? t('alerts.model.notKept') : dayTime(props.answer.assessedAt)}</dd>
        <dt>{t('alerts.model.prompt')}</dt>
        <dd>
          <Show when={props.answer.promptHash} fallback={t('alerts.model.notKept')}>
            {(hash) => (
              <Button
                class="small"
                aria-label={t('alerts.model.showPrompt', { hash: hash() })}
                onClick={() => props.onPrompt(hash())}
              >
                <code>{hash()}</code>
              </Button>
            )}
          </Show>
        </dd>
        <dt>{t('alerts.model.tokens')}</dt>
        <dd>{tokensText(spent())}</dd>
        <dt>{t('alerts.model.cost')}</dt>
        <dd>{costText(spent())}</dd>
      </dl>
      <details>
        <summary>{t('alerts.model.reply')}</summary>
        <pre class="reply" tabindex="0">
          {kept(props.answer.reply)}
        </pre>
      </details>
    </div>
  );
}

type Spent = Answer['spent'];

const percentText = (part: number | null): string =>
  part === null ? t('alerts.model.notKept') : `${figure(part * 100)} %`;
const tokensText = (spent: Spent): string =>
  spent === null
    ? t('alerts.model.notKept')
    : t('alerts.model.tokensText', {
        prompt: figure(spent.promptTokens),
        completion: figure(spent.completionTokens),
      });
const costText = (spent: Spent): string =>
  spent === null ? t('alerts.model.notKept') : figure(spent.cost, COST_DIGITS);

function PromptText(props: { hash: string }) {
  const prompt = createPoll<{ text: string }>(
    () => (props.hash === '' ? null : `/api/prompts/${encodeURIComponent(props.hash)}`),
    0,
  );
  return (
    <>
      <Show when={prompt.error()}>
        {(error) => (
          <p class="error" role="alert">
            {reasonOf(error(), t('shell.noAnswer'))}
          </p>
        )}
      </Show>
      <pre class="reply" tabindex="0">
        {prompt.data()?.text}
      </pre>
    </>
  );
}
