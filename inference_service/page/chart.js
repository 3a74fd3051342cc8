// A line chart as SVG.

import { svg } from "./dom.js";

const WIDTH = 480;
const HEIGHT = 200;
const LEFT = 48;
const BOTTOM = 24;
const TOP = 8;

/**
 * Draw one line.
 *
 * points: [x, y] in rising order of x. format: y to text. label: for screen readers.
 */
export function lineChart({ points, label, format, minimum, maximum }) {
  const chart = svg("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label });
  if (!points.length) return chart;
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  const low = minimum ?? Math.min(...ys);
  const high = Math.max(maximum ?? Math.max(...ys), low + 1e-9);
  const first = Math.min(0, ...xs);
  const last = Math.max(...xs, first + 1e-9);
  const px = (x) => LEFT + ((x - first) / (last - first)) * (WIDTH - LEFT - 8);
  const py = (y) => TOP + (1 - (Math.min(y, high) - low) / (high - low)) * (HEIGHT - TOP - BOTTOM);
  for (const part of [0, 0.5, 1]) {
    const y = low + part * (high - low);
    chart.append(
      svg("line", { class: "grid-line", x1: LEFT, x2: WIDTH - 8, y1: py(y), y2: py(y) }),
      svg("text", { x: LEFT - 8, y: py(y) + 4, "text-anchor": "end" }, format(y)),
    );
  }
  chart.append(
    svg("text", { x: LEFT, y: HEIGHT - 4 }, String(Math.round(first))),
    svg("text", { x: WIDTH - 8, y: HEIGHT - 4, "text-anchor": "end" }, String(Math.round(last * 100) / 100)),
    svg("polyline", { class: "line", points: points.map(([x, y]) => `${px(x)},${py(y)}`).join(" ") }),
  );
  const [x, y] = points.at(-1);
  chart.append(svg("circle", { cx: px(x), cy: py(y), r: 4 }));
  return chart;
}

/** Draw the peaks of an AudioBuffer. */
export function waveform(audio, label) {
  const samples = audio.getChannelData(0);
  const columns = 240;
  const size = Math.floor(samples.length / columns);
  let path = "";
  for (let column = 0; column < columns; column += 1) {
    let peak = 0;
    for (let i = column * size; i < (column + 1) * size; i += 1) peak = Math.max(peak, Math.abs(samples[i]));
    path += `M${column * 2 + 1} ${28 - 27 * peak}V${28 + 27 * peak}`;
  }
  return svg(
    "svg",
    { class: "wave", viewBox: `0 0 ${columns * 2} 56`, preserveAspectRatio: "none", role: "img", "aria-label": label },
    svg("path", { d: path, stroke: "currentColor", "stroke-width": 1.2 }),
  );
}
