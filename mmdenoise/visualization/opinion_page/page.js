"use strict";
(() => {
  const study = JSON.parse(document.getElementById("study").textContent);
  const byId = (id) => document.getElementById(id);
  const images = new Map(study.images.map((image) => [image.id, image]));
  const versions = study.images[0].results.length;
  const slot = "opinion-study-" + study.id;
  const MOST_ZOOM = 16;
  const STEP = 1.25;

  // ---- What is kept over a reload

  function random(below) {
    const limit = Math.floor(2 ** 32 / below) * below;
    const draw = new Uint32Array(1);
    do crypto.getRandomValues(draw); while (draw[0] >= limit);
    return draw[0] % below;
  }

  function shuffled(list) {
    const copy = list.slice();
    for (let i = copy.length - 1; i > 0; i--) {
      const j = random(i + 1);
      [copy[i], copy[j]] = [copy[j], copy[i]];
    }
    return copy;
  }

  function fresh() {
    const bytes = crypto.getRandomValues(new Uint8Array(8));
    const order = shuffled([...images.keys()]);
    const answers = {};
    for (const id of order) {
      const shown = shuffled(images.get(id).results.map((result) => result.id));
      answers[id] = { shown, ranks: {}, seconds: 0 };
    }
    const rater = [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
    return { rater, name: "", phase: "start", at: 0, started: null, order, answers };
  }

  function recall() {
    try {
      return JSON.parse(localStorage.getItem(slot)) || fresh();
    } catch {
      return fresh();
    }
  }

  function keep() {
    try {
      localStorage.setItem(slot, JSON.stringify(state));
    } catch {
      byId("warning").hidden = false;
    }
  }

  let state = recall();
  let active = 0;
  let since = performance.now();
  const view = { zoom: 1, x: 0.5, y: 0.5 };

  const image = () => images.get(state.order[state.at]);
  const answer = () => state.answers[state.order[state.at]];
  const complete = () => Object.keys(answer().ranks).length === versions;

  function countTime() {
    const now = performance.now();
    if (state.phase === "rate") answer().seconds += (now - since) / 1000;
    since = now;
  }

  // ---- Ranking

  function rank(place, value) {
    const { shown, ranks } = answer();
    const id = shown[place];
    const other = shown.find((key) => key !== id && ranks[key] === value);
    if (other !== undefined) {
      if (ranks[id] === undefined) delete ranks[other];
      else ranks[other] = ranks[id];
    }
    ranks[id] = value;
    countTime();
    keep();
    showRanks();
  }

  function activate(place, focus) {
    active = Math.max(0, Math.min(versions - 1, place));
    const figures = [...byId("grid").children];
    figures.forEach((figure, i) => figure.classList.toggle("active", i === active));
    if (focus) figures[active].querySelector(".window").focus();
  }

  function showRanks() {
    const { shown, ranks } = answer();
    [...byId("grid").children].forEach((figure, place) => {
      figure.querySelectorAll(".ranks button").forEach((button, i) => {
        button.setAttribute("aria-pressed", String(ranks[shown[place]] === i + 1));
      });
    });
    const left = versions - Object.keys(ranks).length;
    byId("next").disabled = left > 0;
    byId("next").textContent = state.at + 1 < state.order.length ? "Next" : "Finish";
    byId("hint").textContent = left > 0
      ? `1 is the best, ${versions} the worst; ${left} still to rank`
      : "All ranked: go on with Next or Enter";
    if (left === 0 && state.at + 1 === state.order.length)
      byId("hint").textContent = "All ranked: Finish or Enter ends";
  }

  // ---- Zoom, all versions in step

  function showView() {
    const { width, height } = image();
    const windows = [...document.querySelectorAll(".window")];
    const across = windows[0].clientWidth;
    const down = windows[0].clientHeight;
    view.zoom = Math.max(1, Math.min(MOST_ZOOM, view.zoom));
    const half = 0.5 / view.zoom;
    view.x = Math.max(half, Math.min(1 - half, view.x));
    view.y = Math.max(half, Math.min(1 - half, view.y));
    const scale = (across / width) * view.zoom;
    const left = across / 2 - view.x * across * view.zoom;
    const top = down / 2 - view.y * down * view.zoom;
    for (const one of windows) {
      const picture = one.firstChild;
      picture.style.transform = `translate(${left}px, ${top}px) scale(${scale})`;
      picture.style.imageRendering = scale * devicePixelRatio >= 2 ? "pixelated" : "auto";
      one.classList.toggle("near", view.zoom > 1);
    }
    byId("scale").textContent = Math.round(scale * devicePixelRatio * 100) + "%";
  }

  function zoomTo(zoom, x = 0.5, y = 0.5) {
    // What lies at (x, y) of the window stays there.
    const before = view.zoom;
    view.zoom = Math.max(1, Math.min(MOST_ZOOM, zoom));
    view.x += (x - 0.5) * (1 / before - 1 / view.zoom);
    view.y += (y - 0.5) * (1 / before - 1 / view.zoom);
    showView();
  }

  function pan(x, y) {
    view.x += x / view.zoom;
    view.y += y / view.zoom;
    showView();
  }

  function oneToOne() {
    const across = document.querySelector(".window").clientWidth;
    zoomTo(image().width / (across * devicePixelRatio));
  }

  function listen(area) {
    const fingers = new Map();
    const inside = (x, y) => {
      const box = area.getBoundingClientRect();
      return [(x - box.left) / box.width, (y - box.top) / box.height];
    };
    const spread = () => {
      const [a, b] = [...fingers.values()];
      return Math.hypot(a[0] - b[0], a[1] - b[1]);
    };
    area.addEventListener("wheel", (event) => {
      event.preventDefault();
      zoomTo(view.zoom * STEP ** -Math.sign(event.deltaY), ...inside(event.clientX, event.clientY));
    }, { passive: false });
    area.addEventListener("dblclick", () => zoomTo(1));
    area.addEventListener("pointerdown", (event) => {
      area.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, inside(event.clientX, event.clientY));
    });
    area.addEventListener("pointermove", (event) => {
      const before = fingers.get(event.pointerId);
      if (!before) return;
      const now = inside(event.clientX, event.clientY);
      if (fingers.size === 1) {
        pan(before[0] - now[0], before[1] - now[1]);
        fingers.set(event.pointerId, now);
      } else if (fingers.size === 2) {
        const wide = spread();
        fingers.set(event.pointerId, now);
        const [a, b] = [...fingers.values()];
        if (wide > 0)
          zoomTo((view.zoom * spread()) / wide, (a[0] + b[0]) / 2, (a[1] + b[1]) / 2);
      }
    });
    for (const kind of ["pointerup", "pointercancel"])
      area.addEventListener(kind, (event) => fingers.delete(event.pointerId));
  }

  // ---- Layout: as large as the window allows, on a phone two beside each other

  function lay() {
    if (state.phase !== "rate") return;
    const { width, height } = image();
    const room = document.documentElement.clientWidth - 8;
    const narrow = room < 700;
    const tall = innerHeight - document.querySelector("header").offsetHeight - 50;
    let best = [0, 1];
    for (let columns = 1; columns <= versions; columns++) {
      if (narrow && columns !== Math.min(2, versions)) continue;
      const rows = Math.ceil(versions / columns);
      const across = room / columns - 8 - 18;
      const down = narrow ? Infinity : tall / rows - 8 - 74;
      // Small pictures are not blown up without end.
      const scale = Math.min(across / width, down / height, 4);
      if (scale > best[0]) best = [scale, columns];
    }
    const across = Math.max(Math.floor(best[0] * width), narrow ? 100 : 170);
    byId("grid").style.gridTemplateColumns = `repeat(${best[1]}, ${across + 18}px)`;
    // On a phone no more than three numbers a row, for thumbs.
    const numbers = narrow ? Math.ceil(versions / Math.ceil(versions / 3)) : versions;
    for (const one of document.querySelectorAll(".ranks"))
      one.style.gridTemplateColumns = `repeat(${numbers}, 1fr)`;
    for (const one of document.querySelectorAll(".window"))
      one.style.height = Math.round((across * height) / width) + "px";
    showView();
  }

  // ---- Steps

  function make(tag, text, attributes = {}) {
    const node = document.createElement(tag);
    node.textContent = text;
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    return node;
  }

  function figureOf(id, place) {
    const letter = String.fromCharCode(65 + place);
    const figure = make("figure", "");
    const area = make("div", "", { class: "window", tabindex: "0", "aria-label": "Version " + letter });
    const picture = make("img", "", { alt: "", draggable: "false" });
    picture.src = image().results.find((result) => result.id === id).src;
    area.append(picture);
    area.addEventListener("focus", () => activate(place, false));
    area.addEventListener("pointerdown", () => activate(place, false));
    listen(area);
    const ranks = make("div", "", { class: "ranks", role: "group", "aria-label": "Rank of version " + letter });
    for (let value = 1; value <= versions; value++) {
      const button = make("button", String(value), { "aria-label": `${letter}: rank ${value}` });
      button.addEventListener("click", () => {
        activate(place, false);
        rank(place, value);
      });
      ranks.append(button);
    }
    const caption = make("figcaption", "");
    caption.append(make("b", letter), ranks);
    figure.append(area, caption);
    return figure;
  }

  function show() {
    for (const id of ["start", "rate", "end"]) byId(id).hidden = state.phase !== id;
    if (state.phase === "start") byId("name").focus();
    if (state.phase === "end") byId("save").focus();
    if (state.phase !== "rate") return;
    since = performance.now();
    Object.assign(view, { zoom: 1, x: 0.5, y: 0.5 });
    byId("grid").replaceChildren(...answer().shown.map(figureOf));
    byId("position").textContent = `Picture ${state.at + 1} of ${state.order.length}`;
    byId("progress").max = state.order.length;
    byId("progress").value = state.at;
    byId("back").disabled = state.at === 0;
    showRanks();
    lay();
    const unranked = answer().shown.findIndex((id) => !(id in answer().ranks));
    activate(Math.max(unranked, 0), true);
    scrollTo(0, 0);
  }

  function go(step) {
    if (step > 0 && !complete()) return;
    countTime();
    const target = state.at + step;
    if (target === state.order.length) state.phase = "end";
    else if (target >= 0) state.at = target;
    keep();
    show();
  }

  function save() {
    const answers = state.order.map((id) => {
      const { shown, ranks, seconds } = state.answers[id];
      const ranking = shown.slice().sort((a, b) => ranks[a] - ranks[b]);
      return { image: id, shown, ranking, seconds: Math.round(seconds * 10) / 10 };
    });
    const result = {
      format: "mmdenoise-opinions", version: 1, study: study.id, rater: state.rater,
      name: state.name, started: state.started, finished: new Date().toISOString(),
      window: { width: innerWidth, height: innerHeight, pixel_ratio: devicePixelRatio },
      answers,
    };
    const blob = new Blob([JSON.stringify(result, null, 1)], { type: "application/json" });
    const link = make("a", "", { download: `opinions_${study.id}_${state.rater}.json` });
    link.href = URL.createObjectURL(blob);
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    byId("saved").textContent = `Saved as ${link.download}, where this browser puts downloads.`;
  }

  function plural(count, one) {
    return `${count} ${one}${count === 1 ? "" : "s"}`;
  }

  byId("image-count").textContent = plural(study.images.length, "picture");
  byId("version-count").textContent = plural(versions, "version");
  byId("begin").addEventListener("submit", (event) => {
    event.preventDefault();
    Object.assign(state, { name: byId("name").value.trim(), phase: "rate", started: new Date().toISOString() });
    keep();
    show();
  });
  byId("next").addEventListener("click", () => go(1));
  byId("back").addEventListener("click", () => go(-1));
  byId("zoom-in").addEventListener("click", () => zoomTo(view.zoom * STEP));
  byId("zoom-out").addEventListener("click", () => zoomTo(view.zoom / STEP));
  byId("zoom-fit").addEventListener("click", () => zoomTo(1));
  byId("zoom-one").addEventListener("click", oneToOne);
  byId("save").addEventListener("click", save);
  byId("review").addEventListener("click", () => {
    state.phase = "rate";
    keep();
    show();
  });
  byId("anew").addEventListener("click", () => {
    if (!confirm("Forget these answers and begin anew? Save them first.")) return;
    state = fresh();
    byId("name").value = "";
    byId("saved").textContent = "";
    keep();
    show();
  });

  const PAN = { ArrowLeft: [-0.2, 0], ArrowRight: [0.2, 0], ArrowUp: [0, -0.2], ArrowDown: [0, 0.2] };

  document.addEventListener("keydown", (event) => {
    if (state.phase !== "rate" || event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key;
    const onButton = event.target.tagName === "BUTTON";
    const digit = Number(key);
    const letter = key.length === 1 ? key.toUpperCase().charCodeAt(0) - 65 : -1;
    if (PAN[key] && event.shiftKey) pan(...PAN[key]);
    else if (key === "ArrowLeft") activate(active - 1, true);
    else if (key === "ArrowRight") activate(active + 1, true);
    else if (key === "+" || key === "=") zoomTo(view.zoom * STEP);
    else if (key === "-") zoomTo(view.zoom / STEP);
    else if (key === "0") zoomTo(1);
    else if (digit >= 1 && digit <= versions) {
      rank(active, digit);
      const { shown, ranks } = answer();
      const next = shown.findIndex((id) => !(id in ranks));
      activate(next < 0 ? active : next, true);
    } else if (letter >= 0 && letter < versions) activate(letter, true);
    else if (key === "Enter" && !onButton) go(1);
    else if (key === "Backspace") go(-1);
    else return;
    event.preventDefault();
  });
  addEventListener("resize", lay);
  addEventListener("pagehide", () => {
    countTime();
    keep();
  });
  keep();
  show();
})();
