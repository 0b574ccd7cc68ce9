// What the pages do beyond HTML. Without it everything still works: forms send, links lead, reload shows what is new.
"use strict";
const $ = (selector, from = document) => from.querySelector(selector);
const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const say = (text) => { const place = $("#said"); if (place) { place.textContent = ""; setTimeout(() => { place.textContent = text; }, 50); } };
let toast;
const show = (text) => { const place = $("#said"); say(text); place.classList.add("shown"); clearTimeout(toast); toast = setTimeout(() => place.classList.remove("shown"), 2000); };
const token = () => document.body.dataset.token || "";

// ---- parts that arrive later: asked for until they are there, swapped in
let asking = 0;
const queue = [];
async function fill(place) {
  const url = place.dataset.part;
  place.setAttribute("aria-busy", "true");
  for (let pause = 250, tries = 0; tries < 200 && place.isConnected; tries += 1) {
    let reply;
    try { reply = await fetch(url, { headers: { accept: "text/html" } }); } catch { await wait(2000); continue; }
    if (reply.status === 401) { location.reload(); return; }
    if (reply.status !== 202) {
      const html = await reply.text();
      const swap = () => {
        place.innerHTML = html;
        place.removeAttribute("data-part");
        place.removeAttribute("aria-busy");
        const name = $("[data-name]", place);
        if (name) $("h1").textContent = name.dataset.name;
        wire(place);
      };
      if (document.startViewTransition && place.id === "answer" && !matchMedia("(prefers-reduced-motion: reduce)").matches) document.startViewTransition(swap); else swap();
      if (place.id === "answer") say("The answer has arrived.");
      return;
    }
    await wait(pause);
    pause = Math.min(pause * 1.4, 2000);
  }
}
function next() {
  while (asking < 12 && queue.length) {
    asking += 1;
    fill(queue.shift()).finally(() => { asking -= 1; next(); });
  }
}
function wire(root) {
  for (const place of $$("[data-part]", root)) queue.push(place);
  for (const button of $$("[data-copy],[data-copy-link],[data-copy-text],[data-print]", root)) button.hidden = false;
  next();
}

// ---- scope bar: a choice is made by choosing
const scope = $("[data-scope]");
function go(form) {
  const query = new URLSearchParams();
  const days = form.elements.since && (form.elements.since.value || form.elements.until.value);
  for (const [name, value] of new FormData(form)) {
    if (!value || (name === "period" && (value === "3m" || days))) continue;
    query.append(name, value);
  }
  const text = query.toString();
  location.assign(form.getAttribute("action") + (text ? `?${text}` : ""));
}
if (scope) {
  scope.addEventListener("submit", (event) => { event.preventDefault(); go(scope); });
  scope.addEventListener("change", (event) => {
    if (event.target.closest(".sheet")) return;
    if (event.target.name === "period" && event.target.value) { scope.elements.since.value = ""; scope.elements.until.value = ""; }
    go(scope);
  });
}
for (const form of $$("form.ask:not([method=post])")) form.addEventListener("submit", (event) => { event.preventDefault(); go(form); });

// ---- palette
const palette = $("#palette");
const text = $("#palette-text");
const list = $("#palette-list");
let asked = 0;
let at = 0;
let pending = Promise.resolve();
let later;
function mark(index) {
  const items = $$("a", list);
  if (!items.length) { text.removeAttribute("aria-activedescendant"); return; }
  at = (index + items.length) % items.length;
  items.forEach((item, i) => item.setAttribute("aria-selected", i === at ? "true" : "false"));
  text.setAttribute("aria-activedescendant", items[at].id);
  items[at].scrollIntoView({ block: "nearest" });
}
async function search() {
  const number = ++asked;
  const url = new URL(list.dataset.url, location.href);
  url.searchParams.set("q", text.value);
  const reply = await fetch(url).catch(() => null);
  if (number !== asked || !reply || !reply.ok) return;
  list.innerHTML = await reply.text();
  mark(0);
  if ($("[data-again]", list)) { await wait(400); if (number === asked) await search(); }
}
function find() { if (!palette.open) { palette.showModal(); text.select(); pending = search(); } }
if (palette) {
  text.addEventListener("input", () => { clearTimeout(later); later = setTimeout(() => { later = 0; pending = search(); }, 90); });
  text.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") { event.preventDefault(); mark(at + 1); }
    if (event.key === "ArrowUp") { event.preventDefault(); mark(at - 1); }
    if (event.key === "Enter") {
      event.preventDefault();
      if (later) { clearTimeout(later); later = 0; pending = search(); }
      pending.then(() => { const item = $$("a", list)[at]; if (item) item.click(); });
    }
  });
  palette.addEventListener("click", (event) => {
    if (event.target === palette) palette.close();
    const act = event.target.closest("[data-act]");
    if (act) { event.preventDefault(); palette.close(); acts[act.dataset.act](); } else if (event.target.closest("a")) palette.close();
  });
  $("#find").addEventListener("click", find);
}

