// The work, away from the page: each message {id, verb, args} is answered by {id, result} or {id, error}.
import { readArtefact } from "./artefact.mjs";
import { Engine } from "./engine.mjs";
import { FlatCompositor } from "./flat.mjs";
import { GlCompositor } from "./gl.mjs";
import { Live } from "./live.mjs";
import { Network } from "./network.mjs";
import { Photo } from "./photo.mjs";
import { withoutOpacity } from "./pixels.mjs";
import { encodePng } from "./png.mjs";
import { Timer } from "./timer.mjs";
// What those ask for in turn, named here so that all files are on their way at once.
import "./numbers.mjs";
import "./sheet.mjs";

const TRIES = 3;

let engine, network, base;
let photo = null, show = null;

const verbs = {
  /** Begin: the engine's compiled library and the network's file. */
  async load({ module, artefact }) {
    const [made, read] = await Promise.all([Engine.load(module), readArtefact(artefact)]);
    engine = made;
    network = new Network(engine, read);
    base = engine.mark;
    setTimeout(warmUp);
    return { spec: network.spec };
  },

  /** Find the person in a picture; what is asked for later is made from it. */
  open({ picture }) {
    const timer = new Timer();
    const data = picture instanceof ImageData ? picture : imageData(picture);
    timer.lap("decode");
    forget();
    network.prepare(network.spec.preprocess.size);
    photo = new Photo(engine, network, data);
    timer.lap("alpha");
    return { size: photo.size, found: photo.found, ...photo.extent(), times: timer.times };
  },

  alpha: () => photo.alpha(),

  /** The class of every pixel, by a network of many. */
  async classes({ picture }) {
    const { classMap, inputSize } = await import("./classes.mjs");
    const data = picture instanceof ImageData ? picture : imageData(picture);
    forget();
    network.prepare(inputSize(network, [data.height, data.width]));
    return classMap(engine, network, data);
  },

  /** A picture made from the one that is open; `format` "image/png" or "image/webp" gives a file. */
  async make({ background, crop, format, quality }) {
    if (background?.picture instanceof ImageBitmap) background = { picture: imageData(background.picture) };
    let made = background?.mask ? greyed(photo.alpha(), photo.size) : background ? photo.over(background) : photo.cutout();
    const box = crop && photo.extent().box;
    if (box) made = cropped(made, box);
    return format ? encoded(made, Boolean(background), background?.mask, format, quality) : createImageBitmap(made);
  },

  /** Begin a film of frames of a size, [height, width]. */
  start({ size, background, compositor }) {
    forget();
    const live = new Live(engine, network, size);
    show = { live, size, background, compositor: null, wanted: compositor, picture: background.picture };
    return { input: live.size };
  },

  background({ background }) {
    if (background.picture) {
      show.picture = background.picture;
      show.compositor?.setPicture(background.picture);
    }
    show.background = background;
  },

  /** One frame: `steps` tells milliseconds of each step, `area` the share of the frame that the person takes. */
  async frame({ frame, wantsMask, wantsFrame }) {
    try {
      return await drawn(frame, wantsMask, wantsFrame);
    } finally {
      frame.close();
    }
  },

  /** Pump frames from a track's stream to another's until it ends. */
  async pump({ readable, writable }) {
    const step = new TransformStream({
      async transform(frame, out) {
        out.enqueue((await verbs.frame({ frame, wantsFrame: true })).made);
      },
    });
    await readable.pipeThrough(step, { highWaterMark: 0 }).pipeTo(writable);
  },

  /** The least milliseconds of the network alone, and of all of a frame's steps, over so many runs of noise. */
  measure({ runs }) {
    const [height, width] = show.live.size, noise = new ImageData(width, height);
    let least = Infinity;
    for (let run = 0; run < runs; run++) {
      crypto.getRandomValues(noise.data.subarray(0, 65536));
      const timer = new Timer();
      show.live.reset();
      show.live.step(noise, (name) => timer.lap(name));
      least = Math.min(least, timer.times.network);
    }
    show.live.reset();
    return { network: least, size: show.live.size };
  },
};

/** Browsers compile what runs often once more: let that have happened before the first photo comes. */
function warmUp() {
  if (photo || show) return;
  const { size } = network.spec.preprocess;
  network.prepare(size);
  network.logits(engine.take(12 * size[0] * size[1]));
  forget();
}

function forget() {
  photo = show = null;
  engine.release(base);
  network.forget();
}

