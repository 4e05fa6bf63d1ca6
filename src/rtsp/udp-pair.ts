import { createSocket, type Socket } from 'node:dgram';
import { canonicalAddress } from '../infra/addresses.ts';

export interface UdpPairOptions {
  /** Our end of the connection to the camera: packets come to no other interface. */
  readonly localAddress: string;
  /** Packets from other addresses are dropped. */
  readonly cameraAddress: string;
  readonly onPacket: (isRtp: boolean, packet: Buffer) => void;
}

/** RFC 3550, 11: an even port for RTP and the next for RTCP. */
const TRIES = 20;
/** A keyframe comes in one burst. The system may allow less. */
const RECEIVE_BUFFER = 1024 * 1024;

/** The two UDP sockets of one track. */
export class UdpPair {
  readonly ports: readonly [rtp: number, rtcp: number];
  readonly #sockets: readonly [rtp: Socket, rtcp: Socket];
  readonly #camera: string;

  private constructor(sockets: readonly [Socket, Socket], options: UdpPairOptions) {
    this.#sockets = sockets;
    this.ports = [sockets[0].address().port, sockets[1].address().port];
    this.#camera = options.cameraAddress;
    const from = canonicalAddress(options.cameraAddress);
    for (const [index, socket] of sockets.entries()) {
      // An unreachable port of the camera, which may open later.
      socket.on('error', () => undefined);
      socket.on('message', (packet, { address }) => {
        if (canonicalAddress(address) === from) options.onPacket(index === 0, packet);
      });
    }
    try {
      sockets[0].setRecvBufferSize(RECEIVE_BUFFER);
    } catch {
      // The system's own size serves, with some losses.
    }
  }

  /** Binds an even port and the next one. Rejects when no such pair is free. */
  static async bind(options: UdpPairOptions): Promise<UdpPair> {
    let last: unknown;
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      const first = await bound(options.localAddress, 0);
      const { port } = first.address();
      const isEven = port % 2 === 0;
      try {
        const second = await bound(options.localAddress, isEven ? port + 1 : port - 1);
        return new UdpPair(isEven ? [first, second] : [second, first], options);
      } catch (thrown) {
        last = thrown;
        first.close();
      }
    }
    throw new Error(`no pair of UDP ports is free after ${TRIES} tries`, { cause: last });
  }

  /** Two small packets open the way through firewalls and address translators. */
  punch([rtp, rtcp]: readonly [number, number]): void {
    this.#send(0, EMPTY_RTP, rtp);
    this.#send(1, EMPTY_REPORT, rtcp);
  }

  sendReport(report: Buffer, port: number): void {
    this.#send(1, report, port);
  }

  close(): void {
    for (const socket of this.#sockets) socket.close();
  }

  #send(index: 0 | 1, packet: Buffer, port: number): void {
    // A report that is lost is followed by another.
    if (port > 0) this.#sockets[index].send(packet, port, this.#camera, () => undefined);
  }
}

/** Version 2 and nothing else. */
const EMPTY_RTP = Buffer.from([0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
/** A receiver report of no source. */
const EMPTY_REPORT = Buffer.from([0x80, 201, 0, 1, 0, 0, 0, 0]);

async function bound(address: string, port: number): Promise<Socket> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(port, address, () => {
        socket.off('error', reject);
        resolve();
      });
    });
  } catch (thrown) {
    socket.close();
    throw thrown;
  }
  return socket;
}
