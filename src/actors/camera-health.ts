import type { CameraState } from '../messages/camera.ts';

export interface ShownState {
  readonly state: CameraState;
  readonly message: string;
}

/**
 * The state of a camera, from that of its stream and that of its actor. Each returns the state to be shown; null while
 * there is none to show yet.
 */
export class CameraHealth {
  #stream: ShownState | null = null;
  #fault: { readonly message: string; restarted: boolean } | null = null;

  /** Null before the first word of the ingest. */
  get streamState(): CameraState | null {
    return this.#stream?.state ?? null;
  }

  onStream(stream: ShownState): ShownState | null {
    this.#stream = stream;
    return this.#shown();
  }

  /** Its actor failed. */
  onFault(message: string): ShownState | null {
    this.#fault = { message, restarted: false };
    return this.#shown();
  }

  /** Its actor runs again. Whether it works is known with its next frame, or when it can have none. */
  onStarted(): ShownState | null {
    if (this.#fault !== null) this.#fault.restarted = true;
    return this.#shown();
  }

  /** A frame was analysed and published. */
  onFrame(): ShownState | null {
    this.#fault = null;
    return this.#shown();
  }

  #shown(): ShownState | null {
    const fault = this.#fault;
    if (fault === null || (fault.restarted && this.#stream !== null && this.#stream.state !== 'online'))
      return this.#stream;
    return { state: 'fault', message: fault.message };
  }
}
