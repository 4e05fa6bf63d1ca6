import type { Bus } from '../../infra/bus.ts';
import { isBusDown } from '../../infra/infra-error.ts';
import type { VersionedPrompt } from '../../llm/prompt.ts';
import { clipped, MOST } from '../../messages/bounds.ts';
import { subjects } from '../../messages/subjects.ts';
import type { AssessmentTask } from '../../messages/task.ts';
import type { ActorLog } from '../../runtime/actor.ts';
import type { Clock } from '../../runtime/clock.ts';
import { asError } from '../../runtime/errors.ts';

const DAY_MS = 24 * 3_600_000;
/** Hashes of a day: one for each language, kind of question, and text of the operator. */
const MOST_HASHES = 1_000;

/** Keeps the text of each prompt by its hash, once a day, so that it outlives the last alert that names it. */
export class PromptTexts {
  readonly #bus: Pick<Bus, 'publish'>;
  readonly #clock: Clock;
  readonly #log: ActorLog;
  readonly #kept = new Set<string>();
  #day = 0;

  constructor(bus: Pick<Bus, 'publish'>, clock: Clock, log: ActorLog) {
    this.#bus = bus;
    this.#clock = clock;
    this.#log = log;
  }

  /**
   * Keeps the text of a prompt that the model answered to. Never throws; a text that cannot be stored is tried again
   * with the next answer.
   */
  keep({ hash, instructions }: VersionedPrompt, { traceId, cameraId, requestId }: AssessmentTask): void {
    const day = Math.floor(this.#clock.now() / DAY_MS);
    if (day !== this.#day || this.#kept.size >= MOST_HASHES) this.#kept.clear();
    this.#day = day;
    if (this.#kept.has(hash)) return;
    this.#kept.add(hash);
    const body = { text: clipped(instructions, MOST.promptText) };
    this.#bus
      .publish(subjects.promptText(hash), body, { traceId, cameraId, requestId }, `prompt ${hash} ${day}`)
      .catch((thrown: unknown) => {
        this.#kept.delete(hash);
        // The link says itself that NATS is away.
        if (!isBusDown(thrown))
          this.#log.warn({ hash, err: asError(thrown).message }, 'the text of a prompt could not be kept');
      });
  }
}
