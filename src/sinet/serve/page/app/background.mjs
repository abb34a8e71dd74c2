// The choice of a background.
import { say } from "./words.mjs";

/** What stands behind the person, as chosen; `onchange` is called when it has changed. */
export class Background {
  #fields;
  #file = null;
  #said;
  onchange = () => {};

  constructor(fieldset, said) {
    this.#fields = fieldset;
    this.#said = said;
    fieldset.addEventListener("change", (event) => this.#change(event.target));
    this.#get("strength").addEventListener("input", () => this.onchange());
    this.#get("colour").addEventListener("input", () => this.onchange());
    this.#get("picture-row").onclick = () => this.#get("behind").click();
    this.#show();
  }

  get kind() {
    return this.#fields.querySelector("[name=background]:checked").value;
  }

  set kind(value) {
    this.#fields.querySelector(`[value=${value}]`).checked = true;
    this.#show();
  }

  /** Its name in the reader's language. */
  get word() {
    return say(this.kind);
  }

  /** For a photo: undefined is none. */
  async forPhoto() {
    if (this.kind === "blur") return { blur: this.#strength };
    if (this.kind === "colour") return { colour: this.#colour };
    return this.kind === "picture" && this.#file ? { picture: await createImageBitmap(this.#file) } : undefined;
  }

  /** For a film. */
  async forFilm() {
    if (this.kind === "picture" && !this.#file) return { kind: "none" };
    const picture = this.kind === "picture" ? await createImageBitmap(this.#file) : undefined;
    return { kind: this.kind, strength: this.#strength, colour: this.#colour, picture };
  }

  get #strength() {
    return Number(this.#get("strength").value);
  }

  get #colour() {
    return [1, 3, 5].map((at) => parseInt(this.#get("colour").value.slice(at, at + 2), 16));
  }

  #get(name) {
    return document.getElementById(name);
  }

  async #change(field) {
    if (field.id === "strength" || field.id === "colour") return; // heard as input already
    if (field.id === "behind") await this.#take(field.files[0]);
    if (field.value === "picture" && !this.#file) this.#get("behind").click();
    this.#show();
    this.onchange();
  }

  async #take(file) {
    if (!file) return;
    try {
      (await createImageBitmap(file)).close();
      this.#file = file;
    } catch {
      this.#said.trouble("unreadable", { name: file.name });
    }
  }

  #show() {
    this.#get("strength-row").hidden = this.kind !== "blur";
    this.#get("colour-row").hidden = this.kind !== "colour";
    this.#get("picture-row").hidden = this.kind !== "picture";
  }
}
