// What the page tells its reader beside the picture, aloud to those who listen.
import { say } from "./words.mjs";

export class Said {
  #status;
  #trouble;

  constructor(status, trouble) {
    this.#status = status;
    this.#trouble = trouble;
  }

  status(word, gaps) {
    this.clear();
    this.#status.textContent = say(word, gaps);
  }

  trouble(word, gaps) {
    this.clear();
    this.#trouble.textContent = say(word, gaps);
    this.#trouble.hidden = false;
  }

  /** What went wrong, in the words of whoever failed. */
  error(error) {
    this.trouble("trouble", { error: error.message });
  }

  clear() {
    this.#status.textContent = this.#trouble.textContent = "";
    this.#trouble.hidden = true;
  }
}