// ---- acts of the palette, which keys do too
const turn = (name) => { const all = $$(`.look [name=${name}]`); const on = all.findIndex((b) => b.getAttribute("aria-pressed") === "true"); all[(on + 1) % all.length].click(); };
const acts = {
  copy: () => navigator.clipboard.writeText(location.href).then(() => show("The link is copied."), () => show("This browser did not let the page copy.")),
  print: () => window.print(),
  theme: () => { const root = document.documentElement; const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches; $(`.look [value=${dark ? "light" : "dark"}]`).click(); },
  density: () => turn("density"),
  keys: () => $("#keys").showModal(),
  out: () => $("#out").requestSubmit(),
};

// ---- keys
const keys = $("#keys");
const opener = $("#keys-open");
if (opener) { opener.hidden = false; opener.addEventListener("click", () => keys.showModal()); }
const places = { s: "/", c: "/customers", j: "/journey", l: "/listening", r: "/reliability", e: "/leadership", i: "/sources", ",": "/settings" };
let before = "";
function chapter(step) {
  const all = $$(".chapter");
  if (!all.length) return;
  const here = all.findIndex((c) => c.getBoundingClientRect().top > 70);
  const from = here === -1 ? all.length : here;
  const target = all[Math.max(0, Math.min(all.length - 1, step > 0 ? (Math.abs(all[Math.min(from, all.length - 1)].getBoundingClientRect().top - 60) < 15 ? from + 1 : from) : from - (here === -1 ? 1 : 1)))];
  target.scrollIntoView();
  const link = $("a, button", target);
  if (link) link.focus({ preventScroll: true });
}
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") { event.preventDefault(); find(); return; }
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, dialog[open]")) return;
  const key = event.key;
  if (before === "g" && places[key]) {
    const href = places[key];
    const link = $$(".rail a").find((a) => new URL(a.href).pathname === href);
    before = "";
    if (link) { event.preventDefault(); link.click(); }
    return;
  }
  before = key;
  if (key === "/") { event.preventDefault(); find(); }
  else if (key === "?" && keys) keys.showModal();
  else if (key === "p" && $("#period")) { event.preventDefault(); $("#period").focus(); }
  else if (key === "f" && $("#scope-more")) { event.preventDefault(); $("#scope-more").togglePopover(); $("#scope-more").querySelector("input,select").focus(); }
  else if (key === "y") acts.copy();
  else if (key === "t") acts.theme();
  else if (key === "d") acts.density();
  else if (key === "[") chapter(-1);
  else if (key === "]") chapter(1);
});

