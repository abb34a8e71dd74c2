// Words and tables for the page, made of what the server tells.

export function percent(share) {
  return share > 0 && share < 0.01 ? "under 1 %" : `${Math.round(share * 100)} %`;
}

export function span(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

export function paragraph(sentence) {
  return Object.assign(document.createElement("p"), { textContent: sentence });
}

export function notice(title, sentence, ...more) {
  const box = document.createElement("div");
  const heading = Object.assign(document.createElement("h2"), { textContent: title });
  box.append(heading, ...(sentence ? [paragraph(sentence)] : []), ...more);
  return box;
}

// Who decided how much, one row each.
export function table(tallies) {
  const made = document.createElement("table");
  const line = (kind, cells) => {
    const row = made.insertRow();
    for (const cell of cells) row.append(Object.assign(document.createElement(kind), { textContent: cell }));
  };
  line("th", ["Reviewer", "good", "bad", "skipped", "s a picture"]);
  for (const { reviewer, good, bad, skipped, seconds_each: each } of tallies) {
    line("td", [reviewer, good, bad, skipped, each === null ? "" : each.toFixed(2)]);
  }
  return made;
}
