/** The figures of a release: both ways side by side, and the alerts that only one of them raised. */
import { For, Show } from 'solid-js';
import type { ReleaseDetail, ReleaseFigures } from '../../../../src/http/schemas/releases-schema.ts';
import { createPoll } from '../../api/poll.ts';
import { showPicture } from '../../api/request.ts';
import { nameOf } from '../../feed/cameras.ts';
import { t } from '../../i18n/index.ts';
import { createStableRows } from '../../parts/stable-rows.ts';
import { dayTime, figure } from '../../picture/words.ts';
import { Problem } from './problem.tsx';

const FIGURES_MS = 5_000;
/** Pictures that are shown at once. */
const MOST_SHOWN = 12;

type Way = ReleaseFigures['present'];
type Difference = ReleaseFigures['differences'][number];

export function ReleaseFiguresCard(props: { readonly id: string }) {
  const poll = createPoll<ReleaseDetail>(() => `/api/releases/${encodeURIComponent(props.id)}`, FIGURES_MS);
  return (
    <section class="card release-figures" aria-labelledby="release-figures-title">
      <h3 id="release-figures-title">{t('system.releases.figures', { id: props.id })}</h3>
      <Problem error={poll.error()} />
      <Show when={poll.data()?.release.reason}>
        {(reason) => <p class="notice">{t('system.releases.reason', { reason: reason() })}</p>}
      </Show>
      <Show when={poll.data()}>
        {(detail) => (
          <Show when={detail().figures} fallback={<p class="empty">{t('system.releases.noFigures')}</p>}>
            {(figures) => <Comparison figures={figures()} />}
          </Show>
        )}
      </Show>
    </section>
  );
}

const percent = (share: number | null): string => (share === null ? '–' : `${figure(share * 100, 1)} %`);
const seconds = (value: number | null): string => (value === null ? '–' : `${figure(value, 2)} s`);
const number = (value: number | null, digits: number): string => (value === null ? '–' : figure(value, digits));

const ROWS = [
  ['judgements', ({ judgements }) => figure(judgements)],
  ['alerts', ({ alerts }) => figure(alerts)],
  ['unknown', ({ unknownShare }) => percent(unknownShare)],
  ['failed', ({ failedShare }) => percent(failedShare)],
  ['p50', ({ latencyP50Seconds }) => seconds(latencyP50Seconds)],
  ['p95', ({ latencyP95Seconds }) => seconds(latencyP95Seconds)],
  ['cost', ({ cost }) => number(cost, 2)],
  ['costEach', ({ costPerJudgement }) => number(costPerJudgement, 5)],
  ['pictures', ({ pictures }) => figure(pictures.analysed)],
  ['msPerPicture', ({ pictures: { msPerPicture } }) => (msPerPicture === null ? '–' : `${figure(msPerPicture, 1)} ms`)],
] as const satisfies readonly (readonly [name: string, value: (way: Way) => string])[];

function Comparison(props: { readonly figures: ReleaseFigures }) {
  return (
    <>
      <table class="release-comparison">
        <thead>
          <tr>
            <th scope="col">{t('system.releases.figure')}</th>
            <th scope="col">{t('system.releases.present')}</th>
            <th scope="col">{t('system.releases.candidate')}</th>
          </tr>
        </thead>
        <tbody>
          <For each={ROWS}>
            {([name, value]) => (
              <tr>
                <th scope="row">{t(`system.releases.${name}`)}</th>
                <td>{value(props.figures.present)}</td>
                <td>{value(props.figures.candidate)}</td>
              </tr>
            )}
          </For>
        </tbody>
      </table>
      <Show when={props.figures.agreement}>
        {(agreement) => (
          <>
            <p>
              {t('system.releases.agreement', {
                pairs: figure(agreement().pairs),
                same: percent(agreement().sameShare),
                near: percent(agreement().withinOneStepShare),
              })}
            </p>
            <Differences differences={props.figures.differences} />
          </>
        )}
      </Show>
    </>
  );
}

function Differences(props: { readonly differences: readonly Difference[] }) {
  // New data leaves a picture that is shown as it is.
  const rows = createStableRows(
    () =>
      props.differences
        .slice(0, MOST_SHOWN)
        .map((difference) => ({ ...difference, key: `${difference.requestId} ${difference.groupId}` })),
    'key',
  );
  return (
    <>
      <h4>{t('system.releases.differences')}</h4>
      <Show when={rows().length > 0} fallback={<p class="empty">{t('system.releases.noDifferences')}</p>}>
        <ul class="release-differences">
          <For each={rows()}>
            {(difference) => (
              <li>
                <Show when={imageIdOf(difference)}>
                  {(imageId) => (
                    <img
                      alt={t('system.releases.picture', { group: difference.groupId })}
                      // A picture that is gone leaves its words.
                      ref={(image) => void showPicture(imageId(), image).catch(() => image.remove())}
                    />
                  )}
                </Show>
                <p>
                  {nameOf(difference.cameraId)}, {dayTime(difference.at)}
                </p>
                <p>
                  {t(`system.releases.raisedBy.${difference.raisedBy}`)}:{' '}
                  {t('system.releases.levelsOf', {
                    present: t(`picture.level.${difference.present}`),
                    candidate: t(`picture.level.${difference.candidate}`),
                  })}
                </p>
              </li>
            )}
          </For>
        </ul>
      </Show>
    </>
  );
}

const imageIdOf = ({ imageUrl }: Difference): string | null => imageUrl?.split('/').at(-1) ?? null;
