// The review page: what is shown, what is decided, what comes next.
import { listen } from "./gestures.js";
import { Stage } from "./stage.js";
import { Refused, Talk } from "./talk.js";
import { notice, paragraph, percent, span, table } from "./words.js";

const AHEAD = 3; // pictures held ready, decoded
const UNSENT = 4; // decisions that may wait for the server before keys do
const RECENT = 4; // decided pictures kept decoded, for undo
const POLL_MS = 2000;

const $ = (id) => document.getElementById(id);
const token = location.hash.slice(1);
const asked = new URLSearchParams(location.search);
const page = crypto.randomUUID();
const stage = new Stage($("stage"));
const talk = new Talk(token, trouble);
const loader = new Worker("loader.js", { type: "module" });

let set = null, reviewer = "", counts = null;
let current = null, shownAt = 0, number = 0, isUndoing = false, poll = 0;
const ahead = []; // cards that come next
const unsent = new Map(); // name -> card whose decision is on its way
const recent = []; // cards decided last

// Cards -------------------------------------------------------------------------------------------------------------

const loading = new Map(); // index -> cards that wait for the loader

function card(row) {
  const made = { ...row, pixels: null, isShown: false };
  loading.set(row.index, [...(loading.get(row.index) ?? []), made]);
  loader.postMessage({ index: row.index, token, label: row.label, terms: stage.terms });
  return made;
}

loader.onmessage = ({ data }) => {
  const [first, ...others] = loading.get(data.index) ?? [];
  if (others.length) loading.set(data.index, others);
  else loading.delete(data.index);
  if (!first || first.isGone) return close(data);
  first.pixels = data;
  if (first === current) show();
};

function close(pixels) {
  pixels?.picture?.close();
  pixels?.matte?.close();
  pixels?.solid?.close();
  pixels?.painted?.close();
}

function forget(gone) {
  gone.isGone = true;
  if (stage.shown === gone.pixels) stage.shown = null;
  close(gone.pixels);
}

// What comes next ---------------------------------------------------------------------------------------------------

function holding() {
  const have = [...new Set([...(current ? [current.name] : []), ...ahead.map((each) => each.name), ...unsent.keys()])];
  return { page, reviewer, have, want: Math.max(0, AHEAD + (current ? 0 : 1) - ahead.length) };
}

function receive(answer) {
  counts = answer.counts;
  for (const name of answer.drop) {
    const at = ahead.findIndex((each) => each.name === name);
    if (at >= 0) forget(ahead.splice(at, 1)[0]);
  }
  const held = new Set(holding().have);
  for (const row of answer.cards) if (!held.has(row.name)) ahead.push(card(row));
  if (!current) next();
  else progress();
}

function next() {
  current = ahead.shift() ?? null;
  clearTimeout(poll);
  if (current) show();
  else if (!unsent.size && !isUndoing) rest();
  else state("loading");
  progress();
}

function show() {
  if (!current.pixels) return state("loading");
  state("picture");
  stage.show(current.pixels);
  current.isShown = true;
  shownAt = performance.now();
  $("stage").dataset.name = current.name;
  describe();
}

// Nothing to show: others hold what is left, or all is done.
async function rest() {
  if (counts.left) {
    state("waiting");
    tell("Others have the rest", `${counts.left} pictures are open on other pages. What they leave comes here.`);
    poll = setTimeout(take, POLL_MS);
    return;
  }
  state("done");
  tell(set.total ? "All done" : "Nothing to look at", "");
  const summary = await talk.get("/api/summary").catch(() => null);
  if (summary && !current && document.body.dataset.state === "done") finish(summary);
}

function take() {
  return talk.post("/api/take", holding).then(receive, stop);
}

// Decisions ---------------------------------------------------------------------------------------------------------

function decide(verdict) {
  if (verdict === "undo") return undo();
  if (!current?.isShown || isUndoing || unsent.has(current.name) || document.querySelector("dialog[open]")) return;
  if (unsent.size >= UNSENT) return say("Waiting until the last decisions are saved.");
  if (verdict === "good" && current.pixels.trouble.length) {
    return say(`This cannot be good: ${current.pixels.trouble[0]}. Say bad, or skip.`, true);
  }
  const decided = current, seconds = (performance.now() - shownAt) / 1000, mine = ++number;
  unsent.set(decided.name, decided);
  recent.push(decided);
  if (recent.length > RECENT) forget(recent.shift());
  next();
  flash(verdict);
  say(`${verdict}: ${decided.name}`);
  talk.post("/api/decide", () => ({ ...holding(), number: mine, name: decided.name, verdict, seconds })).then(
    (answer) => {
      unsent.delete(decided.name);
      receive(answer);
    },
    (error) => {
      unsent.delete(decided.name);
      if (error.status === 401 || error.status === 403) return stop(error);
      bring(again(decided));
      say(`Not taken: ${error.message}`, true);
    },
  );
}

