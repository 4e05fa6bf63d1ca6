import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Film } from './film.ts';
import { nalUnits } from './film.ts';
import type { CameraBody } from './odd-camera.ts';
import type { CameraRequest } from './odd-camera.types.ts';
import { RtpPackets } from './rtp-packets.ts';

const TICKS = 90_000;

/** One connection to an odd camera. */
export class CameraSession {
  readonly #body: CameraBody;
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #channels: readonly [number, number] = [0, 1];
  #udp: { readonly rtp: UdpSocket; readonly rtcp: UdpSocket; readonly ports: readonly [number, number] } | null = null;
  #packets: RtpPackets;
  #lastRequest = Date.now();
  /** Epoch ms of PLAY's answer; null before. */
  #playedAt: number | null = null;
  #next: number | null = null;
  #lastGarbage = Date.now();
  #lastReport = 0;
  #sent = 0;
  #late: Buffer | null = null;
  isSetUp = false;

  constructor(body: CameraBody, socket: Socket) {
    this.#body = body;
    this.#socket = socket;
    this.#packets = new RtpPackets(body.options.film.codec, body.habits.firstSequence ?? 1);
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('close', () => {
      this.#udp?.rtp.close();
      this.#udp?.rtcp.close();
      if (this.isSetUp) body.lingering.push(Date.now() + (body.habits.lingerMs ?? 60_000));
      this.#playedAt = null;
    });
  }

  get isPlaying(): boolean {
    return this.#playedAt !== null;
  }