// ---- copying, printing, dialogs, looks
function told(button) {
  if (button.dataset.copy) return $(`#${button.dataset.copy}`).textContent;
  if ("copyLink" in button.dataset) return location.href;
  const place = button.closest(".finding") || document;
  const lines = $$(".say, .facts li, .cautions li", place).map((e) => e.innerText.replace(/\s+/g, " ").trim());
  return [...lines, $("#command").textContent, location.href].join("\n");
}
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.copy || "copyLink" in button.dataset || "copyText" in button.dataset) {
    const words = button.dataset.words || (button.dataset.words = button.textContent);
    const done = await navigator.clipboard.writeText(told(button)).then(() => true, () => false);
    button.textContent = done ? "Copied" : "Not copied";
    say(done ? "Copied." : "This browser did not let the page copy.");
    setTimeout(() => { button.textContent = words; }, 1500);
  }
  if ("print" in button.dataset) window.print();
});
for (const button of $$(".look button")) {
  button.addEventListener("click", (event) => {
    event.preventDefault();
    const { name, value } = button;
    const root = document.documentElement;
    const plain = value === "auto" || value === "calm";
    if (plain) delete root.dataset[name]; else root.dataset[name] = value;
    document.cookie = plain ? `${name}=; path=/; max-age=0; samesite=strict` : `${name}=${value}; path=/; max-age=31536000; samesite=strict`;
    for (const other of button.parentElement.children) other.setAttribute("aria-pressed", other === button ? "true" : "false");
  });
}

// ---- how fresh the answers are, told again once work has changed it
async function refresh() {
  const reply = await fetch(location.href).catch(() => null);
  const newer = reply && reply.ok ? $("[data-fresh]", new DOMParser().parseFromString(await reply.text(), "text/html")) : null;
  if (newer && $("[data-fresh]")) $("[data-fresh]").replaceWith(newer);
}

// ---- long work: asked how far it is until it is done
const work = $("[data-poll]");
if (work) (async () => {
  for (;;) {
    await wait(700);
    const reply = await fetch(work.dataset.poll).catch(() => null);
    if (!reply) { await wait(2000); continue; }
    work.innerHTML = await reply.text();
    if (!reply.ok || reply.headers.get("x-regard-done") === "yes") { say(work.innerText.slice(0, 200)); wire(work); refresh(); return; }
  }
})();

// ---- what arrives at a source: looked for while the page is seen, told when it is there
const watch = $("[data-watch]");
if (watch) (async () => {
  for (let idle = 0; watch.isConnected; idle += 1) {
    await wait(idle < 400 ? 1200 : 5000);
    if (document.hidden) continue;
    const reply = await fetch(`${watch.dataset.watch}&seen=${watch.dataset.seen}`).catch(() => null);
    if (reply && reply.status === 401) { location.reload(); return; }
    if (!reply || reply.status !== 200) continue;
    const was = $(".say", watch).innerText;
    watch.dataset.seen = reply.headers.get("x-regard-seen");
    watch.classList.remove("fresh-in");
    watch.innerHTML = await reply.text();
    idle = 0;
    const now = $(".say", watch).innerText;
    if (now !== was) { say(now); watch.classList.add("fresh-in"); }
  }
})();

// ---- dropped files
const drop = $("[data-drop]");
if (drop) {
  const input = $("input[type=file]", drop);
  const bar = $("progress", drop);
  const told = $("[data-told]", drop);
  const send = (files) => {
    if (!files.length) return;
    const data = new FormData();
    for (const file of files) data.append("files", file, file.name);
    const request = new XMLHttpRequest();
    request.open("POST", drop.action);
    request.setRequestHeader("x-regard-token", token());
    request.upload.addEventListener("progress", (event) => { if (event.lengthComputable) { bar.value = event.loaded / event.total; told.textContent = `${Math.round((100 * event.loaded) / event.total)} % of ${(event.total / 1048576).toFixed(1)} MB`; } });
    request.addEventListener("load", () => {
      let reply = {};
      try { reply = JSON.parse(request.responseText); } catch { /* told below */ }
      if (reply.location) { told.textContent = "Looking at them…"; location.assign(reply.location); return; }
      bar.hidden = true;
      told.textContent = reply.error ? `${reply.error.message} ${reply.error.hint}` : "That did not work. Try again.";
    });
    request.addEventListener("error", () => { bar.hidden = true; told.textContent = "The files did not arrive. Is Regard still running?"; });
    request.setRequestHeader("accept", "application/json");
    bar.hidden = false;
    request.send(data);
  };
  drop.addEventListener("submit", (event) => { event.preventDefault(); send(input.files); });
  input.addEventListener("change", () => send(input.files));
  for (const name of ["dragenter", "dragover"]) drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.remove("over"); });
  drop.addEventListener("drop", (event) => send(event.dataTransfer.files));
}
wire(document);
