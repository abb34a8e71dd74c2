// The camera: a live picture with another background.
import { loop } from "../sinet/track.mjs";
import { say } from "./words.mjs";

const find = (name) => document.getElementById(name);
const WISHED = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };
const PERIOD = 1000;

export class CameraPanel {
  #load;
  #background;
  #said;
  #segmenter = null;
  #film = null;
  #end = null;
  #stream = null;
  #video = Object.assign(document.createElement("video"), { muted: true, playsInline: true });
  #shown = [];

  /** @param {() => Promise<import("../sinet/index.mjs").Segmenter>} load */
  constructor(load, background, said) {
    this.#load = load;
    this.#background = background;
    this.#said = said;
    find("start").onclick = () => this.start();
    find("stop").onclick = () => this.stop();
    find("device").onchange = () => this.start(find("device").value);
    find("mirror").onchange = () => this.#mirror();
    find("pip").onclick = () => this.#small();
    find("pip").hidden = !document.pictureInPictureEnabled;
    // Another size begins another film: a phone was turned.
    this.#video.onresize = () => this.#film && this.#begin();
    this.#mirror();
  }

  enter() {
    find("background").hidden = false;
    if (this.#background.kind === "none") this.#background.kind = "blur";
  }

  leave() {
    this.stop();
  }

  retell() {}

  async changed() {
    if (this.#film) await this.#film.setBackground(await this.#background.forFilm());
  }

  async start(device) {
    this.#said.status("loading");
    if (!navigator.mediaDevices) return this.#said.trouble("insecure");
    try {
      this.#stop();
      const loaded = (this.#segmenter ??= this.#load());
      this.#stream = await navigator.mediaDevices.getUserMedia({ video: { ...WISHED, ...(device && { deviceId: { exact: device } }) } });
      this.#video.srcObject = this.#stream;
      await Promise.all([this.#video.play(), loaded]);
      await this.#begin();
      await this.#devices();
      find("start").hidden = true;
      find("live-controls").hidden = false;
      this.#said.clear();
    } catch (error) {
      this.#stop();
      if (error.name === "NotAllowedError") this.#said.trouble("refused");
      else if (error.name === "NotFoundError") this.#said.trouble("nocamera");
      else this.#said.error(error);
    }
  }

  stop() {
    this.#stop();
    find("start").hidden = false;
    find("live-controls").hidden = true;
  }

  #stop() {
    this.#end?.();
    this.#stream?.getTracks().forEach((track) => track.stop());
    this.#film = this.#end = this.#stream = null;
    if (document.pictureInPictureElement) document.exitPictureInPicture();
  }

  async #begin() {
    this.#end?.();
    const { videoWidth: width, videoHeight: height } = this.#video, canvas = find("live");
    [canvas.width, canvas.height] = [width, height];
    const context = canvas.getContext("bitmaprenderer");
    this.#film = await (await this.#segmenter).film({ width, height });
    await this.changed();
    this.#shown = [];
    const failed = (error) => (this.stop(), this.#said.error(error));
    this.#end = loop(this.#film, this.#video, (told, sent) => {
      context.transferFromImageBitmap(told.made);
      this.#tell(sent);
    }, failed);
  }

  #tell(sent) {
    const now = performance.now();
    this.#shown.push([now, now - sent]);
    if (now - this.#shown[0][0] < PERIOD) return;
    const ms = this.#shown.reduce((sum, [, each]) => sum + each, 0) / this.#shown.length;
    const fps = (1000 * (this.#shown.length - 1)) / (now - this.#shown[0][0]);
    find("rate").value = say("rate", { fps: fps.toFixed(0), ms: ms.toFixed(1) });
    this.#shown = [];
  }

  #mirror() {
    find("live").classList.toggle("mirrored", find("mirror").checked);
  }

  async #devices() {
    const now = this.#stream.getVideoTracks()[0].getSettings().deviceId;
    const cameras = (await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === "videoinput");
    const options = cameras.map(({ label, deviceId }, i) => new Option(label || `${say("camera")} ${i + 1}`, deviceId, false, deviceId === now));
    find("device").replaceChildren(...options);
  }

  async #small() {
    try {
      const video = Object.assign(document.createElement("video"), { muted: true, srcObject: find("live").captureStream() });
      await video.play();
      await video.requestPictureInPicture();
    } catch (error) {
      this.#said.error(error);
    }
  }
}
