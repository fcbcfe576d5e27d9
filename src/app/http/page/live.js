// The script of the live page, which runs in browsers: asks for /stats.json every few seconds, and
// draws what it says. home-page.ts puts it, and uPlot before it, into the one HTML file.

/* global uPlot, document, matchMedia, fetch, requestAnimationFrame, ResizeObserver, AbortSignal */

const POLL_MILLISECONDS = 5000;
const HOUR_SECONDS = 3600;

const byId = (id) => document.getElementById(id);

// --- numbers -------------------------------------------------------------------------------------

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const UNITS = ["", "k", "M", "G", "T"];

/** Three digits and a unit: "12.3 M". */
const shorten = (value) => {
  const power = Math.min(4, Math.max(0, Math.floor(Math.log10(Math.max(1, value)) / 3)));
  const text = Number((value / 1000 ** power).toPrecision(3));
  return `${text} ${UNITS[power]}`;
};
const formatCount = (value) => {
  if (value === null) return "–";
  if (value < 100) return String(Number(value.toPrecision(2)));
  return value < 99_999.5 ? whole.format(value) : shorten(value);
};
const formatBits = (bytes) => {
  if (bytes === null) return "–";
  return bytes === 0 ? "0" : `${shorten(bytes * 8)}bit/s`;
};
const formatPercent = (share) => {
  const percent = share * 100;
  return `${percent > 0 && percent < 10 ? percent.toFixed(1) : percent.toFixed(0)} %`;
};
const formatCores = (cores) => (cores === null ? "–" : String(Number(cores.toPrecision(2))));
const formatBytes = (bytes) => {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(4, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  return `${(bytes / 1024 ** power).toFixed(power > 0 ? 1 : 0)} ${units[power]}`;
};
const formatSeconds = (seconds) => {
  if (seconds === null) return "–";
  if (seconds === 0) return "0";
  if (seconds < 1e-3) return `${Number((seconds * 1e6).toPrecision(3))} µs`;
  return seconds < 1 ? `${Number((seconds * 1e3).toPrecision(3))} ms` : `${seconds.toFixed(1)} s`;
};
const formatAge = (seconds) => {
  const units = [
    ["day", 86400],
    ["hour", 3600],
    ["minute", 60],
    ["second", 1],
  ];
  const index = units.findIndex(([, size]) => seconds >= size);
  if (index < 0) return "0 seconds";
  const name = ([unit, size], left) => {
    const count = Math.floor(left / size);
    return count === 0 ? "" : `${count} ${unit}${count === 1 ? "" : "s"}`;
  };
  const rest = seconds % units[index][1];
  const finer = units[index + 1];
  return `${name(units[index], seconds)} ${finer ? name(finer, rest) : ""}`.trim();
};
const formatTime = (unix) => new Date(unix * 1000).toLocaleTimeString([], { hour12: false });

// --- charts --------------------------------------------------------------------------------------

const CHARTS = [
  {
    title: "Requests and responses",
    lines: [
      ["requests", "requests/s"],
      ["responses", "responses/s"],
    ],
    format: formatCount,
  },
  {
    title: "Bandwidth",
    lines: [
      ["rx_bytes", "in"],
      ["tx_bytes", "out"],
    ],
    format: formatBits,
  },
  {
    title: "Latency of responses",
    lines: [
      ["latency_p50", "median"],
      ["latency_p99", "99 %"],
    ],
    format: formatSeconds,
  },
  {
    title: "Offers and answers",
    lines: [
      ["offers", "offers/s"],
      ["answers", "answers/s"],
    ],
    format: formatCount,
  },
  { title: "Connections", lines: [["connections", "open"]], format: formatCount },
  { title: "Peers", lines: [["peers", "peers"]], format: formatCount },
  { title: "Torrents", lines: [["torrents", "torrents"]], format: formatCount },
  { title: "Processors", lines: [["cpu", "all workers"]], format: formatCores },
  { title: "Refused or lost", lines: [["not_served", "per second"]], format: formatCount },
];
const OF_WS = new Set(["Offers and answers", "Connections"]);

let columns = [];
/** Rows of the history: Unix time, then the columns. */
let rows = [];
let charts = [];

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** One chart with its title, its keys, and its values as text for those who cannot see it. */
class Chart {
  constructor({ format, lines, title }) {
    this.title = title;
    this.format = format;
    this.lines = lines;
    this.figure = document.createElement("figure");
    this.caption = this.figure.appendChild(document.createElement("figcaption"));
    this.caption.append(title);
    this.keys = lines.map(([, label], index) => {
      const key = this.caption.appendChild(document.createElement("span"));
      key.className = "key";
      key.style.setProperty("--mark", `var(${index === 0 ? "--first" : "--second"})`);
      key.textContent = label;
      return key;
    });
    this.time = this.caption.appendChild(document.createElement("time"));
    this.area = this.figure.appendChild(document.createElement("div"));
    this.area.className = "plot";
    this.area.tabIndex = 0;
    this.area.setAttribute("role", "img");
    this.empty = this.area.appendChild(document.createElement("p"));
    this.empty.className = "empty";
    this.empty.textContent = "The first samples arrive within ten seconds.";
    this.area.addEventListener("keydown", (event) => this.move(event));
    this.area.addEventListener("blur", () => this.point(-1));
    new ResizeObserver(() => this.resize()).observe(this.area);
  }

  draw() {
    this.plot?.destroy();
    const marks = [colour("--first"), colour("--second")];
    const axis = {
      stroke: colour("--soft"),
      grid: { stroke: colour("--grid"), width: 1 },
      ticks: { stroke: colour("--grid"), width: 1, size: 4 },
      font: "12px system-ui, sans-serif",
    };
    const series = this.lines.map(([, label], index) => ({
      label,
      stroke: marks[index],
      width: 1.75,
      fill: index === 0 ? `${marks[0]}22` : undefined,
      points: { show: rows.length < 3 },
      spanGaps: false,
    }));
    this.plot = new uPlot(
      {
        width: Math.max(80, this.area.clientWidth),
        height: this.area.clientHeight,
        padding: [8, 26, 0, 0],
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false }, sync: { key: "hour" } },
        scales: {
          x: { time: true, range: () => this.span() },
          y: { range: (_plot, _min, max) => [0, max > 0 ? max * 1.12 : 1] },
        },
        axes: [
          { ...axis, size: 28, space: 80, values: (_plot, ticks) => ticks.map(formatTick) },
          { ...axis, size: 70, space: 34, values: (_plot, ticks) => ticks.map(this.format) },
        ],
        series: [{}, ...series],
        hooks: { setCursor: [(plot) => this.describe(plot.cursor.idx)] },
      },
      this.data(),
      this.area,
    );
  }

  update() {
    this.plot?.setData(this.data());
    const hasValues = this.data()
      .slice(1)
      .some((values) => values.some((value) => value !== null));
    this.empty.hidden = hasValues;
    if (rows.length > 0 && !hasValues) this.empty.textContent = "Nothing measured yet.";
    this.describe(this.plot?.cursor.idx);
  }

  data() {
    const times = rows.map(([time]) => time);
    return [
      times,
      ...this.lines.map(([column]) => {
        const index = 1 + columns.indexOf(column);
        return rows.map((row) => row[index]);
      }),
    ];
  }

  /** A young tracker's samples fill the chart; an old one's hour does. */
  span() {
    const end = rows.at(-1)?.[0] ?? Date.now() / 1000;
    const start = rows[0]?.[0] ?? end - 60;
    return [Math.max(end - HOUR_SECONDS, Math.min(start, end - 60)), end];
  }

  resize() {
    if (this.plot === undefined || this.area.clientWidth === 0) return;
    this.plot.setSize({ width: this.area.clientWidth, height: this.area.clientHeight });
  }

  /** Shows the values of one sample beside the keys, of the last one without an index. */
  describe(index) {
    const row = rows[index ?? rows.length - 1];
    const isPointed = index !== undefined && index !== null;
    const values = this.lines.map(([column, label], line) => {
      const value = row?.[1 + columns.indexOf(column)] ?? null;
      const text = `${label} ${this.format(value)}`;
      this.keys[line].textContent = text;
      return text;
    });
    this.time.textContent = row !== undefined && isPointed ? formatTime(row[0]) : "";
    const when = row === undefined ? "no data yet" : `at ${formatTime(row[0])}`;
    this.area.setAttribute("aria-label", `${this.title}: ${values.join(", ")}, ${when}`);
  }

  move(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
    const step = steps[event.key];
    if (step === undefined || rows.length === 0) return;
    event.preventDefault();
    const from = this.plot.cursor.idx ?? rows.length - 1;
    this.point(Math.max(0, Math.min(rows.length - 1, from + step)));
  }

  point(index) {
    if (this.plot === undefined) return;
    const left = index < 0 ? -10 : this.plot.valToPos(rows[index][0], "x");
    this.plot.setCursor({ left, top: index < 0 ? -10 : 10 });
  }
}

