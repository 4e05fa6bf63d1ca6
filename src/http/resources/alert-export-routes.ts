import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AddressRanges } from '../../infra/address-ranges.ts';
import type { Aggregate } from '../../messages/aggregate.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { CameraScope } from '../access/camera-scope.ts';
import { ConnectionLimit } from '../feed/connection-limit.ts';
import type { Refusals } from '../intake/intake-refusals.ts';
import { takePlace } from '../intake/take-place.ts';
import type { HttpPorts } from '../ports.ts';
import { AlertFilters, DeskAlertParams } from '../schemas/alert-desk-schema.ts';
import type { App } from '../server.types.ts';
import { alertCsv } from './alert-csv.ts';
import { alertRecord } from './alert-record.ts';
import { AlertSearch } from './alert-search.ts';
import { recordContext } from './alerts-routes.ts';
import { type EvidenceFile, evidenceZip } from './evidence-zip.ts';
import { findAlert } from './find-alert.ts';

export interface AlertExportDeps extends Pick<HttpPorts, 'cameras' | 'desk' | 'clips' | 'images'> {
  readonly scope: Pick<CameraScope, 'sees' | 'groupsOf'>;
  readonly clock: Clock;
  readonly basePath: string;
  readonly trusted: AddressRanges;
  readonly refusals: Refusals;
}

/** Alerts of one CSV file. */
const MOST_ROWS = 10_000;
/** Pictures of one archive: a frame with all its groups and incidents has 201 at most. */
const MOST_PICTURES = 50;
/** Archives sent at once: in all, and to one address. */
const MOST_SENT = 8;
const MOST_SENT_PER_ADDRESS = 2;
/** Time to read an archive: 40 MB at 2.5 Mbit/s. */
const SEND_MS = 150_000;

const tags = ['alerts'];
const operators = { access: 'operator', scope: 'filtered' } as const;

/** `/api/alerts.csv` and `/api/alerts/{id}/evidence.zip`: alerts to take away. */
export function alertExportRoutes(app: App, deps: AlertExportDeps): void {
  const search = new AlertSearch(deps);
  const archives = new EvidenceSender(deps);
  app.get(
    '/api/alerts.csv',
    {
      config: operators,
      schema: {
        tags,
        summary:
          `As /api/alerts, at most ${MOST_ROWS} as CSV; the header X-Next has the value of \`before\` ` +
          'for the others where there are more',
        querystring: AlertFilters,
        produces: ['text/csv'],
      },
    },
    async ({ query, principal }, reply) => {
      const { rows, next } = await search.page(query, MOST_ROWS, principal);
      if (next !== null) reply.header('x-next', next);
      return reply
        .type('text/csv; charset=utf-8')
        .header('content-disposition', 'attachment; filename="alerts.csv"')
        .send(alertCsv(rows, await search.names()));
    },
  );

  app.get(
    '/api/alerts/:id/evidence.zip',
    {
      config: operators,
      schema: {
        tags,
        summary: 'One alert as an archive: record, clip, pictures, and the SHA-256 of each',
        params: DeskAlertParams,
        produces: ['application/zip'],
      },
    },
    (request, reply) => archives.send(request.params.id, request, reply),
  );
}

class EvidenceSender {
  readonly #deps: AlertExportDeps;
  readonly #sent = new ConnectionLimit(MOST_SENT, MOST_SENT_PER_ADDRESS, 'downloads of evidence');

  constructor(deps: AlertExportDeps) {
    this.#deps = deps;
  }

  async send(id: string, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const alert = await findAlert(this.#deps, id, request.principal);
    const { requestId, timestamp } = alert;
    reply.type('application/zip').header('content-disposition', `attachment; filename="alert-${requestId}.zip"`);
    if (request.method === 'HEAD') return reply.send(Readable.from([]));
    const { trusted, refusals } = this.#deps;
    const leave = takePlace(this.#sent, request, { trusted, refusals, reason: 'evidence', field: 'id' });
    reply.raw.once('close', leave);
    const signal = AbortSignal.any([request.signal, AbortSignal.timeout(SEND_MS)]);
    return reply.send(evidenceZip(this.#files(alert), new Date(timestamp), signal));
  }

  /** The record names every picture and the clip; those that are no longer kept are left out. */
  async *#files(alert: Aggregate): AsyncGenerator<EvidenceFile, void, undefined> {
    const { clips, images } = this.#deps;
    const { requestId } = alert;
    const clip = await clips.find(requestId);
    const record = alertRecord(alert, clip, recordContext(alert, this.#deps));
    yield fileOf('record.json', Buffer.from(`${JSON.stringify(record, null, 2)}\n`));
    const imageIds = [...new Set(record.pictures.map(({ imageId }) => imageId))];
    for (const imageId of imageIds.slice(0, MOST_PICTURES)) {
      const jpeg = await images.find(imageId);
      if (jpeg !== null) yield fileOf(`pictures/${imageId}.jpg`, jpeg);
    }
    if (clip?.outcome !== 'stored') return;
    yield { name: 'clip.mp4', bytes: clip.bytes, content: clips.read(requestId, clip, 0, clip.bytes - 1) };
  }
}

const fileOf = (name: string, content: Uint8Array): EvidenceFile => ({ name, bytes: content.byteLength, content });
