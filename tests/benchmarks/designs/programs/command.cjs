// What every Node program of this folder does: read a job, draw its texts, write files.
"use strict";

const crypto = require("crypto");
const fs = require("fs");
const path = require("path");

// Mulberry32 instead of Math.random and randomBytes, so that a seed determines the pictures.
function seedRandom(seed) {
  let state = seed >>> 0;
  Math.random = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  crypto.randomBytes = (size, callback) => {
    const bytes = Buffer.from(Array.from({ length: size }, () => Math.floor(Math.random() * 256)));
    return callback ? callback(null, bytes) : bytes;
  };
}

const job = JSON.parse(fs.readFileSync(0, "utf8"));
seedRandom(job.seed);

// draw(text) returns { text, file, suffix }; the text may be another one than that of the job.
exports.run = async (draw) => {
  for (const [index, wanted] of job.texts.entries()) {
    const { text, file, suffix } = await draw(wanted);
    fs.writeFileSync(path.join(job.folder, `${text}_${index}${suffix}`), file);
  }
};