function undo() {
  if (isUndoing || !set || document.querySelector("dialog[open]")) return;
  isUndoing = true;
  const mine = ++number;
  talk.post("/api/undo", () => ({ ...holding(), number: mine })).then(
    (answer) => {
      isUndoing = false;
      if (answer.row) {
        const last = recent.findLast((each) => each.name === answer.row.name);
        bring(last ? again(last) : card(answer.row));
        flash("undo");
        say(`taken back: ${answer.row.name}`);
      } else {
        say("Nothing to take back.", true);
      }
      receive(answer);
    },
    (error) => {
      isUndoing = false;
      stop(error);
    },
  );
}

// A decided card anew, with its pictures where they are still there.
function again(decided) {
  const at = recent.indexOf(decided);
  if (at >= 0) recent.splice(at, 1);
  if (decided.isGone) return card(decided);
  decided.isShown = false;
  return decided;
}

// Show a card before all others.
function bring(first) {
  const same = ahead.findIndex((each) => each.name === first.name);
  if (same >= 0) forget(ahead.splice(same, 1)[0]);
  if (current?.name === first.name) return;
  if (current) {
    current.isShown = false;
    ahead.unshift(current);
  }
  current = first;
  clearTimeout(poll);
  show();
  progress();
}

// Words on the page -------------------------------------------------------------------------------------------------

function state(name) {
  document.body.dataset.state = name;
  $("message").hidden = name === "picture" || name === "loading";
  if (name !== "picture") {
    $("stage").removeAttribute("data-name");
    $("about").textContent = name === "loading" ? "Loading …" : "";
    $("note").hidden = true;
  }
  for (const id of ["good", "bad", "skip"]) $(id).disabled = name !== "picture";
}

function describe() {
  const { pixels } = current;
  const parts = [];
  if (current.score !== null) parts.push(`score ${current.score.toFixed(2)}`);
  if (current.reason ?? current.cause) parts.push(current.reason ?? current.cause);
  if (pixels.share !== null) parts.push(`person ${percent(pixels.share)}`);
  const name = document.createElement("b");
  name.textContent = current.name;
  $("about").replaceChildren(name, parts.map((part) => ` · ${part}`).join(""));
  $("about").title = [current.name, ...parts, current.source].join(" · ");
  $("stage").setAttribute("aria-label", ["Picture with its label", current.name, ...parts].join(", "));
  const notes = [...pixels.trouble];
  if (!current.label) notes.push("No label: the set says that nobody is in this picture");
  else if (pixels.share === 0) notes.push("The label is empty: nobody is marked");
  if (pixels.size && pixels.labelSize && String(pixels.size) !== String(pixels.labelSize)) {
    notes.push(`The label has ${pixels.labelSize.join("×")} pixels, the picture ${pixels.size.join("×")}`);
  }
  $("note").textContent = notes.join(". ");
  $("note").hidden = !notes.length;
}

function progress() {
  if (!counts) return;
  const left = Math.max(0, counts.left - unsent.size), { total, good, bad, skipped, seconds_each: pace } = counts;
  $("progress").max = Math.max(1, total);
  $("progress").value = total - left;
  $("done").textContent = `${left} left of ${total} · ${good} good, ${bad} bad` + (skipped ? `, ${skipped} skipped` : "");
  $("pace").hidden = pace === null;
  if (pace === null) return;
  $("each").textContent = `${pace.toFixed(2)} s`;
  $("rate").textContent = ` a picture · ${(1 / Math.max(pace, 0.01)).toFixed(2)} a second`;
  $("time-left").textContent = left ? ` · ${span(left * pace)} left` : "";
}

function flash(verdict) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  $("flash").dataset.verdict = verdict;
  $("flash").animate([{ opacity: 0.9 }, { opacity: 0 }], { duration: 280 });
}

function say(sentence, isLoud = false) {
  $("said").textContent = sentence;
  if (!isLoud) return;
  $("note").textContent = sentence;
  $("note").hidden = false;
}

function trouble(sentence) {
  $("trouble").hidden = sentence === null;
  const waiting = unsent.size ? ` ${unsent.size} of your decisions wait to be saved.` : "";
  $("trouble").textContent = sentence === null ? "" : `${sentence}${waiting} Trying again …`;
}

function stop(error) {
  isUndoing = false;
  current = null;
  state("stopped");
  const lost = unsent.size ? ` ${unsent.size} decisions were not saved; their pictures will be shown again.` : "";
  const words = error instanceof Refused ? error.message : "The server does not answer.";
  tell("Stopped", `${words}${lost}`);
}

function tell(title, sentence, ...more) {
  $("message").replaceChildren(notice(title, sentence, ...more));
}

