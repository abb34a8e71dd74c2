// The photo: in by a file, a drop or the clipboard, looked at, and out as a file.
import { View } from "./view.mjs";
import { say } from "./words.mjs";

const find = (name) => document.getElementById(name);

export class PhotoPanel {
  #segmenter;
  #background;
  #said;
  #open = null;
  #name = "photo";
  #view;
  #drawing = false;
  #again = false;

  /** @param {Promise<import("../sinet/index.mjs").Segmenter>} segmenter */
  constructor(segmenter, background, said) {
    this.#segmenter = segmenter;
    this.#background = background;
    this.#said = said;
    segmenter.catch((error) => said.error(error));
    this.#view = new View(find("stage"), find("sheet"), (scale) => (find("zoom").value = `${Math.round(100 * scale)} %`));
    find("choose").onclick = find("again").onclick = () => find("file").click();
    find("file").onchange = ({ target }) => (this.take(target.files[0]), (target.value = ""));
    find("larger").onclick = this.#view.larger;
    find("smaller").onclick = this.#view.smaller;
    find("whole").onclick = () => this.#view.fit();
    find("compare").oninput = () => this.#compare();
    find("png").onclick = () => this.#save("image/png", "png");
    find("webp").onclick = () => this.#save("image/webp", "webp");
    addEventListener("paste", (event) => this.take(event.clipboardData.files[0]));
    const here = find("photo");
    addEventListener("dragover", (event) => (event.preventDefault(), here.classList.add("over")));
    for (const end of ["dragleave", "drop"]) addEventListener(end, () => here.classList.remove("over"));
    addEventListener("drop", (event) => (event.preventDefault(), this.take(event.dataTransfer.files[0])));
  }

  enter() {
    find("background").hidden = find("save").hidden = !this.#open;
    if (this.#open) this.#view.fit();
  }

  leave() {
    find("save").hidden = true;
  }

  /** Take a picture's file. */
  async take(file) {
    if (!file || find("photo").hidden) return;
    const start = performance.now();
    let picture;
    try {
      picture = await createImageBitmap(file, { imageOrientation: "from-image" });
    } catch {
      return this.#said.trouble("unreadable", { name: file.name });
    }
    this.#said.status("working");
    try {
      const segmenter = await this.#segmenter;
      const before = find("before");
      [before.width, before.height] = [picture.width, picture.height];
      before.getContext("2d").drawImage(picture, 0, 0);
      this.#open = await segmenter.open(picture);
      this.#name = file.name?.replace(/\.[^.]*$/, "") || "photo";
      find("drop").hidden = true;
      find("result").hidden = find("background").hidden = find("save").hidden = false;
      this.#view.show(before.width, before.height);
      await this.#draw();
      const ms = Math.round(performance.now() - start);
      if (this.#open.found) this.#said.status("found", { ms });
      else this.#said.trouble("nobody");
    } catch (error) {
      this.#said.error(error);
    }
  }

  changed() {
    if (this.#open) this.#draw().catch((error) => this.#said.error(error));
  }

  retell() {
    this.#describe();
  }

  /** Draw the result anew; of many wishes while one is drawn, the last. */
  async #draw() {
    this.#again = true;
    if (this.#drawing) return;
    this.#drawing = true;
    try {
      while (this.#again) {
        this.#again = false;
        const made = await this.#open.make({ background: await this.#background.forPhoto() });
        const after = find("after");
        [after.width, after.height] = [made.width, made.height];
        after.getContext("bitmaprenderer").transferFromImageBitmap(made);
      }
    } finally {
      this.#drawing = false;
    }
    this.#compare();
    this.#describe();
  }

  #compare() {
    const share = Number(find("compare").value);
    find("after").style.clipPath = `inset(0 0 0 ${share}%)`;
    // What lies behind the cut-out must not shine through.
    find("before").style.clipPath = `inset(0 ${100 - share}% 0 0)`;
  }

  #describe() {
    if (!this.#open) return;
    const [h, w] = this.#open.size;
    find("stage").ariaLabel = say("view", { w, h, background: this.#background.word });
  }

  async #save(format, suffix) {
    try {
      const file = await this.#open.make({ background: await this.#background.forPhoto(), format, quality: 0.9 });
      const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(file), download: `${this.#name}.out.${suffix}` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    } catch (error) {
      this.#said.error(error);
    }
  }
}
