// The person before another background, drawn by WebGL 2: edges at the frame's own size, blur on a small copy.
import { Sheet } from "./sheet.mjs";
import { DEFAULT_STRENGTH, LEVELS, SIGMA_AT_FULL_STRENGTH } from "./numbers.mjs";

/** Lines of the small copy that is blurred. */
const SMALL = 180;

// Row 0 of a texture is the frame's first, row 0 of the canvas its last.
const CORNERS = `#version 300 es
uniform bool upright;
out vec2 at;
void main() {
  at = vec2(gl_VertexID & 1, gl_VertexID >> 1) * 2.0;
  vec2 place = at * 2.0 - 1.0;
  gl_Position = vec4(place.x, upright ? -place.y : place.y, 0.0, 1.0);
}`;

const HEAD = `#version 300 es
precision highp float;
in vec2 at;
out vec4 made;
uniform sampler2D frame, fit, behind;
float alphaOf(vec3 rgb, vec2 place) {
  vec4 f = texture(fit, place);
  return clamp((dot(f.rgb, rgb) + f.a - float(${LEVELS[0]})) / float(${LEVELS[1] - LEVELS[0]}), 0.0, 1.0);
}`;

const WEIGH = `${HEAD}
uniform vec2 cell;
void main() {
  vec4 sum = vec4(0.0);
  for (int i = 0; i < 4; i++) {
    vec2 place = at + cell * (vec2(i & 1, i >> 1) - 0.5) * 0.5;
    vec3 rgb = texture(frame, place).rgb;
    float weight = max(1.0 - alphaOf(rgb, place), 0.008);
    sum += vec4(rgb * weight, weight);
  }
  made = sum / 4.0;
}`;

const BLUR = `${HEAD}
uniform vec2 step;
uniform float sigma;
void main() {
  vec4 sum = texture(behind, at);
  float total = 1.0;
  for (float i = 1.0; i < 3.0 * sigma; i += 2.0) {
    float one = exp(-0.5 * i * i / (sigma * sigma)), two = exp(-0.5 * (i + 1.0) * (i + 1.0) / (sigma * sigma));
    float both = one + two, place = i + two / both;
    sum += both * (texture(behind, at + place * step) + texture(behind, at - place * step));
    total += 2.0 * both;
  }
  made = sum / total;
}`;

const LAY = `${HEAD}
uniform int kind;
uniform vec3 colour;
uniform vec2 cover;
void main() {
  vec3 rgb = texture(frame, at).rgb;
  float alpha = alphaOf(rgb, at);
  if (kind == 0) { made = vec4(rgb * alpha, alpha); return; }
  vec4 b = kind == 1 ? vec4(colour, 1.0) : texture(behind, kind == 2 ? at : (at - 0.5) * cover + 0.5);
  made = vec4(mix(b.rgb / b.a, rgb, alpha), 1.0);
}`;

/** Draws on a canvas of the frames' size. */
export class GlCompositor {
  static label = "WebGL 2";

  #gl;
  #programs;
  #frame;
  #fit;
  #picture;
  #small = [];
  #shape = "";
  #pictureSize = null;
  #sheet = new Sheet();

