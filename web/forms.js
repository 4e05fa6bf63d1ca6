/** The dialogs: add a camera, remove one, give the access token. */
import { ApiError, request, setToken } from './api.js';
import { byId, setText } from './format.js';

for (const dialog of document.querySelectorAll('dialog')) {
  for (const button of dialog.querySelectorAll('[data-close]')) button.addEventListener('click', () => dialog.close());
}

/** @param {() => void} onAdded */
export function addCameraForm(onAdded) {
  const dialog = byId('camera-dialog', HTMLDialogElement);
  const form = byId('camera-form', HTMLFormElement);
  const general = byId('form-error', HTMLElement);
  const inputs = /** @type {HTMLInputElement[]} */ ([...form.querySelectorAll('input')]);

  const clear = () => {
    setText(general, '');
    for (const input of inputs) input.removeAttribute('aria-invalid');
    for (const slot of form.querySelectorAll('[data-error-for]')) setText(slot, '');
  };
  byId('add-camera', HTMLButtonElement).addEventListener('click', () => {
    clear();
    dialog.showModal();
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void send();
  });
  const send = async () => {
    clear();
    const submit = /** @type {HTMLButtonElement} */ (form.querySelector('[type=submit]'));
    submit.disabled = true;
    try {
      await request('/api/cameras', { method: 'POST', body: bodyOf(inputs) });
      form.reset();
      dialog.close();
      onAdded();
    } catch (error) {
      show(error);
    } finally {
      submit.disabled = false;
    }
  };

  /** @param {unknown} error */
  const show = (error) => {
    const field = error instanceof ApiError ? error.field : null;
    const input = inputs.find((each) => each.name === field);
    const slot = form.querySelector(`[data-error-for="${input?.name ?? ''}"]`);
    const message = error instanceof ApiError ? error.message : 'Gantry does not answer; try again';
    if (input === undefined || slot === null) {
      setText(general, message);
      return;
    }
    // The message is shown beside the field: no need to repeat its name.
    setText(slot, message.replace(`${field}: `, ''));
    input.setAttribute('aria-invalid', 'true');
    input.focus();
  };
}

/**
 * The fields that were filled in. An invalid number is sent as text, so that the server says what is wrong.
 * @param {HTMLInputElement[]} inputs
 */
function bodyOf(inputs) {
  /** @type {Record<string, string | number>} */
  const body = {};
  for (const { name, value } of inputs) {
    const text = value.trim();
    if (text === '') continue;
    body[name] = name === 'intervalSeconds' && Number.isFinite(Number(text)) ? Number(text) : text;
  }
  return body;
}

/** Asks before a camera is removed. @param {() => void} onRemoved */
export function removeDialog(onRemoved) {
  const dialog = byId('remove-dialog', HTMLDialogElement);
  const error = byId('remove-error', HTMLElement);
  let cameraId = '';
  byId('remove-confirm', HTMLButtonElement).addEventListener('click', () => void remove());
  const remove = async () => {
    try {
      await request(`/api/cameras/${cameraId}`, { method: 'DELETE' });
    } catch (failure) {
      // Removed already: fine.
      if (!(failure instanceof ApiError && failure.status === 404)) {
        setText(error, failure instanceof ApiError ? failure.message : 'Gantry does not answer; try again');
        return;
      }
    }
    dialog.close();
    onRemoved();
  };
  /** @param {{ cameraId: string, name: string }} camera */
  return (camera) => {
    cameraId = camera.cameraId;
    setText(error, '');
    setText(
      byId('remove-text', HTMLElement),
      `${camera.name} (${camera.cameraId}) is no longer watched. Its alerts are kept.`,
    );
    dialog.showModal();
  };
}

/** @param {() => void} onToken @returns {() => void} opens the dialog unless it is open */
export function tokenDialog(onToken) {
  const dialog = byId('token-dialog', HTMLDialogElement);
  byId('token-form', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault();
    setToken(byId('f-token', HTMLInputElement).value);
    dialog.close();
    onToken();
  });
  return () => {
    if (!dialog.open) dialog.showModal();
  };
}
