"use strict";
(() => {
  // ---- light and dark ----
  const root = document.documentElement;
  const button = document.querySelector(".switch");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const say = () => { button.textContent = dark() ? "Light" : "Dark"; button.setAttribute("aria-label", `Use ${dark() ? "light" : "dark"} colours`); };
  button.hidden = false;
  button.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; say(); });
  system.addEventListener("change", say);
  say();

  // ---- tables: sort by a column, show the rows that hold a text ----
  const key = (cell) => (cell.dataset.exact ?? cell.textContent.trim());
  const order = (a, b) => {
    const [x, y] = [Number(a), Number(b)];
    return a !== "" && b !== "" && !Number.isNaN(x) && !Number.isNaN(y) ? x - y : a.localeCompare(b);
  };
  const missing = (text) => text === "" || text === "–";
  function sort(table, header, at) {
    const down = header.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    const rows = [...table.tBodies[0].rows].map((row) => [key(row.cells[at]), row]);
    rows.sort(([a], [b]) => missing(a) - missing(b) || (down ? order(b, a) : order(a, b)));
    table.tBodies[0].append(...rows.map(([, row]) => row));
  }
  function filter(table, place) {
    const label = document.createElement("label");
    const input = document.createElement("input");
    const told = document.createElement("span");
    label.className = "filter";
    input.type = "search";
    told.setAttribute("role", "status");
    label.append("Filter", input, told);
    place.prepend(label);
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of table.tBodies[0].rows) {
        const text = [...row.cells].map((cell) => cell.textContent).join(" ").toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
        shown += !row.hidden;
      }
      told.textContent = words.length ? `${shown} of ${table.tBodies[0].rows.length} rows` : "";
    });
  }
  for (const place of document.querySelectorAll(".table")) {
    const table = place.querySelector("table");
    if (table.tBodies[0].rows.length < 2) continue;
    [...table.tHead.rows[0].cells].forEach((header, at) => {
      const turn = document.createElement("button");
      turn.type = "button";
      turn.textContent = header.textContent;
      header.replaceChildren(turn);
      turn.addEventListener("click", () => sort(table, header, at));
    });
    if (table.tBodies[0].rows.length > 5) filter(table, place);
  }

  // ---- charts ----
  const font = "system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";
  const config = {
    background: null, font,
    view: { stroke: null },
    axis: {
      labelColor: "var(--soft)", titleColor: "var(--soft)", gridColor: "var(--grid)", domainColor: "var(--line)", tickColor: "var(--line)",
      labelFontSize: 12, titleFontSize: 12, titleFontWeight: 400, labelFont: font, titleFont: font,
    },
    axisX: { labelOverlap: "greedy" },
    text: { font, fontSize: 12 },
  };
  async function draw() {
    for (const source of document.querySelectorAll("script[data-for]")) {
      const place = document.getElementById(source.dataset.for);
      try {
        const fitted = { ...config, axisY: { labelLimit: Math.max(110, place.clientWidth * 0.32) } };
        await vegaEmbed(place, JSON.parse(source.textContent), { renderer: "svg", actions: false, ast: true, config: fitted });
      } catch (error) {
        place.textContent = `The chart cannot be drawn: ${error.message}`;
        console.error(error);
      }
    }
    root.dataset.drawn = "true";
  }
  draw();
})();