  /** @param {OffscreenCanvas} canvas @throws {Error} there is no WebGL 2. */
  constructor(canvas) {
    const options = { alpha: true, antialias: false, depth: false, stencil: false, desynchronized: true };
    const gl = canvas.getContext("webgl2", options);
    if (!gl) throw new Error("this browser has no WebGL 2");
    this.canvas = canvas;
    this.#gl = gl;
    this.#programs = { weigh: program(gl, WEIGH), blur: program(gl, BLUR), lay: program(gl, LAY) };
    [this.#frame, this.#fit, this.#picture] = [0, 1, 2].map(() => texture(gl));
    gl.pixelStorei(gl.UNPACK_FLIP_Y_WEBGL, false);
  }

  /** Whether the context was lost; another compositor must go on. */
  get lost() {
    return this.#gl.isContextLost();
  }

  /** The frame at another size. */
  small(frame, size) {
    return this.#sheet.take(frame, size);
  }

  /** @param {ImageBitmap} picture what stands behind the person from now on, where the background is `picture`. */
  setPicture(picture) {
    const gl = this.#gl;
    this.#bind(2, this.#picture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, picture);
    this.#pictureSize = [picture.height, picture.width];
  }

  /**
   * @param {VideoFrame | ImageBitmap} frame
   * @param {{fit: Float32Array, size: [number, number]}} matte
   * @param {{kind: "none" | "blur" | "colour" | "picture", strength?: number, colour?: number[]}} background
   */
  draw(frame, matte, background) {
    const gl = this.#gl, { width, height } = this.canvas;
    this.#bind(0, this.#frame);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, frame);
    this.#bind(1, this.#fit);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA16F, matte.size[1], matte.size[0], 0, gl.RGBA, gl.FLOAT, matte.fit);
    if (background.kind === "blur") this.#blur(background.strength ?? DEFAULT_STRENGTH);
    if (background.kind === "picture") this.#bind(2, this.#picture);
    const kind = { none: 0, colour: 1, blur: 2, picture: 3 }[background.kind];
    const lay = this.#use("lay", null, width, height);
    gl.uniform1i(lay.kind, kind);
    gl.uniform3fv(lay.colour, (background.colour ?? [0, 0, 0]).map((code) => code / 255));
    if (kind === 3) {
      const scale = Math.max(height / this.#pictureSize[0], width / this.#pictureSize[1]);
      gl.uniform2f(lay.cover, width / scale / this.#pictureSize[1], height / scale / this.#pictureSize[0]);
    }
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }

  /** Wait until all is drawn. */
  finish() {
    this.#gl.readPixels(0, 0, 1, 1, this.#gl.RGBA, this.#gl.UNSIGNED_BYTE, new Uint8Array(4));
  }

  #blur(strength) {
    const gl = this.#gl, { width, height } = this.canvas;
    const size = [SMALL, Math.max(1, Math.round((SMALL * width) / height))];
    if (this.#shape !== String(size)) {
      this.#small.forEach(([made, target]) => (gl.deleteTexture(made), gl.deleteFramebuffer(target)));
      this.#small = [0, 1].map(() => target(gl, size));
      this.#shape = String(size);
    }
    const [[first, intoFirst], [second, intoSecond]] = this.#small;
    const weigh = this.#use("weigh", intoFirst, size[1], size[0]);
    gl.uniform2f(weigh.cell, 1 / size[1], 1 / size[0]);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    const sigma = Math.max(0.5, (strength / 100) * SIGMA_AT_FULL_STRENGTH * Math.hypot(...size));
    for (const [from, into, step] of [[first, intoSecond, [1 / size[1], 0]], [second, intoFirst, [0, 1 / size[0]]]]) {
      const blur = this.#use("blur", into, size[1], size[0]);
      this.#bind(2, from);
      gl.uniform2fv(blur.step, step);
      gl.uniform1f(blur.sigma, sigma);
      gl.drawArrays(gl.TRIANGLES, 0, 3);
    }
    this.#bind(2, first);
  }

  #bind(unit, made) {
    this.#gl.activeTexture(this.#gl.TEXTURE0 + unit);
    this.#gl.bindTexture(this.#gl.TEXTURE_2D, made);
  }

  #use(name, target, width, height) {
    const gl = this.#gl, { made, places } = this.#programs[name];
    // Where it is drawn into must not be bound to be read.
    if (target) this.#bind(2, null);
    gl.bindFramebuffer(gl.FRAMEBUFFER, target);
    gl.viewport(0, 0, width, height);
    gl.useProgram(made);
    gl.uniform1i(places.upright, Number(target === null));
    return places;
  }
}

function program(gl, source) {
  const made = gl.createProgram();
  for (const [kind, text] of [[gl.VERTEX_SHADER, CORNERS], [gl.FRAGMENT_SHADER, source]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader) ?? "WebGL is lost");
    gl.attachShader(made, shader);
  }
  gl.linkProgram(made);
  if (!gl.getProgramParameter(made, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(made) ?? "WebGL is lost");
  const names = ["cell", "step", "sigma", "kind", "colour", "cover", "upright"];
  const places = Object.fromEntries(names.map((name) => [name, gl.getUniformLocation(made, name)]));
  gl.useProgram(made);
  ["frame", "fit", "behind"].forEach((name, unit) => gl.uniform1i(gl.getUniformLocation(made, name), unit));
  return { made, places };
}

function texture(gl) {
  const made = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, made);
  const filters = { MIN_FILTER: gl.LINEAR, MAG_FILTER: gl.LINEAR, WRAP_S: gl.CLAMP_TO_EDGE, WRAP_T: gl.CLAMP_TO_EDGE };
  for (const [name, value] of Object.entries(filters)) gl.texParameteri(gl.TEXTURE_2D, gl[`TEXTURE_${name}`], value);
  return made;
}

function target(gl, [height, width]) {
  const made = texture(gl), frame = gl.createFramebuffer();
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, width, height, 0, gl.RGBA, gl.UNSIGNED_BYTE, null);
  gl.bindFramebuffer(gl.FRAMEBUFFER, frame);
  gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, made, 0);
  return [made, frame];
}
