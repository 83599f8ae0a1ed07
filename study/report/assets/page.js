"use strict";
(() => {
  const { dark, paints, figures, trials } = JSON.parse(document.getElementById("data").textContent);
  const isDark = matchMedia("(prefers-color-scheme: dark)");
  const isTouch = matchMedia("(pointer: coarse)").matches;
  const hidden = new Set();

  const shade = (text) => isDark.matches
    ? text.replace(/#[0-9a-f]{6}\b/g, (colour) => dark[colour] ?? colour)
    : text;

  // Values in words, as the rest of the report writes them.
  const three = (number) => {
    const size = number && Math.floor(Math.log10(Math.abs(number)));
    const shown = size < -4 ? number.toExponential(2) : number.toPrecision(3);
    const [digits, power] = shown.split("e");
    const short = digits.includes(".") ? digits.replace(/\.?0+$/, "") : digits;
    return power ? `${short}e${power[0]}${power.slice(1).padStart(2, "0")}` : short;
  };
  const setting = (value) => typeof value === "number" && !Number.isInteger(value)
    ? three(value)
    : String(value);
  const score = (value) => value === null ? "–" : value.toFixed(trials.decimals);
  const duration = (seconds) => {
    if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
    if (seconds < 90) return `${seconds.toFixed(0)} s`;
    if (seconds < 570) return `${(seconds / 60).toFixed(1)} min`;
    const minutes = Math.round(seconds / 60);
    if (minutes < 90) return `${minutes} min`;
    return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
  };
  // A setting that was not drawn but is fixed is a list of one value.
  const plain = (value) => Array.isArray(value) ? value[0] : value;
  const escape = (text) => String(text)
    .replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

  const row = new Map(trials.rows.map((one) => [one[0], one]));
  const hover = (number) => {
    const [, loss, state, value, epoch, , , ...settings] = row.get(number);
    const lines = [`<b>trial ${number}, ${escape(trials.losses[loss])}</b>`];
    if (value !== null) lines.push(`${escape(trials.objective)} ${score(value)} at epoch ${epoch}`);
    lines.push(trials.states[state]);
    settings.forEach((one, index) => {
      const fixed = Array.isArray(one) ? " (fixed)" : "";
      const { path } = trials.settings[index];
      if (one !== null) lines.push(`${escape(path)} ${escape(setting(plain(one)))}${fixed}`);
    });
    return lines.join("<br>");
  };

  function tint(root) {
    for (const dot of root.querySelectorAll("[data-loss]")) {
      dot.style.background = shade(paints[dot.dataset.loss] ?? "");
    }
  }

  function draw() {
    tint(document);
    for (const plot of document.querySelectorAll("[data-figure]")) {
      const { data, layout } = JSON.parse(shade(JSON.stringify(figures[plot.dataset.figure])));
      // Dragging zooms with a mouse; on a touch screen it must scroll the page.
      layout.dragmode = isTouch ? false : "zoom";
      for (const trace of data) {
        trace.visible = !hidden.has(trace.meta);
        if (!trace.customdata) continue;
        trace.text = trace.customdata.map(hover);
        const at = trace.mode === "markers" ? "" : "%{y}<br>";
        trace.hovertemplate = `${at}%{text}<extra></extra>`;
      }
      Plotly.react(plot, data, layout, { responsive: true, displayModeBar: false });
    }
  }

  for (const chip of document.querySelectorAll("[data-toggle]")) {
    chip.addEventListener("click", () => {
      const loss = chip.dataset.toggle;
      if (!hidden.delete(loss)) hidden.add(loss);
      chip.setAttribute("aria-pressed", String(!hidden.has(loss)));
      draw();
    });
  }

  // The table of trials: rows are sorted as values, and one page of them is in the document.

  const cell = (text, ...kinds) => {
    const made = document.createElement("td");
    made.textContent = text;
    made.className = kinds.filter(Boolean).join(" ");
    return made;
  };
  const marked = (tag, kind, text = "") => {
    const made = document.createElement(tag);
    made.className = kind;
    made.textContent = text;
    return made;
  };
  const line = ([number, loss, state, value, epoch, seconds, reason, ...settings]) => {
    const made = document.createElement("tr");
    const dot = marked("i", "dot");
    dot.dataset.loss = trials.losses[loss];
    dot.setAttribute("aria-hidden", "true");
    const name = cell("");
    name.append(dot, trials.losses[loss]);
    const how = cell("");
    how.append(marked("span", `state ${trials.states[state]}`, trials.states[state]));
    made.append(
      cell(number, "number"), name, how, cell(score(value), "number"),
      cell(epoch ?? "–", "number"), cell(duration(seconds), "number"),
      ...settings.map((one, index) => cell(
        one === null ? "–" : setting(plain(one)),
        trials.settings[index].number && "number", Array.isArray(one) && "fixed",
      )),
      cell(trials.reasons[reason]),
    );
    return made;
  };
  const sortable = (value) => typeof value === "boolean" ? Number(value) : value;
  const keys = [
    (one) => one[0], (one) => trials.losses[one[1]], (one) => trials.states[one[2]],
    (one) => one[3], (one) => one[4], (one) => one[5],
    ...trials.settings.map((_, index) => (one) => sortable(plain(one[7 + index]))),
    (one) => trials.reasons[one[6]] || null,
  ];
  const compare = (a, b) => typeof a === "number" && typeof b === "number"
    ? a - b
    : String(a).localeCompare(String(b));

  function paged(table) {
    const body = table.tBodies[0];
    let order = trials.rows;
    let first = 0;
    const pager = marked("p", "pager");
    const told = document.createElement("span");
    told.setAttribute("aria-live", "polite");
    const turn = (text, step) => {
      const made = document.createElement("button");
      made.type = "button";
      made.textContent = text;
      made.addEventListener("click", () => show(first + step * trials.page));
      return made;
    };
    const back = turn("Previous", -1);
    const next = turn("Next", 1);
    pager.append(back, told, next);
    if (order.length > trials.page) table.parentNode.after(pager);

    function say() {
      const last = Math.min(first + trials.page, order.length);
      told.textContent = `${first + 1} to ${last} of ${order.length}`;
      back.disabled = first === 0;
      next.disabled = last === order.length;
    }
    function show(from) {
      first = from;
      body.replaceChildren(...order.slice(first, first + trials.page).map(line));
      tint(body);
      say();
    }
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const keyed = trials.rows.map((one) => [keys[column](one), one]);
        // What has no value comes last, whichever way the rest is sorted.
        keyed.sort(([a], [b]) => (a === null) - (b === null)
          || (a === null ? 0 : up ? compare(a, b) : compare(b, a)));
        order = keyed.map(([, one]) => one);
        show(0);
      });
    });
    say();
  }

  const table = document.querySelector("#trials table");
  if (table) paged(table);
  draw();
  isDark.addEventListener("change", draw);
})();