async function drawn(frame, wantsMask, wantsFrame) {
  const { live, background } = show;
  if (!show.compositor || show.compositor.lost) show.compositor = await fastest(frame);
  const timer = new Timer(), { compositor } = show;
  const small = await compositor.small(frame, live.size);
  timer.lap("shrink");
  const matte = live.step(small, (name) => timer.lap(name));
  compositor.draw(frame, { fit: matte.fit, size: live.size }, background);
  const alpha = background.kind === "none" ? "keep" : "discard";
  const made = wantsFrame
    ? new VideoFrame(compositor.canvas, { timestamp: frame.timestamp ?? 0, alpha })
    : compositor.canvas.transferToImageBitmap();
  timer.lap("draw");
  const area = matte.mask.reduce((sum, p) => sum + (p > 0.5), 0) / matte.mask.length;
  const told = { made, steps: timer.times, found: matte.found, asked: matte.asked, area };
  return Object.assign(told, { compositor: compositor.constructor.label }, wantsMask && { mask: matte.mask, small });
}

/** The compositor that is the faster one on this very frame; one that has been lost is not asked again. */
async function fastest(frame) {
  const { live, size, background, wanted, picture } = show;
  const kinds = [GlCompositor, FlatCompositor].filter((kind) => !wanted || kind.label === wanted);
  const matte = { fit: new Float32Array(4 * live.size[0] * live.size[1]).fill(0.5), size: live.size };
  const tried = [];
  for (const kind of kinds) {
    if (show.compositor instanceof kind) continue;
    try {
      const made = new kind(new OffscreenCanvas(size[1], size[0]), engine);
      if (picture) made.setPicture(picture);
      let least = Infinity;
      for (let turn = 0; turn < TRIES; turn++) {
        const start = performance.now();
        await made.small(frame, live.size);
        made.draw(frame, matte, background);
        made.finish();
        least = Math.min(least, performance.now() - start);
      }
      tried.push({ made, least });
    } catch (error) {
      console.info(`sinet: ${kind.label} will not do: ${error.message}`);
    }
  }
  live.keep();
  if (!tried.length) throw new Error("this browser can draw neither by WebGL 2 nor on a canvas; try another browser");
  return tried.sort((a, b) => a.least - b.least)[0].made;
}

function imageData(picture) {
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new Error(`${picture.width}x${picture.height} pixels are more than this browser can hold; shrink the picture`);
  context.drawImage(picture, 0, 0);
  picture.close();
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

function greyed(alpha, [height, width]) {
  const made = new ImageData(width, height);
  for (let i = 0, to = 0; i < alpha.length; i++, to += 4) {
    made.data[to] = made.data[to + 1] = made.data[to + 2] = alpha[i];
    made.data[to + 3] = 255;
  }
  return made;
}

function cropped(picture, [left, top, right, bottom]) {
  const made = new ImageData(right - left, bottom - top), row = 4 * made.width;
  for (let y = top; y < bottom; y++) {
    const from = 4 * (y * picture.width + left);
    made.data.set(picture.data.subarray(from, from + row), (y - top) * row);
  }
  return made;
}

async function encoded(picture, opaque, grey, format, quality) {
  const size = [picture.height, picture.width];
  if (format === "image/png") {
    const channels = grey ? 1 : opaque ? 3 : 4;
    const codes = channels === 4 ? picture.data : new Uint8Array(channels * size[0] * size[1]);
    if (channels === 3) withoutOpacity(picture.data, codes);
    if (channels === 1) for (let i = 0; i < codes.length; i++) codes[i] = picture.data[4 * i];
    return encodePng(engine, codes, size);
  }
  const canvas = new OffscreenCanvas(size[1], size[0]);
  canvas.getContext("2d").putImageData(picture, 0, 0);
  const file = await canvas.convertToBlob({ type: format, quality });
  if (file.type !== format) throw new Error(`this browser cannot write ${format}; take PNG`);
  return file;
}

async function answered({ id, verb, args }) {
  try {
    const result = await verbs[verb](args ?? {});
    const carried = [result, result?.made].filter(isCarried).map((made) => made.buffer ?? made);
    self.postMessage({ id, result }, carried);
  } catch (error) {
    self.postMessage({ id, error: error.message });
  }
}

/** What changes hands without being copied. */
function isCarried(made) {
  const kinds = [Uint8Array, ImageBitmap, ...(self.VideoFrame ? [VideoFrame] : [])];
  return kinds.some((kind) => made instanceof kind);
}

let before = Promise.resolve();

self.onmessage = ({ data }) => {
  // One after the other; a pump lasts as long as its film.
  if (data.verb === "pump") answered(data);
  else before = before.then(() => answered(data));
};
