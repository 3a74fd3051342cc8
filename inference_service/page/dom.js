// Elements without HTML strings: text from a server or a file name is never parsed as HTML.

/** Create an element: h("p", {class: "lead", onclick: f}, "text", child, ...). */
export function h(tag, properties = {}, ...children) {
  return fill(document.createElement(tag), properties, children);
}

/** Create an SVG element. */
export function svg(tag, properties = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), properties, children);
}

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** A bar that is filled to a fraction of 0 to 1. The number beside it is for screen readers. */
export function bar(fraction) {
  const filled = h("i");
  // Through the CSSOM: the Content-Security-Policy forbids style attributes.
  filled.style.width = `${100 * Math.min(Math.max(fraction, 0), 1)}%`;
  return h("div", { class: "bar", "aria-hidden": "true" }, filled);
}

/** Pairs of a term and its value. */
export function facts(className, pairs) {
  const shown = pairs.filter(([, value]) => value !== null && value !== undefined);
  return h(
    "dl",
    { class: className },
    shown.map(([term, value]) => h("div", {}, h("dt", {}, term), h("dd", {}, value))),
  );
}

/** Pictures with a caption each. */
export function gallery(items) {
  return h(
    "ul",
    { class: "gallery" },
    items.map(({ image, alt, caption }) => h("li", {}, h("img", { src: image, alt }), caption)),
  );
}

/** What a view shows while it has no data. */
export function empty(...children) {
  return h("div", { class: "card empty" }, children);
}
