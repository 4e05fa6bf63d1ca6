import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NatsError } from 'nats';
import { InfraError } from '../../src/infra/infra-error.ts';
import { asInfraError } from '../../src/infra/nats/nats-errors.ts';

describe('errors of NATS', () => {
  const api = (code: number, errCode: number) =>
    Object.assign(new NatsError('said the server', String(code)), {
      api_error: { code, err_code: errCode, description: 'said the server' },
    });
  for (const [what, error, code] of [
    ['nobody answers', new NatsError('', '503'), 'BUS_DOWN'],
    ['no answer in time', new NatsError('', 'TIMEOUT'), 'BUS_DOWN'],
    ['the connection was lost', new NatsError('', 'DISCONNECT'), 'BUS_DOWN'],
    ['the storage is full', api(500, 10_047), 'BUS_DOWN'],
    ['the stream cannot store', api(503, 10_077), 'BUS_DOWN'],
    ["the account's storage is full", api(400, 10_002), 'BUS_DOWN'],
    ['the stream is being made anew', api(404, 10_059), 'BUS_DOWN'],
    ['the message is too large for the stream', api(400, 10_054), 'BUS_REFUSED'],
    ['the message is too large for the server', new NatsError('', 'MAX_PAYLOAD_EXCEEDED'), 'BUS_REFUSED'],
    ['something else', new Error('odd'), 'BUS_REFUSED'],
  ] as const)
    it(`${what}: ${code}`, () => assert.equal(asInfraError(error, 'publishing').code, code));

  it('that are ours already stay what they are', () => {
    const ours = new InfraError('IMAGE_TOO_LARGE', 'x');
    assert.equal(asInfraError(ours, 'storing'), ours);
  });
});
