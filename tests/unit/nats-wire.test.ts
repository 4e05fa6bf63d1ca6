import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NatsError } from 'nats';
import { InfraError } from '../../src/infra/infra-error.ts';
import { deliveryInfo } from '../../src/infra/nats/delivery-info.ts';
import { asInfraError } from '../../src/infra/nats/nats-errors.ts';

describe('the ack subject of a delivery', () => {
  const wanted = {
    stream: 'DETECTIONS',
    consumer: 'task-generator',
    attempt: 3,
    seq: 1_234,
    consumerSeq: 1_300,
    storedAt: 1_767_225_600_123,
    pending: 7,
  };
  for (const [name, subject] of [
    ['of older servers', '$JS.ACK.DETECTIONS.task-generator.3.1234.1300.1767225600123999999.7'],
    ['with domain and account', '$JS.ACK._.ACCHASH.DETECTIONS.task-generator.3.1234.1300.1767225600123999999.7'],
    [
      'with a random token at the end',
      '$JS.ACK.hub.ACCHASH.DETECTIONS.task-generator.3.1234.1300.1767225600123999999.7.x1',
    ],
  ] as const)
    it(`${name} is read`, () => assert.deepEqual(deliveryInfo(subject), wanted));

  for (const subject of [
    '',
    '_INBOX.abc',
    '$JS.ACK.DETECTIONS.task-generator.3.x.1300.1767225600123999999.7',
    '$JS.ACK.A.B.1.2',
  ]) {
    it(`"${subject}" is none`, () => assert.throws(() => deliveryInfo(subject), { code: 'BUS_REFUSED' }));
  }
});

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
