// Fetches, decodes and paints pictures with their labels beside the page, so that a key waits for none of it.
import { fit, paint } from "./paint.js";

const LONGEST_PX = 4096; // longer sides are shrunk: a picture held ready costs 4 bytes a pixel, its label as many
const WHITE = 0x00ffffff;

let turn = Promise.resolve(); // one after the other: the picture that is needed first is ready first

onmessage = ({ data }) => {
  turn = turn.then(() => load(data));
};

async function load({ index, token, label, terms }) {
  const [picture, matte] = await Promise.allSettled([
    fetchBlob(`/image/${index}`, token).then((blob) => decode(blob, {})),
    label ? fetchBlob(`/label/${index}`, token).then((blob) => decode(blob, { colorSpaceConversion: "none" })) : null,
  ]);
  const answer = { index, picture: null, matte: null, solid: null, share: null, painted: null, paintedView: null, size: null, labelSize: null, trouble: [] };
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
    moved.push(answer.matte, ...(answer.solid ? [answer.solid] : []));
  }
  if (answer.picture) {
    Object.assign(answer, ahead(answer, terms));
    moved.push(answer.painted);
  }
  postMessage(answer, moved);
}

// The whole picture as the stage shows it now.
function ahead(pixels, { view, width, height, ratio }) {
  const [w, h] = fit(pixels.picture, width, height);
  const canvas = new OffscreenCanvas(w, h), layer = new OffscreenCanvas(w, h);
  paint(canvas.getContext("2d"), layer.getContext("2d"), pixels, { x: 0, y: 0, width: w, height: h }, view, ratio);
  return { painted: canvas.transferToImageBitmap(), paintedView: view };
}

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

// A grey label becomes opacity: white where somebody is, see-through elsewhere. Where it is soft, `solid` is the part
// above one half, for outlines.
function opacity(grey) {
  const canvas = new OffscreenCanvas(grey.width, grey.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(grey, 0, 0);
  grey.close();
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  const words = new Uint32Array(pixels.data.buffer); // red is the lowest byte on every machine that browsers run on
  let sum = 0, isSoft = false;
  for (let at = 0; at < words.length; at++) {
    const value = words[at] & 255;
    sum += value;
    isSoft ||= value > 0 && value < 255;
    words[at] = ((value << 24) | WHITE) >>> 0;
  }
  context.putImageData(pixels, 0, 0);
  const matte = canvas.transferToImageBitmap(), share = sum / 255 / words.length;
  if (!isSoft) return { matte, solid: null, share };
  for (let at = 0; at < words.length; at++) words[at] = words[at] >>> 24 > 128 ? 0xffffffff : 0;
  context.putImageData(pixels, 0, 0);
  return { matte, solid: canvas.transferToImageBitmap(), share };
}
