// npm `svg-captcha` with its default options; resvg renders the SVG.
"use strict";

const { run } = require("./command.cjs");
const svgCaptcha = require("svg-captcha");
const { Resvg } = require("@resvg/resvg-js");

run((text) => {
  const svg = svgCaptcha(text);
  const file = new Resvg(svg, { background: "white" }).render().asPng();
  return { text, file, suffix: ".png" };
});
