// Many classes: the likeliest one of every pixel, by the same steps as sinet.core.postprocess.class_map.
import * as pixels from "./pixels.mjs";

/** A picture whose width over height differs by less than this factor from the spec's is stretched onto its size. */
const SAME_SHAPE = 1.1;

/** The input that a whole picture of a size is stretched onto: as sinet.pipeline.classes has it. */
export function inputSize(network, [height, width]) {
  const [h, w] = network.spec.preprocess.size, { multiple } = network;
  if (Math.abs(Math.log((height / width) * (w / h))) < Math.log(SAME_SHAPE)) return [h, w];
  const side = Math.sqrt((h * w * height) / width);
  return [side, (side * width) / height].map((n) => Math.max(multiple, Math.round(n / multiple) * multiple));
}

/**
 * @param {import("./engine.mjs").Engine} engine with nothing taken above the network.
 * @param {import("./network.mjs").Network} network of named classes, prepared for the picture's `inputSize`.
 * @param {ImageData} picture
 * @returns {{width: number, height: number, classes: Uint8Array, names: string[]}} the number of every pixel's class.
 */
export function classMap(engine, network, { data, width, height }) {
  const { preprocess, output } = network.spec, names = output.classes;
  if (!names) throw new Error("this network finds a person and knows no classes; ask for segment() or cut()");
  const size = [height, width], count = height * width;
  const made = inputSize(network, size), answered = made.map((side) => side / network.stride);
  const input = pixels.networkInput(engine, pixels.onPaper(engine, data), size, 3, preprocess, made);
  const logits = network.logits(input), mark = engine.mark;
  const classes = new Uint8Array(count);
  // Of two classes there is one map, the logit of the second against the first.
  const best = network.maps === 1 ? new Float32Array(count) : new Float32Array(count).fill(-Infinity);
  for (let map = 0; map < network.maps; map++) {
    const at = pixels.resizeMap(engine, logits + 4 * map * answered[0] * answered[1], answered, size);
    const plane = engine.floats(at, count), number = map + names.length - network.maps;
    for (let i = 0; i < count; i++) {
      if (plane[i] <= best[i]) continue;
      best[i] = plane[i];
      classes[i] = number;
    }
    engine.release(mark);
  }
  return { width, height, classes, names };
}
