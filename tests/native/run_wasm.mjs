// Run the engine's WebAssembly in node: `node run_wasm.mjs FILE.wasm < REQUEST > LOGITS`, as machines.py speaks to it.
// With a number after the file: no logits, but the least milliseconds of that many runs of each input.
import { readFileSync, writeSync } from "node:fs";

const [file, runs] = process.argv.slice(2);
const request = readFileSync(0);
const { instance } = await WebAssembly.instantiate(readFileSync(file), {});
const engine = instance.exports;
let top = Number(engine.__heap_base);

function reserve(bytes) {
  const at = Math.ceil(top / 64) * 64;
  top = at + Number(bytes);
  const missing = top - engine.memory.buffer.byteLength;
  if (missing > 0) engine.memory.grow(Math.ceil(missing / 65536));
  return at;
}

function checked(answer) {
  if (answer < 0) throw new Error(`the engine answers ${answer}`);
  return answer;
}

function bytes(at, length) {
  return new Uint8Array(engine.memory.buffer, at, length); // memory.grow detaches older views
}

const length = request.readUInt32LE(0);
const artefact = reserve(length);
bytes(artefact, length).set(request.subarray(4, 4 + length));
const isa = engine.sinet_best_isa();
const modelBytes = checked(engine.sinet_model_size(artefact, length, isa));
const model = reserve(modelBytes);
checked(engine.sinet_model_open(artefact, length, isa, model, Number(modelBytes)));
const outputs = checked(engine.sinet_model_outputs(model));
const stride = checked(engine.sinet_model_output_stride(model));
const floor = top;

for (let at = 4 + length; at < request.length; ) {
  top = floor;
  const [height, width] = [request.readUInt32LE(at), request.readUInt32LE(at + 4)];
  const plane = 4 * height * width;
  const input = reserve(3 * plane);
  const answer = (outputs * plane) / stride ** 2;
  const logits = reserve(answer);
  const workspaceBytes = checked(engine.sinet_workspace_size(model, height, width, 1));
  const workspace = reserve(workspaceBytes);
  checked(engine.sinet_workspace_prepare(model, height, width, 1, workspace, Number(workspaceBytes)));
  bytes(input, 3 * plane).set(request.subarray(at + 8, at + 8 + 3 * plane));
  let least = Infinity;
  for (let run = 0; run < (runs ?? 1); run++) {
    const start = performance.now();
    checked(engine.sinet_run(model, workspace, input, logits));
    least = Math.min(least, performance.now() - start);
  }
  if (runs) console.log(`${height}x${width} ${least.toFixed(3)} ms`);
  else write(bytes(logits, answer));
  at += 8 + 3 * plane;
}

function write(data) {
  for (let done = 0; done < data.length; ) {
    try {
      done += writeSync(1, data, done);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error; // a full pipe
    }
  }
}
