// The network in the engine: opened once, run at any size that fits it.
import { CORE_AREA, CORE_PROBABILITY } from "./numbers.mjs";

/** A network that an engine has opened. Its memory lies below all that is taken later. */
export class Network {
  #engine;
  #model;
  #size = [0, 0];
  #workspace = 0;

  /**
   * @param {import("./engine.mjs").Engine} engine
   * @param {{spec: object, file: Uint8Array}} artefact as `readArtefact` gives it.
   */
  constructor(engine, { spec, file }) {
    const { preprocess, output } = spec;
    const person = output.activation === "sigmoid" && output.person_channel === 0;
    if (preprocess.layout !== "nchw" || !(person || output.classes))
      throw new Error("this network does not answer with one map of a person; the page runs those of sinet only");
    this.#engine = engine;
    this.spec = spec;
    const floor = engine.mark;
    const start = engine.put(file);
    const bytes = engine.call("sinet_model_size", start, file.length, engine.isa);
    engine.release(floor);
    // The file is needed until the model is open, and lies behind it.
    this.#model = engine.take(bytes);
    const mark = engine.mark;
    const at = engine.put(file);
    engine.call("sinet_model_open", at, file.length, engine.isa, this.#model, Number(bytes));
    engine.release(mark);
    [this.multiple, this.maps, this.stride] = ["multiple", "outputs", "output_stride"].map((what) =>
      engine.call(`sinet_model_${what}`, this.#model),
    );
  }

  /**
   * Make ready for inputs of a size, below all that is taken later: call it while nothing else is.
   * @param {[number, number]} size height and width, multiples of `multiple`.
   */
  prepare(size) {
    if (size[0] === this.#size[0] && size[1] === this.#size[1]) return;
    this.#size = [0, 0];
    const bytes = this.#engine.call("sinet_workspace_size", this.#model, ...size, 1);
    this.#workspace = this.#engine.take(bytes);
    this.#engine.call("sinet_workspace_prepare", this.#model, ...size, 1, this.#workspace, Number(bytes));
    this.#size = size;
  }

  /** Give the workspace back with all that was taken after it. */
  forget() {
    this.#size = [0, 0];
  }

  /** The network's own answer: the address of `maps` planes of floats, as large as the input over `stride`. */
  logits(input) {
    const [height, width] = this.#size;
    const at = this.#engine.take((4 * this.maps * height * width) / this.stride ** 2);
    this.#engine.call("sinet_run", this.#model, this.#workspace, input, at);
    return at;
  }

  /**
   * The probability of a person at every pixel of the prepared size.
   * @param {number} input address of the standardised input.
   * @returns {number} address of a plane of floats.
   */
  run(input) {
    if (this.spec.output.classes) throw new Error("this network tells many classes apart; ask for classes()");
    const [height, width] = this.#size, at = this.logits(input);
    const map = this.#engine.floats(at, height * width);
    for (let i = 0; i < map.length; i++) map[i] = 1 / (1 + Math.exp(-map[i]));
    return at;
  }
}

/** Whether a network's mask is sure enough, on enough of the picture, that somebody is there at all. */
export function holdsPerson(mask) {
  let sure = 0;
  for (const p of mask) if (p > CORE_PROBABILITY) sure++;
  return sure / mask.length >= CORE_AREA;
}
