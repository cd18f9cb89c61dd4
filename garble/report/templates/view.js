"use strict";
const one = (selector) => document.querySelector(selector);
const many = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

// The reasons of the sentence that is pointed at, or has the focus, beside it; on a small screen below.
// They are a copy of the table's, which readers of the page by ear are led to by aria-describedby.
const note = document.createElement("aside");
note.className = "note";
note.ariaHidden = "true";
let shown = null;

function show(mark) {
  if (mark === shown) return;
  shown?.classList.remove("shown");
  shown = mark;
  note.remove();
  if (!mark) return;
  mark.classList.add("shown");
  const table = document.createElement("table");
  table.append(one(mark.querySelector("a").hash).cloneNode(true));
  table.tBodies[0].removeAttribute("id");
  table.querySelector("a").replaceWith(table.querySelector("a").textContent);
  note.replaceChildren(table);
  const article = mark.closest("article");
  article.append(note);
  const frame = article.getBoundingClientRect(), place = mark.getBoundingClientRect().top;
  note.style.top = `${Math.max(0, Math.min(place, innerHeight - note.offsetHeight - 16) - frame.top)}px`;
}

for (const kind of ["mouseover", "focusin"])
  document.addEventListener(kind, (event) => {
    const mark = event.target.closest("mark");
    if (mark) show(mark);
  });
document.addEventListener("click", (event) => event.target.closest("mark, .note, a") ?? show(null));
document.addEventListener("keydown", (event) => event.key === "Escape" && show(null));

if (one("#scores")) {
  const scores = JSON.parse(one("#scores").textContent);
  const [slider, exact, going, cut, search] = ["#slider", "#exact", "#going", "#cut", "#search"].map(one);
  const rows = [...document.querySelectorAll(".documents > li:not(#cut)")];
  const buttons = [...document.querySelectorAll("button[data-reason]")];
  let texts = null;

  const share = (number, fate) =>
    `${number.toLocaleString("en")} ${fate} (${((100 * number) / (scores.length || 1)).toFixed(1)} %)`;

  // Scores are sorted, worst first: those that reach the threshold come before all others.
  function cutAt(threshold) {
    const kept = scores.findIndex((score) => score < threshold);
    const dropped = kept < 0 ? scores.length : kept;
    one("#split").textContent = `${share(scores.length - dropped, "kept")}, ${share(dropped, "dropped")}`;
    going.setAttribute("x", `${100 * threshold}%`);
    going.setAttribute("width", `${100 - 100 * threshold}%`);
    cut.hidden = dropped > rows.length;
    cut.textContent = `Threshold ${+threshold.toFixed(4)}: ${many(dropped, "document")} above`;
    (rows[dropped] ?? null) === cut.nextSibling || cut.parentNode.insertBefore(cut, rows[dropped] ?? null);
  }

  function choose(threshold, from) {
    if (from !== slider) slider.value = threshold;
    if (from !== exact) exact.value = threshold;
    cutAt(threshold);
  }

  function list() {
    const words = search.value.trim().toLowerCase();
    const reason = buttons.find((button) => button.ariaPressed === "true")?.dataset.reason;
    texts ??= rows.map((row) => row.textContent.toLowerCase());
    rows.forEach((row, i) => (row.hidden = !texts[i].includes(words) || (reason && row.dataset.reason !== reason)));
    const left = rows.filter((row) => !row.hidden).length;
    one("#found").textContent = words || reason ? `${many(left, "document")} of ${rows.length.toLocaleString("en")}` : "";
  }

  // A cell that a spreadsheet would run as a formula is made text by an apostrophe.
  function cell(value) {
    const safe = /^[=+@\t\r-]/.test(value) && isNaN(value) ? `'${value}` : value;
    return `"${safe.replaceAll('"', '""')}"`;
  }

  function cells(row, score) {
    const text = (selector) => row.querySelector(selector).textContent;
    const added = [...row.querySelectorAll("[data-family]")].map((figure) => figure.textContent);
    return [text("b"), String(score), text(".verdict").slice(2), row.dataset.reason, ...added, text("q")];
  }

  function save() {
    const names = [...document.querySelectorAll(".heads .families span")].map((head) => head.textContent);
    const listed = rows.flatMap((row, i) => (row.hidden ? [] : [cells(row, scores[i])]));
    const lines = [["name", "score", "verdict", "reason", ...names, "excerpt"], ...listed];
    const link = document.createElement("a");
    link.download = "garble.csv";
    link.href = URL.createObjectURL(new Blob([lines.map((line) => `${line.map(cell).join(",")}\r\n`).join("")], { type: "text/csv" }));
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href));
  }

  slider.addEventListener("input", () => choose(slider.valueAsNumber, slider));
  exact.addEventListener("input", () => exact.validity.valid && exact.value && choose(exact.valueAsNumber, exact));
  search.addEventListener("input", list);
  one("#save").addEventListener("click", save);
  for (const button of document.querySelectorAll("button[data-threshold]"))
    button.addEventListener("click", () => choose(Number(button.dataset.threshold)));
  for (const button of buttons)
    button.addEventListener("click", () => {
      const pressed = button.ariaPressed === "true";
      for (const other of buttons) other.ariaPressed = String(other === button && !pressed);
      list();
    });
  choose(exact.valueAsNumber, exact);
}
