const TEXT_FINAL = 0x81;

/** A whole WebSocket message as one text frame from a server (RFC 6455: not masked). */
export function textFrame(text: string): Uint8Array {
  const length = Buffer.byteLength(text);
  const textAt = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(textAt + length);
  frame[0] = TEXT_FINAL;
  if (textAt === 2) frame[1] = length;
  else if (textAt === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
  frame.write(text, textAt);
  return frame;
}
