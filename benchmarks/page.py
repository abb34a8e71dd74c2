"""The page in one browser session: bytes, time to the first mask, frames a second, and the network beside others'.

    npm install onnxruntime-web @litertjs/core        # in any folder
    python benchmarks/page.py --modules FOLDER/node_modules --peer ../shared/weights/peers/selfie_segmentation.tflite

Takes Chromium and playwright. Networks take turns, one thread each, and their minima are said: sinet's in its own
engine, the same as ONNX in ONNX Runtime Web, and MediaPipe's selfie network in LiteRT.js. Without --modules only
what is sinet's own is measured. `--portrait FILE` moves the person of that picture about in the fake camera.
"""

import argparse
import gzip
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import sync_playwright

import sinet
from sinet.runtime.catalog import catalog
from sinet.serve.site import UNUSED, site_files

sys.path.insert(0, "tests")
from serve.browsers import CHROMIUM, FLAGS, serving
from serve.moving import Scene

PORTRAIT = Path(__file__).parents[1] / "examples" / "portrait.png"
SIZES = ((320, 320), (192, 320), (224, 224))
TURNS, RUNS = 6, 12

FIRST = """async () => {
  const start = performance.now();
  const { Segmenter } = await import("./sinet/index.mjs");
  const segmenter = await Segmenter.load();
  const loaded = performance.now() - start;
  const picture = await (await fetch("portrait.png")).blob();
  const asked = performance.now();
  await segmenter.segment(picture);
  const first = performance.now();
  await segmenter.segment(picture);
  const second = performance.now();
  segmenter.close();
  return { loaded, first: first - asked, second: second - first };
}"""

LOOP = """async ([compositor, frames]) => {
  const { Segmenter } = await import("./sinet/index.mjs");
  const { loop } = await import("./sinet/track.mjs");
  const segmenter = await Segmenter.load();
  const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 1280, height: 720 } });
  const video = Object.assign(document.createElement("video"), { muted: true, srcObject: stream });
  await video.play();
  const size = { width: video.videoWidth, height: video.videoHeight };
  const film = await segmenter.film({ ...size, background: { kind: "blur" }, compositor });
  let count = -10, start;
  const steps = {};
  await new Promise((keep, refuse) => {
    const end = loop(film, video, (told) => {
      told.made.close();
      if (++count === 0) start = performance.now();
      if (count > 0) for (const [name, ms] of Object.entries(told.steps)) (steps[name] ??= []).push(ms);
      if (count === frames) keep(end());
    }, refuse);
  });
  const fps = (1000 * frames) / (performance.now() - start);
  segmenter.close();
  stream.getTracks().forEach((track) => track.stop());
  const median = (all) => all.sort((a, b) => a - b)[all.length >> 1];
  return { fps, steps: Object.fromEntries(Object.entries(steps).map(([name, all]) => [name, median(all)])) };
}"""

NETWORKS = """async ([sizes, turns, runs, others, peer]) => {
  const { Engine } = await import("./sinet/engine.mjs");
  const { Network } = await import("./sinet/network.mjs");
  const { readArtefact } = await import("./sinet/artefact.mjs");
  const bytes = async (name) => (await fetch(name)).arrayBuffer();
  const noise = (count) => Float32Array.from({ length: count }, () => 0.02 * (Math.random() - 0.5));
  const contestants = {};
  for (const library of ["sinet.wasm", "sinet-relaxed.wasm"])
    for (const [height, width] of sizes) {
      const engine = await Engine.load(await WebAssembly.compile(await bytes(`sinet/${library}`)));
      const network = new Network(engine, await readArtefact(await bytes("sinet/portrait.packed")));
      network.prepare([height, width]);
      const input = engine.put(noise(3 * height * width)), mark = engine.mark;
      contestants[`${library} ${height}x${width}`] = () => (network.run(input), engine.release(mark));
    }
  if (others) {
    const ort = await import("./modules/onnxruntime-web/dist/ort.wasm.min.mjs");
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.wasmPaths = new URL("./modules/onnxruntime-web/dist/", location.href).href;
    for (const [height, width] of sizes) {
      const file = `./onnx/${height}x${width}.onnx`;
      const session = await ort.InferenceSession.create(file, { executionProviders: ["wasm"] });
      const input = new ort.Tensor("float32", noise(3 * height * width), [1, 3, height, width]);
      contestants[`ONNX Runtime Web ${height}x${width}`] = () => session.run({ [session.inputNames[0]]: input });
    }
    const { loadLiteRt, loadAndCompile, Tensor } = await import("./modules/litert.mjs");
    await loadLiteRt("./modules/@litertjs/core/wasm/");
    const model = await loadAndCompile(peer, { accelerator: "wasm" });
    const shape = [...model.getInputDetails()[0].shape];
    const input = new Tensor(noise(shape.reduce((a, b) => a * b)), shape);
    contestants[`LiteRT.js, MediaPipe selfie ${shape.slice(1, 3).join("x")}`] = async () => {
      for (const made of await model.run(input)) made.delete();
    };
  }
  const least = Object.fromEntries(Object.keys(contestants).map((name) => [name, Infinity]));
  for (let turn = 0; turn < turns; turn++)
    for (const [name, run] of Object.entries(contestants))
      for (let i = 0; i < runs; i++) {
        const start = performance.now();
        await run();
        least[name] = Math.min(least[name], performance.now() - start);
      }
  return least;
}"""


