import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Certificates for tests, made without any program: X.509 v3 with P-256 keys, good for two days. */
export interface Pair {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface TestCertificates {
  readonly caFile: string;
  /** For 127.0.0.1, ::1 and localhost. */
  readonly server: Pair;
  readonly client: Pair;
}

interface Issuer {
  readonly name: string;
  readonly key: KeyObject;
}

const DAY_MS = 86_400_000;
const ECDSA_SHA256 = '1.2.840.10045.4.3.2';
const COMMON_NAME = '2.5.4.3';
const BASIC_CONSTRAINTS = '2.5.29.19';
const ALTERNATIVE_NAMES = '2.5.29.17';

/** Writes them into `folder`. Each call makes an authority of its own. */
export async function makeCertificates(folder: string): Promise<TestCertificates> {
  const ca = newKey();
  const issuer = { name: `test authority ${randomBytes(4).toString('hex')}`, key: ca.privateKey };
  const caFile = join(folder, 'ca.pem');
  await writeFile(caFile, pem(certificate(issuer, issuer.name, ca.publicKey, [authority()])));
  const pair = async (name: string, extensions: readonly Buffer[]): Promise<Pair> => {
    const { publicKey, privateKey } = newKey();
    const [certFile, keyFile] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)];
    await writeFile(certFile, pem(certificate(issuer, name, publicKey, extensions)));
    await writeFile(keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    return { certFile, keyFile };
  };
  return { caFile, server: await pair('server', [loopbackNames()]), client: await pair('client', []) };
}

const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });

function certificate(issuer: Issuer, subject: string, key: KeyObject, extensions: readonly Buffer[]): Buffer {
  const algorithm = sequence(oid(ECDSA_SHA256));
  const now = Date.now();
  const body = sequence(
    der(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    nameOf(issuer.name),
    sequence(time(now - DAY_MS), time(now + 2 * DAY_MS)),
    nameOf(subject),
    key.export({ type: 'spki', format: 'der' }),
    ...(extensions.length === 0 ? [] : [der(0xa3, sequence(...extensions))]),
  );
  return sequence(body, algorithm, der(0x03, Buffer.concat([Buffer.from([0]), sign('sha256', body, issuer.key)])));
}

const authority = (): Buffer =>
  sequence(oid(BASIC_CONSTRAINTS), der(0x01, Buffer.from([0xff])), octets(sequence(der(0x01, Buffer.from([0xff])))));

function loopbackNames(): Buffer {
  const v6 = Buffer.alloc(16);
  v6[15] = 1;
  const names = [der(0x82, Buffer.from('localhost')), der(0x87, Buffer.from([127, 0, 0, 1])), der(0x87, v6)];
  return sequence(oid(ALTERNATIVE_NAMES), octets(sequence(...names)));
}

const pem = (bytes: Buffer): string =>
  `-----BEGIN CERTIFICATE-----\n${
    bytes
      .toString('base64')
      .match(/.{1,64}/gu)
      ?.join('\n') ?? ''
  }\n-----END CERTIFICATE-----\n`;

// DER: a tag, a length, the content.
function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  const size = length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}
const sequence = (...parts: readonly Buffer[]): Buffer => der(0x30, Buffer.concat(parts));
const integer = (bytes: Buffer): Buffer => der(0x02, bytes);
const octets = (content: Buffer): Buffer => der(0x04, content);
const nameOf = (name: string): Buffer => sequence(der(0x31, sequence(oid(COMMON_NAME), der(0x0c, Buffer.from(name)))));
const time = (ms: number): Buffer =>
  der(0x17, Buffer.from(`${new Date(ms).toISOString().replaceAll(/\D/gu, '').slice(2, 14)}Z`));

function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const base128 = (value: number): number[] => {
    const bytes = [value & 0x7f];
    for (let left = value >> 7; left > 0; left >>= 7) bytes.unshift((left & 0x7f) | 0x80);
    return bytes;
  };
  return der(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}
