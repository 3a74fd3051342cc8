// The spoken form of a captcha with its waveform.

import { waveform } from "../chart.js";
import { h } from "../dom.js";
import { getBytes, withQuery } from "../http.js";

// Decoding needs a context; its length and sample rate do not matter.
const DECODER = [1, 1, 44100];

export function spokenCaptcha({ text, signal, find }) {
  const player = h("div");
  const button = h("button", { type: "button", onclick: play }, text("try.listen"));
  let url = null;
  signal.addEventListener("abort", clear);
  return { button, player, clear };

  function clear() {
    player.querySelector("audio")?.pause();
    player.replaceChildren();
    if (url) URL.revokeObjectURL(url);
    url = null;
  }

  async function play() {
    const captcha = find();
    if (!captcha) return;
    clear();
    const notice = h("p", { class: "after", role: "status" }, text("wait"));
    player.append(notice);
    const isCurrent = () => !signal.aborted && notice.isConnected;
    try {
      const path = withQuery("captcha.wav", { text: captcha.text, seed: captcha.seed });
      const bytes = await getBytes(path, text, { signal });
      const blob = new Blob([bytes], { type: "audio/wav" });
      const audio = await new OfflineAudioContext(...DECODER).decodeAudioData(bytes);
      if (!isCurrent()) return;
      url = URL.createObjectURL(blob);
      const element = h("audio", { src: url, controls: true });
      const label = text("try.waveform", { seconds: text.number(audio.duration, 1) });
      player.replaceChildren(h("div", { class: "after" }, waveform(audio, label), element));
      await element.play();
    } catch (error) {
      // The browser wants the visitor to press play, or another captcha is shown already.
      if (["NotAllowedError", "AbortError"].includes(error.name) || !isCurrent()) return;
      notice.textContent = error.message;
      notice.className = "after notice bad";
    }
  }
}
