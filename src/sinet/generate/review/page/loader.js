// Fetches and decodes pictures and labels beside the page, so that a key never waits for a decoder.
"use strict";

const LONGEST_PX = 4096; // longer sides are shrunk: a picture held ready costs 4 bytes a pixel, its label as many
const WHITE = 0x00ffffff;

onmessage = async ({ data: { index, token, label } }) => {
  const [picture, matte] = await Promise.allSettled([
    fetchBlob(`/image/${index}`, token).then((blob) => decode(blob, {})),
    label ? fetchBlob(`/label/${index}`, token).then((blob) => decode(blob, { colorSpaceConversion: "none" })) : null,
  ]);
  const answer = { index, picture: null, matte: null, share: null, size: null, labelSize: null, trouble: [] };
  const moved = [];
  if (picture.status === "fulfilled") {
    answer.size = picture.value.size;
    answer.picture = picture.value.bitmap;
    moved.push(answer.picture);
  } else {
    answer.trouble.push(`Picture: ${picture.reason.message}`);
  }
  if (matte.status === "rejected") {
    answer.trouble.push(`Label: ${matte.reason.message}`);
  } else if (matte.value) {
    answer.labelSize = matte.value.size;
    Object.assign(answer, opacity(matte.value.bitmap));
    moved.push(answer.matte);
  }
  postMessage(answer, moved);
};

async function fetchBlob(address, token) {
  const reply = await fetch(address, { headers: { "X-Sinet-Token": token } });
  if (reply.ok) return reply.blob();
  const told = await reply.json().catch(() => ({}));
  throw new Error(told.error || `the server answers ${reply.status}`);
}

async function decode(blob, options) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob, options);
  } catch {
    throw new Error("the file is damaged, or of a kind that this browser does not show");
  }
  const size = [bitmap.width, bitmap.height];
  const scale = LONGEST_PX / Math.max(...size);
  if (scale >= 1) return { bitmap, size };
  const [resizeWidth, resizeHeight] = size.map((side) => Math.max(1, Math.round(side * scale)));
  const smaller = await createImageBitmap(bitmap, { resizeWidth, resizeHeight, resizeQuality: "medium" });
  bitmap.close();
  return { bitmap: smaller, size };
}

// A grey label becomes opacity: white where somebody is, see-through elsewhere.
function opacity(grey) {
  const canvas = new OffscreenCanvas(grey.width, grey.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(grey, 0, 0);
  grey.close();
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  const words = new Uint32Array(pixels.data.buffer); // red is the lowest byte on every machine that browsers run on
  let sum = 0;
  for (let at = 0; at < words.length; at++) {
    const value = words[at] & 255;
    sum += value;
    words[at] = ((value << 24) | WHITE) >>> 0;
  }
  context.putImageData(pixels, 0, 0);
  return { matte: canvas.transferToImageBitmap(), share: sum / 255 / words.length };
}
