// The page: two tabs, one choice of background for both.
import { Segmenter } from "../sinet/index.mjs";
import { Background } from "./background.mjs";
import { CameraPanel } from "./camera.mjs";
import { PhotoPanel } from "./photo.mjs";
import { Said } from "./said.mjs";
import { speak } from "./words.mjs";

const find = (name) => document.getElementById(name);
const said = new Said(find("status"), find("trouble"));
const background = new Background(find("background"), said);

// The network is loaded while the reader reads; the camera takes one of its own when it is started.
const photo = new PhotoPanel(Segmenter.load(), background, said);
const camera = new CameraPanel(() => Segmenter.load(), background, said);
const panels = { photo, camera };

function open(name) {
  for (const other of Object.keys(panels)) {
    const here = other === name;
    find(other).hidden = !here;
    find(`${other}-tab`).setAttribute("aria-selected", String(here));
    find(`${other}-tab`).tabIndex = here ? 0 : -1;
    if (!here) panels[other].leave();
  }
  said.clear();
  panels[name].enter();
  find("background").dataset.panel = name;
}

find("tabs").addEventListener("click", (event) => event.target.role === "tab" && open(event.target.id.replace("-tab", "")));
find("tabs").addEventListener("keydown", (event) => {
  if (!["ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key)) return;
  const other = document.activeElement.id === "photo-tab" ? "camera" : "photo";
  const name = event.key === "Home" ? "photo" : event.key === "End" ? "camera" : other;
  open(name);
  find(`${name}-tab`).focus();
});
background.onchange = () => Object.values(panels).forEach((panel) => panel.changed());
speak(find("language"), () => Object.values(panels).forEach((panel) => panel.retell()));
open(location.hash === "#camera" ? "camera" : "photo");

if ("serviceWorker" in navigator && isSecureContext) navigator.serviceWorker.register("sw.js").catch(() => {});
