// Run a network by onnxruntime-web, as a browser would: node onnx_web.mjs MODEL INPUT OUTPUT SIDE...
// INPUT holds float32 of the shape SIDE..., OUTPUT gets the answer; prints its shape and the least time of ten runs.
import { readFileSync, writeFileSync } from "node:fs";
import * as ort from "onnxruntime-web";

const [model, input, output, ...sides] = process.argv.slice(2);
ort.env.wasm.numThreads = 1;
const session = await ort.InferenceSession.create(readFileSync(model), { executionProviders: ["wasm"] });
const bytes = readFileSync(input);
const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
const feeds = { [session.inputNames[0]]: new ort.Tensor("float32", values, sides.map(Number)) };
let answer;
let least = Infinity;
for (let run = 0; run < 12; run++) {
  const start = performance.now();
  answer = (await session.run(feeds))[session.outputNames[0]];
  if (run > 1) least = Math.min(least, performance.now() - start);
}
writeFileSync(output, Buffer.from(answer.data.buffer, answer.data.byteOffset, answer.data.byteLength));
console.log(JSON.stringify({ shape: answer.dims, least_ms: least }));
