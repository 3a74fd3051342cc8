// npm `trek-captcha`, which chooses the text and draws a GIF.
"use strict";

const { run } = require("./command.cjs");
const captcha = require("trek-captcha");

run(async (text) => {
  const { token, buffer } = await captcha({ size: text.length });
  return { text: token, file: buffer, suffix: ".gif" };
});