  write(bytes: Buffer | string): void {
    if (this.#socket.writable) this.#socket.write(bytes);
  }

  drop(): void {
    const socket = this.#socket as TLSSocket;
    if (socket.encrypted || socket.readyState !== 'open') socket.destroy();
    else socket.resetAndDestroy();
  }

  /** Sends what a live film showed since the last call, up to picture `now`. */
  catchUp(now: number): void {
    const { habits } = this.#body;
    if (habits.dropAfterMs !== undefined && Date.now() - this.#lastRequest > habits.dropAfterMs) this.drop();
    if (this.#playedAt === null) return;
    const played = Date.now() - this.#playedAt;
    if (habits.endAfterMs !== undefined && played > habits.endAfterMs) this.#socket.end();
    if (played < (habits.firstPacketDelayMs ?? 0)) return;
    this.#next ??= now;
    // A machine that stood still doesn't get minutes of film at once.
    for (this.#next = Math.max(this.#next, now - 50); this.#next <= now; this.#next += 1) this.show(this.#next);
  }

  /** Sends picture `number` of the endless film. */
  show(number: number): void {
    if (this.#playedAt === null) return;
    const { habits, options } = this.#body;
    const played = Date.now() - this.#playedAt;
    if (habits.stopAfterMs !== undefined && played > habits.stopAfterMs) return;
    const { second } = habits;
    const film: Film = second !== undefined && played > second.afterMs ? second.film : options.film;
    const unit = film.units[number % film.units.length]!;
    const back = habits.timestampsBack;
    const jump = back === undefined ? 0 : Math.floor(played / back.everyMs) * back.byMs * (TICKS / 1000);
    const timestamp = (habits.firstTimestamp ?? 0) + (number * TICKS) / film.fps - jump;
    if (habits.senderReports === true && Date.now() - this.#lastReport > 1000) {
      this.#lastReport = Date.now();
      this.#send(this.#packets.senderReport(timestamp, Date.now()), false);
    }
    for (const packet of this.#packets.of(unit.data, timestamp)) this.#sendRtp(packet);
    if (habits.strangeChannel === true && this.#udp === null) this.write(interleaved(40, Buffer.from('strange')));
    if (habits.garbageEveryMs !== undefined && Date.now() - this.#lastGarbage > habits.garbageEveryMs) {
      this.#lastGarbage = Date.now();
      this.write(Buffer.from('\0garbage\xff'.repeat(50), 'latin1'));
    }
  }

  #sendRtp(packet: Buffer): void {
    const { loseEvery, swapEvery } = this.#body.habits;
    this.#sent += 1;
    if (loseEvery !== undefined && this.#sent % loseEvery === 0) return;
    if (swapEvery !== undefined && this.#late === null && this.#sent % swapEvery === 0) {
      this.#late = packet;
      return;
    }
    this.#send(packet, true);
    if (this.#late !== null) this.#send(this.#late, true);
    this.#late = null;
  }

  #send(packet: Buffer, isRtp: boolean): void {
    if (this.#udp === null) this.write(interleaved(this.#channels[isRtp ? 0 : 1], packet));
    else if (this.#body.habits.blocksUdp !== true) {
      const { rtp, rtcp, ports } = this.#udp;
      (isRtp ? rtp : rtcp).send(packet, ports[isRtp ? 0 : 1], this.#socket.remoteAddress);
    }
  }

  #receive(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    for (;;) {
      const bytes = this.#received;
      if (bytes[0] === 0x24) {
        if (bytes.length < 4 || bytes.length < 4 + bytes.readUInt16BE(2)) return;
        const end = 4 + bytes.readUInt16BE(2);
        if (bytes[1]! % 2 === 1) this.#body.reports.push(Buffer.from(bytes.subarray(4, end)));
        this.#received = bytes.subarray(end);
        continue;
      }
      const end = bytes.indexOf('\r\n\r\n');
      if (end === -1) return;
      this.#received = bytes.subarray(end + 4);
      const [start = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
      if (start.startsWith('RTSP/')) this.#body.answers.push(start);
      else void this.#request(start, lines);
    }
  }

  async #request(start: string, lines: readonly string[]): Promise<void> {
    const [method = '', url = ''] = start.split(' ');
    const headers = new Map(
      lines.map((line) => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
      }),
    );
    const request: CameraRequest = { method, url, headers };
    this.#body.requests.push(request);
    this.#lastRequest = Date.now();
    const { habits, desk } = this.#body;
    const odd = habits.answer?.(request) ?? null;
    if (odd !== null) {
      this.write(odd.replaceAll('{CSeq}', headers.get('cseq') ?? '0').replaceAll('\n', '\r\n'));
      return;
    }
    const challenges = method === 'OPTIONS' ? null : (desk?.refusal(method, headers.get('authorization')) ?? null);
    if (challenges === null) await this.#answer(request);
    else
      this.#reply(
        request,
        '401 Unauthorized',
        challenges.map((each) => ['WWW-Authenticate', each] as const),
      );
  }

  async #answer(request: CameraRequest): Promise<void> {
    const { habits } = this.#body;
    const timeout = habits.timeoutSeconds === undefined ? 60 : habits.timeoutSeconds;
    const session = ['Session', `0123ABCD${timeout === null ? '' : `;timeout=${timeout}`}`] as const;
    switch (request.method) {
      case 'OPTIONS': {
        const parameter = habits.noGetParameter === true ? '' : ', GET_PARAMETER';
        this.#reply(request, '200 OK', [['Public', `OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN${parameter}`]]);
        return;
      }
      case 'DESCRIBE':
        await habits.describeAfter;
        this.#describe(request);
        return;
      case 'SETUP':
        await this.#setUp(request, session);
        return;
      case 'PLAY':
        if (habits.dataBeforePlayReply === true) {
          this.#playedAt = Date.now();
          this.show(0);
        }
        this.#reply(request, '200 OK', [session, ['Range', 'npt=now-']]);
        this.#playedAt = Date.now();
        return;
      case 'TEARDOWN':
        this.isSetUp = false;
        this.#playedAt = null;
        this.#reply(request, '200 OK', [session]);
        this.#socket.end();
        return;
      case 'GET_PARAMETER':
        this.#reply(request, habits.noGetParameter === true ? '501 Not Implemented' : '200 OK', [session]);
        return;
      default:
        this.#reply(request, '501 Not Implemented', []);
    }
  }

  #describe(request: CameraRequest): void {
    const { habits, options } = this.#body;
    if (habits.redirect !== undefined) {
      this.#reply(request, '302 Moved Temporarily', [['Location', habits.redirect]]);
      return;
    }
    const bases = {
      base: [['Content-Base', `${request.url}/`]],
      'no-slash': [['Content-Base', request.url]],
      location: [['Content-Location', `${request.url}/`]],
      none: [],
    } as const;
    const base = bases[habits.contentBase ?? 'base'];
    const sdp = habits.sdp ?? describe(options.film, this.#body, request.url);
    this.#reply(request, '200 OK', [['Content-Type', 'application/sdp'], ...base], sdp);
  }

  async #setUp(request: CameraRequest, session: readonly [string, string]): Promise<void> {
    const body = this.#body;
    const { transport = 'both', maxSessions = Infinity, channels = 'asked' } = body.habits;
    const asked = request.headers.get('transport') ?? '';
    const isTcp = /RTP\/AVP\/TCP/iu.test(asked);
    const pair = /(?:interleaved|client_port)=(\d+)-(\d+)/u.exec(asked);
    if (!this.isSetUp && body.openSessions >= maxSessions) this.#reply(request, '453 Not Enough Bandwidth', []);
    else if (transport === (isTcp ? 'udp' : 'tcp')) this.#reply(request, '461 Unsupported Transport', []);
    else if (request.url.endsWith('track0')) this.#reply(request, '500 Internal Server Error', []);
    else if (isTcp) {
      this.#channels = channels === 'others' ? [6, 7] : [Number(pair?.[1] ?? 0), Number(pair?.[2] ?? 1)];
      const at = channels === 'left-out' ? '' : `;interleaved=${this.#channels.join('-')}`;
      this.isSetUp = true;
      this.#reply(request, '200 OK', [['Transport', `RTP/AVP/TCP;unicast${at}`], session]);
    } else {
      const [rtp, rtcp] = [await this.#port(), await this.#port()];
      this.#udp = { rtp, rtcp, ports: [Number(pair?.[1]), Number(pair?.[2])] };
      rtp.on('message', () => (body.punches += 1));
      rtcp.on('message', (packet) => body.reports.push(packet));
      const own = `server_port=${rtp.address().port}-${rtcp.address().port}`;
      this.isSetUp = true;
      this.#reply(request, '200 OK', [['Transport', `RTP/AVP;unicast;${pair?.[0] ?? ''};${own}`], session]);
    }
  }

  async #port(): Promise<UdpSocket> {
    const isV6 = this.#socket.localAddress?.includes(':') === true;
    const port = createSocket(isV6 ? 'udp6' : 'udp4');
    port.on('error', () => undefined);
    await new Promise<void>((resolve) => port.bind(0, this.#socket.localAddress, resolve));
    return port;
  }

  #reply(request: CameraRequest, status: string, headers: readonly (readonly [string, string])[], content = ''): void {
    const { noCseq, headerCase, lfOnly } = this.#body.habits;
    const cseq = request.headers.get('cseq');
    const all = [...headers];
    if (noCseq !== true && cseq !== undefined) all.unshift(['CSeq', cseq]);
    if (content !== '') all.push(['Content-Length', String(content.length)]);
    const named = (name: string): string =>
      headerCase === 'lower' ? name.toLowerCase() : headerCase === 'upper' ? name.toUpperCase() : name;
    const end = lfOnly === true ? '\n' : '\r\n';
    const lines = [`RTSP/1.0 ${status}`, ...all.map(([name, value]) => `${named(name)}: ${value}`), '', content];
    this.write(lines.join(end));
  }
}

function interleaved(channel: number, packet: Buffer): Buffer {
  const header = Buffer.from([0x24, channel, 0, 0]);
  header.writeUInt16BE(packet.length, 2);
  return Buffer.concat([header, packet]);
}

function describe(film: Film, { habits }: CameraBody, url: string): string {
  const nals = film.codec === 'mjpeg' ? [] : nalUnits(film.units[0]!.data);
  const set = (type: number): string => {
    const found = nals.find((nal) => (film.codec === 'h264' ? nal[0]! & 31 : (nal[0]! >> 1) & 63) === type);
    return found?.toString('base64') ?? '';
  };
  const formats = {
    h264: ['H264', 'packetization-mode=1', `;sprop-parameter-sets=${set(7)},${set(8)}`],
    h265: ['H265', '', `sprop-vps=${set(32)};sprop-sps=${set(33)};sprop-pps=${set(34)}`],
  } as const;
  const video = ['m=video 0 RTP/AVP 26'];
  if (film.codec !== 'mjpeg') {
    const [name, always, sprop] = formats[film.codec];
    const fmtp = `${always}${habits.noParameterSets === true ? '' : sprop}`;
    video.splice(0, 1, 'm=video 0 RTP/AVP 96', `a=rtpmap:96 ${name}/${TICKS}`);
    if (fmtp !== '') video.push(`a=fmtp:96 ${fmtp}`);
  }
  const controls = { relative: 'track1', absolute: `${url}/track1`, star: '*' } as const;
  const audio = ['m=audio 0 RTP/AVP 0', 'a=rtpmap:0 PCMU/8000', 'a=control:track0'];
  const lines = [
    'v=0',
    'o=- 1 1 IN IP4 127.0.0.1',
    's=odd',
    't=0 0',
    'a=control:*',
    ...(habits.badAudio === true ? audio : []),
    ...video,
    `a=control:${controls[habits.control ?? 'relative']}`,
    '',
  ];
  return lines.join('\r\n');
}