function formatTick(unix) {
  const [from, to] = charts[0].span();
  const second = to - from < 600 ? "2-digit" : undefined;
  const parts = { hour: "2-digit", minute: "2-digit", second, hour12: false };
  return new Date(unix * 1000).toLocaleTimeString([], parts);
}

function createCharts(isWs) {
  const wanted = CHARTS.filter(({ title }) => isWs || !OF_WS.has(title));
  charts = wanted.map((chart) => new Chart(chart));
  byId("charts").replaceChildren(...charts.map(({ figure }) => figure));
  for (const chart of charts) chart.draw();
}

// --- panels --------------------------------------------------------------------------------------

/** Rows of name, bar and value. `entries`: name, share of the bar, text, whether it is alarming. */
function drawBars(list, entries, whenEmpty) {
  const items = entries.map(([name, share, text, isHot]) => {
    const item = document.createElement("li");
    item.append(
      create("span", "name", name),
      createBar(share, isHot),
      create("span", "value", text),
    );
    return item;
  });
  list.replaceChildren(...(items.length > 0 ? items : [create("li", "empty", whenEmpty)]));
}

function create(tag, className, text) {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

function createBar(share, isHot = false) {
  const bar = create("span", isHot ? "bar hot" : "bar", "");
  bar.setAttribute("aria-hidden", "true");
  bar.append(document.createElement("i"));
  bar.firstChild.style.width = `${Math.min(100, share * 100)}%`;
  if (share === 0) bar.firstChild.style.minWidth = "0";
  return bar;
}

function drawTiles(stats) {
  const last = (column) => rows.at(-1)?.[1 + stats.history.columns.indexOf(column)] ?? null;
  const isWs = stats.program === "aquatic-ws";
  const sum = (key) => stats.tables.reduce((total, table) => total + table[key], 0);
  const tiles = [
    ["requests/s", formatCount(last("requests"))],
    ["responses/s", formatCount(last("responses"))],
    ...(isWs
      ? [["connections", formatCount(last("connections"))]]
      : [["latency, 99 %", formatSeconds(last("latency_p99"))]]),
    ["peers", formatCount(sum("peers"))],
    ["seeders", formatCount(sum("seeders"))],
    ["torrents", formatCount(sum("torrents"))],
    ["memory", formatBytes(stats.process.resident_bytes)],
  ];
  byId("tiles").replaceChildren(
    ...tiles.map(([name, value]) => {
      const tile = document.createElement("div");
      tile.append(create("dt", "", name), create("dd", "", value));
      return tile;
    }),
  );
}

function drawReasons(list, reasons, whenEmpty) {
  const counted = reasons.filter(({ total }) => total > 0).toSorted((a, b) => b.total - a.total);
  const most = counted[0]?.total ?? 1;
  const entries = counted.map(({ reason, total }) => [reason, total / most, whole.format(total)]);
  drawBars(list, entries, whenEmpty);
}

function drawFaults({ closes, not_served, program }) {
  drawReasons(byId("faults"), not_served, "Nothing has been refused or lost.");
  byId("closes-panel").hidden = program !== "aquatic-ws";
  drawReasons(byId("closes"), closes, "No connection has ended or been refused.");
}

function drawSizes({ swarms: { distribution, percentiles } }) {
  const most = Math.max(1, ...distribution);
  const entries = distribution.map((torrents, power) => {
    const to = 2 ** power;
    const from = power < 2 ? to : to / 2 + 1;
    const name = from === to ? whole.format(to) : `${whole.format(from)}–${whole.format(to)}`;
    return [name, torrents / most, whole.format(torrents)];
  });
  drawBars(byId("sizes"), entries, "There are no torrents yet.");
  const { max, p50, p99 } = percentiles;
  byId("percentiles").textContent =
    entries.length === 0
      ? "How many torrents have how many peers."
      : `Torrents by number of peers: median ${p50}, 99 % at most ${p99}, largest ${whole.format(max)}.`;
}

function drawClients({ clients }) {
  const most = clients[0]?.share ?? 1;
  const entries = clients.map(({ name, share }) => [name, share / most, formatPercent(share)]);
  drawBars(byId("clients"), entries, "No announces have been sampled yet.");
}

function drawLimits({ process, tables }) {
  const entries = tables.flatMap((table) => {
    const family = table.ip_version === null ? "" : ` IPv${table.ip_version}`;
    return ["peers", "torrents"].map((what) => [
      `${what}${family}`,
      table[what],
      table[`max_${what}`],
    ]);
  });
  if (process.open_files !== undefined) {
    entries.push(["open files", process.open_files, process.max_files]);
  }
  drawBars(
    byId("limits"),
    entries.map(([name, count, limit]) => {
      const share = count / limit;
      const text = `${formatCount(count)} of ${formatCount(limit)}`;
      return [name, share, text, share >= 0.9];
    }),
    "",
  );
}

let lastWorkers;

function drawWorkers({ now, workers }) {
  const seconds = lastWorkers === undefined ? 0 : now - lastWorkers.now;
  const rowsOfTable = workers.map((worker, index) => {
    const before = lastWorkers?.workers[index];
    const per = (key) => {
      if (before === undefined || seconds <= 0) return null;
      return Math.max(0, worker[key] - before[key]) / seconds;
    };
    const load = per("cpu_seconds");
    const cell = document.createElement("div");
    cell.className = "load";
    cell.append(
      createBar(load ?? 0, load >= 0.9),
      create("span", "value", load === null ? "–" : formatPercent(Math.min(1, load))),
    );
    const row = document.createElement("tr");
    row.append(create("td", "", worker.name), document.createElement("td"));
    row.lastChild.append(cell);
    const state = worker.is_alive ? "alive" : `no life for ${worker.silent_seconds} s`;
    row.append(
      create("td", "", formatCount(per("requests"))),
      create("td", worker.is_alive ? "" : "bad-text", state),
    );
    return row;
  });
  byId("workers").replaceChildren(...rowsOfTable);
  if (seconds > 0 || lastWorkers === undefined) lastWorkers = { now, workers };
}

function drawCluster({ cluster }) {
  byId("cluster-panel").hidden = cluster === null;
  if (cluster === null) return;
  const { lag, lost, node, nodes, rejected, servers } = cluster;
  const lags =
    lag.p99 === null
      ? "nothing received yet"
      : `lag at most ${formatSeconds(lag.p50)} for half of the batches, ${formatSeconds(lag.p99)} for 99 %`;
  byId("cluster-note").textContent =
    `This node is ${node}; ${lags}; ${whole.format(lost)} lost, ${whole.format(rejected)} rejected.`;
  const lines = [
    ...servers.map(({ is_up, server }) => [
      server,
      "",
      is_up ? "connected" : "not connected",
      is_up,
    ]),
    ...nodes.map(({ name, peers }) => [
      name,
      peers === null ? "–" : formatCount(peers),
      "here",
      true,
    ]),
  ];
  byId("cluster").replaceChildren(
    ...lines.map(([name, peers, state, isGood]) => {
      const row = document.createElement("tr");
      row.append(
        create("td", "", name),
        create("td", "", peers),
        create("td", isGood ? "" : "bad-text", state),
      );
      return row;
    }),
  );
}

function drawConfiguration({ configuration }) {
  const list = (section, path) =>
    Object.entries(section).flatMap(([key, value]) => {
      const name = path === "" ? key : `${path}.${key}`;
      const isSection = typeof value === "object" && value !== null && !Array.isArray(value);
      return isSection ? list(value, name) : [[name, JSON.stringify(value)]];
    });
  byId("configuration").replaceChildren(
    ...list(configuration, "").map(([key, value]) => {
      const row = document.createElement("tr");
      row.append(create("td", "", key), create("td", "", value));
      return row;
    }),
  );
}

function drawHead(stats) {
  byId("program").textContent = stats.program;
  document.title = `${stats.program}: ${stats.addresses[0]}`;
  byId("identity").textContent =
    `${stats.version} on ${stats.addresses.join(", ")}, up for ${formatAge(stats.uptime_seconds)}`;
  const stuck = stats.workers.filter(({ is_alive }) => !is_alive);
  setHealth(
    stuck.length === 0 ? "All workers alive" : `${stuck.map(({ name }) => name).join(", ")} stuck`,
    stuck.length === 0,
  );
  const { last_seconds, passes } = stats.cleaning;
  const cleaning =
    passes === 0 ? "not cleaned yet" : `last cleaning took ${formatSeconds(last_seconds)}`;
  byId("footer").textContent = `Bun ${stats.bun}, ${cleaning}, read at ${formatTime(stats.now)}`;
}

/** Text that is announced to screen readers changes only if it differs. */
function setHealth(text, isGood) {
  const badge = byId("health");
  if (badge.textContent !== text) badge.textContent = text;
  badge.className = `badge ${isGood ? "good" : "bad"}`;
}

// --- polling -------------------------------------------------------------------------------------

let startedAt;
let answeredAt;

async function poll() {
  const since = rows.at(-1)?.[0] ?? 0;
  try {
    const response = await fetch(`/stats.json?since=${since}`, {
      signal: AbortSignal.timeout(POLL_MILLISECONDS),
    });
    if (!response.ok) throw new Error(`status ${response.status}`);
    draw(await response.json());
    answeredAt = Date.now() / 1000;
    showGone(false);
  } catch {
    showGone(true);
  }
}

function draw(stats) {
  // After a restart, the history begins anew. Clocks may differ by a second or two.
  const started = stats.now - stats.uptime_seconds;
  if (startedAt !== undefined && Math.abs(started - startedAt) > 3) {
    rows = [];
    lastWorkers = undefined;
    if (stats.history.rows.length === 0) void poll();
  }
  startedAt = started;
  columns = stats.history.columns;
  const oldest = stats.now - HOUR_SECONDS;
  const known = rows.at(-1)?.[0] ?? 0;
  const fresh = stats.history.rows.filter(([time]) => time > known);
  rows = [...rows, ...fresh].filter(([time]) => time >= oldest);
  if (charts.length === 0) createCharts(stats.program === "aquatic-ws");
  drawHead(stats);
  drawTiles(stats);
  for (const chart of charts) chart.update();
  drawFaults(stats);
  drawSizes(stats);
  drawClients(stats);
  drawLimits(stats);
  drawWorkers(stats);
  drawCluster(stats);
  drawConfiguration(stats);
}

function showGone(isGone) {
  document.body.classList.toggle("stale", isGone && answeredAt !== undefined);
  const banner = byId("gone");
  banner.hidden = !isGone;
  if (!isGone) return;
  setHealth("No answer", false);
  const text =
    answeredAt === undefined
      ? "The tracker does not answer. This page keeps trying."
      : `The tracker has not answered since ${formatTime(answeredAt)}. The page shows its last state, and keeps trying.`;
  if (banner.textContent !== text) banner.textContent = text;
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  requestAnimationFrame(() => {
    for (const chart of charts) {
      chart.draw();
      chart.update();
    }
  });
});

async function run() {
  for (;;) {
    await poll();
    await new Promise((resolve) => {
      setTimeout(resolve, POLL_MILLISECONDS);
    });
  }
}

void run();
