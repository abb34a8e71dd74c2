// A PNG file by the engine's packer: the bytes that Python writes.

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const COLOUR_TYPES = { 1: 0, 3: 2, 4: 6 };

/**
 * @param {import("./engine.mjs").Engine} engine
 * @param {Uint8Array | Uint8ClampedArray} codes rows of 1, 3 or 4 channels.
 * @param {[number, number]} size height and width.
 * @returns {Blob}
 */
export function encodePng(engine, codes, [height, width]) {
  const channels = codes.length / (height * width), mark = engine.mark;
  const source = engine.put(codes);
  const room = Number(engine.call("sinet_png_size", height, width, channels));
  const made = engine.take(room);
  const scratch = engine.call("sinet_png_scratch_size", width, channels);
  const image = [source, channels * width, height, width, channels, made, room];
  const used = Number(engine.withScratch(scratch, "sinet_png", engine.isa, ...image));
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, width);
  header.setUint32(4, height);
  header.setUint8(8, 8);
  header.setUint8(9, COLOUR_TYPES[channels]);
  const rows = engine.bytes(made, used).slice();
  engine.release(mark);
  const parts = [chunk("IHDR", new Uint8Array(header.buffer)), chunk("IDAT", rows), chunk("IEND", new Uint8Array())];
  return new Blob([Uint8Array.from(SIGNATURE), ...parts.flat()], { type: "image/png" });
}

function chunk(name, content) {
  const length = new DataView(new ArrayBuffer(4)), check = new DataView(new ArrayBuffer(4));
  const word = new TextEncoder().encode(name);
  length.setUint32(0, content.length);
  check.setUint32(0, ~crc(content, crc(word, -1)));
  return [length.buffer, word, content, check.buffer];
}

let table;

function crc(bytes, sum) {
  table ??= Int32Array.from({ length: 256 }, (_, n) => {
    for (let k = 0; k < 8; k++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
    return n;
  });
  for (let i = 0; i < bytes.length; i++) sum = table[(sum ^ bytes[i]) & 255] ^ (sum >>> 8);
  return sum;
}