def exported() -> dict[str, bytes]:
    """The packaged network as ONNX files of each size."""
    from sinet.export.artefact import load_artefact
    from sinet.export.onnx import export_onnx
    from sinet.runtime.catalog import find_model

    found, files = find_model(catalog().default), {}
    network = load_artefact(found)
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            spec = replace(found.spec, preprocess=replace(found.spec.preprocess, size=size))
            path = Path(folder) / f"{size[0]}x{size[1]}.onnx"
            export_onnx(network, spec, path)
            files[f"onnx/{path.name}"] = path.read_bytes()
    return files


def modules(folder: Path) -> dict[str, bytes]:
    """What npm has brought."""
    names = [*folder.glob("onnxruntime-web/dist/ort-wasm-simd-threaded.*"), *folder.glob("@litertjs/core/wasm/*")]
    names += folder.glob("onnxruntime-web/dist/ort.wasm.min.mjs")
    files = {f"modules/{path.relative_to(folder).as_posix()}": path.read_bytes() for path in names}
    scripts = {"litert": "@litertjs/core/dist/index.js", "litert-utils": "@litertjs/wasm-utils/dist/bundle.js"}
    return files | {f"modules/{name}.mjs": (folder / script).read_bytes() for name, script in scripts.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--modules", type=Path, help="a folder node_modules with onnxruntime-web and @litertjs/core")
    parser.add_argument("--peer", type=Path, help="MediaPipe's selfie_segmentation.tflite")
    parser.add_argument("--portrait", type=Path, default=PORTRAIT)
    parser.add_argument("--frames", type=int, default=100)
    options = parser.parse_args()
    own = site_files()
    needed = [name for name in own if name not in UNUSED and "bench" not in name and "relaxed" not in name]
    packed = sum(len(gzip.compress(own[name], 9)) for name in needed)
    print(f"page with network: {sum(len(own[name]) for name in needed):,} bytes, {packed:,} by gzip")

    frame, network = sinet.load_image(options.portrait), sinet.Segmenter()
    scene = Scene(frame.rgb, network.alpha(frame))
    # LiteRT.js asks for its other half by a name that npm knows.
    names = b'{"imports": {"@litertjs/wasm-utils": "./modules/litert-utils.mjs"}}'
    blank = b"<!doctype html><html lang=en><title>measuring</title><script type=importmap>" + names + b"</script>"
    files = own | {"measuring.html": blank, "portrait.png": options.portrait.read_bytes()}
    others = bool(options.modules and options.peer)
    if others:
        files |= modules(options.modules) | exported() | {"peer.tflite": options.peer.read_bytes()}
    with tempfile.TemporaryDirectory() as folder, serving(files) as site, sync_playwright() as started:
        film = scene.film(Path(folder) / "camera.mjpeg")
        browser = started.chromium.launch(
            executable_path=CHROMIUM, args=[*FLAGS, f"--use-file-for-fake-video-capture={film}"]
        )

        def ask(code: str, asked: Any = None) -> Any:
            page = browser.new_page()
            page.goto(site.address + "measuring.html")
            told = page.evaluate(code, asked)
            page.close()
            return told

        print(f"Chromium {browser.version}")
        rows = [ask(FIRST) for _ in range(5)]
        for name, what in (("loaded", "engine and network loaded"), ("first", "first mask"), ("second", "next")):
            print(f"{what:28s}{np.median([row[name] for row in rows]):8.0f} ms, least {min(r[name] for r in rows):.0f}")
        for compositor in ("WebGL 2", "canvas 2D"):
            told = ask(LOOP, [compositor, options.frames])
            steps = ", ".join(f"{name} {ms:.1f}" for name, ms in told["steps"].items())
            print(f"camera at 1280x720, blurred, {compositor}: {told['fps']:.1f} frames/s; median ms: {steps}")
        for name, ms in ask(NETWORKS, [SIZES, TURNS, RUNS, others, "./peer.tflite"]).items():
            print(f"{name:40s}{ms:8.2f} ms")
        browser.close()


if __name__ == "__main__":
    main()
