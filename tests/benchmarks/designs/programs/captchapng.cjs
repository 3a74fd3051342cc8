// npm `captchapng` with the size and colours of its example.
"use strict";

const { run } = require("./command.cjs");
const Captchapng = require("captchapng");

run((text) => {
  const captcha = new Captchapng(80, 30, text);
  captcha.color(0, 0, 0, 0);
  captcha.color(80, 80, 80, 255);
  return { text, file: Buffer.from(captcha.getBase64(), "base64"), suffix: ".png" };
});
