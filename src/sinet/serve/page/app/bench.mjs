// How fast this device is: a drawn person before a drawn room, both moving, as fast as frames can be made.
import { Segmenter } from "../sinet/index.mjs";
import { Said } from "./said.mjs";
import { say, speak } from "./words.mjs";

const SECONDS = Number(new URLSearchParams(location.search).get("seconds") ?? 10);
const SIZE = [1280, 720], WARM_UP = 5, NETWORK_RUNS = 20;
const find = (name) => document.getElementById(name);
const said = new Said(find("status"), find("trouble"));
let result = null;

async function measure() {
  find("measure").disabled = true;
  said.status("loading");
  try {
    const start = performance.now();
    const segmenter = await Segmenter.load();
    const loaded = performance.now() - start;
    const film = await segmenter.film({ width: SIZE[0], height: SIZE[1], background: { kind: "blur" } });
    const network = await film.measure(NETWORK_RUNS);
    const run = await frames(film);
    segmenter.close();
    result = {
      ...{ tool: "sinet", network: segmenter.spec.name, input: network.size.join("x"), frame: SIZE.join("x") },
      ...{ frames_per_second: rounded(run.fps), seconds: rounded(run.seconds), frames: run.count },
      ...{ network_least_ms: rounded(network.network), load_ms: rounded(loaded), steps_median_ms: run.steps },
      ...{ compositor: run.compositor, device: await device(), when: new Date().toISOString() },
    };
    tell();
  } catch (error) {
    said.error(error);
  }
  find("measure").disabled = false;
}

/** Two frames under way at a time, so that drawing the next one's picture is not what is measured. */
async function frames(film) {
  const screen = find("bench-screen").getContext("bitmaprenderer");
  const times = {};
  let count = -WARM_UP, start = 0, compositor = "", drawn = await picture(0);
  for (let i = 1; ; i++) {
    const work = film.frame(drawn);
    drawn = await picture(i);
    const told = await work;
    screen.transferFromImageBitmap(told.made);
    if (++count <= 0) {
      start = performance.now();
      continue;
    }
    compositor = told.compositor;
    for (const [name, ms] of Object.entries(told.steps)) (times[name] ??= []).push(ms);
    const seconds = (performance.now() - start) / 1000;
    if (count === 1 || count % 15 === 0) said.status("fps", { fps: (count / seconds).toFixed(1) });
    if (seconds < SECONDS) continue;
    drawn.close();
    const steps = Object.fromEntries(Object.entries(times).map(([name, all]) => [name, rounded(all.sort((a, b) => a - b)[all.length >> 1])]));
    return { fps: count / seconds, seconds, count, steps, compositor };
  }
}

const sheet = new OffscreenCanvas(...SIZE).getContext("2d");

/** Picture i: somebody who sways, never still, before stripes of light. */
async function picture(i) {
  const [width, height] = SIZE, sway = 80 * Math.sin(i / 20), nod = 40 * Math.cos(i / 20);
  const room = sheet.createLinearGradient(0, 0, width, height);
  room.addColorStop(0, "#b9c7c4");
  room.addColorStop(0.5 + 0.3 * Math.sin(i / 50), "#7d8f8d");
  room.addColorStop(1, "#4b5654");
  sheet.fillStyle = room;
  sheet.fillRect(0, 0, width, height);
  sheet.fillStyle = "#5d4a3c";
  for (let x = 40; x < width; x += 260) sheet.fillRect(x, 60, 90, 300);
  const shape = (colour, ...ellipse) => {
    sheet.fillStyle = colour;
    sheet.beginPath();
    sheet.ellipse(ellipse[0], ellipse[1] + nod, ellipse[2], ellipse[3], 0, 0, 7);
    sheet.fill();
  };
  const middle = width / 2 + sway;
  shape("#27344f", middle, height + 60, 330, 340);
  shape("#d9a27e", middle, 460, 60, 110);
  shape("#3a2a20", middle, 270, 138, 165);
  shape("#e3b18d", middle, 300, 118, 150);
  shape("#2b1d16", middle - 45, 280, 14, 9);
  shape("#2b1d16", middle + 45, 280, 14, 9);
  shape("#a8524a", middle, 375, 40, 12);
  return createImageBitmap(sheet.canvas);
}

async function device() {
  const told = await navigator.userAgentData?.getHighEntropyValues?.(["model", "platform", "platformVersion", "architecture"]).catch(() => null);
  const gl = new OffscreenCanvas(1, 1).getContext("webgl2");
  const names = gl?.getExtension("WEBGL_debug_renderer_info");
  return {
    browser: navigator.userAgent,
    model: told?.model || undefined,
    platform: told ? `${told.platform} ${told.platformVersion} ${told.architecture}`.trim() : undefined,
    cores: navigator.hardwareConcurrency,
    memory_gb: navigator.deviceMemory,
    gpu: gl ? gl.getParameter(names ? names.UNMASKED_RENDERER_WEBGL : gl.RENDERER) : "none",
  };
}

function tell() {
  if (!result) return;
  said.clear();
  find("figure").textContent = say("fps", { fps: result.frames_per_second });
  const rows = Object.entries({ ...result.steps_median_ms, "network, least": result.network_least_ms });
  find("steps").replaceChildren(...rows.map((row) => {
    const made = document.createElement("tr");
    made.append(...row.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
    return made;
  }));
  find("json").value = JSON.stringify(result, null, 2);
  find("told").hidden = false;
}

/** The result as a row of the table in docs/reference/devices.md, under its headings. */
function table() {
  const { device, network, input, network_least_ms, frame, frames_per_second, compositor } = result;
  const browser = device.browser.match(/(?:Firefox|FxiOS|Edg|OPR|SamsungBrowser)\/[\d.]+/) ?? device.browser.match(/(?:Chrome|CriOS|Version)\/[\d.]+/);
  const name = browser?.[0].replace("Version", "Safari").replace("/", " ") ?? "";
  const row = {
    device: device.model || (device.platform ? "" : device.browser.match(/\(([^)]*)\)/)?.[1] ?? ""), cores: device.cores ?? "", system: device.platform ?? "",
    browser: name, GPU: device.gpu, network: `${network} ${input}`, "least ms": network_least_ms,
    [`frames of ${frame} a second`]: frames_per_second, compositor,
  };
  const line = (cells) => `| ${cells.map((cell) => String(cell).replace(/[|\s]+/g, " ")).join(" | ")} |`;
  return [line(Object.keys(row)), line(Object.keys(row).map(() => "---")), line(Object.values(row))].join("\n");
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const json = find("json"), before = json.value; // over plain http there is no clipboard, but Ctrl-C
    json.value = text;
    json.select();
    document.execCommand("copy");
    json.value = before;
  }
  said.status("copied");
}

const rounded = (value) => Math.round(100 * value) / 100;
find("measure").onclick = measure;
find("copy").onclick = () => copy(find("json").value);
find("copy-row").onclick = () => copy(table());
speak(find("language"), tell);
if (new URLSearchParams(location.search).has("now")) measure();
