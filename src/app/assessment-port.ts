import { ON_DEMAND } from '../actors/on-demand-actor.ts';
import { HttpError } from '../http/errors/http-error.ts';
import type { AssessmentPort } from '../http/ports.ts';
import { type AssessmentOrder, AssessmentView } from '../http/schemas/assessments-schema.ts';
import { MAX_PICTURE_BYTES, PictureError, readHandedIn } from '../imaging/handed-in.ts';
import { type Egress, EgressError } from '../infra/egress.ts';
import type { ActorSystem } from '../runtime/system.ts';

const FETCH_TIMEOUT_MS = 10_000;
const QUICK = { timeoutMs: 5_000 };
const SUBMIT = { timeoutMs: 10_000 };

/** The HTTP room's port for uploaded pictures. Fetches, checks and scales them down before they are queued. */
export function assessmentPort(system: ActorSystem, egress: Egress, hooksAreSigned: boolean): AssessmentPort {
  const actor = system.ref(ON_DEMAND);
  return {
    submit: async ({ picture, priority, hookUrl, by }) => {
      if (hookUrl !== null) await checkHook(hookUrl, egress, hooksAreSigned);
      const { jpeg, width, height } = await read(picture, egress);
      const status = await actor.ask(
        { type: 'submit', submission: { jpeg, width, height, priority, hookUrl, by } },
        SUBMIT,
      );
      if (status === 'full')
        throw new HttpError('TOO_MANY', 'too many pictures wait for their answer', { headers: { 'retry-after': '5' } });
      return AssessmentView.parse(status);
    },
    get: async (id) => {
      const status = await actor.ask({ type: 'get', id }, QUICK);
      return status === null ? null : AssessmentView.parse(status);
    },
  };
}

async function checkHook(url: string, egress: Egress, hooksAreSigned: boolean): Promise<void> {
  if (!hooksAreSigned)
    throw new HttpError('INVALID_FIELD', 'hook_url: hooks are off, because GANTRY_HOOK_SECRET is not set', {
      field: 'hook_url',
    });
  try {
    await egress.check(url);
  } catch (thrown) {
    if (thrown instanceof EgressError)
      throw new HttpError('INVALID_FIELD', `hook_url: ${thrown.message}`, { field: 'hook_url', cause: thrown });
    throw thrown;
  }
}

async function read(picture: AssessmentOrder['picture'], egress: Egress) {
  const field = 'url' in picture ? 'image_url' : 'image';
  try {
    return await readHandedIn('url' in picture ? await download(picture.url, egress) : picture.bytes);
  } catch (thrown) {
    if (thrown instanceof PictureError && thrown.code === 'PICTURES_BUSY')
      throw new HttpError('TOO_MANY', `${field}: the picture ${thrown.message}`, {
        field,
        headers: { 'retry-after': '2' },
      });
    if (thrown instanceof PictureError)
      throw new HttpError('IMAGE_REFUSED', `${field}: the picture ${thrown.message}`, { field, cause: thrown });
    throw thrown;
  }
}

async function download(url: string, egress: Egress): Promise<Uint8Array> {
  const refusal = egress.refusal(url);
  if (refusal !== null) throw new HttpError('INVALID_FIELD', `image_url: ${refusal}`, { field: 'image_url' });
  try {
    const { status, contentType, body } = await egress.fetch({
      url,
      method: 'GET',
      headers: { accept: 'image/jpeg, image/png, image/webp' },
      timeoutMs: FETCH_TIMEOUT_MS,
      maxBytes: MAX_PICTURE_BYTES,
    });
    if (status >= 300 && status < 400)
      throw new HttpError('IMAGE_REFUSED', `image_url: answered ${status}; redirects are not followed`, {
        field: 'image_url',
      });
    if (status !== 200)
      throw new HttpError('IMAGE_REFUSED', `image_url: answered ${status}, not 200`, { field: 'image_url' });
    if (!/^(?:image\/(?:jpeg|png|webp)|application\/octet-stream)\b/iu.test(contentType))
      throw new HttpError('IMAGE_REFUSED', 'image_url: the answer is not of type image/jpeg, image/png or image/webp', {
        field: 'image_url',
      });
    return body;
  } catch (thrown) {
    if (!(thrown instanceof EgressError)) throw thrown;
    throw new HttpError(
      thrown.code === 'EGRESS_REFUSED' ? 'INVALID_FIELD' : 'IMAGE_REFUSED',
      `image_url: ${thrown.message}`,
      { field: 'image_url', cause: thrown },
    );
  }
}