function finish(summary) {
  const more = summary.tallies.length ? [table(summary.tallies)] : [];
  if (summary.disputed) more.push(paragraph(`${summary.disputed} pictures are disputed; they count as bad.`));
  if (counts.skipped) {
    const button = Object.assign(document.createElement("button"), { type: "button", id: "again" });
    button.textContent = `Look at the ${counts.skipped} skipped again`;
    button.onclick = () => talk.post("/api/again", holding).then(receive, stop);
    more.push(button);
  }
  more.push(paragraph("sinet train and sinet eval read these decisions from now on. You can close this page; Ctrl-C in the terminal ends the server."));
  const sentence = summary.total
    ? `Of ${summary.total} pictures ${summary.good} are part of the set, ${summary.bad} are left out and ${summary.open} undecided.`
    : "No row of this set is to be looked at. --status kept or all shows others.";
  const title = counts.skipped ? "Only what you skipped is left" : "All done";
  tell(summary.total ? title : "Nothing to look at", sentence, ...more);
}

// Keys and buttons --------------------------------------------------------------------------------------------------

function view(name) {
  stage.setView(name);
  for (const button of document.querySelectorAll("[data-view]")) {
    button.setAttribute("aria-pressed", String(button.dataset.view === stage.view));
  }
}

const MOVES = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
const ONCE = { // not repeated while held: each picture gets a key press of its own
  ArrowRight: () => decide("good"), g: () => decide("good"), " ": () => decide("good"),
  ArrowLeft: () => decide("bad"), b: () => decide("bad"),
  ArrowDown: () => decide("skip"), s: () => decide("skip"),
  u: undo, Backspace: undo,
  o: () => stage.peek(true),
  v: () => { stage.nextView(); view(stage.view); },
  1: () => view("tint"), 2: () => view("outline"), 3: () => view("cutout"), 4: () => view("picture"),
  z: () => stage.toggleZoom(),
  0: () => stage.shown && stage.fit(),
  "?": () => $("help").showModal(),
};
const OFTEN = { "+": () => stage.zoomBy(1.25), "=": () => stage.zoomBy(1.25), "-": () => stage.zoomBy(0.8) };

// The letter of a key, also on keyboards of other scripts.
function keyOf(event) {
  if (event.key.length !== 1) return event.key;
  const letter = event.key.toLowerCase();
  return letter.charCodeAt(0) > 126 && /^Key[A-Z]$/.test(event.code) ? event.code[3].toLowerCase() : letter;
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
  if (document.querySelector("dialog[open]")) return;
  const isOnButton = event.target instanceof HTMLButtonElement;
  if (isOnButton && (event.key === " " || event.key === "Enter")) return;
  if (event.shiftKey && MOVES[event.key]) {
    event.preventDefault();
    return stage.moveBy(...MOVES[event.key]);
  }
  const key = keyOf(event);
  if (!ONCE[key] && !OFTEN[key]) return;
  event.preventDefault();
  if (OFTEN[key]) OFTEN[key]();
  else if (!event.repeat) ONCE[key]();
});
addEventListener("keyup", (event) => {
  if (keyOf(event) === "o") stage.peek(false);
});
addEventListener("blur", () => stage.peek(false));

for (const verdict of ["good", "bad", "skip", "undo"]) $(verdict).addEventListener("click", () => decide(verdict));
for (const button of document.querySelectorAll("[data-view]")) button.addEventListener("click", () => view(button.dataset.view));
$("help-button").addEventListener("click", () => $("help").showModal());
$("who").addEventListener("click", () => {
  $("name").value = reviewer;
  $("name-dialog").showModal();
});
$("name-dialog").addEventListener("close", () => {
  const name = $("name").value.trim();
  if ($("name-dialog").returnValue !== "ok" || !name || name === reviewer) return;
  asked.set("reviewer", name);
  location.search = asked.toString(); // the page anew, under the other name; what stands after # stays
});
// After a click the keys are for the picture again, not for the button that was clicked.
addEventListener("click", (event) => {
  if (event.detail > 0 && event.target.closest?.("button") && !document.querySelector("dialog[open]")) $("stage").focus();
});
addEventListener("pagehide", () => {
  if (set) talk.farewell("/api/release", { page });
});
addEventListener("pageshow", (event) => event.persisted && location.reload());
addEventListener("hashchange", () => location.reload());
addEventListener("beforeunload", (event) => unsent.size && event.preventDefault());

listen(stage, decide);

async function begin() {
  state("loading");
  view("tint");
  set = await talk.get("/api/set");
  reviewer = asked.get("reviewer") || set.reviewer;
  document.title = `Review of ${set.set}`;
  $("set").textContent = set.set;
  $("set").title = `${set.set}: ${set.scope} rows, by ${set.order}` + (set.opinions > 1 ? ", second opinions" : "");
  $("who").textContent = reviewer;
  $("who").setAttribute("aria-label", `Reviewer ${reviewer}; change`);
  $("stage").focus();
  await take();
}

if (token) begin().catch(stop);
else stop(new Refused(401, "This address lacks its token: open the whole address that the terminal shows, with what stands after #."));
