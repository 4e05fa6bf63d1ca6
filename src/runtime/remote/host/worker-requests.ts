import { asError, serializeError } from '../../errors.ts';
import type { Incarnation } from '../../incarnation.ts';
import type { WorkerRequest } from '../from-worker.ts';
import { type MetricBatch, recordBatch } from '../metric-batch.ts';
import type { HostOutbox } from './host-outbox.ts';
import type { Gateway, RemoteOwner } from './remote-owner.ts';

/** Serves the requests of a worker's actor to the system and to its cell, and sends the answers back. */
export class WorkerRequests {
  readonly #from: Incarnation;
  readonly #owner: RemoteOwner;
  readonly #gateway: Gateway;
  readonly #outbox: HostOutbox;

  constructor(from: Incarnation, owner: RemoteOwner, gateway: Gateway, outbox: HostOutbox) {
    this.#from = from;
    this.#owner = owner;
    this.#gateway = gateway;
    this.#outbox = outbox;
  }

  handle(request: WorkerRequest): void {
    const owner = this.#owner;
    const gateway = this.#gateway;
    switch (request.type) {
      case 'tells':
        for (const message of request.messages) gateway.tell(request.path, message);
        this.#outbox.add({ type: 'credit', count: request.messages.length });
        break;
      case 'self':
        owner.sendToSelf(this.#from, request.message, () => this.#answer(request.id, Promise.resolve(null)));
        break;
      case 'ask':
      case 'offer':
        this.#answer(request.id, gateway[request.type](request.path, request.message, request.timeoutMs));
        break;
      case 'watch':
      case 'unwatch':
        owner[request.type](this.#from, request.path);
        break;
      case 'lost':
        owner.onLost(request.messageType);
        break;
      case 'refused':
        for (let left = request.count; left > 0; left -= 1) gateway.refused(request.path, request.messageType);
        break;
      case 'log':
        gateway.log[request.level](request.fields, request.message);
        break;
      case 'metrics':
        this.#record(request.batch);
        break;
      case 'report':
        owner.onReport(this.#from, request.detail);
        break;
      case 'own':
        owner.ownProcess(request.pid);
        break;
      case 'disown':
        owner.disownProcess(request.pid);
        break;
    }
  }

  #record(batch: MetricBatch): void {
    const { log, metrics } = this.#gateway;
    const { path } = this.#owner;
    if (batch.dropped > 0)
      log.warn({ path, dropped: batch.dropped }, `${path} recorded more than a batch holds: ${batch.dropped} are lost`);
    try {
      recordBatch(batch, metrics);
    } catch (thrown) {
      log.error({ path, err: asError(thrown) }, `metrics of ${path} could not be recorded: ${asError(thrown).message}`);
    }
  }

  #answer(id: number, outcome: Promise<unknown>): void {
    outcome.then(
      (value) => this.#outbox.add({ type: 'answer', id, reply: { ok: true, value } }),
      (thrown: unknown) => {
        const error = { ...serializeError(thrown), stack: null };
        this.#outbox.add({ type: 'answer', id, reply: { ok: false, error } });
      },
    );
  }
}
